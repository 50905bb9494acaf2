//! `planner import`

use clap::Args;
use imle_cli::failure::{Failure, Result};
use imle_cli::{args::common::Common, load, output, place::Place};
use imle_configs::spec::ImageLayout;
use imle_policy::import::{CONVERTER, ImportTarget, import};
use serde_json::json;
use std::path::PathBuf;

/// `planner import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Folder of the policy, with its config.json and model.safetensors, or of a run of LeRobot: the newest checkpoint
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
    /// see [default: all, in the task's order; of a policy that sees pictures the task's `proprioception`]
    #[arg(long, value_name = "TERMS", value_delimiter = ',')]
    pub observation: Vec<String>,
    /// Cameras of the task or dataset in the order in which the policy sees them, comma-separated [default: all, in
    /// their own order]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub cameras: Vec<String>,
    /// Control steps a second, in Hz, where neither --task nor --data gives them
    #[arg(long, value_name = "HZ", default_value_t = 10.0, value_parser = rate)]
    pub control_rate: f64,
    /// Folder of the checkpoint; must be empty or new
    #[arg(long, required_unless_present = "converter")]
    pub out: Option<PathBuf>,
    /// Print the Python script that turns a pickle (.pt, .pth, .ckpt) into a folder for FROM, and stop
    #[arg(long)]
    pub converter: bool,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// A control rate.
fn rate(text: &str) -> std::result::Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|hz| *hz > 0.0 && *hz <= 1e6);
    rate.ok_or_else(|| "expected a number above 0 and at most 1000000".into())
}

/// Imports a policy that was trained elsewhere.
pub fn run(args: &ImportArgs) -> Result<()> {
    if args.converter {
        output::print(CONVERTER);
        return Ok(());
    }
    let (Some(from), Some(out)) = (&args.from, &args.out) else {
        return Err(Failure::Input("FROM and --out are needed".into()));
    };
    let output = args.common.output();
    let wanted = ImportTarget {
        observation: args.observation.clone(),
        cameras: args.cameras.clone(),
        control_rate: args.control_rate,
        ..served(args)?
    };
    let imported = import(from, &wanted)?;
    let place = Place::locked(out)?;
    imported.checkpoint.save(out)?;
    drop(place);
    let config = imported.checkpoint.config();
    let (h, parameters) = (config.horizons, imported.checkpoint.table().count());
    output.say(format!("{}: a checkpoint of method {} for task {}", imported.kind, config.method, config.spec.task));
    output.say(format!(
        "{parameters} parameters; {} observations, {} actions from the current step on, {} executed",
        h.observation, h.prediction, h.action
    ));
    if let (Some(pictures), Some(vision)) = (&config.spec.pictures, &config.vision) {
        output.say(format!("pictures of {pictures}; {vision}"));
    }
    if imported.folder != *from && from.is_dir() {
        output.say(format!("read from {}", imported.folder.display()));
    }
    if imported.unused > 0 {
        output.note(format!("{} tensors were left out that the policy does not use", imported.unused));
    }
    output.say(format!("checkpoint in {}", out.display()));
    let mut result = json!(config);
    result["kind"] = imported.kind.into();
    result["parameters"] = parameters.into();
    output.result(&result)
}

/// Specification that the policy is to serve, from the task or the dataset.
fn served(args: &ImportArgs) -> Result<ImportTarget> {
    Ok(match (&args.task, &args.data) {
        (Some(task), _) => {
            let task = load::task(task)?;
            let pictures = task.cameras().first().map(|first| {
                let [width, height] = first.size();
                ImageLayout { cameras: task.cameras().iter().map(|c| c.name.clone()).collect(), height, width }
            });
            ImportTarget {
                spec: Some(task.spec().clone()),
                beside: task.proprioception().to_vec(),
                pictures,
                ..ImportTarget::default()
            }
        }
        (None, Some(data)) => {
            let spec = Some(imle_data::read(data)?.spec);
            ImportTarget { spec, pictures: imle_data::image_layout(data)?, ..ImportTarget::default() }
        }
        (None, None) => ImportTarget::default(),
    })
}
