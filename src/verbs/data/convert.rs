//! `planner data convert`

use crate::cli::DataConvertArgs;
use crate::failure::Result;
use crate::load;
use crate::place::Place;
use imle_configs::Error as InputError;
use imle_data::import::{Options, convert};
use serde_json::json;
use std::time::Instant;

/// Makes a LeRobot v3 dataset of one in another format.
pub fn run(args: &DataConvertArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    if let Some(rate) = args.rate.filter(|r| !(*r > 0.0 && r.is_finite())) {
        return Err(InputError::unexpected("--rate", "a positive number of Hz", rate).into());
    }
    let task = args.task.as_deref().map(load::task).transpose()?;
    if args.out.exists() {
        return Err(InputError::Exists { path: args.out.clone() }.into());
    }
    drop(Place::folder(&args.out)?);
    let options = Options {
        spec: task.map(|t| t.spec().clone()),
        task: args.name.clone(),
        rate: args.rate,
        resample: args.resample,
        observation: args.observation.clone(),
        images: args.images,
        episodes: args.episodes.map(|n| n as usize),
    };
    let told = convert(&args.from, &args.out, &options)?;
    output.say(format!(
        "{} episodes, {} control steps at {} Hz, from {} into {}",
        told.episodes,
        told.frames,
        told.spec.control_rate,
        told.format,
        args.out.display()
    ));
    if let Some(rate) = told.resampled_from {
        output.say(format!("interpolated from {rate} Hz"));
    }
    for (what, layout) in [("observation", &told.spec.observation), ("action", &told.spec.action)] {
        let terms: Vec<String> = layout.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect();
        output.say(format!("{what}: {} values ({})", layout.size(), terms.join(" ")));
    }
    if !told.cameras.is_empty() {
        output.say(format!("pictures of {}", told.cameras.join(", ")));
    }
    output.result(&json!({
        "format": told.format.to_string(), "spec": told.spec, "episodes": told.episodes, "env_steps": told.frames,
        "cameras": told.cameras, "resampled_from": told.resampled_from, "wall_s": begun.elapsed().as_secs_f64(),
    }))
}
