//! Tasks: a task file and its model, resolved against each other.

pub mod control;
pub mod cost;
pub mod custom;
pub mod file;
pub mod mismatch;
pub mod observation;
pub mod predicate;
pub mod quantities;
pub mod quantity;
pub mod randomize;
pub mod reset;
pub mod reward;

mod assessment;
mod base;
pub(crate) mod camera;
mod definition;
mod end_effector;
mod explanation;
mod interface;
mod landmarks;
mod load;
pub(crate) mod perception;
mod scratch;
mod text;

pub use assessment::Assessment;
pub use camera::Camera;
pub use definition::Task;
