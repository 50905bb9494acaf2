//! Proximal cost: a charge for distance from the generator's own candidates.

use crate::chunk;
use crate::proposal::source::{Role, SourceCount};
use imle_configs::score::Score;
use rayon::prelude::*;

/// The generator's candidates of a decision among others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GeneratorCandidates<'a> {
    /// Chunks, (B, n, T, A), n those of an episode that begin with the proposals.
    pub chunks: &'a [f32],
    /// n.
    pub stride: usize,
    /// Candidates of each source, in order.
    pub counts: &'a [SourceCount],
    /// Lowest and highest value of each action dimension.
    pub range: (&'a [f32], &'a [f32]),
    /// T
    pub steps: usize,
}

impl GeneratorCandidates<'_> {
    /// Whether there is any of the generator's.
    pub fn exists(&self) -> bool {
        self.counts.iter().any(|s| s.role == Role::Policy && s.count > 0)
    }

    /// Adds `weight` · d to the cost of each of `own` (B, count, T, A), d its distance from the nearest of the
    /// generator's.
    pub fn charge(&self, pool: &rayon::ThreadPool, weight: f64, own: &[f32], count: usize, scores: &mut [Score]) {
        let size = self.steps * self.range.0.len();
        let first: usize = self.counts.iter().map(|s| s.count).sum();
        let stay = |(i, score): (usize, &mut Score)| {
            let own = &own[i * size..][..size];
            let mut rest = &self.chunks[i / count * self.stride * size..][..first * size];
            let mut least = f64::INFINITY;
            for source in self.counts {
                let (all, others) = rest.split_at(source.count * size);
                rest = others;
                if source.role == Role::Policy {
                    let near = |c: &[f32]| chunk::distance(own, c, self.steps, self.range.0, self.range.1);
                    least = all.chunks_exact(size).map(near).fold(least, f64::min);
                }
            }
            score.cost += weight * least;
        };
        pool.install(|| scores.par_iter_mut().enumerate().for_each(stay));
    }
}
