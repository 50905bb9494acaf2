//! Flags of `planner bench tasks`.

use clap::Args;
use imle_cli::args::common::Common;
use imle_cli::sweep::SweepArgs;
use std::path::PathBuf;

/// `planner bench tasks`
#[derive(Clone, Debug, Args)]
pub struct BenchTasksArgs {
    /// Tasks, comma-separated, or all (without --checkpoints: all that ship one)
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub tasks: Vec<String>,
    /// Worlds: mismatches, comma-separated; none is the planner's own model, all is none and every mismatch
    #[arg(long, value_delimiter = ',', default_value = "none")]
    pub mismatches: Vec<String>,
    /// Optimizers, comma-separated; none is the generator alone
    #[arg(long, visible_alias = "planners", value_delimiter = ',', default_value = "none,predictive-sampling")]
    pub optimizers: Vec<String>,
    /// Choices of the generator alone, comma-separated: first, consistent, typical
    #[arg(long, value_delimiter = ',', default_value = "first")]
    pub choices: Vec<String>,
    /// Candidates a decision of the planners, and of choices
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub candidates: u32,
    /// Held-out episodes a cell
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder with a generator's checkpoint a task, each in a folder of the task's name [default: the shipped ones]
    #[arg(long)]
    pub checkpoints: Option<PathBuf>,
    /// The sweep
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
