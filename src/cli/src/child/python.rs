//! Commands that Python does: which Python, and running a module of the package in it.

use crate::failure::{Failure, Result};
use imle_configs::VERSION;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, ffi::OsStr};

/// Names the Python to use.
const VARIABLE: &str = "PLANNER_PYTHON";

/// A Python with the package `imle_planner` of this version.
#[derive(Debug)]
pub struct Python(PathBuf);

impl Python {
    /// `$PLANNER_PYTHON`, or else that of `make python`, or else `python3`.
    ///
    /// # Errors
    /// A bad input that says what to do where the package is missing there, or of another version.
    pub fn find() -> Result<Self> {
        let python = Self(env::var_os(VARIABLE).map(PathBuf::from).or_else(installed).unwrap_or("python3".into()));
        let place = python.0.display();
        let line = "import imle_planner; print(imle_planner.__version__)";
        let told = Command::new(&python.0).args(["-c", line]).stdin(Stdio::null()).output().map_err(|e| {
            Failure::Input(format!(
                "{place}: expected a Python, found {e}; name one with ${VARIABLE}, or run make python"
            ))
        })?;
        let found = String::from_utf8_lossy(&told.stdout).trim().to_string();
        if told.status.success() && found == VERSION {
            return Ok(python);
        }
        let text = String::from_utf8_lossy(&told.stderr);
        let why = text.lines().last().map_or("none", |line| line.trim_start_matches("ImportError: "));
        let found = if told.status.success() { found } else { why.to_string() };
        let expected = format!("the Python package imle_planner {VERSION}");
        Err(Failure::Input(format!("{place}: expected {expected}, found {found}; make python installs it")))
    }

    /// Runs a module with `words`, its output as ours.
    ///
    /// # Errors
    /// A bad input where it ends with 2, which it has explained; a failure for any other end.
    pub fn run(&self, module: &str, words: &[&OsStr]) -> Result<()> {
        let mut command = Command::new(&self.0);
        let output = command.args(["-m", module]).args(words).stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let output = output.map_err(|e| self.failed(&e))?;
        crate::output::print(&String::from_utf8_lossy(&output.stdout));
        ended(module, &output)
    }

    /// Goes on as a module of the package, in place of this program: its output, its signals and its exit code are its
    /// own. Returns only where that fails.
    pub fn replace(&self, module: &str, words: &[impl AsRef<OsStr>]) -> Failure {
        self.failed(&Command::new(&self.0).args(["-m", module]).args(words).exec())
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::Run(format!("{}: {error}", self.0.display()))
    }
}

/// Result of a module that has ended.
fn ended(module: &str, output: &Output) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let line = last.unwrap_or("it ended without a word").trim_start_matches("error: ").to_string();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Failure::Input(line)),
        _ => Err(Failure::Run(format!("{module}: {line}"))),
    }
}

/// The Python of `make python`, if it was run.
fn installed() -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(cache.join("planner/python/current/bin/python")).filter(|path| path.exists())
}
