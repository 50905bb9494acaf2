//! The socket file: made, replaced where its server is dead, removed at the end.

use imle_cli::failure::Result;
use imle_configs::Error as InputError;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::{fs, io::ErrorKind};

/// A listening socket, whose file is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file: another server's, if one has taken the place, is left alone.
    file: Option<(u64, u64)>,
}

impl Socket {
    /// Listens at `path`, for this user only.
    ///
    /// # Errors
    /// A bad input, if a server answers there, if something else than a socket is there, or if the place cannot be
    /// used.
    pub fn listen(path: &Path) -> Result<Self> {
        let failed = |e| InputError::io(path, "listen there", e);
        let listener = match UnixListener::bind(path) {
            Err(e) if e.kind() == ErrorKind::AddrInUse => {
                clear(path)?;
                UnixListener::bind(path).map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        let socket = Self { listener, path: path.to_path_buf(), file: identity(path) };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        // Accepting must not wait for ever, or it could not be stopped.
        socket.listener.set_nonblocking(true).map_err(failed)?;
        Ok(socket)
    }

    /// Where clients come in; accepting from it does not wait.
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.file.is_some() && identity(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// Removes the socket file of a server that is gone.
fn clear(path: &Path) -> Result<()> {
    let failed = |e| InputError::io(path, "listen there", e);
    let expected = "a path that is free or a dead server's socket";
    let is_socket = fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket();
    InputError::ensure(is_socket, path.display(), expected, "something else")?;
    match UnixStream::connect(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(fs::remove_file(path).map_err(failed)?),
        Err(e) if e.kind() != ErrorKind::WouldBlock => Err(failed(e).into()),
        _ => {
            let expected = "a path where no other server listens (--socket)";
            Err(InputError::unexpected(path.display(), expected, "one that does").into())
        }
    }
}
