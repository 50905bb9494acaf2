//! Flags that several commands have. The same flag means the same in every command.

pub mod common;
pub mod controller;
pub mod finetune;
pub mod learn;
pub mod video;
