//! Flags of `planner finetune`.

use super::common::{Common, DeviceArgument, OptimizationArgs, SettingsArgs, WorldArgs};
use clap::Args;
use std::path::PathBuf;

/// `planner finetune`
#[derive(Debug, Args)]
pub struct FinetuneArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long, required_unless_present = "settings")]
    pub task: Option<String>,
    /// Folder of the checkpoint to start from [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Demonstrations mixed into training, so that the generator keeps what it has learned
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Number of episodes of --data to use, from the first on
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Algorithm: expert-iteration, edit, best-of-n or ppo (docs/guide/finetune.md says which when) [default:
    /// expert-iteration, or that of the run that is resumed]
    #[arg(long)]
    pub algorithm: Option<String>,
    /// Reward: sparse, cost or progress [default: that of the task's file, else sparse]
    #[arg(long)]
    pub reward: Option<String>,
    /// Control steps in the world to learn from
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub env_steps: u64,
    /// Folder of the run, with the checkpoint in it; must be empty or new
    #[arg(long, required_unless_present = "settings")]
    pub out: Option<PathBuf>,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Resume from the state in --out. --task, --checkpoint, --data and --mismatch must be the same. --env-steps may be
    /// raised. Settings are kept and cannot be changed
    #[arg(long)]
    pub resume: bool,
    /// The world of its episodes
    #[command(flatten)]
    pub world: WorldArgs,
    /// Settings that people change most
    #[command(flatten)]
    pub optimization: OptimizationArgs,
    /// Settings
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
