//! The interface of simulators.

use crate::decide::Key;
use crate::error::{Error, Result};
use imle_configs::Error as InputError;
pub use imle_configs::derivatives::Derivatives;
pub use imle_configs::score::{Limits, Score};
use std::sync::Arc;

/// A batch of candidate chunks and what they start from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'a> {
    /// Which decision of which episode, (B); empty for what goes on from another rollout.
    pub keys: &'a [Key],
    /// Start states, (B, state size).
    pub states: &'a [f64],
    /// Chunks, (B, N, T, A).
    pub chunks: &'a [f32],
    /// T, control steps a chunk.
    pub steps: usize,
    /// T_act, of which so many are going to be executed.
    pub executed: usize,
    /// When rollouts may end early; your own simulator may ignore it.
    pub limits: Limits<'a>,
    /// Which of them can be chosen, (B, N); empty for all. One that cannot says nothing of what the others are worth.
    pub offered: &'a [bool],
}

impl Candidates<'_> {
    /// Whether candidate `index` of the B · N can be chosen.
    pub fn is_offered(&self, index: usize) -> bool {
        self.offered.get(index).copied().unwrap_or(true)
    }
}

pub use imle_configs::ends::Ends;

/// One chunk and what it starts from.
#[derive(Clone, Copy, Debug)]
pub struct OneCandidate<'a> {
    /// Which decision of which episode.
    pub key: Key,
    /// Start state, (state size).
    pub state: &'a [f64],
    /// Chunk, (T, A).
    pub chunk: &'a [f32],
}

/// Dynamics and cost: what a candidate would lead to.
pub trait Simulator: Send + Sync {
    /// Length of one state.
    fn state_size(&self) -> usize;
    /// Lowest and highest value of each of the A dimensions of an action.
    fn action_range(&self) -> (&[f32], &[f32]);
    /// A, length of one action.
    fn action_size(&self) -> usize {
        self.action_range().0.len()
    }
    /// Scores every candidate into `out` (B, N), on the threads of `pool`. The same candidates give the same scores
    /// at any number of threads.
    ///
    /// # Errors
    /// If the sizes do not fit. A candidate whose simulation fails is no error: it is scored as failed.
    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()>;
    /// As [`rollout`](Self::rollout), and writes where each candidate ends, for what goes on from there.
    ///
    /// # Errors
    /// [`Error::Unsupported`], unless the simulator supports it.
    fn rollout_to(
        &self,
        pool: &rayon::ThreadPool,
        candidates: Candidates<'_>,
        out: &mut [Score],
        ends: Ends<'_>,
    ) -> Result<()> {
        let _ = (pool, candidates, out, ends);
        Err(Error::Unsupported("to give the end states of its rollouts"))
    }
    /// Writes the derivatives along a trajectory, on the threads of `pool`: the same bits at any number of threads.
    /// Where there are none (a failed rollout), zeros. Only some optimizers ask for them.
    ///
    /// # Errors
    /// A bad input, if this simulator has no derivatives; if the sizes do not fit.
    fn differentiate(&self, pool: &rayon::ThreadPool, at: OneCandidate<'_>, out: &mut Derivatives) -> Result<()> {
        let _ = (pool, at, out);
        Err(InputError::unexpected("simulator", "one with derivatives, for this optimizer", "one without").into())
    }
}

impl<S: Simulator + ?Sized> Simulator for Arc<S> {
    fn state_size(&self) -> usize {
        (**self).state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        (**self).action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        (**self).rollout(pool, candidates, out)
    }

    fn rollout_to(
        &self,
        pool: &rayon::ThreadPool,
        candidates: Candidates<'_>,
        out: &mut [Score],
        ends: Ends<'_>,
    ) -> Result<()> {
        (**self).rollout_to(pool, candidates, out, ends)
    }

    fn differentiate(&self, pool: &rayon::ThreadPool, at: OneCandidate<'_>, out: &mut Derivatives) -> Result<()> {
        (**self).differentiate(pool, at, out)
    }
}
