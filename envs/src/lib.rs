//! Simulated worlds: MuJoCo models, task files, observations, costs, batch rollouts, experts and rendering.
//!
//! A [`task::Task`] is loaded from a TOML file; a [`world::World`] executes actions in it; a
//! [`rollout::RolloutEngine`] scores many candidate chunks from given states on all threads of a pool.
//! There are no tensors here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod additions;
pub mod camera;
pub mod contacts;
pub mod control;
pub mod cost;
pub mod demonstrate;
pub mod derivatives;
pub mod drive;
pub mod error;
pub mod expert;
pub mod forced;
pub mod ik;
pub mod kinematics;
pub mod mismatch;
pub mod model;
pub mod native;
pub mod observation;
pub mod overlap;
pub mod perception;
pub mod point;
pub mod pose;
pub mod predicate;
pub mod quantities;
pub mod quantity;
pub mod randomize;
pub mod recall;
pub mod render;
pub mod reset;
pub mod reward;
pub mod rollout;
pub mod strip;
pub mod task;
mod task_base;
pub mod task_file;
mod task_text;
pub mod term;
pub mod video;
pub mod world;

pub use error::{Error, Result};
