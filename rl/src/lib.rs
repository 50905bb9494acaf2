//! RL fine-tuning: an imitation-trained generator, made better from rollout rewards.
//!
//! [`algorithm`] is the registry; each algorithm is one file that reads top to bottom ([`expert_iteration`]). They
//! share the evaluator of `imle-planner` and the training loop of `imle-policy`; what they learn from is kept on disk
//! as it is collected ([`elites`]), so that a run resumes from a kill at any moment.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod algorithm;
pub mod elites;
pub mod error;
pub mod expert_iteration;

pub use error::{Error, Result};
