//! Calls of the program, and what every call of a kind must do.

use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// After so long without what is waited for, a test gives up instead of hanging.
const PATIENCE: Duration = Duration::from_secs(600);

/// A call of the program, put together word by word.
#[derive(Clone, Debug)]
pub struct Call {
    words: Vec<OsString>,
    variables: Vec<(&'static str, String)>,
}

/// Outcome of a call.
#[derive(Debug)]
pub struct Done {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Call {
    /// `planner` with these words, separated by spaces.
    pub fn new(words: &str) -> Self {
        Self { words: Vec::new(), variables: Vec::new() }.and(words)
    }

    /// As on a machine without OpenGL.
    pub fn without_opengl(mut self) -> Self {
        let none = ["__EGL_VENDOR_LIBRARY_DIRS", "LIBGL_DRIVERS_PATH"];
        self.variables.extend(none.map(|name| (name, "/none".to_string())));
        self
    }

    /// Ends at once before it would change the disk for the time `number`, from 0.
    pub fn stopped_before(mut self, number: u32) -> Self {
        self.variables.push(("PLANNER_STOP_BEFORE_OPERATION", number.to_string()));
        self
    }

    /// More words, separated by spaces.
    pub fn and(mut self, words: &str) -> Self {
        self.words.extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// One more flag, with a value that may have spaces in it.
    pub fn with(mut self, flag: &str, value: impl AsRef<OsStr>) -> Self {
        self.words.extend([OsString::from(flag), value.as_ref().to_os_string()]);
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planner"));
        // A backtrace, if there is one, must show.
        command.args(&self.words).envs(self.variables.iter().cloned()).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self) -> Done {
        let output = self.command().output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs to the end, which must be a good one.
    pub fn ok(&self) -> Done {
        let done = self.run();
        assert_eq!(done.code, Some(0), "{:?}: {done:?}", self.words);
        done
    }

    /// Runs with `--json`: standard output must be one JSON object on one line.
    pub fn json(&self) -> Value {
        let done = self.clone().and("--json").ok();
        assert_eq!(done.out.lines().count(), 1, "{:?}: {done:?}", self.words);
        let value: Value = serde_json::from_str(&done.out).unwrap();
        assert!(value.is_object() && value["version"].is_string(), "{value}");
        value
    }

    /// Runs, and must be refused as bad input: exit code 2, nothing on standard output, one line that begins with
    /// `error:` and has all of `parts` in it.
    pub fn refused(&self, parts: &[&str]) {
        let done = self.run();
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{:?}: {done:?}", self.words);
        self.assert_error_line(&done.err, parts);
        assert_eq!(done.err.lines().count(), 1, "{:?}: {}", self.words, done.err);
    }

    /// As [`Call::refused`], with an `--out` inside `folder`, in which nothing may be left.
    pub fn refused_without_trace(&self, folder: &Path, parts: &[&str]) {
        self.clone().with("--out", folder.join("new/out")).refused(parts);
        let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(left.is_empty(), "{:?} left {left:?}", self.words);
    }

    fn assert_error_line(&self, err: &str, parts: &[&str]) {
        let errors: Vec<&str> = err.lines().filter(|l| l.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{:?}: {err}", self.words);
        assert!(!err.contains("panicked") && !err.contains("backtrace"), "{:?}: {err}", self.words);
        for part in parts {
            assert!(errors[0].contains(part), "{:?}: `{part}` is not in: {}", self.words, errors[0]);
        }
    }

    /// Starts the call, to be interrupted.
    pub fn start(&self) -> Running {
        let said = tempfile::NamedTempFile::new().unwrap();
        let stderr = said.reopen().unwrap();
        let child = self.command().stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let running = Running { child: Some(child), said, call: self.clone() };
        // Before its handler stands, a Ctrl-C would end the process as it ends any other.
        let status = format!("/proc/{}/status", running.id());
        running.wait_until("a handler of Ctrl-C", || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let caught = text.lines().find_map(|l| l.strip_prefix("SigCgt:")).unwrap_or("0").trim();
            u64::from_str_radix(caught, 16).unwrap() & (1 << 1) != 0
        });
        running
    }
}

/// A call that goes on; killed when dropped.
pub struct Running {
    child: Option<Child>,
    /// The standard error.
    said: tempfile::NamedTempFile,
    call: Call,
}

impl Running {
    /// Number of the process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits until `come` says so.
    pub fn wait_until(&self, what: &str, mut come: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !come() {
            let gone = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).is_ok_and(|s| s.contains(") Z "));
            let said = || std::fs::read_to_string(self.said.path()).unwrap();
            assert!(!gone, "{:?} ended before {what}: {}", self.call.words, said());
            assert!(begun.elapsed() < PATIENCE, "{:?}: waited in vain for {what}: {}", self.call.words, said());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Waits until a file is there that is not empty.
    pub fn wait_for(&self, file: &Path) {
        let there = || std::fs::metadata(file).is_ok_and(|m| m.len() > 0);
        self.wait_until(&file.display().to_string(), there);
    }

    /// Sends a signal, named as `kill` does.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(name).arg(self.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    fn end(mut self) -> Done {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let err = std::fs::read_to_string(self.said.path()).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err }
    }

    /// Ctrl-C: must end with exit code 1 and one line that begins with `error:` and has all of `parts` in it.
    pub fn interrupt(self, parts: &[&str]) {
        let call = self.call.clone();
        self.signal("-INT");
        let done = self.end();
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{:?}: {done:?}", call.words);
        call.assert_error_line(&done.err, parts);
    }

    /// SIGTERM, as a system that shuts down sends it.
    pub fn terminate(self) -> Done {
        self.signal("-TERM");
        self.end()
    }

    /// Kills it, as a power cut would.
    pub fn kill(self) {
        self.signal("-KILL");
        self.end();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
