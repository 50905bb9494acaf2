//! The command line: verbs and flags. The same flag means the same in every verb.

use crate::sweep::SweepArgs;
use crate::verbs::bench::claims::args::ClaimsArgs;
use crate::verbs::bench::fidelity::FidelityArgs;
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
    #[command(after_help = "Example: planner tasks --json")]
    Tasks(TasksArgs),
    /// Record demonstrations of a task's scripted expert as a LeRobot v3 dataset
    #[command(after_help = "Example: planner demo --task stack --episodes 100 --out runs/demos")]
    Demo(DemoArgs),
    /// Train a generator on demonstrations
    #[command(after_help = "Example: planner train --data runs/demos --out runs/generator\n\
        Settings are set with --set key=value, e.g. --set steps=20000 --set network.width=512; \
        all of them: planner train --settings\n\
        From pictures: planner demo --task push_t --images --out runs/pictures; planner train --data runs/pictures \
        --cameras top --out runs/seeing (docs/vision.md)")]
    Train(TrainArgs),
    /// Bring in a policy trained elsewhere: LeRobot, Diffusion Policy, IMLE Policy
    #[command(
        after_help = "Examples:\n  planner import outputs/train/pusht/checkpoints/last/pretrained_model --task push.toml \
        --out runs/imported\n  \
        planner import --converter | python3 - latest.ckpt --out converted     a pickle, as a folder for import\n\
        FROM is a LeRobot `pretrained_model` folder of type diffusion, or a converted state dict of the public Diffusion \
        Policy or IMLE Policy code. Policies that see pictures cannot be brought in yet. docs/import.md tells more"
    )]
    Import(ImportArgs),
    /// Turn a slow generator (diffusion, flow) into an IMLE generator of one pass
    #[command(after_help = "Example: planner distill --teacher runs/diffusion --data runs/demos --out runs/fast")]
    Distill(DistillArgs),
    /// Run episodes of a task with a generator, with or without the planner
    #[command(
        after_help = "Examples:\n  planner run --task stack                       the shipped checkpoint, planned\n  \
        planner run --task stack --planner none        the generator alone\n  \
        planner run --task stack --video stack.mp4     with a video of the first episodes"
    )]
    Run(RunArgs),
    /// Make a generator better than its demonstrations from what the planner finds
    #[command(after_help = "Example: planner finetune --task stack --checkpoint runs/generator --data runs/demos \
        --env-steps 60000 --out runs/finetuned\n\
        A round runs whole, so the last one may go past --env-steps. It pays for a generator that fails often; \
        docs/results.md tells what one round did")]
    Finetune(FinetuneArgs),
    /// Measure speed, against peers in the same run with --peers; success on all tasks; and the paper's claims
    #[command(subcommand, after_help = "Example: planner bench rollout --task stack --peers")]
    Bench(BenchVerb),
    /// Summarise a task, dataset, checkpoint or run
    #[command(after_help = "Examples: planner inspect stack; planner inspect runs/demos")]
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
    /// Print all settings with the values they have here, as TOML, and stop
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
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Successful episodes to record
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of the expert's choices
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder of the dataset; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Store the pictures of the task's cameras beside the state, as PNG in the dataset's Parquet files: for
    /// `planner train --cameras`. The planner always uses the simulator's state
    #[arg(long)]
    pub images: bool,
    /// Record this mode only [default: the expert chooses freely]
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Share of the episodes that a poor demonstrator tries: its hand wanders and it holds still a third of the time
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub poor: f64,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `planner train`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Dataset to learn from
    #[arg(long, required_unless_present = "settings")]
    pub data: Option<PathBuf>,
    /// How to learn: imle, diffusion, flow, mean-flow or regression
    #[arg(long, default_value = "imle")]
    pub method: String,
    /// See the pictures of these cameras of the dataset, comma-separated, and of the observation only what the robot knows
    /// of itself (the task's `proprioception`, or --set vision.state) [default: the whole observation]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Folder of the checkpoint, with logs and training state; must be empty or new
    #[arg(long, required_unless_present = "settings")]
    pub out: Option<PathBuf>,
    /// Learn from the first so many episodes only [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Seed of weights, batches and latents [default: 0, or that of the settings]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Task file to evaluate in, if the dataset's task is not a built-in one
    #[arg(long)]
    pub task: Option<String>,
    /// Held-out episodes an evaluation; 0 for no evaluation
    #[arg(long, default_value_t = 50)]
    pub evaluation_episodes: u32,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Go on from the state in --out, with the same --data; settings need not be repeated and cannot be changed
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
    /// see [default: all, in the task's order]
    #[arg(long, value_name = "TERMS", value_delimiter = ',')]
    pub observation: Vec<String>,
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
    /// Folder of the teacher's checkpoint, of any method
    #[arg(long, required_unless_present = "settings")]
    pub teacher: Option<PathBuf>,
    /// Dataset in whose states the teacher is asked; its actions are not used
    #[arg(long, required_unless_present = "settings")]
    pub data: Option<PathBuf>,
    /// Let the student see the pictures of these cameras of the dataset, comma-separated, in place of what the teacher
    /// sees: a teacher that knows the state then teaches one that sees pictures
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Folder of the student's checkpoint; must be empty or new
    #[arg(long, required_unless_present = "settings")]
    pub out: Option<PathBuf>,
    /// Ask in the states of the first so many episodes only [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Samples of the teacher a state, matched to as many latents of the student
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub samples: u32,
    /// Passes of the teacher a chunk [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: Option<u32>,
    /// How a diffusion teacher is sampled: ddim or ddpm [default: the checkpoint's]
    #[arg(long)]
    pub solver: Option<String>,
    /// Seed of weights, batches and draws [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Task file to evaluate in, if the dataset's task is not a built-in one
    #[arg(long)]
    pub task: Option<String>,
    /// Held-out episodes in which teacher and student are compared; 0 for none
    #[arg(long, default_value_t = 200)]
    pub evaluation_episodes: u32,
    /// Where networks run
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Go on from the state in --out, with the same --teacher, --data and --samples
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

