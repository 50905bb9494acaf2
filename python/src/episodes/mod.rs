//! Episodes: evaluations, environments that Python steps, and our tasks as environments.

pub mod environment;
pub mod evaluation;
pub mod worlds;
