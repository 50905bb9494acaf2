//! Chunk generators: conditional RS-IMLE (arXiv 2502.12371), its networks, training, checkpoints and sampling.
//!
//! The way through: [`targets`] gives batches of (observation history, target chunks); [`train`] fits a
//! [`network`] to them by a [`method`] and writes a [`checkpoint`]; a [`sampler`] draws N chunks an observation
//! from it, the same bits at any thread count.
//!
//! - [`targets`]: demonstrations, weighted elites and mixtures of them, drawn by counter-based streams;
//! - [`normalizer`]: min-max to [-1, 1] per dimension, surviving constant dimensions;
//! - [`residual`]: what of a chunk is left beside its linear prediction;
//! - [`network`]: the generators' networks by name: `mlp`, `transformer`, `unet`;
//! - [`vision`]: pictures as features, for policies that see;
//! - [`rs_imle`]: the rejection and joint assignment at the heart of the method;
//! - [`method`]: training objectives and samplers by name: `imle`, `diffusion`, `flow`, `mean-flow`, `regression`;
//! - [`train`]: the one training loop, exact to the bit on resume;
//! - [`checkpoint`]: `config.json` and `model.safetensors`;
//! - [`latents`]: how the latents of a decision's candidates are drawn;
//! - [`import`]: policies trained elsewhere as checkpoints;
//! - [`sampler`]: candidates from a checkpoint on a thread pool or a GPU;
//! - [`choice`]: choosing among candidates without a planner, the paper's way and ours;
//! - [`fidelity`]: recall and precision of a generator against held-out demonstrations;
//! - [`metrics`]: `metrics.jsonl` and TensorBoard events;
//! - [`device`]: `cpu`, `cuda`, `auto`.
//!
//! Convention everywhere: index 0 of a chunk is the action at the current step, the step of the newest
//! observation in the history.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod checkpoint;
pub mod choice;
pub mod device;
pub mod error;
pub mod fidelity;
pub mod import;
pub mod latents;
pub mod method;
pub mod metrics;
pub mod network;
pub mod normalizer;
pub mod peak;
pub mod policy;
pub mod residual;
pub mod rs_imle;
pub mod sampler;
pub mod targets;
pub mod train;
pub mod vision;
pub mod weights_file;

#[cfg(test)]
mod toy;

pub use error::{Error, Result};
pub use policy::Policy;
