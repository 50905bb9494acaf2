//! Learning of a generator: datasets, demonstrations, imitation, distillation, fine-tuning.

pub mod algorithm;
pub mod dataset;
pub mod demonstrations;
pub mod estimation;
pub mod evaluation_task;
pub mod finetune;
pub mod job;
pub mod settings;
pub mod view;
