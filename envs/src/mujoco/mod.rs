//! MuJoCo: the boundary to its C functions, models, lookups by name, simulations, and contacts.

pub mod additions;
pub mod contacts;
pub mod lookup;
pub mod model;
pub mod native;
pub mod simulation;

pub use mujoco_rs::prelude::MjModel;
