//! Peers in Python: a throw-away environment in the cache folder, and a process that measures on request.

use crate::failure::{Failure, Result};
use crate::output::Output;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the peers need; the version of MuJoCo is ours.
const REQUIREMENTS: [&str; 2] = ["mujoco==3.17.0", "numpy==2.2.6"];

/// The Python of the environment, made on first use.
pub fn python(output: Output) -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache")));
    let base = base.ok_or_else(|| Failure::Run("neither XDG_CACHE_HOME nor HOME is set".into()))?;
    let folder = base.join("planner").join("peers-mujoco-3.17.0");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        output.note("fetching the peers (once)");
        call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        call(
            Command::new(&python)
                .args(["-m", "pip", "install", "-q", "--disable-pip-version-check"])
                .args(REQUIREMENTS),
        )?;
        imle_configs::files::write_text(&ready, "")?;
    }
    Ok(python)
}

fn call(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Run(format!("{program}: {status}"))),
        Err(e) => Err(Failure::Run(format!("{program}: {e}"))),
    }
}

/// A running peer. It prints a line when it is ready, and one for every line it gets.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `script` in `folder` with `arguments`, and waits until it is ready; returns what it says then.
    pub fn start(python: &Path, script: &str, folder: &Path, arguments: &[String]) -> Result<(Self, String)> {
        let failed = |e: std::io::Error| Failure::Run(format!("cannot start the peer: {e}"));
        let file = folder.join("peer.py");
        imle_configs::files::write_text(&file, script)?;
        let mut command = Command::new(python);
        command.arg(&file).args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Run("cannot talk to the peer".into()));
        };
        let mut peer = Self { child, input, output: BufReader::new(output) };
        let ready = peer.line()?;
        Ok((peer, ready))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(n) if n > 0 => Ok(line.trim().to_string()),
            _ => Err(Failure::Run("the peer stopped; its message is above".into())),
        }
    }

    /// Asks for one measurement, in seconds.
    pub fn measure(&mut self) -> Result<f64> {
        writeln!(self.input, "go").map_err(|e| Failure::Run(format!("the peer stopped: {e}")))?;
        let line = self.line()?;
        line.parse().map_err(|_| Failure::Run(format!("the peer said `{line}`, expected seconds")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
