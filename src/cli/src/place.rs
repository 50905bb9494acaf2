//! Output places: found usable before any work is done, and left as they were if nothing came of it.

use crate::failure::Result;
use imle_configs::{Error as InputError, files};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// Folders made for an output. Those that are still empty when this is dropped are removed again.
#[derive(Debug)]
#[must_use = "the folders are removed when this is dropped"]
pub struct Place {
    /// Folders made, deepest first.
    made: Vec<PathBuf>,
}

impl Place {
    /// An output folder that is new or empty.
    ///
    /// # Errors
    /// A bad input, if it is neither or cannot be made.
    pub fn folder(path: &Path) -> Result<Self> {
        let place = Self { made: missing(path) };
        files::create_output_folder(path)?;
        Ok(place)
    }

    /// The folder of an output file, which may be there already and will be replaced.
    ///
    /// # Errors
    /// A bad input, if the file cannot be written there.
    pub fn file(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let place = Self { made: missing(folder) };
        let failed = |e| InputError::io(path, "write", e);
        fs::create_dir_all(folder).map_err(failed)?;
        let new = !path.exists();
        OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        if new {
            fs::remove_file(path).map_err(failed)?;
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for folder in &self.made {
            // One with something in it refuses, and stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// `path` and the folders above it that are not there, deepest first.
fn missing(path: &Path) -> Vec<PathBuf> {
    path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).map(Path::to_path_buf).collect()
}
