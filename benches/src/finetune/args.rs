//! Flags of `planner bench finetune`.

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument};
use imle_cli::sweep::SweepArgs;
use std::path::PathBuf;

/// `planner bench finetune`
#[derive(Clone, Debug, Args)]
pub struct FinetuneBenchArgs {
    /// Parts, comma-separated: screen (every algorithm on square, 50 k control steps, one seed), strong (generators
    /// that solve half, 250 k), weak (generators of few demonstrations, 1 M), mismatch (fine-tuning in each world that
    /// differs from the planner's model)
    #[arg(long, value_delimiter = ',', default_value = "screen,strong,weak,mismatch")]
    pub parts: Vec<String>,
    /// Tasks, comma-separated [default: those of each part]
    #[arg(long, value_delimiter = ',')]
    pub tasks: Option<Vec<String>>,
    /// Algorithms, comma-separated [default: all for screen, the default of planner finetune for the others]
    #[arg(long, value_delimiter = ',')]
    pub algorithms: Option<Vec<String>>,
    /// Runs of each kind, of seeds 0, 1, … [default: 1 for screen and mismatch, 3 for the others]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Control steps in the world to learn from [default: those of each part]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub env_steps: Option<u64>,
    /// Settings of one algorithm, as of planner finetune --set: ALGORITHM:KEY=VALUE; may be repeated
    #[arg(long, value_name = "ALGORITHM:KEY=VALUE")]
    pub set: Vec<String>,
    /// Held-out episodes before and after; twice as many shared among the forced modes
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    pub episodes: u32,
    /// Folder of demonstrations, base generators and runs, which all parts share; a run that was stopped goes on
    #[arg(long, default_value = "runs/finetune")]
    pub work: PathBuf,
    /// Where base generators and runs learn; all are judged on the processor
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// With --report: folder for tables.md and the plots (SVG)
    #[arg(long, requires = "report")]
    pub out: Option<PathBuf>,
    /// The sweep
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
