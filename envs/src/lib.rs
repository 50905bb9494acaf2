//! Simulated worlds: MuJoCo models, task files, observations, costs, batch rollouts, experts and rendering.
//!
//! A [`task::Task`] is loaded from a TOML file. A [`world::World`] executes actions in it. A [`rollout::RolloutEngine`]
//! scores many candidate chunks from given states on all threads of a pool. There are no tensors here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod actuation;
pub mod error;
pub mod experts;
pub mod kinematics;
pub mod mujoco;
pub mod render;
pub mod rollout;
pub mod task;
pub mod world;

pub use error::{Error, Result};
