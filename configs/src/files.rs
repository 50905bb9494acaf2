//! Atomic writes: a file or folder appears whole or not at all.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Prefix of the names of unfinished files and folders; a kill leaves them behind.
const UNFINISHED: &str = ".writing-";

/// Writes `path` through `fill`: a temporary file beside it, synced, then renamed over it.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written; the old file, if any, is then untouched.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let parent = parent_of(path)?;
    let temporary = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&parent);
    let temporary = temporary.map_err(|e| Error::io(path, "write", e))?;
    let mut writer = BufWriter::new(temporary);
    fill(&mut writer).and_then(|()| writer.flush()).map_err(|e| Error::io(path, "write", e))?;
    let temporary = writer.into_inner().map_err(|e| Error::io(path, "write", e.into_error()))?;
    temporary.as_file().sync_all().map_err(|e| Error::io(path, "write", e))?;
    make_readable(temporary.path()).map_err(|e| Error::io(path, "write", e))?;
    temporary.persist(path).map_err(|e| Error::io(path, "write", e.error))?;
    sync_folder(&parent);
    Ok(())
}

/// Writes `text` to `path` atomically.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomic(path, |w| w.write_all(text.as_bytes()))
}

/// Makes the folder `path` through `fill`, which gets a temporary folder beside it; renamed when `fill` is done.
/// With `replace`, an existing folder at `path` gives way in the moment of the rename.
///
/// # Errors
/// [`Error::Exists`] if `path` exists and `replace` is false; [`Error::Io`]; or what `fill` returns.
pub fn write_folder<E: From<Error>>(
    path: &Path,
    replace: bool,
    fill: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    if !replace {
        ensure_absent(path)?;
    }
    let parent = parent_of(path)?;
    let temporary = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&parent)
        .map_err(|e| Error::io(path, "write the folder", e))?;
    fill(temporary.path())?;
    sync_tree(temporary.path()).map_err(|e| Error::io(path, "write the folder", e))?;
    make_readable(temporary.path()).map_err(|e| Error::io(path, "write the folder", e))?;
    let fresh = temporary.keep();
    let old = parent.join(format!(".replaced-{}-{}", std::process::id(), name_of(path)));
    let had_old = path.exists();
    if had_old {
        fs::rename(path, &old).map_err(|e| Error::io(path, "replace the folder", e))?;
    }
    fs::rename(&fresh, path).map_err(|e| Error::io(path, "write the folder", e))?;
    sync_folder(&parent);
    if had_old {
        // The new folder is in place: what is left of the old one is litter, not loss.
        let _ = fs::remove_dir_all(&old);
    }
    Ok(())
}

/// Refuses a place where something is.
///
/// # Errors
/// [`Error::Exists`].
pub fn ensure_absent(path: &Path) -> Result<()> {
    if path.exists() { Err(Error::Exists { path: path.to_path_buf() }) } else { Ok(()) }
}

/// Creates `path` as a fresh output folder. What a killed run left unfinished in it is removed.
///
/// # Errors
/// [`Error::Exists`] if it is there and not empty, [`Error::Io`] if it cannot be made.
pub fn create_output_folder(path: &Path) -> Result<()> {
    match fs::read_dir(path) {
        Ok(entries) => {
            let entries: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
            let (unfinished, finished): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|p| name_of(p).starts_with(UNFINISHED));
            if !finished.is_empty() {
                return Err(Error::Exists { path: path.to_path_buf() });
            }
            for litter in unfinished {
                remove(&litter)?;
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io(path, "use as an output folder", e)),
    }
    fs::create_dir_all(path).map_err(|e| Error::io(path, "create the folder", e))
}

/// Removes what killed writes left behind in `folder` and the folders in it.
///
/// # Errors
/// [`Error::Io`] if something cannot be removed; a folder that is not there has nothing in it.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if name_of(&path).starts_with(UNFINISHED) {
            remove(&path)?;
        } else if path.is_dir() {
            remove_unfinished(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| Error::io(path, "remove", e))
}

/// Reads a text file.
///
/// # Errors
/// [`Error::Io`].
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::io(path, "read", e))
}

/// The folder that will hold `path`, made if need be.
fn parent_of(path: &Path) -> Result<PathBuf> {
    let parent = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(|e| Error::io(&parent, "create the folder", e))?;
    Ok(parent)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Temporary files and folders are private by default; results are as readable as the user's other files.
fn make_readable(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn sync_tree(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { sync_tree(&path)? } else { File::open(&path)?.sync_all()? }
    }
    Ok(())
}

/// Makes a rename durable. Not every file system lets a folder be synced, so a refusal is no error.
fn sync_folder(folder: &Path) {
    if let Ok(handle) = File::open(folder) {
        let _ = handle.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_fill_leaves_nothing_and_keeps_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        write_text(&file, "old").unwrap();
        assert!(write_atomic(&file, |_| Err(std::io::Error::other("full"))).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        let folder = dir.path().join("out");
        let failed = write_folder(&folder, false, |_| Err(Error::unexpected("x", "y", "z")));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_unfinished_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::create_dir_all(out.join(".writing-folder")).unwrap();
        fs::write(out.join(".writing-file"), "half").unwrap();
        create_output_folder(&out).unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
        fs::create_dir_all(out.join("deep/.writing-folder")).unwrap();
        fs::write(out.join("deep/.writing-file"), "half").unwrap();
        fs::write(out.join("mine"), "whole").unwrap();
        remove_unfinished(&out).unwrap();
        assert_eq!(fs::read_dir(out.join("deep")).unwrap().count(), 0);
        assert!(matches!(create_output_folder(&out), Err(Error::Exists { .. })));
    }

    #[test]
    fn a_folder_is_replaced_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        let fill = |text: &'static str| move |p: &Path| write_text(&p.join("f"), text);
        write_folder(&folder, false, fill("1")).unwrap();
        assert!(matches!(write_folder(&folder, false, fill("2")), Err(Error::Exists { .. })));
        write_folder(&folder, true, fill("3")).unwrap();
        assert_eq!(read_text(&folder.join("f")).unwrap(), "3");
    }
}
