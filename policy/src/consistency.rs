//! The paper's temporal consistency: choosing among N chunks without a planner (arXiv 2502.12371).
//!
//! The previous chunk was executed for T_act steps; its tail, from index T_act on, is what it would have done next.
//! The chunk whose first actions are nearest that tail is chosen, so that the policy keeps to the mode it is in;
//! every few replans one is picked at random instead, so that a bad plan is not kept for ever.

use crate::{Error, Result};
use imle_configs::seed::{Purpose, stream};
use rand::Rng;

/// How often and by what measure to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Consistency {
    /// Every this many replans pick at random; 0 for never. The public code has 5, the paper 10.
    pub resample_every: u64,
    /// What one unit of each action dimension weighs (A values); `Normalizer::scales` makes it normalised units.
    pub scales: Vec<f32>,
}

/// Which decision of which episode this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replan {
    /// Seed of the run.
    pub seed: u64,
    /// Episode index.
    pub episode: u64,
    /// 0 for the episode's first decision, then 1, 2…
    pub index: u64,
}

impl Consistency {
    /// The index of the chosen chunk among `chunks`, row-major (N, T_pred, A).
    ///
    /// `tail` is the previous chunk from its first unexecuted action on (at most T_pred actions of A values), `None`
    /// at the episode's first decision. Over the overlap of L = tail length steps the distance is
    /// √Σ (scale · (a − tail))²; equal distances go to the lower index. A random choice is made at the first
    /// decision, where the tail is empty, and at every `resample_every`-th.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are no chunks or the sizes do not fit.
    pub fn choose(&self, chunks: &[f32], prediction: usize, tail: Option<&[f32]>, replan: Replan) -> Result<usize> {
        let action = self.scales.len();
        let size = prediction * action;
        let bad = |what, expected: String, found: usize| {
            Err(Error::argument("Consistency::choose", what, expected, format!("{found} values")))
        };
        if size == 0 || chunks.is_empty() || !chunks.len().is_multiple_of(size) {
            return bad("chunks", format!("at least one chunk of {prediction} × {action} values"), chunks.len());
        }
        let tail = tail.unwrap_or_default();
        if tail.len() > size || !tail.len().is_multiple_of(action) {
            return bad("tail", format!("at most {prediction} actions of {action} values"), tail.len());
        }
        let count = chunks.len() / size;
        let at_random = self.resample_every > 0 && replan.index.is_multiple_of(self.resample_every);
        if tail.is_empty() || at_random {
            let mut rng = stream(replan.seed, Purpose::Consistency, replan.episode, replan.index, 0);
            return Ok(rng.random_range(0..count));
        }
        let mut best = (0, f64::INFINITY);
        for (index, chunk) in chunks.chunks_exact(size).enumerate() {
            let weighted = chunk.iter().zip(tail).zip(self.scales.iter().cycle());
            let distance: f64 = weighted.map(|((a, b), s)| f64::from((a - b) * s).powi(2)).sum();
            if distance < best.1 {
                best = (index, distance);
            }
        }
        Ok(best.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunk_nearest_the_tail_is_chosen_in_weighted_units() {
        let choice = Consistency { resample_every: 5, scales: vec![1.0, 0.0] };
        // Three chunks of two actions; the second dimension weighs nothing.
        let chunks = [0.0, 9.0, 0.0, 9.0, 1.0, -9.0, 2.0, 0.0, 1.0, 0.0, 1.5, 0.0];
        let at = |index| Replan { seed: 1, episode: 0, index };
        assert_eq!(choice.choose(&chunks, 2, Some(&[1.0, 0.0, 1.9, 0.0]), at(1)).unwrap(), 1);
        assert_eq!(choice.choose(&chunks, 2, Some(&[1.0, 0.0]), at(1)).unwrap(), 1);
        assert_eq!(choice.choose(&chunks, 2, Some(&[-1.0, 0.0]), at(4)).unwrap(), 0);
        assert!(choice.choose(&chunks[1..], 2, None, at(0)).is_err());
        assert!(choice.choose(&chunks, 2, Some(&[0.0; 6]), at(1)).is_err());
    }

    #[test]
    fn random_choices_come_when_they_should_and_repeat() {
        let choice = Consistency { resample_every: 5, scales: vec![1.0] };
        let chunks: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let pick = |index, tail: Option<&[f32]>| {
            choice.choose(&chunks, 1, tail, Replan { seed: 3, episode: 1, index }).unwrap()
        };
        assert_eq!(pick(0, None), pick(0, None));
        let at_random: Vec<_> = (1..20).map(|i| pick(5 * i, Some(&[7.0]))).collect();
        assert!(at_random.iter().any(|i| *i != at_random[0]));
        assert!((1..20).filter(|i| i % 5 != 0).all(|i| pick(i, Some(&[7.0])) == 7));
    }
}
