//! Flags of the verbs that make generators: train, import, distill, finetune.

use super::{Common, DeviceArgument, SettingsArgs, WorldArgs};
use clap::Args;
use std::path::PathBuf;

/// Flags of every training from a dataset.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Dataset to learn from (of distill: its states, not its actions)
    #[arg(long, required_unless_present = "settings")]
    pub data: Option<PathBuf>,
    /// See the pictures of these cameras of the dataset, comma-separated, and of the observation only what the robot knows
    /// of itself (the task's `proprioception`, or --set vision.state) [default: the whole observation, and what a teacher
    /// sees]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Folder of the checkpoint, with logs and training state; must be empty or new
    #[arg(long, required_unless_present = "settings")]
    pub out: Option<PathBuf>,
    /// Use the first so many episodes of the dataset only [default: all]
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
    /// Go on from the state in --out, with the same --data (and --teacher, --samples); settings need not be repeated and
    /// cannot be changed
    #[arg(long)]
    pub resume: bool,
    /// The world of its episodes
    #[command(flatten)]
    pub world: WorldArgs,
    /// Settings
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner train`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The training
    #[command(flatten)]
    pub learn: LearnArgs,
    /// How to learn: imle, diffusion, flow, mean-flow or regression
    #[arg(long, default_value = "imle")]
    pub method: String,
    /// Held-out episodes an evaluation; 0 for no evaluation
    #[arg(long, default_value_t = 50)]
    pub evaluation_episodes: u32,
}

/// `planner import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Folder of the policy, with its config.json and model.safetensors
    #[arg(required_unless_present = "converter")]
    pub from: Option<PathBuf>,
    /// Task that the policy is to serve: its sizes are checked, its names and control rate are taken [default: made
    /// from the policy]
    #[arg(long)]
    pub task: Option<String>,
    /// Dataset in whose states the policy is to be distilled: as --task, for a task that is not simulated
    #[arg(long, conflicts_with = "task")]
    pub data: Option<PathBuf>,
    /// Terms of the task's observation in the order in which the policy sees them, comma-separated; others it does not
    /// see [default: all, in the task's order; of a policy that sees pictures the task's `proprioception`]
    #[arg(long, value_name = "TERMS", value_delimiter = ',')]
    pub observation: Vec<String>,
    /// Cameras of the task or dataset in the order in which the policy sees them, comma-separated [default: all, in their
    /// own order]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Control steps a second, in Hz, where neither --task nor --data tells
    #[arg(long, value_name = "HZ", default_value_t = 10.0, value_parser = rate)]
    pub control_rate: f64,
    /// Folder of the checkpoint; must be empty or new
    #[arg(long, required_unless_present = "converter")]
    pub out: Option<PathBuf>,
    /// Print the Python script that turns a pickle (.pt, .pth, .ckpt) into a folder for FROM, and stop
    #[arg(long)]
    pub converter: bool,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// A control rate.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|hz| *hz > 0.0 && *hz <= 1e6);
    rate.ok_or_else(|| "expected a number above 0 and at most 1000000".into())
}

/// `planner distill`
#[derive(Debug, Args)]
pub struct DistillArgs {
    /// Folder of the teacher's checkpoint, of any method; a student of other --cameras may be taught by one that knows the
    /// state
    #[arg(long, required_unless_present = "settings")]
    pub teacher: Option<PathBuf>,
    /// Samples of the teacher a state, matched to as many latents of the student
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub samples: u32,
    /// Passes of the teacher a chunk [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: Option<u32>,
    /// How a diffusion teacher is sampled: ddim or ddpm [default: the checkpoint's]
    #[arg(long)]
    pub solver: Option<String>,
    /// Held-out episodes in which teacher and student are compared; 0 for none
    #[arg(long, default_value_t = 200)]
    pub evaluation_episodes: u32,
    /// The training
    #[command(flatten)]
    pub learn: LearnArgs,
}

/// `planner finetune`
#[derive(Debug, Args)]
pub struct FinetuneArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long, required_unless_present = "settings")]
    pub task: Option<String>,
    /// Folder of the checkpoint to start from [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Demonstrations that keep the generator to what it knew
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Use the first so many episodes of --data only
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Algorithm: expert-iteration, best-of-n or ppo (docs/finetuning.md says which
    /// when) [default: expert-iteration, or that of the run that is resumed]
    #[arg(long)]
    pub algorithm: Option<String>,
    /// What is maximised: sparse, cost or progress [default: that of the task's file, sparse where it says nothing]
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
    /// Go on from the state in --out, with the same --task, --checkpoint, --data and --mismatch; --env-steps may be
    /// raised, settings need not be repeated and cannot be changed
    #[arg(long)]
    pub resume: bool,
    /// The world of its episodes
    #[command(flatten)]
    pub world: WorldArgs,
    /// Settings
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}
