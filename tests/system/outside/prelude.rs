//! Names that the code blocks of the documents take from the reader's own program.

pub use planner::{Controller, Plan, Policy, Task};
pub use std::sync::Arc;

/// The reader's robot.
pub struct Robot;

impl Robot {
    pub fn running(&self) -> bool {
        false
    }

    pub fn wants_a_plan(&self) -> bool {
        false
    }

    pub fn observation(&self) -> Vec<f32> {
        Vec::new()
    }

    pub fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    pub fn execute(&mut self, _: &[f32]) {}

    pub fn command(&mut self, _: &[f64]) {}

    pub fn wait_for_the_next_control_step(&self) {}
}

/// The reader's cost of a chunk, (T_pred, A).
pub fn my_cost(_: &[f32]) -> f64 {
    0.0
}

/// Range of the actions of the reader's dynamics.
pub const LOW: [f32; 1] = [-1.0];
pub const HIGH: [f32; 1] = [1.0];
