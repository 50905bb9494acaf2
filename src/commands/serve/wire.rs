//! Lines of bounded length over a socket, read and written so that a stop is heard.

use super::room::{Room, Share};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Read from the socket at once, bytes.
const BLOCK: usize = 16 << 10;
/// Wait of a read or write before it looks whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// A client that takes nothing of its answer, or gives nothing more of its line, for so long is given up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A socket as lines.
pub struct Wire<'a> {
    stream: UnixStream,
    /// Bytes read and not yet handed out; at most the longest line and one block.
    buffer: Vec<u8>,
    longest: usize,
    room: &'a Room,
    /// Share of it for a buffer that may get long.
    share: Option<Share<'a>>,
    stopped: fn() -> bool,
}

/// Outcome of reading a line.
pub enum Read {
    /// A line, without its end.
    Line(Vec<u8>),
    /// It is longer than allowed.
    TooLong,
    /// No line came in time.
    Silent,
    /// The beginning of a line came, and not its end.
    Unfinished,
    /// The client has gone, or the server stops.
    End,
}

impl<'a> Wire<'a> {
    /// Lines of at most `longest` bytes over `stream`, until `stopped` says so. What is long counts in `room`.
    ///
    /// # Errors
    /// If the socket cannot be set up.
    pub fn new(stream: UnixStream, longest: usize, room: &'a Room, stopped: fn() -> bool) -> io::Result<Self> {
        // Some systems hand the listener's mode down.
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(Self { stream, buffer: Vec::new(), longest, room, share: None, stopped })
    }

    /// The next line, until `enough` of the time waited. What a client leaves unfinished is dropped.
    pub fn read(&mut self, enough: impl Fn(Duration) -> bool) -> Read {
        let (mut looked, begun) = (0, Instant::now());
        let (mut block, mut last) = ([0; BLOCK], begun);
        // What a client has sent ahead must not keep a server that stops.
        while !(self.stopped)() {
            if let Some(at) = self.buffer[looked..].iter().position(|b| *b == b'\n') {
                let rest = self.buffer.split_off(looked + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return if line.len() > self.longest { Read::TooLong } else { Read::Line(line) };
            }
            looked = self.buffer.len();
            match looked {
                0 => self.share = None,
                n if n > self.longest => return Read::TooLong,
                _ => {}
            }
            if enough(begun.elapsed()) {
                return Read::Silent;
            }
            if looked > 0 && last.elapsed() > PATIENCE {
                return Read::Unfinished;
            }
            // A long line waits in the client's socket until there is room for it.
            if looked > BLOCK && self.share.is_none() {
                self.share = self.room.take(self.longest);
                if self.share.is_none() {
                    std::thread::sleep(TICK);
                    last = Instant::now();
                    continue;
                }
            }
            match self.stream.read(&mut block) {
                Ok(0) => return Read::End,
                Ok(n) => {
                    self.buffer.extend_from_slice(&block[..n]);
                    last = Instant::now();
                }
                Err(e) if waits(&e) => {}
                Err(_) => return Read::End,
            }
        }
        Read::End
    }

    /// Writes `parts` as one line; they have no line end.
    ///
    /// # Errors
    /// If the client has gone or does not read, or the server stops.
    pub fn write(&mut self, parts: &[&str]) -> io::Result<()> {
        if parts.iter().map(|p| p.len()).sum::<usize>() < BLOCK {
            return self.write_all(format!("{}\n", parts.concat()).as_bytes());
        }
        // What is long is not copied.
        parts.iter().chain(&["\n"]).try_for_each(|part| self.write_all(part.as_bytes()))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
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
