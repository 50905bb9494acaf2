//! A cell of the sweep over tasks.

use imle_cli::sweep::Record;
use imle_configs::{Result, renames};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A measurement: the episodes of one task in one world with one controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskCell {
    pub task: String,
    /// Fingerprint of the generator's weights.
    pub checkpoint: String,
    pub mismatch: Option<String>,
    pub optimizer: String,
    /// Choice of the generator alone, if not the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// Candidates a decision; 1 for the generator's first sample.
    pub candidates: u32,
    pub episodes: u32,
    pub seed: u64,
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

/// Row of the table: all of a cell but its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRow<'a> {
    pub task: &'a str,
    pub mismatch: Option<&'a str>,
    pub checkpoint: &'a str,
    pub episodes: u32,
    pub seed: u64,
}

impl Record for TaskCell {
    fn update(record: &mut Value, place: &str) -> Result<()> {
        renames::update_record(record, &json!({ "optimizer": "" }), place)
    }
}

impl TaskCell {
    /// Column of the table: optimizer, choice, candidates.
    pub fn controller(&self) -> (&str, Option<&str>, u32) {
        (&self.optimizer, self.choice.as_deref(), self.candidates)
    }

    /// The row that it stands in.
    pub fn row(&self) -> TaskRow<'_> {
        let (task, mismatch, checkpoint) = (&self.task, self.mismatch.as_deref(), &self.checkpoint);
        TaskRow { task, mismatch, checkpoint, episodes: self.episodes, seed: self.seed }
    }
}
