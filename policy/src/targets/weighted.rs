//! States with elite chunks and a probability each, as a planner or a critic finds them.

use super::draw::Draw;
use super::source::{TargetRow, TargetShape, TargetSource};
use crate::error::{Error, Result};
use rand_chacha::ChaCha8Rng;

/// One state to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedState {
    /// Observation history (T_obs · O), raw, oldest first.
    pub observation: Vec<f32>,
    /// Elite chunks, each (T_pred · A), raw.
    pub elites: Vec<Vec<f32>>,
    /// Relative probability of each elite within its state; empty for equal ones.
    pub weights: Vec<f64>,
    /// Relative probability of the state.
    pub probability: f64,
}

/// States drawn in proportion to their probabilities, each with its elites, or K drawn from them.
#[derive(Clone, Debug)]
pub struct WeightedTargets {
    observations: Vec<f32>,
    elites: Vec<f32>,
    /// Where each state's elites begin, in chunks; one more entry for the end.
    starts: Vec<usize>,
    /// Draws from each state's elites; empty if all of them count.
    elite_draws: Vec<Draw>,
    shape: TargetShape,
    draw: Draw,
}

impl WeightedTargets {
    /// From `states`. With `draws` 0 all elites of a state are its targets, each once, and K is the most that any
    /// state has. Else K = `draws` targets are drawn from the elites with replacement, in proportion to `weights`, by
    /// systematic sampling, which keeps the counts of a row within one of their expectation:
    /// with as many draws as latents (`TrainSettings::samples`) the mass of the generator's modes follows the weights
    /// (see [`crate::rs_imle`]).
    ///
    /// # Errors
    /// [`Error::Argument`] if there are none, a state has no elite, sizes differ between states, or probabilities or
    /// weights are negative, not finite or all 0.
    pub fn new(states: &[WeightedState], draws: usize) -> Result<Self> {
        let operation = "WeightedTargets::new";
        let Some((observation, chunk)) =
            states.first().and_then(|s| Some((s.observation.len(), s.elites.first()?.len())))
        else {
            return Err(Error::argument(operation, "states", "at least one state with an elite", "none"));
        };
        let most = states.iter().map(|s| s.elites.len()).max().unwrap_or(0);
        let targets = if draws == 0 { most } else { draws };
        let shape = TargetShape { observation, pictures: 0, chunk, targets };
        let mut result = Self {
            observations: Vec::new(),
            elites: Vec::new(),
            starts: vec![0],
            elite_draws: Vec::new(),
            shape,
            draw: Draw::Uniform(1),
        };
        for (index, state) in states.iter().enumerate() {
            let weighs = state.weights.is_empty() || state.weights.len() == state.elites.len();
            let fits = weighs
                && state.observation.len() == observation
                && !state.elites.is_empty()
                && state.elites.iter().all(|e| e.len() == chunk);
            if !fits || observation == 0 || chunk == 0 {
                let sizes: Vec<_> = state.elites.iter().map(Vec::len).collect();
                let (history, weights) = (state.observation.len(), state.weights.len());
                let found = format!("{history}, {sizes:?} and {weights} weights in state {index}");
                let expected = format!(
                    "a history of {observation} values, at least one elite of {chunk} values, no weights or one an elite"
                );
                return Err(Error::argument(operation, "states", expected, found));
            }
            result.observations.extend_from_slice(&state.observation);
            state.elites.iter().for_each(|e| result.elites.extend_from_slice(e));
            if draws > 0 {
                result.elite_draws.push(match state.weights.is_empty() {
                    true => Draw::Uniform(state.elites.len()),
                    false => Draw::weighted(operation, state.weights.iter().copied())?,
                });
            }
            result.starts.push(result.elites.len() / chunk);
        }
        result.draw = Draw::weighted(operation, states.iter().map(|s| s.probability))?;
        Ok(result)
    }
}

impl TargetSource for WeightedTargets {
    fn shape(&self) -> TargetShape {
        self.shape
    }

    fn states(&self) -> usize {
        self.starts.len() - 1
    }

    fn draw(&self, rng: &mut ChaCha8Rng, TargetRow { observation, targets, mask, .. }: TargetRow<'_>) -> usize {
        let TargetShape { observation: o, chunk, .. } = self.shape;
        let index = self.draw.index(rng);
        observation.copy_from_slice(&self.observations[index * o..][..o]);
        let elites = self.starts[index]..self.starts[index + 1];
        if let Some(draw) = self.elite_draws.get(index) {
            mask[..self.shape.targets].fill(true);
            let drawn = draw.systematic(rng, self.shape.targets);
            for (target, elite) in targets.chunks_exact_mut(chunk).zip(drawn) {
                let elite = elites.start + elite;
                target.copy_from_slice(&self.elites[elite * chunk..][..chunk]);
            }
            return index;
        }
        mask[..elites.len()].fill(true);
        targets[..elites.len() * chunk].copy_from_slice(&self.elites[elites.start * chunk..elites.end * chunk]);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TargetBatch;

    #[test]
    fn states_carry_their_own_number_of_elites() {
        let state = |x: f32, elites: usize, probability| WeightedState {
            observation: vec![x],
            elites: (0..elites).map(|i| vec![x + i as f32, -x]).collect(),
            weights: vec![],
            probability,
        };
        let source = WeightedTargets::new(&[state(1.0, 1, 1.0), state(2.0, 3, 1.0), state(3.0, 2, 0.0)], 0).unwrap();
        assert_eq!(source.shape(), TargetShape { observation: 1, pictures: 0, chunk: 2, targets: 3 });
        let mut batch = TargetBatch::default();
        source.batch(3, 0, 50, &mut batch);
        for ((o, t), m) in batch.observations.iter().zip(batch.targets.chunks(6)).zip(batch.mask.chunks(3)) {
            match o {
                1.0 => assert_eq!((t, m), (&[1.0, -1.0, 0.0, 0.0, 0.0, 0.0][..], &[true, false, false][..])),
                2.0 => assert_eq!((t, m), (&[2.0, -2.0, 3.0, -2.0, 4.0, -2.0][..], &[true; 3][..])),
                other => panic!("{other} has probability 0"),
            }
        }
        assert!(WeightedTargets::new(&[], 0).is_err());
        assert!(WeightedTargets::new(&[state(1.0, 1, 1.0), state(1.0, 0, 1.0)], 0).is_err());
    }

    #[test]
    fn elites_are_drawn_by_weight() {
        let state = WeightedState {
            observation: vec![0.0],
            elites: vec![vec![1.0], vec![2.0], vec![3.0]],
            weights: vec![3.0, 0.0, 1.0],
            probability: 1.0,
        };
        let source = WeightedTargets::new(std::slice::from_ref(&state), 8).unwrap();
        assert_eq!(source.shape().targets, 8);
        let mut batch = TargetBatch::default();
        source.batch(3, 0, 500, &mut batch);
        let count = |x: f32| batch.targets.iter().filter(|t| **t == x).count() as f64 / 4000.0;
        assert!(batch.mask.iter().all(|m| *m));
        assert!((count(1.0) - 0.75).abs() < 0.03 && count(2.0) == 0.0, "{}", count(1.0));
        let short = WeightedState { weights: vec![1.0], ..state };
        assert!(WeightedTargets::new(&[short], 8).unwrap_err().to_string().contains("1 weights in state 0"));
    }
}
