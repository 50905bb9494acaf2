//! The interface of parameterizations.

use super::kind::ParameterizationKind;
use crate::decide::{Key, Situation};
use crate::{error::Result, proposal::source::SourceCount};

/// The proposals of one episode's decision.
#[derive(Clone, Copy, Debug)]
pub struct ProposedChunks<'a> {
    /// Which decision of which episode.
    pub key: Key,
    /// Candidates of each source, in the order of the chunks.
    pub sources: &'a [SourceCount],
    /// Chunks, (N, T, A).
    pub chunks: &'a [f32],
}

/// Parameters to write as chunks, for B episodes.
#[derive(Clone, Copy, Debug)]
pub struct Decode<'a> {
    /// State of the episodes.
    pub situation: &'a Situation<'a>,
    /// Parameters, (B, n, P).
    pub parameters: &'a [f32],
    /// The best proposal of each episode, (B, T, A), and its parameters, (B, P).
    pub around: &'a [f32],
    /// See `around`.
    pub around_parameters: &'a [f32],
}

/// Chunks as parameters and back.
pub trait Parameterization: Send + Sync {
    /// Which of the built-in ones it is, if it is one.
    fn kind(&self) -> Option<ParameterizationKind> {
        None
    }
    /// P, parameters a chunk.
    fn size(&self) -> usize;
    /// Parameters a knot: the first so many belong to the first moment of a chunk, and so on. P where there is no
    /// order.
    fn dims(&self) -> usize;
    /// Writes the parameters of proposals, (N, P); NaN for those that have none.
    fn encode(&self, proposals: ProposedChunks<'_>, out: &mut [f32]);
    /// Writes chunks, (B, n, T, A), within the range of the actions.
    ///
    /// # Errors
    /// If a generator fails.
    fn decode(&self, pool: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()>;
}
