//! Learning: datasets and training.

pub mod dataset;
pub mod training;