/// Flags that choose the controller.
#[derive(Clone, Debug, Args)]
pub struct ControllerArgs {
    /// Planner that chooses among candidates: predictive-sampling, or none for the generator alone
    #[arg(long, default_value = "predictive-sampling", help_heading = "Controller")]
    pub planner: String,
    /// Sources of candidates, comma-separated: imle (the generator), warm (the last plan shifted), noise (Gaussian
    /// around it)
    #[arg(long, value_delimiter = ',', default_value = "imle,warm", help_heading = "Controller")]
    pub proposals: Vec<String>,
    /// Candidates a decision
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = "Controller")]
    pub candidates: u32,
    /// Control steps executed of each plan [default: the task's `execute`, or the T_act of the generator]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Controller")]
    pub execute: Option<u32>,
    /// Passes of the generator a chunk: denoising steps of diffusion, Euler steps of flow [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Controller")]
    pub passes: Option<u32>,
    /// How a diffusion checkpoint is sampled: ddim or ddpm [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub solver: Option<String>,
    /// How the latents of a decision's candidates are drawn: independent, antithetic (in pairs of opposite sign),
    /// low-discrepancy (a scrambled Sobol sequence) [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub latents: Option<String>,
    /// What the generator computes in: f32 or bf16 [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub precision: Option<String>,
    /// Multiplies the generator's latents: below 1 candidates keep nearer to what is typical [default: the
    /// checkpoint's, 1]
    #[arg(long, help_heading = "Controller")]
    pub temperature: Option<f64>,
    /// Deviation of the noise proposals, as a share of half the range of each action dimension
    #[arg(long, default_value_t = 0.1, help_heading = "Controller")]
    pub noise: f64,
    /// With --planner none: how the chunk is chosen: first (one is drawn), consistent (of --candidates the nearest to
    /// the last plan, as in the IMLE Policy paper), typical (of those that go on with the last plan the one in the
    /// densest part)
    #[arg(long, default_value = "first", help_heading = "Controller")]
    pub choice: String,
    /// With --choice consistent: choose at random every so many decisions, 0 for never
    #[arg(long, default_value_t = 10, help_heading = "Controller")]
    pub resample_every: u64,
}

