//! Flags of `planner bench plan`.

use clap::Args;
use imle_cli::args::common::{Common, WorldArgs};
use imle_cli::sweep::SweepArgs;
use std::path::PathBuf;

/// `planner bench plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Parts, comma-separated: sources (IMLE beside noise, retrieval, regression, diffusion, flow), optimizers (all of them at
    /// N = 32), optimizers-16 and optimizers-256 (at these N), searched-sources (the sources with cma-es), curve (success against
    /// N), lookahead, modes, equal-time (the sources with as many candidates as take as long), calibration (whether
    /// predictions of plan quality hold)
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "sources,optimizers-16,optimizers,optimizers-256,searched-sources,curve,lookahead,modes,equal-time,calibration"
    )]
    pub parts: Vec<String>,
    /// Tasks, comma-separated [default: those of each part]
    #[arg(long, value_delimiter = ',')]
    pub tasks: Option<Vec<String>>,
    /// One contender in place of the parts: flags of the controller, as in planner run; may be repeated
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub contender: Vec<String>,
    /// Folder of generators, METHOD/TASK; contenders whose generator is not there are left out [default: the shipped
    /// ones, of imle alone]
    #[arg(long)]
    pub generators: Option<PathBuf>,
    /// Folder of datasets for retrieval to look in, each of its task's name; without it retrieval is left out
    #[arg(long)]
    pub demonstrations: Option<PathBuf>,
    /// Most held-out episodes a cell
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Run all episodes of every cell; without it a contender is stopped after 20 or 40 where it is clearly apart from
    /// the first of its part
    #[arg(long)]
    pub whole: bool,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// With --report: folder for tables.md and the plots (SVG)
    #[arg(long, requires = "report")]
    pub out: Option<PathBuf>,
    /// The world of the episodes
    #[command(flatten)]
    pub world: WorldArgs,
    /// The sweep
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
