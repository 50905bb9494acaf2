//! Rollouts of the planning model: batches of candidates, derivatives along one, and states reconstructed from
//! observations.

mod derivatives;
mod engine;
pub mod reconstruction;

pub use engine::{ChunkBatch, RolloutEngine};
