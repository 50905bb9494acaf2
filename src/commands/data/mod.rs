//! `planner data`: looking into datasets, bringing in those of others, playing them.

mod convert;
pub mod info;
mod replay;

use clap::Subcommand;
use imle_cli::failure::Result;

/// Action on a dataset.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Episodes, lengths, statistics, modes and a few frames, read one episode after the other
    #[command(after_help = "Examples:\n  planner data info runs/demos/stack\n  \
        planner data info runs/pictures --pictures frames.png     some of its pictures")]
    Info(info::DataInfoArgs),
    /// Convert a dataset of another format to LeRobot v3: LeRobot v2, HDF5, zarr, records
    #[command(after_help = "Examples:\n  planner data convert low_dim.hdf5 --task my/task.toml --out runs/theirs\n  \
        planner data convert pusht.zarr --rate 10 --observation keypoint,state[0:2] --name push --out runs/theirs\n  \
        planner data convert my/records --out runs/theirs          CSV or Parquet files beside record.toml\n\
        Formats, and the description of a folder of records: docs/guide/your-data.md")]
    Convert(convert::DataConvertArgs),
    /// Play an episode's actions in the simulator and report how far the states drift from the recorded ones
    #[command(after_help = "Example: planner data replay runs/demos/stack --task stack --episode 3")]
    Replay(replay::DataReplayArgs),
}

/// Does what `planner data` asks.
pub fn run(command: &DataCommand) -> Result<()> {
    match command {
        DataCommand::Info(args) => info::run(args),
        DataCommand::Convert(args) => convert::run(args),
        DataCommand::Replay(args) => replay::run(args),
    }
}
