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
//! [`write()`] makes such a folder whole or not at all, [`read()`] checks everything it takes from one, [`Stream`] does so one
//! episode after the other, and [`summarize`] says what is in it. Units are the task's own; `timestamp` is in seconds, rates are in Hz.
//!
//! [`write_with_images()`] puts pictures beside the state: one column `observation.images.NAME` a camera, PNG in
//! Parquet as the `datasets` library stores images. [`read()`] leaves them where they are; [`read_images()`] gets
//! those of one episode, [`read_all_images()`] those of all. A policy may learn from them; it is still planned for and
//! judged in the simulator's state.
//!
//! Datasets of others: `observation.state` and `action` are read, cameras and other columns are left out.
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
//!
//! One idea a file: `info` (meta/info.json), `features` (the columns of a frame), `images`, `stats`, `tasks`, `episodes`
//! (the other meta files), `table` (Parquet with one-line errors), `naming` (names of values and of files),
//! `write`, `read`, `summary`, `import` (datasets of others).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod episodes;
mod features;
mod images;
pub mod import;
mod info;
mod naming;
mod read;
mod stats;
mod summary;
mod table;
mod tasks;
mod write;

#[cfg(test)]
mod tests;

pub use images::{Images, image_layout, read_all_images, read_images};
pub use imle_configs::spec::{ImageLayout, Spec};
pub use imle_configs::{Error, Result, episode::Episode};
pub use info::{CODEBASE_VERSION, version};
pub use read::{Stream, read};
pub use summary::{Lengths, Summarizer, Summary, ValueRange, summarize};
pub use write::{write, write_with_images};

/// A dataset in memory: what its numbers mean, and its episodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Task, control rate, and the layouts of observation and action.
    pub spec: Spec,
    /// The episodes in their order; rows are `spec.observation.size()` and `spec.action.size()` values wide.
    pub episodes: Vec<Episode>,
}

impl Dataset {
    /// The dataset with these terms of the observation only, in their order.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names.
    pub fn with_observation(mut self, terms: &[String]) -> Result<Self> {
        let (part, places) = self.spec.observation.part(terms)?;
        let size = self.spec.observation.size();
        for episode in &mut self.episodes {
            let rows = episode.observations.chunks_exact(size);
            episode.observations = rows.flat_map(|row| places.iter().map(|at| row[*at])).collect();
        }
        self.spec.observation = part;
        Ok(self)
    }
}
