//! Reading with a bound: what is no file, or larger than anything we write, is refused before memory is taken.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Largest text, bytes.
const TEXT: u64 = 256 << 20;
/// Largest file of numbers, bytes.
const BYTES: u64 = 32 << 30;

/// Opens a file to read it.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] for what is no file: a folder, a device, or a fifo, which might never answer.
pub fn open(path: &Path) -> Result<File> {
    let failed = |e| Error::io(path, "read", e);
    let metadata = fs::metadata(path).map_err(failed)?;
    let found = if metadata.is_dir() { "a folder" } else { "a device, fifo or socket" };
    Error::ensure(metadata.is_file(), path.display(), "a file", found)?;
    File::open(path).map_err(failed)
}

/// Reads a text file, or what a shell's pipe (`<(…)`, `/dev/stdin`) gives.
///
/// # Errors
/// Those of [`open`]; [`Error::Unexpected`] for more than 256 MiB.
pub fn read_text(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, "read", e);
    let mut text = String::new();
    let file = if path.starts_with("/dev") { File::open(path).map_err(failed)? } else { open(path)? };
    let read = file.take(TEXT + 1).read_to_string(&mut text).map_err(failed)?;
    Error::ensure(read as u64 <= TEXT, path.display(), "a text of at most 256 MiB", "more")?;
    Ok(text)
}

/// Reads a file whole.
///
/// # Errors
/// Those of [`open`]; [`Error::Unexpected`] for more than 32 GiB.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path, "read", e);
    let mut file = open(path)?;
    let length = file.metadata().map_err(failed)?.len();
    Error::ensure(length <= BYTES, path.display(), "a file of at most 32 GiB", format!("{length} bytes"))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|e| failed(std::io::Error::other(e)))?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        let error = read_bytes(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(error, "/dev/zero: expected a file, found a device, fifo or socket");
        let dir = tempfile::tempdir().unwrap();
        assert!(read_bytes(dir.path()).unwrap_err().to_string().ends_with("found a folder"));
        assert!(read_text(dir.path()).unwrap_err().to_string().ends_with("found a folder"));
        File::create(dir.path().join("large")).unwrap().set_len(BYTES + 1).unwrap();
        assert!(read_bytes(&dir.path().join("large")).unwrap_err().to_string().contains("at most 32 GiB"));
    }
}
