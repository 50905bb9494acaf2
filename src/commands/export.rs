//! `planner export`

use clap::{Args, ValueEnum};
use imle_cli::{args::common::Common, child::python::Python, failure::Result, place::Place};
use imle_configs::files;
use serde_json::json;
use std::{ffi::OsStr, path::PathBuf};

/// `planner export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Folder of the checkpoint, or a task for the one that is shipped
    pub from: PathBuf,
    /// Format to write
    #[arg(long, value_enum)]
    pub to: Target,
    /// File, or folder for lerobot; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Format that a checkpoint is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// A folder that LeRobot and planner read
    Lerobot,
    /// An ONNX file
    Onnx,
    /// A plain PyTorch module, for torch.export.load
    Torch,
}

/// Writes a checkpoint for other programs.
pub fn run(args: &ExportArgs) -> Result<()> {
    let output = args.common.output();
    files::ensure_absent(&args.out)?;
    drop(Place::folder(&args.out)?);
    let value = args.to.to_possible_value();
    let to = value.as_ref().map_or("", |v| v.get_name());
    let words = ["--to", to].map(OsStr::new);
    let more = [args.from.as_os_str(), OsStr::new("--out"), args.out.as_os_str()];
    Python::find()?.run("imle_planner.export", &[&words[..], &more[..]].concat())?;
    output.say(format!("{to}: {}", args.out.display()));
    output.result(&json!({ "to": to, "out": args.out }))
}
