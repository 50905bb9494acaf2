//! Benchmarks of speed, each beside its peers in one run.

pub mod args;
pub mod collect;
pub mod decision;
mod judo;
mod peers;
mod physics;
pub mod rollout;
pub mod sample;
pub mod shortcuts;
pub mod train;
mod unet;
