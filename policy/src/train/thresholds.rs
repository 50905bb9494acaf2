//! The rejection distances of RS-IMLE in the course of a training.
//!
//! Either one for all states, which `epsilon_start` lets fall over the steps, or one a state (Adaptive IMLE,
//! Aghabozorgi et al. 2023): it begins at `epsilon_start · epsilon`, and each time enough of the state's candidates lie
//! within it, it is multiplied by `epsilon_decay`, down to `epsilon`. So states that are easy to match soon ask for
//! exact candidates, while hard ones keep pulling the far ones nearer.

use super::settings::TrainSettings;

/// The distances of all states; empty where they share one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thresholds(pub(super) Vec<f32>);

impl Thresholds {
    /// The distances of a batch's `states` at `step`, out of `count` states.
    pub(super) fn of(&mut self, settings: &TrainSettings, step: u64, states: &[usize], count: usize) -> Vec<f64> {
        if settings.epsilon_decay >= 1.0 {
            return vec![settings.epsilon_at(step); states.len()];
        }
        if self.0.len() != count {
            self.0 = vec![(settings.epsilon * settings.epsilon_start) as f32; count];
        }
        states.iter().map(|s| f64::from(self.0[*s])).collect()
    }

    /// Tightens the distances of `states`, of whose candidates the shares `within` lay within them.
    pub(super) fn tighten(&mut self, settings: &TrainSettings, states: &[usize], within: &[f32]) {
        for (state, within) in states.iter().zip(within) {
            let enough = *within > 0.0 && f64::from(*within) >= settings.epsilon_matched;
            if let Some(own) = self.0.get_mut(*state).filter(|_| enough) {
                *own = (*own * settings.epsilon_decay as f32).max(settings.epsilon as f32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tightens_when_enough_of_its_candidates_are_near() {
        let settings = TrainSettings {
            epsilon: 0.01,
            epsilon_start: 4.0,
            epsilon_decay: 0.5,
            epsilon_matched: 0.25,
            ..TrainSettings::default()
        };
        let mut thresholds = Thresholds::default();
        assert_eq!(thresholds.of(&settings, 0, &[2, 0], 3), [f64::from(0.04f32); 2]);
        for _ in 0..4 {
            thresholds.tighten(&settings, &[2, 0, 1], &[0.25, 0.2, 0.0]);
        }
        // State 2 has come down to `epsilon`, the others have not moved.
        assert_eq!(thresholds.0, [0.04, 0.04, 0.01]);
        let shared = TrainSettings { epsilon_decay: 1.0, ..settings };
        let mut none = Thresholds::default();
        none.of(&shared, 0, &[1], 3);
        none.tighten(&shared, &[1], &[1.0]);
        assert_eq!(none, Thresholds::default());
    }
}
