//! `planner view`

use clap::Args;
use imle_cli::{args::common::Common, child::python::Python, failure::Failure, failure::Result};
use std::{ffi::OsString, path::PathBuf};

/// `planner view`
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Folder of a run (planner run --out) or of a dataset, to look at its episodes
    #[arg(required_unless_present = "task")]
    pub path: Option<PathBuf>,
    /// Built-in task, or the path of a task's TOML file: live, or what a dataset is played in
    #[arg(long)]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task. Without either the planner searches
    /// alone]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Optimizer to begin with; it can be changed on the page [default: predictive-sampling, or cma-es without a
    /// generator]
    #[arg(long)]
    pub optimizer: Option<String>,
    /// Candidates of a decision to begin with
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub candidates: u32,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Number of the first episode
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub first: u64,
    /// Address to listen on. Others than this machine's own let everybody in who knows the token
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port; 0 for the first that is free from 8080 on
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the address and open no browser
    #[arg(long)]
    pub no_browser: bool,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Opens a page in the browser, until it is closed or Ctrl-C is pressed.
pub fn run(args: &ViewArgs) -> Result<()> {
    if args.common.json {
        return Err(Failure::Input("--json: expected a command that ends with a result, found view".into()));
    }
    let mut words: Vec<OsString> = Vec::new();
    let mut add = |flag: &str, value: OsString| words.extend([flag.into(), value]);
    let paths = [("--checkpoint", &args.checkpoint), ("--path", &args.path)];
    paths.into_iter().filter_map(|(flag, path)| Some((flag, path.clone()?))).for_each(|(f, p)| add(f, p.into()));
    let texts = [("--task", &args.task), ("--optimizer", &args.optimizer), ("--host", &Some(args.host.clone()))];
    texts.into_iter().filter_map(|(flag, text)| Some((flag, text.clone()?))).for_each(|(f, t)| add(f, t.into()));
    let numbers = [
        ("--candidates", u64::from(args.candidates)),
        ("--seed", args.seed),
        ("--first", args.first),
        ("--port", u64::from(args.port)),
        ("--threads", args.common.threads() as u64),
    ];
    numbers.into_iter().for_each(|(flag, number)| add(flag, number.to_string().into()));
    if args.no_browser {
        words.push("--no-browser".into());
    }
    Err(Python::find()?.replace("imle_planner.viewer", &words))
}
