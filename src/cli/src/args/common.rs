//! Flags of most commands: output, threads, settings, world and device.

use crate::output::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Flags of every command.
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
    pub fn output(&self) -> Output {
        Output::new(self.json, self.quiet)
    }
}

/// Flags of commands that have settings.
#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// TOML file with settings; --set and flags override it
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// Set one setting, e.g. --set learning_rate=0.001; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Settings")]
    pub set: Vec<String>,
    /// Print all settings as TOML, with their meanings and present values, and stop
    #[arg(long, help_heading = "Settings")]
    pub settings: bool,
}

/// Flags for the settings that people change most.
#[derive(Clone, Debug, Default, Args)]
pub struct OptimizationArgs {
    /// Gradient steps; of finetune --algorithm expert-iteration those of a round. Wins over --set and --config
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Settings")]
    pub steps: Option<u64>,
    /// States a gradient step. Wins over --set and --config
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Settings")]
    pub batch_size: Option<u32>,
    /// Learning rate. Wins over --set and --config
    #[arg(long, value_name = "RATE", help_heading = "Settings")]
    pub learning_rate: Option<f64>,
}

impl OptimizationArgs {
    /// The flags as words of `--set`, under the settings' own names.
    pub fn words(&self, steps: &str, batch_size: &str, learning_rate: &str) -> Vec<String> {
        let given = [
            self.steps.map(|n| format!("{steps}={n}")),
            self.batch_size.map(|n| format!("{batch_size}={n}")),
            self.learning_rate.map(|rate| format!("{learning_rate}={rate:?}")),
        ];
        given.into_iter().flatten().collect()
    }
}

/// Flags that choose the world episodes are run in.
#[derive(Clone, Debug, Args)]
pub struct WorldArgs {
    /// Mismatch of the world to the planner's model: heavy, light, sticky, slippery, noisy, delayed, weak
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
