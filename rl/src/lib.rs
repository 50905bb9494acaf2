//! RL fine-tuning: an imitation-trained generator, made better from rollout rewards.
//!
//! [`registry`] names the algorithms; each algorithm is one file that reads top to bottom:
//!
//! - [`expert_iteration`]: the planner's episodes and elites, imitated round by round;
//! - [`best_of_n`]: a chunk critic chooses among candidates, and what it chooses is imitated;
//! - [`ppo`]: PPO with the latent in the state.
//!
//! They share what a [`run`] is given and keeps, the loop of those that learn [`online`], the [`learner`] (generator, [`critic`],
//! [`memory`], anchor), the [`journal`] of all that was collected, and the measures of [`modes`]. Episodes are run by the
//! evaluator of `imle-planner`, generators trained by the training loop of `imle-policy`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod actor;
pub mod algorithm;
mod balance;
pub mod best_of_n;
pub mod critic;
pub mod elites;
pub mod error;
pub mod expert_iteration;
pub mod handover;
pub mod hindsight;
pub mod journal;
mod judged;
pub mod ladder;
pub mod learner;
pub mod memory;
pub mod mlp;
pub mod modes;
pub mod online;
pub mod ppo;
mod ranks;
pub mod registry;
pub mod run;
mod search;
pub mod settings;
pub mod trajectory;

pub use error::{Error, Result};
