//! Operations that change the disk, numbered, so that a test can end the process before any of them.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::path::Path;

/// Environment variable with the number of the operation, from 0, before which a debug build ends at once.
#[cfg(debug_assertions)]
const STOP_BEFORE: &str = "PLANNER_STOP_BEFORE_OPERATION";

/// Counts an operation.
pub(super) fn count() {
    #[cfg(debug_assertions)]
    {
        use std::sync::{LazyLock, atomic::AtomicU64, atomic::Ordering::SeqCst};
        static DONE: AtomicU64 = AtomicU64::new(0);
        static STOP: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var(STOP_BEFORE).ok()?.parse().ok());
        if *STOP == Some(DONE.fetch_add(1, SeqCst)) {
            std::process::abort();
        }
    }
}

/// Makes the folder `path` and those above it.
///
/// # Errors
/// [`Error::Io`].
pub fn create_folder(path: &Path) -> Result<()> {
    count();
    fs::create_dir_all(path).map_err(|e| Error::io(path, "create the folder", e))
}

/// Makes the file `path`, empty, in a folder that is being filled.
///
/// # Errors
/// [`Error::Io`].
pub fn create_file(path: &Path) -> Result<File> {
    count();
    File::create(path).map_err(|e| Error::io(path, "write", e))
}

/// Names a file or folder otherwise.
///
/// # Errors
/// [`Error::Io`].
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    count();
    fs::rename(from, to).map_err(|e| Error::io(to, "write", e))
}

/// Removes a file, or a folder with all that is in it; one that is not there is no error.
///
/// # Errors
/// [`Error::Io`].
pub fn remove(path: &Path) -> Result<()> {
    count();
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, "remove", e)),
        _ => Ok(()),
    }
}
