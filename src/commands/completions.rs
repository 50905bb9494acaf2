//! `planner completions`

use imle_cli::failure::{Failure, Result};
use std::io::Write;

/// Prints a completion script of `command`.
pub fn run(shell: clap_complete::Shell, command: &mut clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "planner", &mut script);
    std::io::stdout().write_all(&script).map_err(|e| Failure::Run(format!("cannot print the script: {e}")))
}
