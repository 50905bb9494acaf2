//! `planner data convert`

use clap::Args;
use imle_cli::{args::common::Common, failure::Result, load, place::Place};
use imle_configs::{Error as InputError, files};
use imle_data::import::{ImportOptions, convert};
use serde_json::json;
use std::{path::PathBuf, time::Instant};

/// `planner data convert`
#[derive(Debug, Args)]
pub struct DataConvertArgs {
    /// The dataset: a LeRobot or zarr folder, an HDF5 file or a folder of them, or a folder with record.toml
    pub from: PathBuf,
    /// Task that it is for, built-in or a TOML file: sizes and rate must be its own, its names are taken
    #[arg(long)]
    pub task: Option<String>,
    /// Name of the task, without --task [default: as the dataset says]
    #[arg(long, conflicts_with = "task")]
    pub name: Option<String>,
    /// Control steps a second, Hz, where the dataset does not say
    #[arg(long, value_name = "HZ")]
    pub rate: Option<f64>,
    /// Interpolate to the rate of --task or --rate where the dataset has another: observations linearly, actions held
    #[arg(long)]
    pub resample: bool,
    /// Columns that make up the observation, in this order, comma-separated: NAME, or NAME[FROM:TO] for some of its
    /// values; not for records [default: as the format has it; a line says what is left out]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub observation: Vec<String>,
    /// Columns that make up the action, likewise
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub action: Vec<String>,
    /// Convert the pictures too
    #[arg(long)]
    pub images: bool,
    /// Number of episodes to convert, from the first on [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: Option<u32>,
    /// Leave out episodes that cannot be read or hold numbers that are not finite; a line names each
    #[arg(long)]
    pub skip_broken: bool,
    /// Folder of the dataset; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Makes a LeRobot v3 dataset of one in another format.
pub fn run(args: &DataConvertArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    if let Some(rate) = args.rate.filter(|r| !(*r > 0.0 && r.is_finite())) {
        return Err(InputError::unexpected("--rate", "a positive number of Hz", rate).into());
    }
    let task = args.task.as_deref().map(load::task).transpose()?;
    files::ensure_absent(&args.out)?;
    drop(Place::folder(&args.out)?);
    let options = ImportOptions {
        spec: task.map(|t| t.spec().clone()),
        task: args.name.clone(),
        rate: args.rate,
        resample: args.resample,
        observation: args.observation.clone(),
        action: args.action.clone(),
        images: args.images,
        episodes: args.episodes.map(|n| n as usize),
        skip_broken: args.skip_broken,
    };
    let report = convert(&args.from, &args.out, &options)?;
    let (episodes, frames, format, rate) = (report.episodes, report.frames, &report.format, report.spec.control_rate);
    output.say(format!(
        "{episodes} episodes, {frames} control steps at {rate} Hz, from {format} into {}",
        args.out.display()
    ));
    if let Some(rate) = report.resampled_from {
        output.say(format!("interpolated from {rate} Hz"));
    }
    for (what, layout) in [("observation", &report.spec.observation), ("action", &report.spec.action)] {
        output.say(format!("{what}: {layout}"));
    }
    if !report.cameras.is_empty() {
        output.say(format!("pictures of {}", report.cameras.join(", ")));
    }
    report.notes.iter().for_each(|note| output.say(note));
    output.result(&json!({
        "format": report.format.to_string(), "spec": report.spec, "episodes": report.episodes, "env_steps": report.frames,
        "cameras": report.cameras, "resampled_from": report.resampled_from, "notes": report.notes,
        "wall_s": begun.elapsed().as_secs_f64(),
    }))
}
