//! One server a socket: a lock on a file beside it, which ends with the process that holds it.

use super::place::user;
use imle_cli::failure::Result;
use imle_configs::{Error as InputError, files};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{thread, time::Duration};

/// The holder writes its number right behind the lock; so often, and in between so long, it is waited for.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The lock, which is let go and whose file is removed when this is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of the socket at `path`.
    ///
    /// # Errors
    /// A bad input that names the process that holds it; if the file is not this user's own, or cannot be used.
    pub fn take(socket: &Path) -> Result<Self> {
        let mut name = socket.as_os_str().to_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |e| InputError::io(socket, "listen there", e);
        loop {
            let file = open(&path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            // A link, or a file of another user's, is none to write to.
            let own = metadata.is_file() && metadata.uid() == user() && metadata.nlink() <= 1;
            InputError::ensure(own, path.display(), "a file of this user's own", "another's, or a link")?;
            match file.try_lock() {
                // Who let it go may have removed the file.
                Ok(()) if identity(fs::symlink_metadata(&path).ok()) == identity(Some(metadata)) => {
                    let lock = Self { file, path };
                    lock.sign().map_err(failed)?;
                    return Ok(lock);
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(socket, &path)),
                Err(TryLockError::Error(e)) => return Err(failed(e).into()),
            }
        }
    }

    /// Writes who holds it.
    fn sign(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(format!("{}\n", std::process::id()).as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = files::remove(&self.path);
    }
}

/// Opens the file, or makes it; a link is not followed.
#[expect(clippy::disallowed_methods, reason = "a lock is a file of its user's alone, and holds nothing")]
fn open(path: &Path) -> io::Result<File> {
    let nothing_more = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nothing_more)
        .open(path)
}

pub fn identity(metadata: Option<Metadata>) -> Option<(u64, u64)> {
    metadata.map(|m| (m.dev(), m.ino()))
}

/// The error of a socket whose lock another holds.
fn held(socket: &Path, path: &Path) -> imle_cli::failure::Failure {
    let expected = "a path where no other server listens (--socket)";
    let mut found = "one that does".to_string();
    for _ in 0..LOOKS {
        let mut told = String::new();
        let read = File::open(path).and_then(|file| file.take(32).read_to_string(&mut told));
        let id = read.ok().and_then(|_| told.trim().parse::<u32>().ok());
        // What a process that was killed has left behind is about to be written over.
        if let Some(id) = id.filter(|id| !cfg!(target_os = "linux") || Path::new(&format!("/proc/{id}")).exists()) {
            found = format!("one that does, process {id}");
            break;
        }
        thread::sleep(PAUSE);
    }
    InputError::unexpected(socket.display(), expected, found).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn one_holds_it_and_others_hear_who() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let file = dir.path().join("s.lock");
        let lock = Lock::take(&socket).unwrap();
        let told = Lock::take(&socket).unwrap_err().line();
        let id = std::process::id();
        assert!(told.ends_with(&format!("found one that does, process {id}")), "{told}");
        drop(lock);
        assert!(!file.exists());
        // What a killed server leaves is taken over.
        fs::write(&file, "4294967295 and more").unwrap();
        let lock = Lock::take(&socket).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{id}\n"));
        drop(lock);
    }

    #[test]
    fn no_file_of_anothers_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, precious) = (dir.path().join("s"), dir.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, dir.path().join("s.lock")).unwrap();
        Lock::take(&socket).unwrap_err();
        fs::remove_file(dir.path().join("s.lock")).unwrap();
        fs::hard_link(&precious, dir.path().join("s.lock")).unwrap();
        assert!(Lock::take(&socket).unwrap_err().line().contains("expected a file of this user's own"));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
}
