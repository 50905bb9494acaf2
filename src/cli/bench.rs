//! Flags of the benchmarks.

use super::{Common, DeviceArgument, WorldArgs};
use crate::sweep::SweepArgs;
use crate::verbs::bench::claims::args::ClaimsArgs;
use crate::verbs::bench::fidelity::FidelityArgs;
use crate::verbs::bench::finetune::FinetuneBenchArgs;
use crate::verbs::bench::plan::PlanArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `planner bench`
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Physics: steps per second of batch rollouts
    #[command(after_help = "Example: planner bench rollout --task stack --peers")]
    Rollout(BenchArgs),
    /// Generator: time to draw N chunks, and the share of the device's peak; with --peers also by the paper's U-Net,
    /// ours and LeRobot's in PyTorch
    #[command(after_help = "Examples: planner bench sample --task stack --candidates 1,32,1024\n          \
        planner bench sample --peers\n\
        The peers are PyTorch and LeRobot's U-Net (a download of 3 GB, once)")]
    Sample(BenchSampleArgs),
    /// Training: time of a step of RS-IMLE with the paper's U-Net, ours and LeRobot's in PyTorch
    #[command(after_help = "Example: planner bench train --peers --small --repeats 5")]
    Train(BenchTrainArgs),
    /// Collection: physics steps per second of collecting episodes, with a policy that holds still and with the generator
    #[command(after_help = "Example: planner bench collect --task square --peers --repeats 5")]
    Collect(BenchArgs),
    /// Decision: time of one decision of the planner, and the parts of it
    #[command(after_help = "Example: planner bench decision --task stack --threads 2")]
    Decision(BenchArgs),
    /// Planning: what proposals and planners are worth, beside controls that could refute it (a sweep that can be stopped)
    #[command(after_help = "Examples:\n  planner bench plan --parts planners --results runs/plan.jsonl\n  \
        planner bench plan --generators runs/generators --demonstrations runs/demos --results runs/plan.jsonl\n  \
        planner bench plan --tasks push_t --contender \"--planner cma-es\" --contender \"--planner cma-es --stay 1\" --results \
        runs/mine.jsonl\n  planner bench plan --results runs/plan.jsonl --report      the tables of all that is there")]
    Plan(PlanArgs),
    /// Shortcuts: what cheaper rollouts save (bodies at rest asleep, early abort, halving, a coarser step, fewer candidates
    /// where more would not help), and whether the same plans are chosen
    #[command(after_help = "Example: planner bench shortcuts --task stack --repeats 10")]
    Shortcuts(BenchArgs),
    /// Tasks: success of every task's generator, alone and planned, in every world (a sweep that can be stopped)
    #[command(after_help = "Examples:\n  planner bench tasks --results runs/tasks.jsonl\n  \
        planner bench tasks --tasks lift,stack --mismatches all --minutes 60 --results runs/tasks.jsonl\n  \
        planner bench tasks --checkpoints runs/generators --results runs/tasks.jsonl\n  \
        planner bench tasks --results runs/tasks.jsonl --report      the table of all that is there")]
    Tasks(BenchTasksArgs),
    /// Fidelity: recall and precision of a generator on demonstrations that it has not learned from
    #[command(after_help = "Example: planner demo --task stack --episodes 120 --out runs/more\n  \
        planner bench fidelity --data runs/more --held-out 20      the shipped generator, learned from the first 100")]
    Fidelity(FidelityArgs),
    /// Claims: IMLE beside diffusion, flow and regression, on data, latency, modes, choices, ablations, networks and
    /// distillation (a sweep of many hours that can be stopped)
    #[command(
        after_help = "Examples:\n  planner bench claims --results runs/claims.jsonl --plan      what it costs\n  \
        planner bench claims --results runs/claims.jsonl --minutes 60\n  \
        planner bench claims --parts data,modes --tasks push_t --steps 6000 --seeds 1 --results runs/claims.jsonl\n  \
        planner bench claims --data runs/theirs --results runs/mine.jsonl     on demonstrations of your own\n  \
        planner bench claims --results runs/claims.jsonl --report --out runs/report\n\
        Give the same flags again and it goes on where it was; docs/claims.md tells what is measured and how"
    )]
    Claims(Box<ClaimsArgs>),
    /// Fine-tuning: what each algorithm makes of a generator that was trained by imitation, and whether its modes are kept (a
    /// sweep of many hours that can be stopped)
    #[command(after_help = "Examples:\n  planner bench finetune --parts screen --results runs/finetune.jsonl\n  \
        planner bench finetune --parts strong --tasks square --seeds 1 --results runs/finetune.jsonl\n  \
        planner bench finetune --parts screen --algorithms best-of-n --set best-of-n:best_of_n.elite_share=0.25 --results \
        runs/mine.jsonl\n  planner bench finetune --results runs/finetune.jsonl --report --out runs/report\n\
        docs/finetuning.md tells what is measured and how")]
    Finetune(FinetuneBenchArgs),
}

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
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
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
    /// Flags of every verb
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
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

impl BenchArgs {
    /// The task that is named, or the default one.
    pub fn task(&self) -> &str {
        self.task.as_deref().unwrap_or("stack")
    }
}

/// `planner bench tasks`
#[derive(Clone, Debug, Args)]
pub struct BenchTasksArgs {
    /// Tasks, comma-separated, or all (without --checkpoints: all that ship one)
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub tasks: Vec<String>,
    /// Worlds: mismatches, comma-separated; none is the planner's own model, all is none and every mismatch
    #[arg(long, value_delimiter = ',', default_value = "none")]
    pub mismatches: Vec<String>,
    /// Planners, comma-separated; none is the generator alone
    #[arg(long, value_delimiter = ',', default_value = "none,predictive-sampling")]
    pub planners: Vec<String>,
    /// How the generator alone chooses, comma-separated: first, consistent, typical
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
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}
