//! An episode in the metadata of any version.

use crate::table;
use imle_configs::{Error, Result};
use std::path::{Path, PathBuf};

/// The column of the numbers of frames.
pub(crate) const LENGTH: &str = "length";

/// An episode in the metadata.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Number in the dataset; numbers of deleted episodes are left out.
    pub(crate) number: u64,
    /// Number of frames.
    pub(crate) len: usize,
    /// Data file.
    pub(crate) file: PathBuf,
    /// Whether it is the only episode there, whatever the file says.
    pub(crate) alone: bool,
    pub(crate) mode: String,
    pub(crate) mismatch: String,
    pub(crate) seed: u64,
    pub(crate) index: u64,
    /// Whether it was solved, where the table says so.
    pub(crate) success: Option<bool>,
    /// The table's file, for errors.
    pub(crate) source: PathBuf,
}

impl Row {
    /// A row without what only this crate writes.
    pub(crate) fn new(number: u64, len: u64, file: PathBuf, source: &Path) -> Self {
        Self {
            number,
            len: usize::try_from(len).unwrap_or(usize::MAX),
            file,
            alone: false,
            mode: String::new(),
            mismatch: String::new(),
            seed: 0,
            index: number,
            success: None,
            source: source.to_path_buf(),
        }
    }

    /// An error if an episode has another number of frames than its row says.
    pub(crate) fn check_length(&self, frames: usize) -> Result<()> {
        let Self { number, len, file, source, .. } = self;
        let expected = format!("the length of episode {number} to be its {frames} frames in {}", file.display());
        Error::ensure(frames == *len, table::place(source, LENGTH), expected, len)
    }
}

/// Whether numbers are left out among rows in their order, as of deleted episodes.
pub(crate) fn deleted(rows: &[Row]) -> bool {
    rows.last().is_some_and(|row| row.number >= rows.len() as u64)
}
