//! Flags of the verbs that run episodes: demo, run.

use super::{Common, ControllerArgs, DeviceArgument, WorldArgs};
use clap::Args;
use std::path::PathBuf;

/// `planner demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Successful episodes to record
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of the expert's choices
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder of the dataset; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Store the pictures of the task's cameras beside the state, as PNG in the dataset's Parquet files: for
    /// `planner train --cameras`. The planner always uses the simulator's state
    #[arg(long)]
    pub images: bool,
    /// Record this mode only [default: the expert chooses freely]
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Share of the episodes that a poor demonstrator tries: its hand wanders and it holds still a third of the time
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub poor: f64,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Folder of the generator's checkpoint [default: the one shipped for the task; without either the planner searches alone:
    /// --planner cma-es --proposals noise,warm]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Number of the first episode: one that was not solved can be run again alone, and is the same (but with --realtime)
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub first: u64,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Start in states that force this mode of the expert (planner inspect TASK lists them): the expert begins, and
    /// hands over once its way is fixed; steps, costs and times are counted from there
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Episodes decided for at once; 1 measures the latency of one decision. The results are the same
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub lockstep: u32,
    /// The world runs at wall-clock speed, one episode at a time, while the planner plans ahead of it; in lock-step, the
    /// default, the world waits for every plan, and the results are the same every time
    #[arg(long)]
    pub realtime: bool,
    /// With --realtime: milliseconds for a plan, from looking at the world; when they are over the best so far is the plan
    #[arg(long, default_value_t = 60, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub deadline: u64,
    /// MP4 file for a video of the first episodes; a .png file gets a strip of pictures of the first
    #[arg(long, value_name = "FILE")]
    pub video: Option<PathBuf>,
    /// Episodes in the video
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub video_episodes: u32,
    /// Folder for the resolved settings, summary and episodes; must be empty or new
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Folder of a dataset of the solved episodes, to be learned from; must not exist. They begin in start states of
    /// demonstrations then, not in the held-out ones
    #[arg(long, value_name = "DATASET", conflicts_with_all = ["realtime", "mode"])]
    pub record: Option<PathBuf>,
    /// Where the generator runs
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// The controller
    #[command(flatten)]
    pub controller: ControllerArgs,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}
