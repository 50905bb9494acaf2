//! An episode as it is learned from: decisions, what was executed of them, and what it brought.

use imle_configs::{Error as InputError, episode::Episode};
use imle_planner::evaluation::EpisodeResult;
use serde::{Deserialize, Serialize};

/// Sizes that all trajectories of a run share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// O, values of an observation.
    pub observation: usize,
    /// A, values of an action.
    pub action: usize,
    /// T_act, actions executed of each chunk.
    pub executed: usize,
    /// T_obs, observations that a decision sees.
    pub seen: usize,
    /// Actions executed of a chunk of the base, to which an edit is added every control step; 0 without one.
    pub base: usize,
}

impl Sizes {
    /// Values of an observation history, T_obs · O.
    pub fn history(&self) -> usize {
        self.seen * self.observation
    }

    /// Writes what is seen of `observations` (L, O) before control step `step`, (T_obs, O), the first repeated where there
    /// were fewer.
    pub(crate) fn write_history(&self, observations: &[f32], step: usize, out: &mut [f32]) {
        let o = self.observation;
        for (i, row) in out.chunks_exact_mut(o).enumerate() {
            let at = (step + i + 1).saturating_sub(self.seen);
            row.copy_from_slice(&observations[at * o..][..o]);
        }
    }

    /// Values of the executed part of a chunk, T_act · A.
    pub fn chunk(&self) -> usize {
        self.executed * self.action
    }

    /// Values of the base of an episode of `len` steps: chunks for all of its states, the last among them.
    pub fn bases(&self, len: usize) -> usize {
        if self.base == 0 { 0 } else { (len + 1).div_ceil(self.base) * self.base * self.action }
    }
}

/// One episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// Index of the episode.
    pub episode: u64,
    /// Control steps, L.
    pub len: usize,
    /// Whether the task was solved.
    pub success: bool,
    /// Whether it was lost.
    pub lost: bool,
    /// Whether the task ended the episode, solved or lost; else it was cut off, and more could have been earned.
    pub terminated: bool,
    /// The mode shown, or nothing.
    pub mode: String,
    /// Observations before each control step and after the last, (L + 1, O).
    pub observations: Vec<f32>,
    /// Actions executed, (L, A).
    pub actions: Vec<f32>,
    /// Rewards of the control steps, (L,).
    pub rewards: Vec<f64>,
    /// The first T_act actions of each decision's chunk, (K, T_act, A).
    pub planned: Vec<f32>,
    /// The latent of each decision, (K, Z), if they are kept.
    pub latents: Vec<f32>,
    /// The executed part of each chunk that edits were added to, (⌈(L + 1) / C⌉, C, A), if there were any.
    pub base: Vec<f32>,
}

/// Consequence of one decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Consequence {
    /// Control steps executed, at least 1: n.
    pub steps: usize,
    /// Σ_{i<n} γⁱ r_i.
    pub reward: f64,
    /// Discount of the value of the state after it: γⁿ, and 0 where the task ended the episode.
    pub discount: f64,
}

impl Trajectory {
    /// Of an episode that was run with its actions kept; nothing if its simulation failed, which is not to be learned
    /// from.
    pub fn of(result: EpisodeResult) -> Option<Self> {
        if result.failure.is_some() || result.steps == 0 {
            return None;
        }
        let mut observations = result.observations;
        observations.extend_from_slice(&result.last_observation);
        Some(Self {
            episode: result.episode,
            len: result.steps,
            success: result.success,
            lost: result.lost,
            terminated: result.terminated,
            mode: result.mode.unwrap_or_default().into(),
            observations,
            actions: result.actions,
            rewards: result.rewards,
            planned: result.planned,
            latents: Vec::new(),
            base: Vec::new(),
        })
    }

    /// K, its decisions.
    pub fn decisions(&self, sizes: Sizes) -> usize {
        self.len.div_ceil(sizes.executed)
    }

    /// Checks that all parts are as long as they should be.
    ///
    /// # Errors
    /// A bad input that names the part.
    pub fn check(&self, sizes: Sizes) -> imle_configs::Result<()> {
        let k = self.decisions(sizes);
        let parts = [
            ("observations", self.observations.len(), (self.len + 1) * sizes.observation),
            ("actions", self.actions.len(), self.len * sizes.action),
            ("rewards", self.rewards.len(), self.len),
            ("planned", self.planned.len(), k * sizes.chunk()),
            ("base", self.base.len(), sizes.bases(self.len)),
        ];
        match parts.into_iter().find(|(_, found, expected)| found != expected) {
            Some((part, found, expected)) => {
                let place = format!("episode {}: {part}", self.episode);
                Err(InputError::unexpected(place, format!("{expected} values"), found))
            }
            None => Ok(()),
        }
    }

