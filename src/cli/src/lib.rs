//! Parts that the commands of `planner` and its benchmarks share.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags that several commands have |
//! | [`failure`], [`interrupt`] | how a command ends badly; Ctrl-C |
//! | [`output`], [`table`], [`place`] | what is printed, and where files go |
//! | [`load`] | tasks, checkpoints, devices and thread pools as the flags name them |
//! | [`child`] | child processes: a user's task, loaded first where nothing else can break; Python |
//! | [`controller`] | the controller that the flags describe, and its held-out episodes |
//! | [`episodes`] | files that a run leaves: folder, states, dataset, video |
//! | [`report`] | one HTML file that shows runs, trainings, fine-tunings, sweeps and datasets |
//! | [`training`] | datasets, demonstrations, imitation, distillation and fine-tuning |
//! | [`sweep`], [`statistics`] | lists of cells measured once each, and intervals |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod args;
pub mod child;
pub mod controller;
pub mod episodes;
pub mod failure;
pub mod interrupt;
pub mod load;
pub mod output;
pub mod place;
pub mod report;
pub mod statistics;
pub mod sweep;
pub mod table;
pub mod training;
