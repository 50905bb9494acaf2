//! Lines of bounded length over a socket, read and written so that a stop is heard.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Longest line that is read, bytes.
pub const LONGEST_LINE: usize = 4 << 20;
/// Read from the socket at once, bytes.
const BLOCK: usize = 64 << 10;
/// Wait of a read or write before it looks whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// A client that takes nothing of its answer for so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket as lines.
pub struct Wire {
    stream: UnixStream,
    /// Bytes read and not yet handed out; at most [`LONGEST_LINE`] and one block.
    buffer: Vec<u8>,
    stopped: fn() -> bool,
}

/// Outcome of reading a line.
pub enum Read {
    /// A line, without its end.
    Line(Vec<u8>),
    /// It is longer than [`LONGEST_LINE`].
    TooLong,
    /// The client has gone, or the server stops.
    End,
}

impl Wire {
    /// Lines over `stream`, until `stopped` says so.
    ///
    /// # Errors
    /// If the socket cannot be set up.
    pub fn new(stream: UnixStream, stopped: fn() -> bool) -> io::Result<Self> {
        // Some systems hand the listener's mode down.
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(Self { stream, buffer: Vec::new(), stopped })
    }

    /// The next line. What a client leaves unfinished is dropped.
    pub fn read(&mut self) -> Read {
        let mut looked = 0;
        let mut block = vec![0; BLOCK];
        // What a client has sent ahead must not keep a server that stops.
        while !(self.stopped)() {
            if let Some(at) = self.buffer[looked..].iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=looked + at).collect();
                line.pop();
                return if line.len() > LONGEST_LINE { Read::TooLong } else { Read::Line(line) };
            }
            looked = self.buffer.len();
            if looked > LONGEST_LINE {
                return Read::TooLong;
            }
            match self.stream.read(&mut block) {
                Ok(0) => return Read::End,
                Ok(n) => self.buffer.extend_from_slice(&block[..n]),
                Err(e) if waits(&e) => {}
                Err(_) => return Read::End,
            }
        }
        Read::End
    }

    /// Writes a line; `text` has no line end.
    ///
    /// # Errors
    /// If the client has gone or does not read, or the server stops.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let bytes = [text.as_bytes(), b"\n"].concat();
        let (mut written, mut last) = (0, Instant::now());
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => (written, last) = (written + n, Instant::now()),
                Err(e) if waits(&e) && !(self.stopped)() && last.elapsed() < PATIENCE => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Whether it is only that nothing happened yet.
fn waits(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
