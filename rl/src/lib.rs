//! RL fine-tuning: an imitation-trained generator, made better from rollout rewards.
//!
//! [`registry`] names the algorithms:
//!
//! - [`expert_iteration`]: the planner's episodes, imitated round by round;
//! - [`online::edit`]: the generator stays as it is, and a bounded edit of its actions is learned;
//! - [`online::best_of_n`]: a chunk critic chooses among candidates, and the generator imitates the choice;
//! - [`online::ppo`]: PPO with the latent in the state.
//!
//! They share a [`run`] and the measures of [`modes`]. Those that learn [`online`] share a loop, a [`critic`] and a
//! [`replay`] buffer, and learn in any [`Environment`](imle_planner::evaluation::Environment); expert iteration needs a
//! task. Episodes are run by the evaluator of `imle-planner`, generators trained by the training loop of `imle-policy`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod critic;
pub mod error;
pub mod expert_iteration;
mod mode_reweighting;
pub mod modes;
pub mod online;
pub mod registry;
pub mod replay;
pub mod run;

pub use error::{Error, Result};
