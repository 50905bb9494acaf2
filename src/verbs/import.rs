//! `planner import`

use crate::cli::ImportArgs;
use crate::failure::{Failure, Result};
use crate::load;
use crate::output::object;
use crate::place::Place;
use imle_configs::spec::ImageLayout;
use imle_policy::import::{CONVERTER, Wanted, import};
use serde_json::Value;

/// Brings in a policy that was trained elsewhere.
pub fn run(args: &ImportArgs) -> Result<()> {
    if args.converter {
        print!("{CONVERTER}");
        return Ok(());
    }
    let (Some(from), Some(out)) = (&args.from, &args.out) else {
        return Err(Failure::Input("FROM and --out are needed".into()));
    };
    let output = args.common.output();
    let wanted = Wanted {
        observation: args.observation.clone(),
        cameras: args.cameras.clone(),
        control_rate: args.control_rate,
        ..served(args)?
    };
    let imported = import(from, &wanted)?;
    let place = Place::folder(out)?;
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
    if imported.unused > 0 {
        output.note(format!("{} tensors were left out that the policy does not use", imported.unused));
    }
    output.say(format!("checkpoint in {}", out.display()));
    let mut result = object(config)?;
    result.insert("kind".into(), imported.kind.into());
    result.insert("parameters".into(), parameters.into());
    output.result(&Value::Object(result))
}

/// What the task or the dataset has that the policy is to serve.
fn served(args: &ImportArgs) -> Result<Wanted> {
    Ok(match (&args.task, &args.data) {
        (Some(task), _) => {
            let task = load::task(task)?;
            let first = task.cameras().first();
            let pictures = first.map(|first| {
                let ([width, height], cameras) =
                    (first.size(), task.cameras().iter().map(|c| c.name.clone()).collect());
                ImageLayout { cameras, height, width }
            });
            Wanted {
                spec: Some(task.spec().clone()),
                beside: task.proprioception().to_vec(),
                pictures,
                ..Wanted::default()
            }
        }
        (None, Some(data)) => {
            let spec = Some(imle_data::read(data)?.spec);
            Wanted { spec, pictures: imle_data::image_layout(data)?, ..Wanted::default() }
        }
        (None, None) => Wanted::default(),
    })
}