impl Default for ControllerArgs {
    /// What the flags default to.
    fn default() -> Self {
        Self {
            planner: "predictive-sampling".into(),
            proposals: vec!["imle".into(), "warm".into()],
            candidates: 32,
            execute: None,
            passes: None,
            solver: None,
            latents: None,
            precision: None,
            temperature: None,
            noise: 0.1,
            choice: "first".into(),
            resample_every: 10,
        }
    }
}

impl ControllerArgs {
    /// The flags `--planner --choice --candidates`, the others at their defaults.
    pub fn of(planner: &str, choice: &str, candidates: u32) -> Self {
        Self { planner: planner.into(), choice: choice.into(), candidates, ..Self::default() }
    }
}

/// `planner run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Start in states that force this mode of the expert (planner inspect TASK lists them): the expert begins, and
    /// hands over once its way is fixed; steps, costs and times are counted from there
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Episodes decided for at once; 1 measures the latency of one decision. The results are the same
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub lockstep: u32,
    /// MP4 file for a video of the first episodes; a .png file gets a strip of pictures of the first
    #[arg(long, value_name = "FILE")]
    pub video: Option<PathBuf>,
    /// Episodes in the video
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub video_episodes: u32,
    /// Folder for the resolved settings, summary and episodes; must be empty or new
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Where the generator runs
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// The controller
    #[command(flatten)]
    pub controller: ControllerArgs,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every verb
    #[command(flatten)]
    pub common: Common,
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
    /// Algorithm: expert-iteration
    #[arg(long, default_value = "expert-iteration")]
    pub algorithm: String,
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

/// `planner bench`
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Physics: steps per second of batch rollouts
    #[command(after_help = "Example: planner bench rollout --task stack --peers")]
    Rollout(BenchArgs),
    /// Generator: time to draw N chunks; with --peers also by the paper's U-Net, ours and LeRobot's in PyTorch
    #[command(
        after_help = "Examples: planner bench sample --task stack --candidates 32; planner bench sample --peers\n\
        The peers are PyTorch and LeRobot's U-Net (a download of 3 GB, once)"
    )]
    Sample(BenchArgs),
    /// Training: time of a step of RS-IMLE with the paper's U-Net, ours and LeRobot's in PyTorch
    #[command(after_help = "Example: planner bench train --peers --small --repeats 5")]
    Train(BenchTrainArgs),
    /// Planner: time of one decision, and the parts of it
    #[command(after_help = "Example: planner bench plan --task stack --threads 2")]
    Plan(BenchArgs),
    /// Sleeping: physics with bodies at rest asleep and awake, and whether the same plans are chosen
    #[command(after_help = "Example: planner bench sleep --task stack --repeats 10")]
    Sleep(BenchArgs),
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
        planner bench claims --data runs/demos --results runs/mine.jsonl      on demonstrations of your own\n  \
        planner bench claims --results runs/claims.jsonl --report --out runs/report\n\
        Give the same flags again and it goes on where it was; docs/claims.md tells what is measured and how"
    )]
    Claims(Box<ClaimsArgs>),
}

/// Flags of the benchmarks.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Built-in task, or the path of a task's TOML file [default: stack; sample with --checkpoint needs none]
    #[arg(long)]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Candidates a decision [default: 32; rollout 64; sample 1, 32 and 256]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub candidates: Option<u32>,
    /// Repetitions, each peer in turn; episodes for plan and sleep
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Measure the peers too (the first time this fetches them into the cache folder)
    #[arg(long)]
    pub peers: bool,
    /// Seed of states and controls
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The world of the episodes of plan and sleep
    #[command(flatten)]
    pub world: WorldArgs,
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

/// `planner inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A task's name or TOML file, or the folder of a dataset, checkpoint or run
    pub path: String,
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
