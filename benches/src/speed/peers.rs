//! Peers: a throw-away environment of Python in the cache folder or a program in C, as a process that measures on
//! request.

use crate::case::{Turns, median, median_and_noise};
use imle_cli::failure::{Failure, Result};
use imle_cli::output::Output;
use imle_configs::files;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A throw-away Python environment.
pub struct PythonEnvironment {
    /// Name of the folder, which changes with its content.
    pub name: &'static str,
    /// Packages.
    pub requirements: &'static str,
}

/// The version of MuJoCo is ours.
pub const MUJOCO: PythonEnvironment =
    PythonEnvironment { name: "peers-mujoco-3.17.0", requirements: include_str!("../../peers/mujoco.txt") };

/// The version of PyTorch is that of our libtorch. LeRobot asks for an older one, and for much that its U-Net does
/// not need.
pub const LEROBOT: PythonEnvironment = PythonEnvironment {
    name: "peers-lerobot-0.4.4-torch-2.11.0",
    requirements: include_str!("../../peers/lerobot.txt"),
};

/// The Python of the environment, made on first use.
pub fn python(environment: &PythonEnvironment, output: Output) -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache")));
    let base = base.ok_or_else(|| Failure::Run("neither XDG_CACHE_HOME nor HOME is set".into()))?;
    let folder = base.join("planner").join(environment.name);
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        output.note("fetching the peers (once)");
        call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pinned = folder.join("requirements.txt");
        files::write_text(&pinned, environment.requirements)?;
        let pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r"];
        call(Command::new(&python).args(pip).arg(&pinned))?;
        files::write_text(&ready, "")?;
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
    /// Starts a Python `script` in `folder` with `arguments`, and waits until it is ready; returns what it says then.
    pub fn python(python: &Path, script: &str, folder: &Path, arguments: &[String]) -> Result<(Self, String)> {
        let file = folder.join("peer.py");
        files::write_text(&file, script)?;
        Self::start(Command::new(python).arg(&file).args(arguments), folder)
    }

    /// Compiles a program in C against MuJoCo, and starts it likewise.
    pub fn c(program: &str, folder: &Path, arguments: &[String]) -> Result<(Self, String)> {
        let library = option_env!("MUJOCO_DYNAMIC_LINK_DIR").ok_or_else(|| {
            Failure::Run("the peers in C need MuJoCo's headers: `make setup`, then build again".into())
        })?;
        let (source, built) = (folder.join("peer.c"), folder.join("peer"));
        if !built.exists() {
            files::write_text(&source, program)?;
            let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
            compiler.args(["-O3", "-o"]).arg(&built).arg(&source).arg(format!("-I{library}/include"));
            call(compiler.args([&format!("-L{library}"), "-lmujoco", "-lpthread", &format!("-Wl,-rpath,{library}")]))?;
        }
        Self::start(Command::new(built).args(arguments), folder)
    }

    fn start(command: &mut Command, folder: &Path) -> Result<(Self, String)> {
        let failed = |e: std::io::Error| Failure::Run(format!("cannot start the peer: {e}"));
        command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
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

    /// Asks for one measurement of `what`, in seconds.
    pub fn measure(&mut self, what: impl std::fmt::Display) -> Result<f64> {
        writeln!(self.input, "{what}").map_err(|e| Failure::Run(format!("the peer stopped: {e}")))?;
        let line = self.line()?;
        line.parse().map_err(|_| Failure::Run(format!("the peer said `{line}`, expected seconds")))
    }
}

/// Peers by name.
pub type Peers = Vec<(&'static str, Peer)>;

/// Times `ours` and the answers of all `peers` to `what` in turns, ours twice a round. `ours` gets the round and returns
/// its figure; `figure` makes one of the peers' seconds.
///
/// # Errors
/// Errors of `ours`; a peer that stopped.
pub fn in_turns(
    repeats: u32,
    mut ours: impl FnMut(u64) -> Result<f64>,
    peers: &mut Peers,
    what: &str,
    figure: impl Fn(f64) -> f64,
) -> Result<Turns> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut theirs = vec![Vec::new(); peers.len()];
    for round in 0..repeats.into() {
        first.push(ours(round)?);
        for ((_, peer), figures) in peers.iter_mut().zip(&mut theirs) {
            figures.push(figure(peer.measure(what)?));
        }
        second.push(ours(round)?);
    }
    let (ours, noise) = median_and_noise(first, second);
    let peers = peers.iter().zip(theirs).map(|((name, _), figures)| (*name, median(figures))).collect();
    Ok(Turns { ours, noise, peers })
}

/// A folder that goes away with the benchmark.
pub struct ScratchFolder(pub PathBuf);

impl ScratchFolder {
    /// A new one.
    pub fn new() -> Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("planner-bench-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        drop(files::create_output_folder(&path)?);
        Ok(Self(path))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        let _ = files::remove(&self.0);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
