//! The whole system through its command line and its public libraries, on real physics and a real, tiny training.
//!
//! One binary, because each would link libtorch and MuJoCo again. One idea a file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

mod bad_checkpoint;
mod bad_dataset;
mod bad_flag;
mod bad_place;
mod bad_task;
mod c_interface;
mod call;
mod claims;
mod commands;
mod data;
mod determinism;
mod fixtures;
mod import;
mod interrupt;
mod old_versions;
mod online;
mod output;
mod outside;
mod own_task;
mod planners;
mod report;
mod resume;
mod serve;
mod serve_bounds;
mod serve_requests;
mod tasks;
mod video;
mod vision;
