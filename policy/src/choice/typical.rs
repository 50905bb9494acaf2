//! A choice among N chunks that keeps to the mode it is in and, within it, to what is typical.
//!
//! The paper's consistency takes the chunk nearest the last plan's tail, wherever it lies in the cloud: a stray sample
//! that was chosen once is followed again, until a random choice, which may change the mode. Here the tail only says
//! which chunks go on with the mode; among them the one in the densest part of the cloud is taken, and no choice is
//! ever at random but the first.
//!
//! ```text
//! density_i  = 1 / mean distance of chunk i to its k nearest others,   k = ⌈N / 8⌉
//! first      a chunk at random, so that modes are taken as often as they are sampled; then the densest of its own
//! later      d_i = distance of chunk i to the tail over the steps they share
//!            those that go on: d_i ≤ 2 min d + spread, spread the median of all distances to the k-th nearest other
//! ```
//!
//! When the mode has died out, the nearest chunks are far from the tail, all lie within twice the least distance, and
//! the densest is taken: so the old plan is left only when nothing continues it.

use super::chunk_set::{ChunkSet, DecisionKey};
use imle_configs::seed::{Purpose, stream};
use rand::Rng;

/// The densest chunk of those that go on with the mode.
pub(super) fn choose(chunks: ChunkSet<'_>, decision: DecisionKey) -> usize {
    let n = chunks.count();
    let k = n.div_ceil(8);
    // Mean distance to the k nearest others, and the distance to the k-th.
    let near = |i: usize| {
        let mut others: Vec<f64> =
            (0..n).filter(|j| *j != i).map(|j| chunks.distance(chunks.chunk(i), chunks.chunk(j))).collect();
        others.sort_by(f64::total_cmp);
        others.truncate(k);
        (others.iter().sum::<f64>() / k as f64, others.last().copied().unwrap_or(0.0))
    };
    let near: Vec<(f64, f64)> = (0..n).map(near).collect();
    let mut reach: Vec<f64> = near.iter().map(|(_, kth)| *kth).collect();
    reach.sort_by(f64::total_cmp);
    let spread = reach[n / 2];
    let (away, least): (Vec<f64>, f64) = if chunks.tail.is_empty() {
        let mut rng = stream(decision.seed, Purpose::Consistency, decision.episode, decision.index, 0);
        let picked = chunks.chunk(rng.random_range(0..n));
        ((0..n).map(|i| chunks.distance(chunks.chunk(i), picked)).collect(), 0.0)
    } else {
        let away: Vec<f64> = (0..n).map(|i| chunks.distance(chunks.chunk(i), chunks.tail)).collect();
        let least = away.iter().copied().fold(f64::INFINITY, f64::min);
        (away, least)
    };
    let goes_on = (0..n).filter(|i| away[*i] <= 2.0 * least + spread);
    goes_on.min_by(|a, b| near[*a].0.total_cmp(&near[*b].0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    /// Ten chunks near +1, five near −1, one stray at 0.3; two actions of one value.
    fn chunks() -> Vec<f32> {
        let around =
            |centre: f32, count: usize| (0..count).map(move |i| centre + 0.01 * (i as f32 - count as f32 / 2.0));
        around(1.0, 10).chain(around(-1.0, 5)).chain([0.3]).flat_map(|x| [x, x]).collect()
    }

    fn choose(tail: &[f32], episode: u64) -> f32 {
        let chunks = chunks();
        let cloud = ChunkSet { chunks: &chunks, prediction: 2, tail, scales: &[1.0] };
        chunks[2 * Choice::Typical.choose(cloud, DecisionKey { seed: 1, episode, index: 0 }).unwrap()]
    }

    #[test]
    fn the_mode_is_kept_and_strays_are_not_followed() {
        assert!((choose(&[0.9], 0) - 1.0).abs() < 0.06);
        assert!((choose(&[-1.1], 0) + 1.0).abs() < 0.06);
        // The stray is nearest, but what is typical lies within twice its distance.
        assert!((choose(&[0.7], 0) - 1.0).abs() < 0.06);
        let cloud = ChunkSet { chunks: &[1.0], prediction: 1, tail: &[], scales: &[1.0] };
        assert_eq!(Choice::Typical.choose(cloud, DecisionKey { seed: 1, episode: 0, index: 0 }).unwrap(), 0);
        assert!(
            Choice::Typical
                .choose(ChunkSet { chunks: &[], ..cloud }, DecisionKey { seed: 1, episode: 0, index: 0 })
                .is_err()
        );
    }

    #[test]
    fn first_choices_take_modes_as_often_as_they_are_sampled() {
        let first: Vec<f32> = (0..400).map(|episode| choose(&[], episode)).collect();
        let share = |mode: f32| first.iter().filter(|x| (**x - mode).abs() < 0.06).count() as f64 / 400.0;
        assert!((share(1.0) - 10.0 / 16.0).abs() < 0.08 && (share(-1.0) - 5.0 / 16.0).abs() < 0.08);
    }
}
