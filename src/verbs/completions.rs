//! `planner completions`

use crate::cli::Cli;
use crate::failure::{Failure, Result};
use clap::CommandFactory;
use std::io::Write;

/// Prints a completion script.
pub fn run(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "planner", &mut script);
    std::io::stdout().write_all(&script).map_err(|e| Failure::Run(format!("cannot print the script: {e}")))
}
