//! Chunk generators: conditional RS-IMLE (arXiv 2502.12371), its networks, training, checkpoints and sampling.
//!
//! [`targets`] gives batches of (observation history, target chunks); [`train`] fits a [`network`] to them by a
//! [`method`] and writes a [`checkpoint`]; a [`sampler`] draws N chunks an observation from it, the same bits at any
//! thread count.
//!
//! - [`targets`]: demonstrations, weighted elites and mixtures of them, drawn by counter-based streams;
//! - [`normalizer`]: min-max to [-1, 1] per dimension, and the linear prediction taken off a chunk;
//! - [`network`]: the generators' networks by name: `mlp`, `transformer`, `unet`;
//! - [`vision`]: encoders of pictures;
//! - [`rs_imle`]: the rejection and joint assignment at the heart of the method;
//! - [`method`]: training objectives and samplers by name: `imle`, `diffusion`, `flow`, `mean-flow`, `regression`;
//! - [`train`]: the one training loop, exact to the bit on resume;
//! - [`checkpoint`]: `config.json` and `model.safetensors`;
//! - [`import`]: policies trained elsewhere as checkpoints;
//! - [`sampler`]: candidates from a checkpoint on a thread pool or a GPU, and the draws of their latents;
//! - [`choice`]: choices among candidates without a planner;
//! - [`fidelity`]: recall and precision of a generator against held-out demonstrations;
//! - [`metrics`]: `metrics.jsonl` and TensorBoard events;
//! - [`device`]: `cpu`, `cuda`, `auto`, and the roofline of a device.
//!
//! Index 0 of a chunk is the action at the current step, the step of the newest observation in the history.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod checkpoint;
pub mod choice;
pub mod device;
pub mod error;
pub mod fidelity;
pub mod import;
pub mod method;
pub mod metrics;
pub mod network;
pub mod normalizer;
pub mod policy;
pub mod rs_imle;
pub mod sampler;
pub mod targets;
pub mod train;
pub mod vision;

#[cfg(test)]
mod test_support;

pub use error::{Error, Result};
pub use policy::Policy;
