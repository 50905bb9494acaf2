//! Shared by every other planner crate: settings, specs, seeds, errors and atomic files.
//!
//! - [`seed`]: counter-based random streams, one per (seed, purpose, episode, step, candidate);
//! - [`settings`]: typed TOML settings with overlays (`--config`, `--set`) and errors that name the key;
//! - [`explained`]: settings as a TOML file that says what each means;
//! - [`spec`]: the shapes, names and ranges of observations and actions;
//! - [`bounds`]: bounds of actions;
//! - [`derivatives`]: derivatives along a rollout;
//! - [`ends`]: where rollouts end;
//! - [`episode`]: the record of one episode;
//! - [`score`]: the score of one rollout;
//! - [`names`]: closed sets of names;
//! - [`files`]: atomic writes of files and folders, locks, bounded reads;
//! - [`renames`]: old names of settings and records, still read;
//! - [`embedded`]: the task files, models and checkpoints inside the program;
//! - [`workers`]: the pool of threads that a process shares;
//! - [`error`]: the errors of input that all of these share.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod embedded;
pub mod error;
pub mod files;
pub mod renames;
pub mod seed;
pub mod settings;
pub mod spec;
pub mod workers;

mod rollout;
mod text;

pub use error::{Error, Result, by_name};
pub use rollout::{bounds, derivatives, ends, episode, score};
pub use text::{explained, names};

/// The version written into checkpoints, datasets, runs and `--json` output.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
