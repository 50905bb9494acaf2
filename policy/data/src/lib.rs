//! Demonstration datasets in the LeRobot v3 layout, read and written without tensors or Python.
//!
//! A dataset is a folder that the field's tools open as it is:
//!
//! ```text
//! meta/info.json                                version, rate, sizes, features, and our spec under `planner`
//! meta/stats.json                               min, max, mean, std, count and quantiles per feature
//! meta/tasks.parquet                            task names and their indices
//! meta/episodes/chunk-000/file-000.parquet      one row an episode, with its statistics, mode, mismatch, seed and success
//! data/chunk-000/file-000.parquet               one row a control step; a new file when the last one is full
//! ```
//!
//! [`write()`] makes such a folder whole or not at all, [`read()`] checks everything it takes from one, [`Stream`] does
//! so one episode after the other, and [`summarize`] describes its contents. Units are the task's own; `timestamp` is
//! in seconds, rates are in Hz.
//!
//! [`write_with_images()`] adds pictures to the state: one column `observation.images.NAME` a camera, PNG in
//! Parquet as the `datasets` library stores images. [`read()`] leaves them where they are; [`read_images()`] gets
//! those of one episode, [`read_all_images()`] those of all. A policy may learn from them; planning and evaluation
//! still use the simulator's state.
//!
//! Datasets of others: `observation.state`, `observation.environment_state` and `action` are read, other columns are
//! left out.
//! Without a spec of ours the layouts come from the features' names and the task from `meta/tasks.parquet`
//! (of several tasks the first); mode and mismatch are then empty, the seed 0, the reset index the episode's own, and
//! `success` the last frame's `next.success`, false where the dataset does not say. Other formats, older versions of
//! this one and records of any origin: [`import::convert`].
//!
//! ```
//! use imle_configs::spec::{Layout, Term};
//! use imle_data::{Episode, Spec, read, summarize, write};
//!
//! let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
//! let spec = Spec {
//!     task: "reach".into(),
//!     control_rate: 20.0,
//!     observation: layout("tip", 3),
//!     action: layout("velocity", 2),
//!     pictures: None,
//! };
//! let episode = Episode { observations: vec![0.5; 4 * 3], actions: vec![0.1; 4 * 2], len: 4, ..Episode::default() };
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("demonstrations");
//! write(&path, &spec, &[episode])?;
//! let dataset = read(&path)?;
//! assert_eq!(summarize(&dataset).frames, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

mod columns;
mod dataset;
mod frames;
mod guard;
mod images;
pub mod import;
mod layout;
mod read;
mod summary;
mod table;
mod write;

#[cfg(test)]
mod tests;

pub use dataset::Dataset;
pub use images::{Images, image_layout, read_all_images, read_images};
pub use imle_configs::spec::{ImageLayout, Spec};
pub use imle_configs::{Error, Result, episode::Episode};
pub use layout::info::{CODEBASE_VERSION, version};
pub use read::{Stream, read};
pub use summary::{Lengths, Summarizer, Summary, ValueRange, summarize};
pub use write::{write, write_with_images};
