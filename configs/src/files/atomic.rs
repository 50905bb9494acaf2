//! Atomic writes: a file or folder appears whole or not at all.

use super::lock::unfinished;
use super::operation::{count, create_folder};
use super::output::ensure_absent;
use crate::error::{Error, Result};
use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes `path` through `fill`: a temporary file beside it, synced, then renamed over it. A link is written through.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written, the errors of [`target`]; the old file, if any, is then untouched.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let place = target(path)?;
    let parent = parent_of(&place)?;
    let failed = |e| Error::io(path, "write", e);
    count();
    // Without the passing name that tempfile adds to the text.
    let plain = |e: std::io::Error| failed(e.kind().into());
    let temporary = unfinished().permissions(mode(0o666)).tempfile_in(&parent).map_err(plain)?;
    // It lasts as long as the file is open: nobody sweeps it meanwhile.
    let _ = temporary.as_file().try_lock();
    let mut writer = BufWriter::new(temporary);
    count();
    fill(&mut writer).and_then(|()| writer.flush()).map_err(plain)?;
    let temporary = writer.into_inner().map_err(|e| failed(e.into_error()))?;
    if let Ok(old) = fs::metadata(&place) {
        temporary.as_file().set_permissions(old.permissions()).map_err(failed)?;
    }
    count();
    temporary.as_file().sync_all().map_err(failed)?;
    count();
    temporary.persist(&place).map_err(|e| failed(e.error))?;
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
///
/// # Errors
/// [`Error::Exists`] if there is something at `path`; [`Error::Io`]; or what `fill` returns.
pub fn write_folder<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    ensure_absent(path)?;
    let parent = parent_of(path)?;
    let failed = |e| Error::io(path, "write the folder", e);
    count();
    let plain = |e: std::io::Error| failed(e.kind().into());
    let temporary = unfinished().permissions(mode(0o777)).tempdir_in(&parent).map_err(plain)?;
    let lock = File::open(temporary.path()).map_err(failed)?;
    let _ = lock.try_lock();
    fill(temporary.path())?;
    count();
    sync_tree(temporary.path()).map_err(failed)?;
    ensure_absent(path)?;
    count();
    fs::rename(temporary.path(), path).map_err(failed)?;
    // It bears another name now: there is nothing left to remove.
    let _ = temporary.keep();
    sync_folder(&parent);
    Ok(())
}

/// Where writing to `path` ends: the file behind a link, or itself.
///
/// # Errors
/// [`Error::Unexpected`] for what is neither a file nor nothing: a device, a fifo, a socket or a folder; [`Error::Io`].
pub fn target(path: &Path) -> Result<PathBuf> {
    let mut place = path.to_path_buf();
    // As many links as Linux follows.
    for _ in 0..40 {
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(place),
            Err(e) => return Err(Error::io(path, "write", e)),
        };
        if !metadata.is_symlink() {
            let found = if metadata.is_dir() { "a folder" } else { "a device, fifo or socket" };
            Error::ensure(metadata.is_file(), path.display(), "a file, or a new name", found)?;
            return Ok(place);
        }
        let link = fs::read_link(&place).map_err(|e| Error::io(path, "write", e))?;
        place = place.parent().unwrap_or(Path::new("")).join(link);
    }
    Err(Error::unexpected(path.display(), "a file", "a circle of links"))
}

/// The folder that will hold `path`, made if need be.
fn parent_of(path: &Path) -> Result<PathBuf> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        create_folder(parent)?;
    }
    Ok(parent.to_path_buf())
}

/// Permissions before the user's umask.
fn mode(bits: u32) -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(bits)
}

fn sync_tree(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { sync_tree(&path)? } else { File::open(&path)?.sync_all()? }
    }
    sync_folder(folder);
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
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_failed_fill_leaves_nothing_and_keeps_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        write_text(&file, "old").unwrap();
        assert!(write_atomic(&file, |_| Err(std::io::Error::other("full"))).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        let folder = dir.path().join("out");
        assert!(write_folder(&folder, |_| Err(Error::unexpected("x", "y", "z"))).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let fill = |text: &'static str| move |p: &Path| write_text(&p.join("f"), text);
        write_folder(&folder, fill("1")).unwrap();
        assert!(matches!(write_folder(&folder, fill("2")), Err(Error::Exists { .. })));
        assert_eq!(fs::read_to_string(folder.join("f")).unwrap(), "1");
    }

    #[test]
    fn links_are_written_through_and_devices_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        symlink("deep/real", at("link")).unwrap();
        symlink("link", at("second")).unwrap();
        for text in ["new", "over"] {
            write_text(&at("second"), text).unwrap();
            assert_eq!(fs::read_to_string(at("deep/real")).unwrap(), text);
            assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        }
        symlink("/dev/null", at("null")).unwrap();
        symlink("round", at("round")).unwrap();
        for (name, found) in
            [("/dev/null", "a device"), ("null", "a device"), ("deep", "a folder"), ("round", "circle")]
        {
            let error = write_text(&at(name), "x").unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn permissions_are_those_the_user_has_chosen() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        File::create(dir.path().join("plain")).unwrap();
        fs::create_dir(dir.path().join("plain_folder")).unwrap();
        write_text(&dir.path().join("ours"), "x").unwrap();
        write_folder::<Error>(&dir.path().join("our_folder"), |_| Ok(())).unwrap();
        assert_eq!((mode("ours"), mode("our_folder")), (mode("plain"), mode("plain_folder")));
        fs::set_permissions(dir.path().join("ours"), Permissions::from_mode(0o640)).unwrap();
        write_text(&dir.path().join("ours"), "y").unwrap();
        assert_eq!(mode("ours"), 0o640);
    }
}
