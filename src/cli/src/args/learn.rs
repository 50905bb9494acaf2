//! Flags of every training from a dataset: train, distill.

use super::common::{Common, DeviceArgument, OptimizationArgs, SettingsArgs, WorldArgs};
use clap::Args;
use std::path::PathBuf;

/// Flags of every training from a dataset.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Dataset to learn from (of distill: its states, not its actions)
    #[arg(long, required_unless_present = "settings")]
    pub data: Option<PathBuf>,
    /// Cameras of the dataset, comma-separated. The generator sees their pictures, and of the observation only what the
    /// robot knows of itself (the task's `proprioception`, or --set vision.state) [default: no pictures and the whole
    /// observation, or what the teacher sees]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Folder of the checkpoint, with logs and training state; must be empty or new
    #[arg(long, required_unless_present = "settings")]
    pub out: Option<PathBuf>,
    /// Number of episodes of the dataset to use, from the first on [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Seed of weights, batches and latents [default: 0, or that of the settings]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Task file to evaluate in, if the dataset's task is not a built-in one
    #[arg(long)]
    pub task: Option<String>,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Resume from the state in --out. --data (and --teacher, --samples) must be the same. Settings are kept and
    /// cannot be changed
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

/// Flags of estimators.
#[derive(Debug, Args)]
pub struct EstimatorArgs {
    /// Train an estimator in place of a generator: of these terms of the observation, comma-separated, or `all` that the
    /// robot does not know of itself, from the pictures of --cameras
    #[arg(long, value_name = "TERMS", value_delimiter = ',', requires = "cameras")]
    pub estimate: Vec<String>,
    /// Folder of an estimator. The generator acts on what that makes of the dataset's pictures, in place of the terms that
    /// it estimates
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cameras", "estimate"])]
    pub estimator: Option<PathBuf>,
}
