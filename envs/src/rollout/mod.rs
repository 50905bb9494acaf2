//! Rollouts of the planning model: batches of candidates, derivatives along one, states that are kept, and states
//! reconstructed from observations.

mod derivatives;
mod engine;
pub mod reconstruction;
mod trace;

pub use engine::{ChunkBatch, RolloutEngine};
pub use trace::{Trace, TraceFields};
