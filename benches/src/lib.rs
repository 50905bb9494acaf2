//! Benchmarks and sweeps that `planner bench` runs.
//!
//! [`suites`] lists them. [`speed`] compares times with peers in one run; [`tasks`], [`plan`], [`finetune`] and
//! [`claims`] are sweeps of cells, each measured once.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

mod case;
mod chart;
pub mod claims;
mod episodes;
pub mod fidelity;
pub mod finetune;
mod observed;
pub mod plan;
mod publish;
pub mod speed;
pub mod suites;
pub mod tasks;
