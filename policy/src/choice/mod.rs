//! Choices of one of N chunks without a planner.

mod chunk_set;
mod consistent;
mod registry;
mod typical;

pub use chunk_set::{ChunkSet, DecisionKey};
pub use registry::{Choice, NAMES};
