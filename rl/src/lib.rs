//! RL fine-tuning: an imitation-trained generator, made better from rollout rewards.
//!
//! [`algorithm`] is the registry; each algorithm is one file that reads top to bottom:
//!
//! - [`expert_iteration`]: the planner's episodes and elites, imitated round by round;
//! - [`best_of_n`]: a chunk critic chooses among candidates, and what it chooses is imitated;
//! - [`imagination`]: PPO on perturbed chunks that the critic judges;
//! - [`branches`]: groups of candidates, rolled out from states that the simulator goes back to;
//! - [`gradient`]: the critic's gradient through the generator;
//! - [`ppo`]: PPO with the latent in the state;
//! - [`latent`]: an actor that chooses the generator's latents.
//!
//! They share what a [`run`] is given and keeps, the loop of those that learn [`online`], the [`learner`] (generator, [`critic`],
//! [`memory`], anchor), the [`journal`] of all that was collected, and the measures of [`modes`]. Episodes are run by the
//! evaluator of `imle-planner`, generators trained by the training loop of `imle-policy`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod actor;
pub mod algorithm;
mod balance;
pub mod best_of_n;
pub mod branches;
pub mod critic;
pub mod cycle;
pub mod disturbed;
pub mod elites;
pub mod error;
pub mod expert_iteration;
pub mod gradient;
pub mod handover;
pub mod hindsight;
pub mod imagination;
pub mod journal;
mod judged;
pub mod ladder;
pub mod latent;
pub mod learner;
pub mod memory;
pub mod mlp;
pub mod modes;
pub mod online;
pub mod ppo;
mod ranks;
pub mod run;
mod search;
pub mod settings;
pub mod trajectory;
pub mod worth;

pub use error::{Error, Result};
