//! Sampling-based model-predictive control with learned proposals.
//!
//! The way through one decision: proposal sources fill a batch of candidate chunks ([`proposal`]), a
//! [`simulator::Simulator`] rolls them out, an [`optimizer::Optimizer`] refines or chooses, and the first T_act
//! actions of the plan are executed ([`planner::Planner`], a [`decide::Decide`]). [`evaluate`] runs many episodes in
//! lock-step with any decider: the one evaluator of training, `run`, fine-tuning and benchmarks.
//!
//! Bring your own dynamics by implementing [`simulator::Simulator`] and switching the `mujoco` feature off; bring
//! your own candidates by implementing [`proposal::Proposal`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "libtorch")]
pub mod alone;
#[cfg(feature = "mujoco")]
pub mod blocks;
#[cfg(feature = "mujoco")]
pub mod calibration;
pub mod cma;
pub mod decide;
pub mod error;
#[cfg(feature = "mujoco")]
pub mod evaluate;
pub mod ilqg;
pub mod optimizer;
pub mod pace;
pub mod planner;
pub mod proposal;
pub mod quality;
#[cfg(feature = "mujoco")]
pub mod realtime;
#[cfg(feature = "mujoco")]
pub mod report;
#[cfg(feature = "mujoco")]
pub mod sight;
pub mod simulator;
pub mod slack;
#[cfg(feature = "mujoco")]
mod slot;
pub mod space;
mod staying;
pub mod threads;
pub mod warm;

pub use error::{Error, Result};
