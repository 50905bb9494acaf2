//! Flags of the benchmarks of speed.

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument, WorldArgs};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_planner::evaluation::EvaluationSettings;
use imle_policy::policy::Policy;
use std::path::PathBuf;
use std::sync::Arc;

/// Flags of the benchmarks.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Built-in task, or the path of a task's TOML file [default: stack]
    #[arg(long)]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Candidates a decision, episodes of collect [default: 32; rollout and collect 64]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub candidates: Option<u32>,
    /// Repetitions, each peer in turn; episodes for decision and shortcuts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Measure the peers too (the first time this fetches them into the cache folder)
    #[arg(long)]
    pub peers: bool,
    /// Seed of states and controls
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The world of the episodes of collect, decision and shortcuts
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

impl BenchArgs {
    /// The task that is named, or the default one.
    pub fn task(&self) -> &str {
        self.task.as_deref().unwrap_or("stack")
    }

    /// The task in its world, with the generator.
    ///
    /// # Errors
    /// An unknown task or world, a checkpoint that is not there or is of another task.
    pub(super) fn load(&self) -> Result<Loaded> {
        let task = load::task_in(self.task(), &self.world)?;
        let (task, checkpoint) = load::checkpoint(self.checkpoint.as_deref(), task)?;
        let threads = self.common.threads();
        let sampler = Policy::with_threads(&checkpoint, threads, tch::Device::Cpu)?;
        let horizons = task.horizons(checkpoint.config().horizons);
        Ok(Loaded { pool: load::pool(&self.common)?, task, sampler, horizons, threads })
    }

    /// Held-out episodes of the benchmark, one after the other.
    pub(super) fn episodes(&self, horizons: Horizons) -> EvaluationSettings {
        let settings = EvaluationSettings::held_out(self.repeats as usize, self.seed, horizons);
        EvaluationSettings { purpose: Purpose::Bench, lockstep: 1, ..settings }
    }
}

/// A task with its generator, and the threads that run both.
pub(super) struct Loaded {
    pub(super) task: Arc<Task>,
    pub(super) sampler: Policy,
    pub(super) horizons: Horizons,
    pub(super) pool: rayon::ThreadPool,
    pub(super) threads: usize,
}

/// `planner bench sample`
#[derive(Clone, Debug, Args)]
pub struct BenchSampleArgs {
    /// Built-in task, or the path of a task's TOML file [default: stack; with --checkpoint none is needed]
    #[arg(long)]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Candidates drawn at once, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "1,32,256", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub candidates: Vec<u32>,
    /// Repetitions, each peer in turn
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Measure the peers too (the first time this fetches them into the cache folder)
    #[arg(long, conflicts_with = "device")]
    pub peers: bool,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Seed of states and latents
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// `planner bench train`
#[derive(Clone, Debug, Args)]
pub struct BenchTrainArgs {
    /// The small U-Net (channels 64, 128, 256) only, not the paper's
    #[arg(long)]
    pub small: bool,
    /// Repetitions, each peer in turn
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Measure the peers too (the first time this fetches them into the cache folder)
    #[arg(long)]
    pub peers: bool,
    /// Seed of weights, data and latents
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
