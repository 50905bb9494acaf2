//! Output folders: new or empty, with one writer, and without what killed runs have left.

use super::lock::{FolderLock, is_abandoned, is_unfinished};
use super::operation::{create_folder, remove};
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Refuses a place where something is, a link to nothing included.
///
/// # Errors
/// [`Error::Exists`].
pub fn ensure_absent(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() { Err(Error::Exists { path: path.to_path_buf() }) } else { Ok(()) }
}

/// Creates `path` as a fresh output folder. What a killed run left unfinished in it is removed.
///
/// # Errors
/// [`Error::Exists`] if it is there and not empty; [`Error::Unexpected`] if another process writes there;
/// [`Error::Io`] if it cannot be made.
pub fn create_output_folder(path: &Path) -> Result<FolderLock> {
    if !path.is_dir() {
        create_folder(path)?;
    }
    let lock = FolderLock::take(path)?;
    match entries(path).iter().all(|p| is_unfinished(p)) {
        true => remove_unfinished(path).map(|()| lock),
        false => Err(Error::Exists { path: path.to_path_buf() }),
    }
}

/// Takes the output folder of an earlier run, to go on with it. What that one left unfinished in it is removed.
///
/// # Errors
/// As [`FolderLock::take`]; [`Error::Io`].
pub fn reopen_output_folder(path: &Path) -> Result<FolderLock> {
    let lock = FolderLock::take(path)?;
    remove_unfinished(path).map(|()| lock)
}

/// Removes what killed runs have left unfinished directly in `folder`, and nobody is writing any more.
pub fn sweep(folder: &Path) {
    for path in entries(folder).iter().filter(|p| is_abandoned(p)) {
        // It does no harm where it is.
        let _ = remove(path);
    }
}

/// Removes all that is unfinished in `folder` and the folders in it.
fn remove_unfinished(folder: &Path) -> Result<()> {
    for path in entries(folder) {
        if is_unfinished(&path) {
            remove(&path)?;
        } else if path.is_dir() && !path.is_symlink() {
            remove_unfinished(&path)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_unfinished_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let litter = |at: &Path| {
            fs::create_dir_all(at.join(".writing-folder")).unwrap();
            fs::write(at.join(".writing-file"), "half").unwrap();
        };
        litter(&out);
        drop(create_output_folder(&out).unwrap());
        assert_eq!(entries(&out).len(), 0);
        litter(&out.join("deep"));
        fs::write(out.join("mine"), "whole").unwrap();
        drop(reopen_output_folder(&out).unwrap());
        assert_eq!(entries(&out.join("deep")).len(), 0);
        assert!(matches!(create_output_folder(&out), Err(Error::Exists { .. })));
    }

    #[test]
    fn what_somebody_still_writes_is_not_swept() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join(format!(".writing-{}-x", std::process::id()));
        // Linux has no process of this number.
        let held = dir.path().join(".writing-99999999-held");
        for path in [&own, &held, &dir.path().join(".writing-99999999-x"), &dir.path().join("mine")] {
            fs::create_dir(path).unwrap();
        }
        let _lock = FolderLock::take(&held).unwrap();
        sweep(dir.path());
        let left = |path: &Path| path.exists();
        assert!(left(&own) && left(&held) && left(&dir.path().join("mine")));
        assert_eq!(entries(dir.path()).len(), 3);
    }
}
