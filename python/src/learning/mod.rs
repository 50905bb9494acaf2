//! Learning: datasets, training and fine-tuning.

pub mod dataset;
pub mod finetuning;
pub mod training;
