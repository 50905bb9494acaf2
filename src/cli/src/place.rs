//! Output places: found usable before any work is done, and left as they were if nothing came of it.

use crate::failure::Result;
use imle_configs::files::{self, FolderLock};
use std::path::{Path, PathBuf};

/// Folders made for an output. Those that are still empty when this is dropped are removed again. What killed runs have
/// left unfinished beside it is removed at once.
#[derive(Debug)]
#[must_use = "the folders are removed when this is dropped"]
pub struct Place {
    /// Folders made, deepest first.
    made: Vec<PathBuf>,
    lock: Option<FolderLock>,
}

impl Place {
    /// An output folder that is new or empty.
    ///
    /// # Errors
    /// A bad input, if it is neither or cannot be made.
    pub fn folder(path: &Path) -> Result<Self> {
        let place = Self { made: missing(path), lock: None };
        sweep_beside(path);
        drop(files::create_output_folder(path)?);
        Ok(place)
    }

    /// The same, with the right to write there for as long as this lives.
    ///
    /// # Errors
    /// As [`folder`](Self::folder).
    pub fn locked(path: &Path) -> Result<Self> {
        let mut place = Self::folder(path)?;
        place.lock = Some(files::create_output_folder(path)?);
        Ok(place)
    }

    /// The folder of an output file, which may be there already and will be replaced.
    ///
    /// # Errors
    /// A bad input, if the file cannot be written there.
    pub fn file(path: &Path) -> Result<Self> {
        let new = !files::target(path)?.exists();
        let place = Self { made: path.parent().map(missing).unwrap_or_default(), lock: None };
        sweep_beside(path);
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            files::create_folder(folder)?;
        }
        drop(files::Appended::open(path)?);
        if new {
            files::remove(&files::target(path)?)?;
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for folder in &self.made {
            // One with something in it stays.
            let empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
            let _ = if empty { files::remove(folder) } else { Ok(()) };
        }
    }
}

fn sweep_beside(path: &Path) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    files::sweep(folder);
}

/// `path` and the folders above it that are not there, deepest first.
fn missing(path: &Path) -> Vec<PathBuf> {
    path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).map(Path::to_path_buf).collect()
}
