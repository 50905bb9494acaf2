//! Flags of `planner serve`.

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument};
use imle_cli::args::controller::ControllerArgs;
use std::path::PathBuf;

/// `planner serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Built-in task, or the path of a task's TOML file. Without it the generator of --checkpoint is served alone, of
    /// whatever task or robot
    #[arg(long, required_unless_present = "checkpoint")]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Unix domain socket to listen on; a dead server's is replaced [default: planner-TASK.sock in
    /// $XDG_RUNTIME_DIR, or else in a folder of the user's own, planner-UID, in the temporary folder]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Most clients at once; a further one takes the place of one that has been silent for 10 s, or is refused
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub clients: u16,
    /// Seconds without a request after which a client's connection is closed
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub idle_timeout: u32,
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
