//! Child processes: loading a user's task, and Python.

pub mod model_check;
pub mod python;
