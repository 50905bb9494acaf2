//! State that the end of a server needs: files to remove, counts to report.

use super::socket::Socket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// State of a whole server.
#[derive(Debug, Default)]
pub struct Standing {
    /// The task's name, once it is known.
    pub task: OnceLock<String>,
    socket: Mutex<Option<Socket>>,
    ended: AtomicBool,
    pub decisions: AtomicU64,
    /// Clients that ever asked for something.
    pub clients: AtomicU64,
    /// Requests that were answered with an error.
    pub refused: AtomicU64,
}

impl Standing {
    /// Keeps the files of the server's socket.
    pub fn keep(&self, socket: Socket) {
        *self.socket() = Some(socket);
    }

    /// Whether clients may come.
    pub fn listens(&self) -> bool {
        self.socket().is_some()
    }

    /// Ends the server: its files are removed. Returns whether this call was the first, which reports.
    pub fn end(&self) -> bool {
        drop(self.socket().take());
        !self.ended.swap(true, Ordering::SeqCst)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn socket(&self) -> MutexGuard<'_, Option<Socket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
