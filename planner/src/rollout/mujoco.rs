//! MuJoCo rollouts with the planning model of a task.

use super::simulator::{Candidates, Derivatives, Ends, OneCandidate, Score, Simulator};
use crate::error::Result;
use imle_envs::rollout::{ChunkBatch, RolloutEngine};

impl Simulator for RolloutEngine {
    fn state_size(&self) -> usize {
        RolloutEngine::state_size(self)
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.task().action_bounds().range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        Ok(self.run_within(pool, batch(c), out)?)
    }

    fn rollout_to(&self, pool: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score], ends: Ends<'_>) -> Result<()> {
        Ok(self.run_to(pool, batch(c), out, ends)?)
    }

    fn differentiate(&self, pool: &rayon::ThreadPool, at: OneCandidate<'_>, out: &mut Derivatives) -> Result<()> {
        Ok(RolloutEngine::differentiate(self, pool, at.state, at.chunk, out)?)
    }
}

fn batch(c: Candidates<'_>) -> ChunkBatch<'_> {
    ChunkBatch { states: c.states, chunks: c.chunks, steps: c.steps, executed: c.executed, limits: c.limits }
}
