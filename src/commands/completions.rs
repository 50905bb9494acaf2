//! `planner completions`

use imle_cli::{failure::Result, output::print};

/// Prints a completion script of `command`.
pub fn run(shell: clap_complete::Shell, command: &mut clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "planner", &mut script);
    print(&String::from_utf8_lossy(&script));
    Ok(())
}
