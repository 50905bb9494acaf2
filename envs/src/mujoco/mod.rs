//! MuJoCo: the boundary to its C functions, models, lookups by name, simulations, plugins, position servos, and contacts.

pub mod additions;
pub mod callbacks;
pub mod contacts;
mod history;
pub mod lookup;
pub mod model;
pub mod native;
pub(crate) mod plugins;
pub(crate) mod servo;
pub mod simulation;

pub use mujoco_rs::{mujoco_version, prelude::MjModel};
