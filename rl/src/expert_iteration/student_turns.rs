//! Handing over: in which episodes the student begins, and for how long.

use imle_configs::seed::{Purpose, stream};
use rand::Rng;

/// In which episodes the student begins, and for how long: for k ∈ {1 … K} decisions, k uniform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentTurns {
    /// Share of the episodes that the student begins.
    pub share: f64,
    /// K, most decisions that it makes.
    pub most: u64,
    /// Seed of the draws.
    pub seed: u64,
}

impl StudentTurns {
    /// Decisions of `episode` that are the student's.
    pub fn students(self, episode: u64) -> u64 {
        let mut rng = stream(self.seed, Purpose::FinetuneBatch, episode, 0, 5);
        if self.share > 0.0 && rng.random::<f64>() < self.share { rng.random_range(1..=self.most.max(1)) } else { 0 }
    }
}
