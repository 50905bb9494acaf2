//! Flags of `planner data`.

use super::{Common, WorldArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What is done with a dataset.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// Episodes, lengths, statistics, modes and a few frames, read one episode after the other
    #[command(after_help = "Examples:\n  planner data info runs/demos/stack\n  \
        planner data info runs/pictures --pictures frames.png     some of its pictures")]
    Info(DataInfoArgs),
    /// Make a LeRobot v3 dataset of one in another format: LeRobot v2, robomimic HDF5, Diffusion Policy zarr, records
    #[command(after_help = "Examples:\n  planner data convert low_dim.hdf5 --task my/task.toml --out runs/theirs\n  \
        planner data convert pusht.zarr --rate 10 --observation state --name push --out runs/theirs\n  \
        planner data convert my/records --out runs/theirs          CSV or Parquet files beside record.toml\n\
        docs/your-own-data.md tells how a folder of records is described, and what of each format is read")]
    Convert(DataConvertArgs),
    /// Play an episode's actions in the simulator and report how far the states drift from the recorded ones
    #[command(after_help = "Example: planner data replay runs/demos/stack --task stack --episode 3")]
    Replay(DataReplayArgs),
}

/// `planner data info`
#[derive(Debug, Args)]
pub struct DataInfoArgs {
    /// The dataset, in any format that `planner data convert` reads
    pub path: PathBuf,
    /// PNG file for a strip of pictures of the first episode, first camera
    #[arg(long, value_name = "FILE")]
    pub pictures: Option<PathBuf>,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner data convert`
#[derive(Debug, Args)]
pub struct DataConvertArgs {
    /// The dataset: a LeRobot or zarr folder, an HDF5 file, or a folder with record.toml
    pub from: PathBuf,
    /// Task that it is for, built-in or a TOML file: sizes and rate must be its own, its names are taken
    #[arg(long)]
    pub task: Option<String>,
    /// Name of the task, without --task [default: as the dataset says]
    #[arg(long, conflicts_with = "task")]
    pub name: Option<String>,
    /// Control steps a second, Hz, where the dataset does not say
    #[arg(long, value_name = "HZ")]
    pub rate: Option<f64>,
    /// Interpolate to the rate of --task or --rate where the dataset has another: observations linearly, actions held
    #[arg(long)]
    pub resample: bool,
    /// Keys that make up the observation, in this order, comma-separated; of HDF5 and zarr [default: all vectors, sorted]
    #[arg(long, value_delimiter = ',', value_name = "KEYS")]
    pub observation: Vec<String>,
    /// Bring the pictures along
    #[arg(long)]
    pub images: bool,
    /// The first so many episodes only
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Folder of the dataset; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner data replay`
#[derive(Debug, Args)]
pub struct DataReplayArgs {
    /// The dataset
    pub path: PathBuf,
    /// Task whose simulator plays it, built-in or a TOML file [default: the built-in one of the dataset's task]
    #[arg(long)]
    pub task: Option<String>,
    /// Number of the episode in the dataset
    #[arg(long, default_value_t = 0)]
    pub episode: u32,
    /// MP4 file for a video of what the simulator does
    #[arg(long, value_name = "FILE")]
    pub video: Option<PathBuf>,
    /// The world [default: the one the episode was recorded in]
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}
