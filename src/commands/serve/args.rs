//! Flags of `planner serve`.

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument};
use imle_cli::args::controller::ControllerArgs;
use std::path::PathBuf;

/// `planner serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Unix domain socket to listen on; a dead server's is replaced [default: planner-TASK.sock in
    /// $XDG_RUNTIME_DIR, or else in the temporary folder]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Most clients at once; a further one is refused with an error
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub clients: u16,
    /// Seed of all draws, and of the start states that clients may ask for
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where the generator runs
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// The controller
    #[command(flatten)]
    pub controller: ControllerArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
