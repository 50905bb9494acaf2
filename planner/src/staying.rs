//! What it costs to leave the generator's own candidates.

use crate::simulator::Score;
use crate::warm;
use rayon::prelude::*;

/// The generator's candidates of a decision among others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cloud<'a> {
    /// Chunks, (B, n, T, A), n those of an episode that begin with the proposals.
    pub chunks: &'a [f32],
    /// n.
    pub stride: usize,
    /// Name and candidates of each source, in order.
    pub counts: &'a [(&'static str, usize)],
    /// Lowest and highest value of each action dimension.
    pub range: (&'a [f32], &'a [f32]),
    /// T
    pub steps: usize,
}

impl Cloud<'_> {
    /// Whether there is any of the generator's.
    pub fn exists(&self) -> bool {
        self.counts.iter().any(|(name, count)| *name == "imle" && *count > 0)
    }

    /// Adds `weight` · d to the cost of each of `own` (B, count, T, A), d its distance from the nearest of the cloud.
    pub fn charge(&self, pool: &rayon::ThreadPool, weight: f64, own: &[f32], count: usize, scores: &mut [Score]) {
        let chunk = self.steps * self.range.0.len();
        let first: usize = self.counts.iter().map(|(_, count)| count).sum();
        let generated = |i: usize| {
            let mut end = 0;
            self.counts.iter().any(|(name, count)| {
                end += count;
                *name == "imle" && (end - count..end).contains(&i)
            })
        };
        let stay = |(i, score): (usize, &mut Score)| {
            let own = &own[i * chunk..][..chunk];
            let all = &self.chunks[i / count * self.stride * chunk..][..first * chunk];
            let near = |other: &[f32]| warm::distance(own, other, self.steps, self.range.0, self.range.1);
            let candidates = all.chunks_exact(chunk).enumerate().filter(|(i, _)| generated(*i));
            score.cost += weight * candidates.map(|(_, c)| near(c)).fold(f64::INFINITY, f64::min);
        };
        pool.install(|| scores.par_iter_mut().enumerate().for_each(stay));
    }
}
