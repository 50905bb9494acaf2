//! The socket file: made, replaced where its server is dead, removed at the end.

use super::lock::{Lock, identity};
use imle_cli::failure::Result;
use imle_configs::{Error as InputError, files};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::{fs, io::ErrorKind, thread, time::Duration};

/// Wait for whoever may listen at the socket.
const WAIT: Duration = Duration::from_secs(1);

/// Files of a listening socket, removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// Device and inode of the file: another server's, if one has taken the place, is left alone.
    file: Option<(u64, u64)>,
    /// Let go when the socket's own file is gone.
    _lock: Lock,
}

impl Socket {
    /// Listens at `path`, for this user only; accepting does not wait.
    ///
    /// # Errors
    /// A bad input, if a server listens there, if something else than a socket is there, or if the place cannot be
    /// used.
    #[expect(clippy::disallowed_methods, reason = "a socket is for its user alone, whatever the umask")]
    pub fn listen(path: &Path) -> Result<(Self, UnixListener)> {
        let failed = |e| InputError::io(path, "listen there", e);
        let lock = Lock::take(path)?;
        let listener = match UnixListener::bind(path) {
            Err(e) if e.kind() == ErrorKind::AddrInUse => {
                clear(path)?;
                UnixListener::bind(path).map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        let file = identity(fs::symlink_metadata(path).ok());
        let socket = Self { path: path.to_path_buf(), file, _lock: lock };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        // Accepting must not wait for ever, or it could not be stopped.
        listener.set_nonblocking(true).map_err(failed)?;
        Ok((socket, listener))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.file.is_some() && identity(fs::symlink_metadata(&self.path).ok()) == self.file {
            let _ = files::remove(&self.path);
        }
    }
}

/// Removes the socket file of a server that is gone. One that does not know of the lock may be alive, or be stopped and
/// answer nobody.
fn clear(path: &Path) -> Result<()> {
    let failed = |e| InputError::io(path, "listen there", e);
    let expected = "a path that is free or a dead server's socket";
    let is_socket = fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket();
    InputError::ensure(is_socket, path.display(), expected, "something else")?;
    let (tell, told) = sync_channel(1);
    let place = path.to_path_buf();
    // Where nobody accepts, connecting may wait for ever; the thread ends with the process.
    thread::spawn(move || tell.send(UnixStream::connect(place)));
    match told.recv_timeout(WAIT) {
        Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused => Ok(files::remove(path)?),
        Ok(Err(e)) if e.kind() != ErrorKind::WouldBlock => Err(failed(e).into()),
        listens => {
            let found = if listens.is_ok() { "one that does" } else { "one that does not answer" };
            let expected = "a path where no other server listens (--socket)";
            Err(InputError::unexpected(path.display(), expected, found).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    /// A server that knows of no lock and was stopped: those who connect wait until it accepts.
    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: the descriptor is the listener's; only its queue gets shorter.
        let shortened = unsafe { libc::listen(listener.as_raw_fd(), 0) };
        assert_eq!(shortened, 0);
        let told = Socket::listen(&path).unwrap_err().line();
        assert!(told.ends_with("found one that does"), "{told}");
        // The first look is still in the queue, which is full.
        let told = Socket::listen(&path).unwrap_err().line();
        assert!(told.ends_with("found one that does not answer"), "{told}");
        drop(listener);
        let (socket, _) = Socket::listen(&path).unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
