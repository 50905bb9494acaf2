//! `planner report`

use clap::Args;
use imle_cli::{args::common::Common, failure::Result, report};
use std::path::PathBuf;

/// `planner report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders of runs, trainings, fine-tunings and datasets, and files of results of sweeps
    #[arg(required = true, value_name = "RUN")]
    pub inputs: Vec<PathBuf>,
    /// HTML file
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Writes the report.
pub fn run(args: &ReportArgs) -> Result<()> {
    let output = args.common.output();
    let result = report::write(&args.inputs, &args.out, output)?;
    output.say(format!("report: {}", args.out.display()));
    output.result(&result)
}
