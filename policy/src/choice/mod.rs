//! Choices of one of N chunks without a planner.

mod chunk_set;
mod consistent;
mod typical;

pub use chunk_set::{ChunkSet, DecisionKey};

use crate::error::Result;
use imle_configs::by_name;

/// Names of all ways to choose.
pub const NAMES: [&str; 3] = ["first", "consistent", "typical"];

/// A way to choose one of N chunks without a planner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// The first chunk: one sample is enough.
    #[default]
    First,
    /// The paper's temporal consistency: the chunk nearest the tail of the last one (arXiv 2502.12371).
    Consistent {
        /// Replans between random choices; 0 for none. The public code has 5, the paper 10.
        resample_every: u64,
    },
    /// The densest chunk of those that go on with the mode of the last one.
    Typical,
}

impl Choice {
    /// The way called `name`; `resample_every` is that of [`Choice::Consistent`].
    ///
    /// # Errors
    /// [`imle_configs::Error::Unknown`] with the nearest names.
    pub fn by_name(name: &str, resample_every: u64) -> imle_configs::Result<Self> {
        let [first, consistent, typical] = NAMES;
        let known = [(first, Self::First), (consistent, Self::Consistent { resample_every }), (typical, Self::Typical)];
        by_name("choice", name, &known)
    }

    /// The index of the chosen chunk.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if there are no chunks or the sizes do not fit.
    pub fn choose(self, chunks: ChunkSet<'_>, decision: DecisionKey) -> Result<usize> {
        chunks.check()?;
        Ok(match self {
            Self::First => 0,
            Self::Consistent { resample_every } => consistent::choose(chunks, decision, resample_every),
            Self::Typical => typical::choose(chunks, decision),
        })
    }
}
