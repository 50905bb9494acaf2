//! The benchmarks by the names that `planner bench` has for them.

use crate::claims::args::ClaimsArgs;
use crate::fidelity::{self, FidelityArgs};
use crate::finetune::args::FinetuneBenchArgs;
use crate::plan::args::PlanArgs;
use crate::speed::args::{BenchArgs, BenchSampleArgs, BenchTrainArgs};
use crate::speed::{collect, decision, rollout, sample, shortcuts, train};
use crate::tasks::{self, BenchTasksArgs};
use crate::{claims, finetune, plan};
use clap::Subcommand;
use imle_cli::failure::Result;

/// `planner bench`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
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
    /// Collection: physics steps per second of collecting episodes, with a policy that holds still and with the
    /// generator
    #[command(after_help = "Example: planner bench collect --task square --peers --repeats 5")]
    Collect(BenchArgs),
    /// Decision: time of one decision of the planner, and the parts of it
    #[command(after_help = "Example: planner bench decision --task stack --threads 2")]
    Decision(BenchArgs),
    /// Planning: what proposals and optimizers are worth, beside controls that could refute it (a sweep that can be stopped)
    #[command(after_help = "Examples:\n  planner bench plan --parts optimizers --results runs/plan.jsonl\n  \
        planner bench plan --generators runs/generators --demonstrations runs/demos --results runs/plan.jsonl\n  \
        planner bench plan --tasks push_t --contender \"--optimizer cma-es\" --contender \"--optimizer cma-es --proximal-cost 1\" --results \
        runs/mine.jsonl\n  planner bench plan --results runs/plan.jsonl --report      the tables of all that is there")]
    Plan(PlanArgs),
    /// Shortcuts: what cheaper rollouts save (bodies at rest asleep, early abort, halving, a coarser step, fewer
    /// candidates where more would not help), and whether the same plans are chosen
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
        With the same flags it resumes. Methods and measurements: docs/experiments/claims/README.md"
    )]
    Claims(Box<ClaimsArgs>),
    /// Fine-tuning: what each algorithm makes of a generator that was trained by imitation, and whether its modes are
    /// kept (a sweep of many hours that can be stopped)
    #[command(after_help = "Examples:\n  planner bench finetune --parts screen --results runs/finetune.jsonl\n  \
        planner bench finetune --parts strong --tasks square --seeds 1 --results runs/finetune.jsonl\n  \
        planner bench finetune --parts screen --algorithms ppo --set ppo:actor.learning_rate=0.0001 --results \
        runs/mine.jsonl\n  planner bench finetune --results runs/finetune.jsonl --report --out runs/report\n\
        Methods and measurements: docs/experiments/finetuning-algorithms.md")]
    Finetune(FinetuneBenchArgs),
}

/// Runs a benchmark.
///
/// # Errors
/// A bad input, or what fails while measuring.
pub fn run(command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Rollout(args) => rollout::run(args),
        BenchCommand::Sample(args) => sample::run(args),
        BenchCommand::Train(args) => train::run(args),
        BenchCommand::Collect(args) => collect::run(args),
        BenchCommand::Decision(args) => decision::run(args),
        BenchCommand::Plan(args) => plan::run(args),
        BenchCommand::Shortcuts(args) => shortcuts::run(args),
        BenchCommand::Tasks(args) => tasks::run(args),
        BenchCommand::Fidelity(args) => fidelity::run(args),
        BenchCommand::Claims(args) => claims::run(args),
        BenchCommand::Finetune(args) => finetune::run(args),
    }
}
