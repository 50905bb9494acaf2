//! The commands, one file each: flags, one call of a library, and what is printed.

pub mod completions;
pub mod data;
pub mod demo;
pub mod distill;
pub mod export;
pub mod finetune;
pub mod import;
pub mod inspect;
pub mod report;
pub mod run;
pub mod serve;
pub mod tasks;
pub mod train;
pub mod view;
