//! Locks and unfinished files: a folder has one writer at a time, and what is unfinished belongs to a process or to nobody.

use crate::error::{Error, Result, UNFINISHED};
use std::fs::{self, File, TryLockError};
use std::path::Path;

/// The right to write in a folder; it ends when this is dropped, or with the process.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct FolderLock(#[expect(dead_code, reason = "it is held, not used")] File);

impl FolderLock {
    /// Takes the folder at `path`.
    ///
    /// # Errors
    /// [`Error::Unexpected`] naming the process that has it; [`Error::Io`] if there is no such folder.
    pub fn take(path: &Path) -> Result<Self> {
        let failed = |e| Error::io(path, "use as an output folder", e);
        let folder = File::open(path).map_err(failed)?;
        match folder.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let found = holder(&folder).map_or("another process".into(), |pid| format!("process {pid}"));
                let found = format!("{found}, which writes there");
                Err(Error::unexpected(path.display(), "a folder that nobody else writes to", found))
            }
            // Not every file system has locks.
            _ => Ok(Self(folder)),
        }
    }
}

/// The process that holds a lock on `file`, as Linux lists them.
fn holder(file: &File) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let ending = format!(":{}", file.metadata().ok()?.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let held = locks.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let mut held = held.filter(|words| words.get(1) == Some(&"FLOCK"));
    held.find(|words| words.get(5).is_some_and(|at| at.ends_with(&ending)))?.get(4).map(ToString::to_string)
}

/// A name for something unfinished.
pub(super) fn unfinished() -> tempfile::Builder<'static, 'static> {
    use std::sync::LazyLock;
    static PREFIX: LazyLock<String> = LazyLock::new(|| format!("{UNFINISHED}{:07}-", std::process::id()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX.as_str());
    builder
}

/// Whether `path` bears the name of something unfinished.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(UNFINISHED))
}

/// Whether nobody is writing it any more: its process has ended, and, where hosts share a disk, nobody holds its lock.
pub(super) fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let process = name.strip_prefix(UNFINISHED).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
    let alive = process.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists());
    let held = File::open(path).is_ok_and(|f| matches!(f.try_lock(), Err(TryLockError::WouldBlock)));
    is_unfinished(path) && !alive && !held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer_who_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::take(dir.path()).unwrap();
        let error = FolderLock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        assert!(FolderLock::take(dir.path()).is_ok());
    }
}
