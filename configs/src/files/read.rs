//! Reading with a bound: what is no file, or larger than anything we write, is refused before memory is taken.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Largest text, bytes.
const TEXT: u64 = 256 << 20;
/// Largest file of numbers, bytes.
const BYTES: u64 = 32 << 30;

/// Reads a text file, or what a pipe gives.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] for a folder, or more than 256 MiB.
pub fn read_text(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, "read", e);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(TEXT + 1).read_to_string(&mut text)).map_err(failed)?;
    Error::ensure(read as u64 <= TEXT, path.display(), "a text of at most 256 MiB", "more")?;
    Ok(text)
}

/// Reads a file whole.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] for what is no file (a folder, a device), or more than 32 GiB.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path, "read", e);
    let metadata = fs::metadata(path).map_err(failed)?;
    let found = if metadata.is_dir() { "a folder" } else { "a device, fifo or socket" };
    Error::ensure(metadata.is_file(), path.display(), "a file", found)?;
    let found = format!("{} bytes", metadata.len());
    Error::ensure(metadata.len() <= BYTES, path.display(), "a file of at most 32 GiB", found)?;
    fs::read(path).map_err(failed)
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
        File::create(dir.path().join("large")).unwrap().set_len(BYTES + 1).unwrap();
        assert!(read_bytes(&dir.path().join("large")).unwrap_err().to_string().contains("at most 32 GiB"));
    }
}
