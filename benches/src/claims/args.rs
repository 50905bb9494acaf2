//! The flags of `planner bench claims`.

use clap::{Args, ValueEnum};
use imle_cli::args::common::{Common, DeviceArgument, SettingsArgs};
use imle_cli::sweep::SweepArgs;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ClaimPart {
    /// Success against the number of demonstrations, and how much data IMLE needs to match each baseline
    Data,
    /// The time of one decision: one sample, and the consistent one of --candidates
    Latency,
    /// Entropy over labelled modes, recall and precision, of every method
    Modes,
    /// First, consistent and typical choice: mode switches, jerk, success
    Choices,
    /// RS-IMLE's knobs one at a time: success alone and planned, recall, precision, training time
    Ablations,
    /// Poor parts of demonstrations drawn more rarely, where a poor demonstrator made 30 % of them
    Quality,
    /// Success against latency and parameters of every network
    Networks,
    /// Diffusion teacher and IMLE student: success, entropy, latency
    Distillation,
}

/// Quantity that is equal between the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The number of optimizer steps
    EqualSteps,
    /// The time of the training: as many steps as fit into IMLE's
    EqualTime,
    /// Nothing: each baseline at the learning rate and passes that did best on validation episodes, in IMLE's time
    Best,
}

impl Protocol {
    /// Words for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::EqualSteps => "equal steps",
            Self::EqualTime => "equal time",
            Self::Best => "its best setting",
        }
    }
}

/// `planner bench claims`
#[derive(Clone, Debug, Args)]
pub struct ClaimsArgs {
    /// Parts to measure, comma-separated
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = ClaimPart::value_variants().to_vec())]
    pub parts: Vec<ClaimPart>,
    /// Tasks, comma-separated, built-in or paths of TOML files [default: those of each part: push_t,avoid,stack for
    /// data, avoid,push_t,block_push for modes and choices, push_t for latency, push_t,avoid for the others]
    #[arg(long, value_delimiter = ',')]
    pub tasks: Option<Vec<String>>,
    /// Dataset of one task, used in place of the scripted expert's demonstrations. A task that is not
    /// built in is named by its file in --tasks; without one, recall and precision on held-out windows are measured,
    /// and no episodes
    #[arg(long, value_name = "DATASET")]
    pub data: Option<PathBuf>,
    /// Methods, comma-separated: imle, diffusion, flow, mean-flow, regression
    #[arg(long, value_delimiter = ',', default_value = "imle,diffusion,flow,regression")]
    pub methods: Vec<String>,
    /// Protocols of the data part, comma-separated
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Protocol::value_variants().to_vec())]
    pub protocols: Vec<Protocol>,
    /// Measure equal-time and best with every number of demonstrations, not only with all
    #[arg(long)]
    pub all_sizes: bool,
    /// Demonstrations to learn from [default: 100, or those of --data that are not held out]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub demos: Option<u32>,
    /// Demonstrations that no training sees, for recall and precision: the last ones
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub held_out: u32,
    /// Numbers of demonstrations of the data part, comma-separated; the first so many are learned from
    /// [default: 10, 20, 40, 70 and 100 % of --demos]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub sizes: Option<Vec<u32>>,
    /// Trainings of each kind, of seeds 0, 1, …
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// Optimizer steps of a training [default: that of the settings, 10000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// Held-out episodes a cell
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Held-out episodes of the planner in the ablations; 0 for none
    #[arg(long, default_value_t = 50)]
    pub planned_episodes: u32,
    /// Episodes, of another seed, on which the settings of `best` are chosen
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub validation_episodes: u32,
    /// Learning rates tried for `best`, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "1e-3,2e-3,4e-3,8e-3")]
    pub learning_rates: Vec<f64>,
    /// Networks of the parts latency and networks, comma-separated: mlp, transformer, unet (channels 64, 128, 256)
    #[arg(long, value_delimiter = ',', default_value = "mlp,transformer,unet")]
    pub networks: Vec<String>,
    /// One ablation: settings as of --set, separated by spaces; may be repeated [default: the list in
    /// docs/experiments/claims/ablations.md]
    #[arg(long, value_name = "KEY=VALUE …")]
    pub ablation: Vec<String>,
    /// Candidates of choices, of the planner, and of latency beside 1
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=65536))]
    pub candidates: u32,
    /// Decisions timed a sampler; fewer if they take more than two minutes in all
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(5..))]
    pub repeats: u32,
    /// Seed of the held-out episodes' start states and of all draws in them
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder of demonstrations and trainings, which all parts share
    #[arg(long, default_value = "runs/claims")]
    pub work: PathBuf,
    /// Measure no cell; list those to be measured with the time each is expected to take (learning and acting are timed
    /// for that, for seconds)
    #[arg(long)]
    pub plan: bool,
    /// With --report: folder for tables.md and the plots (SVG)
    #[arg(long, requires = "report")]
    pub out: Option<PathBuf>,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Settings of all trainings
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The sweep
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}
