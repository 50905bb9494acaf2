//! The paper's temporal consistency: choosing among N chunks without a planner (arXiv 2502.12371).
//!
//! The previous chunk was executed for T_act steps; its tail, from index T_act on, is what it would have done next.
//! The chunk whose first actions are nearest that tail is chosen, so that the policy keeps to the mode it is in;
//! every few replans one is picked at random instead, so that a bad plan is not kept for ever.

use super::chunk_set::{ChunkSet, DecisionKey};
use imle_configs::seed::{Purpose, stream};
use rand::Rng;

/// The chunk nearest the tail over the steps they share; of equals the first. A random one at the first decision,
/// where there is no tail, and at every `resample_every`-th.
pub(super) fn choose(chunks: ChunkSet<'_>, decision: DecisionKey, resample_every: u64) -> usize {
    let at_random = resample_every > 0 && decision.index.is_multiple_of(resample_every);
    if chunks.tail.is_empty() || at_random {
        let mut rng = stream(decision.seed, Purpose::Consistency, decision.episode, decision.index, 0);
        return rng.random_range(0..chunks.count());
    }
    let distance = |i: &usize| chunks.distance(chunks.chunk(*i), chunks.tail);
    (0..chunks.count()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    #[test]
    fn the_chunk_nearest_the_tail_is_chosen_in_weighted_units() {
        // Three chunks of two actions; the second dimension weighs nothing.
        let chunks = [0.0, 9.0, 0.0, 9.0, 1.0, -9.0, 2.0, 0.0, 1.0, 0.0, 1.5, 0.0];
        let choose = |chunks: &[f32], tail: &[f32], index| {
            let cloud = ChunkSet { chunks, prediction: 2, tail, scales: &[1.0, 0.0] };
            Choice::Consistent { resample_every: 5 }.choose(cloud, DecisionKey { seed: 1, episode: 0, index })
        };
        assert_eq!(choose(&chunks, &[1.0, 0.0, 1.9, 0.0], 1).unwrap(), 1);
        assert_eq!(choose(&chunks, &[1.0, 0.0], 1).unwrap(), 1);
        assert_eq!(choose(&chunks, &[-1.0, 0.0], 4).unwrap(), 0);
        assert!(choose(&chunks[1..], &[], 0).is_err());
        assert!(choose(&chunks, &[0.0; 6], 1).is_err());
    }

    #[test]
    fn random_choices_come_when_they_should_and_repeat() {
        let chunks: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let pick = |index, tail: &[f32]| {
            let cloud = ChunkSet { chunks: &chunks, prediction: 1, tail, scales: &[1.0] };
            Choice::Consistent { resample_every: 5 }.choose(cloud, DecisionKey { seed: 3, episode: 1, index }).unwrap()
        };
        assert_eq!(pick(0, &[]), pick(0, &[]));
        let at_random: Vec<_> = (1..20).map(|i| pick(5 * i, &[7.0])).collect();
        assert!(at_random.iter().any(|i| *i != at_random[0]));
        assert!((1..20).filter(|i| i % 5 != 0).all(|i| pick(i, &[7.0]) == 7));
    }
}
