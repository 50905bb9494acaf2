//! The command line: verbs and flags. The same flag means the same in every verb.

mod bench;
mod controller;
mod data;
mod episodes;
mod learn;
mod serve;

pub use bench::{BenchArgs, BenchSampleArgs, BenchTasksArgs, BenchTrainArgs, BenchVerb};
pub use controller::ControllerArgs;
pub use data::{DataConvertArgs, DataInfoArgs, DataReplayArgs, DataVerb};
pub use episodes::{DemoArgs, RunArgs};
pub use learn::{DistillArgs, FinetuneArgs, ImportArgs, LearnArgs, TrainArgs};
pub use serve::ServeArgs;

use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
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
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List what can be run, with the sizes of observation and action
    #[command(
        after_help = "Examples: planner tasks --json; planner tasks --template my/reach      (docs/your-own-task.md)"
    )]
    Tasks(TasksArgs),
    /// Record demonstrations of a task's scripted expert as a LeRobot v3 dataset
    #[command(after_help = "Example: planner demo --task stack --episodes 100 --out runs/demos/stack")]
    Demo(DemoArgs),
    /// Look into datasets, bring in those of others, and play them in the simulator
    #[command(
        subcommand,
        after_help = "Example: planner data convert low_dim.hdf5 --task my/task.toml --out runs/theirs"
    )]
    Data(DataVerb),
    /// Train a generator on demonstrations
    #[command(after_help = "Example: planner train --data runs/demos/stack --out runs/generator\n\
        Settings are set with --set key=value, e.g. --set steps=20000 --set network.width=512; \
        all of them: planner train --settings\n\
        From pictures: planner demo --task push_t --images --out runs/pictures; planner train --data runs/pictures \
        --cameras top --out runs/seeing (docs/vision.md)")]
    Train(TrainArgs),
    /// Bring in a policy trained elsewhere: LeRobot, Diffusion Policy, IMLE Policy
    #[command(
        after_help = "Examples:\n  planner import outputs/train/pusht/checkpoints/last/pretrained_model --task push.toml \
        --out runs/imported\n  \
        planner import pretrained_model --task push_t --observation pusher --cameras top --out runs/seeing\n  \
        planner import --converter | python3 - latest.ckpt --out converted     a pickle, as a folder for import\n\
        FROM is a LeRobot `pretrained_model` folder of type diffusion, or a converted state dict of the public Diffusion \
        Policy or IMLE Policy code. Policies that see pictures come from LeRobot and IMLE Policy. docs/import.md tells more"
    )]
    Import(ImportArgs),
    /// Turn a slow generator (diffusion, flow) into an IMLE generator of one pass
    #[command(after_help = "Example: planner distill --teacher runs/diffusion --data runs/demos/stack --out runs/fast")]
    Distill(DistillArgs),
    /// Run episodes of a task with a generator, with or without the planner
    #[command(
        after_help = "Examples:\n  planner run --task stack                       the shipped checkpoint, planned\n  \
        planner run --task stack --planner none        the generator alone\n  \
        planner run --task stack --video stack.mp4     with a video of the first episodes"
    )]
    Run(RunArgs),
    /// Decide for robot code in other processes, over a local socket
    #[command(after_help = "Example: planner serve --task stack --socket /tmp/stack.sock\n\
        Then, in another shell: python3 examples/client.py /tmp/stack.sock\n\
        One JSON object a line each way: observations and state in, a chunk and how it came about out. docs/serve.md tells \
        the protocol")]
    Serve(ServeArgs),
    /// Make a generator better than its demonstrations from what the planner finds
    #[command(after_help = "Example: planner finetune --task stack --checkpoint runs/weak --data runs/demos/stack \
        --episodes 40 --env-steps 12000 --out runs/finetuned\n\
        A round runs whole, so the last one may go past --env-steps. It pays for a generator that fails often; \
        docs/finetuning.md tells what each algorithm made of it")]
    Finetune(FinetuneArgs),
    /// Measure speed, against peers in the same run with --peers; success on all tasks; and the paper's claims
    #[command(subcommand, after_help = "Example: planner bench rollout --task stack --peers")]
    Bench(BenchVerb),
    /// Summarise a task, dataset, checkpoint or run
    #[command(
        after_help = "Examples: planner inspect stack; planner inspect my/reach.toml --picture reach.png; planner inspect runs/demos/stack"
    )]
    Inspect(InspectArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example: planner completions bash > /etc/bash_completion.d/planner")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Flags that every verb has.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Print one JSON object on standard output; all else goes to standard error
    #[arg(long, help_heading = "Common")]
    pub json: bool,
    /// Print nothing but the result and errors: no progress and no notes
    #[arg(long, help_heading = "Common")]
    pub quiet: bool,
    /// Threads for physics, sampling and training [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Common")]
    threads: Option<u16>,
}

impl Common {
    /// The one budget of threads.
    pub fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or_else(all, usize::from)
    }

    /// Where to print.
    pub fn output(&self) -> crate::output::Output {
        crate::output::Output::new(self.json, self.quiet)
    }
}

/// Flags of verbs that have settings.
#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// TOML file with settings; --set and flags override it
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// Set one setting, e.g. --set learning_rate=0.001; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Settings")]
    pub set: Vec<String>,
    /// Print all settings, what they mean and the values they have here, as TOML, and stop
    #[arg(long, help_heading = "Settings")]
    pub settings: bool,
}

/// Flags that choose the world episodes are run in.
#[derive(Clone, Debug, Args)]
pub struct WorldArgs {
    /// How the world differs from the planner's model: heavy, light, sticky, slippery, noisy, delayed, weak
    #[arg(long, value_name = "NAME", help_heading = "World")]
    pub mismatch: Option<String>,
}

/// Where networks run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceArgument {
    /// The processor
    #[default]
    Cpu,
    /// The first GPU
    Cuda,
    /// The GPU if there is one
    Auto,
}

/// `planner tasks`
#[derive(Debug, Args)]
pub struct TasksArgs {
    /// Write a commented task file NAME.toml and a scene NAME.xml to start from, e.g. my/reach; neither may exist
    #[arg(long, value_name = "NAME")]
    pub template: Option<PathBuf>,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A task's name or TOML file, or the folder of a dataset, checkpoint or run
    pub path: String,
    /// PNG file for a picture of a task's start state
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// What the command line says.
///
/// # Errors
/// What clap answers: help, version, or a usage error.
pub fn parse() -> Result<Cli, clap::Error> {
    let mut command = negative_numbers_are_values(Cli::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
}

/// `--seed -1` is then told to be out of range, not that there is no flag `-1`.
fn negative_numbers_are_values(command: Command) -> Command {
    let of = |arg: Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
    command.mut_args(of).mut_subcommands(negative_numbers_are_values)
}

/// Prints what clap says: help and version as they are, a usage error as one line with exit code 2.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    if !text.starts_with("error:") {
        // A missing verb: clap answers with the help.
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
