//! The command line: commands and their flags. The same flag means the same in every command.

use crate::commands::{
    completions, data, demo, distill, export, finetune, import, inspect, report, run, serve, tasks, train, view,
};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use imle_bench::suites::{self, BenchCommand};
use imle_cli::{args::finetune::FinetuneArgs, failure::Result, output};
use std::process::ExitCode;

/// Plan with an imitation-trained IMLE generator, MuJoCo rollouts and RL fine-tuning.
///
/// A generator proposes action chunks in one forward pass, the planner scores them with MuJoCo rollouts, and
/// fine-tuning makes the generator better from what the planner found.
///
/// Start here: `planner run --task stack` uses the shipped checkpoint. To make your own: `planner demo`, then
/// `planner train`, then `planner run --checkpoint`, then `planner finetune`.
#[derive(Debug, Parser)]
#[command(name = "planner", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the tasks, with their sizes of observation and action
    #[command(
        after_help = "Examples: planner tasks --json; planner tasks --template my/reach      (docs/guide/your-task.md)"
    )]
    Tasks(tasks::TasksArgs),
    /// Record demonstrations of a task's scripted expert as a LeRobot v3 dataset
    #[command(after_help = "Example: planner demo --task stack --episodes 100 --out runs/demos/stack")]
    Demo(demo::DemoArgs),
    /// Inspect datasets, convert foreign ones, and replay them in the simulator
    #[command(
        subcommand,
        after_help = "Example: planner data convert low_dim.hdf5 --task my/task.toml --out runs/theirs"
    )]
    Data(data::DataCommand),
    /// Train a generator on demonstrations
    #[command(after_help = "Example: planner train --data runs/demos/stack --out runs/generator\n\
        Settings people change most have flags: --steps 20000 --batch-size 128 --learning-rate 0.001.\n\
        All others: --set network.width=512; planner train --settings lists them\n\
        From pictures: planner demo --task push_t --images --out runs/pictures; planner train --data runs/pictures \
        --cameras top --out runs/seeing (docs/guide/cameras.md)")]
    Train(train::TrainArgs),
    /// Import a policy trained elsewhere: LeRobot, Diffusion Policy, IMLE Policy
    #[command(
        after_help = "Examples:\n  planner import outputs/train/pusht/checkpoints/last/pretrained_model --task push.toml \
        --out runs/imported\n  \
        planner import pretrained_model --task push_t --observation pusher --cameras top --out runs/seeing\n  \
        planner import --converter | python3 - latest.ckpt --out converted     a pickle, as a folder for import\n\
        FROM is a LeRobot `pretrained_model` folder of type diffusion or the run that has it, or a converted state dict of \
        the public Diffusion Policy or IMLE Policy code. Policies that see pictures come from LeRobot and IMLE Policy. More: docs/guide/import.md"
    )]
    Import(import::ImportArgs),
    /// Distill a slow generator (diffusion, flow) into an IMLE generator of one pass
    #[command(after_help = "Example: planner distill --teacher runs/diffusion --data runs/demos/stack --out runs/fast")]
    Distill(distill::DistillArgs),
    /// Export a checkpoint for LeRobot, ONNX Runtime or plain PyTorch (needs make python)
    #[command(after_help = "Examples:\n  planner export runs/generator --to lerobot --out runs/for-lerobot\n  \
        planner export stack --to onnx --out stack.onnx\n\
        What is written is compared with the checkpoint, to 1e-5. More: docs/guide/lerobot.md")]
    Export(export::ExportArgs),
    /// Run episodes of a task with a generator, with or without the planner
    #[command(
        after_help = "Examples:\n  planner run --task stack                       the shipped checkpoint, planned\n  \
        planner run --task stack --optimizer none      the generator alone\n  \
        planner run --task stack --video stack.mp4     with a video of the first episodes"
    )]
    Run(run::RunArgs),
    /// See an episode in the browser: the scene, all candidates' paths, plots and controls (needs make python)
    #[command(
        after_help = "Examples:\n  planner view --task stack                     live, with the shipped checkpoint\n  \
        planner view runs/stack                       a run again, decision by decision\n  \
        planner view runs/demos/stack                 a dataset\n\
        The page is on this machine alone, and its address has a token. More: docs/guide/view.md"
    )]
    View(view::ViewArgs),
    /// Serve decisions to robot code in other processes, over a local socket
    #[command(after_help = "Example: planner serve --task stack --socket /tmp/stack.sock\n\
        Then, in another shell: python3 examples/client.py /tmp/stack.sock\n\
        A generator of your own data, without a simulator: planner serve --checkpoint runs/generator\n\
        One JSON object a line each way: observations and state in, a chunk and how it came about out. The protocol: \
        docs/reference/protocol.md")]
    Serve(serve::args::ServeArgs),
    /// Improve a generator with what the planner finds (expert iteration), or by online RL
    #[command(after_help = "Example: planner finetune --task stack --checkpoint runs/weak --data runs/demos/stack \
        --episodes 40 --env-steps 12000 --out runs/finetuned\n\
        A round runs whole, so the last one may go past --env-steps. It helps a generator that fails often; \
        results of each algorithm: docs/guide/finetune.md")]
    Finetune(FinetuneArgs),
    /// Measure speed (with --peers: against other software), success on all tasks, and the paper's claims
    #[command(subcommand, after_help = "Example: planner bench rollout --task stack --peers")]
    Bench(BenchCommand),
    /// Summarise a task, dataset, checkpoint or run
    #[command(
        after_help = "Examples: planner inspect stack; planner inspect my/reach.toml --picture reach.png; planner inspect runs/demos/stack"
    )]
    Inspect(inspect::InspectArgs),
    /// Write a report that a browser shows: runs, trainings, fine-tunings, sweeps and datasets side by side
    #[command(after_help = "Examples:\n  planner report runs/x --out runs/x/report.html\n  \
        planner report runs/generator runs/finetuned runs/plan.jsonl --out report.html\n\
        One file, without a network. More: docs/guide/see.md")]
    Report(report::ReportArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example: planner completions bash > /etc/bash_completion.d/planner")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Does what the command line asks.
    ///
    /// # Errors
    /// A bad input, or what fails while running.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Tasks(args) => tasks::run(&args),
            Self::Demo(args) => demo::run(&args),
            Self::Data(command) => data::run(&command),
            Self::Train(args) => train::run(&args),
            Self::Import(args) => import::run(&args),
            Self::Distill(args) => distill::run(&args),
            Self::Export(args) => export::run(&args),
            Self::View(args) => view::run(&args),
            Self::Run(args) => run::run(&args),
            Self::Serve(args) => serve::run(&args),
            Self::Finetune(args) => finetune::run(&args),
            Self::Bench(command) => suites::run(&command),
            Self::Inspect(args) => inspect::run(&args),
            Self::Report(args) => report::run(&args),
            Self::Completions { shell } => completions::run(shell, &mut Cli::command()),
        }
    }
}

/// Parsed command line.
///
/// # Errors
/// The answer of clap: help, version, or a usage error.
pub fn parse() -> std::result::Result<Cli, clap::Error> {
    let mut command = negative_numbers_are_values(Cli::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
}

/// `--seed -1` is then reported as out of range, not as an unknown flag `-1`.
fn negative_numbers_are_values(command: clap::Command) -> clap::Command {
    let of = |arg: Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
    command.mut_args(of).mut_subcommands(negative_numbers_are_values)
}

/// Prints what clap says: help and version as they are, a usage error as one line with exit code 2.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        output::note_failure(error.print());
        let Err(failure) = output::complete() else { return ExitCode::SUCCESS };
        eprintln!("error: {}", failure.line());
        return ExitCode::FAILURE;
    }
    let text = error.render().to_string();
    if !text.starts_with("error:") {
        // A missing command: clap answers with the help.
        eprint!("{text}");
        return ExitCode::from(2);
    }
    let lines = text.lines().map(str::trim).take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more"));
    let lines: Vec<String> = lines
        .filter(|l| !l.is_empty())
        .map(|l| if l.starts_with("tip:") { format!("({l})") } else { l.into() })
        .collect();
    eprintln!("{}", lines.join(" "));
    ExitCode::from(2)
}