    /// Writes the observations that are seen before control step `step`, (T_obs, O), the first repeated where there
    /// were fewer.
    pub fn history(&self, step: usize, sizes: Sizes, out: &mut [f32]) {
        sizes.write_history(&self.observations, step, out);
    }

    /// Consequence of decision `index`.
    pub fn consequence(&self, index: usize, sizes: Sizes, discount: f64) -> Consequence {
        let first = index * sizes.executed;
        let steps = sizes.executed.min(self.len - first);
        let ended = self.terminated && first + steps == self.len;
        Consequence {
            steps,
            reward: self.reward(first, steps, discount),
            discount: if ended { 0.0 } else { discount.powi(steps as i32) },
        }
    }

    /// The discounted return from decision `index` to the end, as if nothing came after an episode that was cut off.
    pub fn return_from(&self, index: usize, sizes: Sizes, discount: f64) -> f64 {
        let first = index * sizes.executed;
        self.reward(first, self.len - first, discount)
    }

    fn reward(&self, first: usize, steps: usize, discount: f64) -> f64 {
        self.rewards[first..first + steps].iter().rev().fold(0.0, |after, reward| reward + discount * after)
    }

    /// The same as an episode to imitate.
    pub fn episode(&self, sizes: Sizes, seed: u64) -> Episode {
        Episode {
            observations: self.observations[..self.len * sizes.observation].to_vec(),
            actions: self.actions.clone(),
            success: self.success,
            seed,
            index: self.episode,
            mode: self.mode.clone(),
            mismatch: String::new(),
            len: self.len,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SIZES: Sizes = Sizes { observation: 2, action: 1, executed: 2, seen: 3, base: 0 };

    /// `len` steps; observation t is (t, 10 t), action t is t; what is solved earns 1 with the last.
    pub(crate) fn straight(episode: u64, len: usize, success: bool) -> Trajectory {
        let k = len.div_ceil(2);
        Trajectory {
            episode,
            len,
            success,
            lost: false,
            terminated: success,
            mode: "a".into(),
            observations: (0..=len).flat_map(|t| [t as f32, 10.0 * t as f32]).collect(),
            actions: (0..len).map(|t| t as f32).collect(),
            rewards: (1..=len).map(|t| f64::from(u8::from(success && t == len))).collect(),
            planned: (0..2 * k).map(|t| t as f32).collect(),
            latents: Vec::new(),
            base: Vec::new(),
        }
    }

    #[test]
    fn histories_repeat_the_first_observation() {
        let t = straight(0, 5, true);
        t.check(SIZES).unwrap();
        let mut out = [0.0; 6];
        t.history(1, SIZES, &mut out);
        assert_eq!(out, [0.0, 0.0, 0.0, 0.0, 1.0, 10.0]);
        t.history(5, SIZES, &mut out);
        assert_eq!(out, [3.0, 30.0, 4.0, 40.0, 5.0, 50.0]);
    }

    #[test]
    fn truncation_bootstraps_and_termination_does_not() {
        let of = |t: &Trajectory, k| t.consequence(k, SIZES, 0.5);
        let (solved, cut) = (straight(0, 5, true), straight(1, 5, false));
        assert_eq!(of(&solved, 0), Consequence { steps: 2, reward: 0.0, discount: 0.25 });
        assert_eq!(of(&solved, 2), Consequence { steps: 1, reward: 1.0, discount: 0.0 });
        assert_eq!(of(&cut, 2), Consequence { steps: 1, reward: 0.0, discount: 0.5 });
        let lost = Trajectory { lost: true, terminated: true, ..cut };
        assert_eq!(of(&lost, 2), Consequence { steps: 1, reward: 0.0, discount: 0.0 });
        assert_eq!(solved.return_from(0, SIZES, 0.5), 0.0625);
        // Solved, in an environment that goes on all the same.
        let goes_on = Trajectory { terminated: false, ..solved };
        assert_eq!(of(&goes_on, 2), Consequence { steps: 1, reward: 1.0, discount: 0.5 });
    }
}
