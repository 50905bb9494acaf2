//! States with elite chunks and a probability each: what a planner or a critic found worth imitating.

use super::draw::Draw;
use super::{TargetShape, TargetSource};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;

/// One state to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedState {
    /// Observation history (T_obs · O), raw, oldest first.
    pub observation: Vec<f32>,
    /// Elite chunks, each (T_pred · A), raw; all of them count, assigned jointly to distinct latents.
    pub elites: Vec<Vec<f32>>,
    /// How likely the state is drawn, relative to the others.
    pub probability: f64,
}

/// States with up to K elites each, drawn in proportion to their probabilities.
#[derive(Clone, Debug)]
pub struct WeightedTargets {
    observations: Vec<f32>,
    elites: Vec<f32>,
    /// Where each state's elites begin, in chunks; one more entry for the end.
    starts: Vec<usize>,
    shape: TargetShape,
    draw: Draw,
}

impl WeightedTargets {
    /// From `states`; K is the most elites any of them has.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are none, a state has no elite, sizes differ between states, or the
    /// probabilities are negative, not finite or all 0.
    pub fn new(states: &[WeightedState]) -> Result<Self> {
        let operation = "WeightedTargets::new";
        let Some((observation, chunk)) =
            states.first().and_then(|s| Some((s.observation.len(), s.elites.first()?.len())))
        else {
            return Err(Error::argument(operation, "states", "at least one state with an elite", "none"));
        };
        let targets = states.iter().map(|s| s.elites.len()).max().unwrap_or(0);
        let shape = TargetShape { observation, chunk, targets };
        let mut result =
            Self { observations: Vec::new(), elites: Vec::new(), starts: vec![0], shape, draw: Draw::Uniform(1) };
        for (index, state) in states.iter().enumerate() {
            let fits = state.observation.len() == observation
                && !state.elites.is_empty()
                && state.elites.iter().all(|e| e.len() == chunk);
            if !fits || observation == 0 || chunk == 0 {
                let sizes: Vec<_> = state.elites.iter().map(Vec::len).collect();
                let found = format!("{} and {sizes:?} in state {index}", state.observation.len());
                let expected = format!("a history of {observation} values and elites of {chunk} values, at least one");
                return Err(Error::argument(operation, "states", expected, found));
            }
            result.observations.extend_from_slice(&state.observation);
            state.elites.iter().for_each(|e| result.elites.extend_from_slice(e));
            result.starts.push(result.elites.len() / chunk);
        }
        result.draw = Draw::weighted(operation, states.iter().map(|s| s.probability))?;
        Ok(result)
    }

    /// Number of states.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are no states; never true.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl TargetSource for WeightedTargets {
    fn shape(&self) -> TargetShape {
        self.shape
    }

    fn draw(&self, rng: &mut ChaCha8Rng, observation: &mut [f32], targets: &mut [f32], mask: &mut [bool]) {
        let TargetShape { observation: o, chunk, .. } = self.shape;
        let index = self.draw.index(rng);
        observation.copy_from_slice(&self.observations[index * o..][..o]);
        let elites = self.starts[index]..self.starts[index + 1];
        mask[..elites.len()].fill(true);
        targets[..elites.len() * chunk].copy_from_slice(&self.elites[elites.start * chunk..elites.end * chunk]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Batch;

    #[test]
    fn states_carry_their_own_number_of_elites() {
        let state = |x: f32, elites: usize, probability| WeightedState {
            observation: vec![x],
            elites: (0..elites).map(|i| vec![x + i as f32, -x]).collect(),
            probability,
        };
        let source = WeightedTargets::new(&[state(1.0, 1, 1.0), state(2.0, 3, 1.0), state(3.0, 2, 0.0)]).unwrap();
        assert_eq!(source.shape(), TargetShape { observation: 1, chunk: 2, targets: 3 });
        let mut batch = Batch::default();
        source.batch(3, 0, 50, &mut batch);
        for ((o, t), m) in batch.observations.iter().zip(batch.targets.chunks(6)).zip(batch.mask.chunks(3)) {
            match o {
                1.0 => assert_eq!((t, m), (&[1.0, -1.0, 0.0, 0.0, 0.0, 0.0][..], &[true, false, false][..])),
                2.0 => assert_eq!((t, m), (&[2.0, -2.0, 3.0, -2.0, 4.0, -2.0][..], &[true; 3][..])),
                other => panic!("{other} has probability 0"),
            }
        }
        assert!(WeightedTargets::new(&[]).is_err());
        assert!(WeightedTargets::new(&[state(1.0, 1, 1.0), state(1.0, 0, 1.0)]).is_err());
    }
}
