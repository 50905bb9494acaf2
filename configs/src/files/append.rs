//! Files that grow at their end.

use super::{atomic::target, operation::count};
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that is added to.
#[derive(Debug)]
pub struct Appended {
    file: File,
    path: PathBuf,
}

impl Appended {
    /// A new one, or the one that is there, emptied.
    ///
    /// # Errors
    /// [`Error::Io`]; those of [`target`].
    pub fn create(path: &Path) -> Result<Self> {
        Self::keep(path, 0)
    }

    /// The one at `path`, made if there is none, cut to its first `length` bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; those of [`target`].
    pub fn keep(path: &Path, length: u64) -> Result<Self> {
        count();
        let place = target(path)?;
        let failed = |e| Error::io(path, "write", e);
        let file = OpenOptions::new().append(true).create(true).open(&place).map_err(failed)?;
        file.set_len(length).map_err(failed)?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// The one at `path` as it is, made if there is none.
    ///
    /// # Errors
    /// [`Error::Io`]; those of [`target`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::keep(path, std::fs::metadata(path).map_or(0, |m| m.len()))
    }

    /// Adds `bytes`. If the disk refuses, what was written of them is taken back.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        count();
        let end = self.file.metadata().map(|m| m.len());
        let written = self.file.write_all(bytes);
        if let (Err(_), Ok(end)) = (&written, end) {
            // A second refusal changes nothing: whoever reads the file takes a last part cut short for none.
            let _ = self.file.set_len(end);
        }
        written.map_err(|e| Error::io(&self.path, "write", e))
    }

    /// Waits until all that was added is on disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&mut self) -> Result<()> {
        count();
        self.file.sync_data().map_err(|e| Error::io(&self.path, "write", e))
    }
}
