//! `planner import`

use crate::cli::ImportArgs;
use crate::failure::{Failure, Result};
use crate::load;
use crate::output::object;
use crate::place::Place;
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
    let spec = match (&args.task, &args.data) {
        (Some(task), _) => Some(load::task(task)?.spec().clone()),
        (None, Some(data)) => Some(imle_data::read(data)?.spec),
        (None, None) => None,
    };
    let wanted = Wanted { spec, observation: args.observation.clone(), control_rate: args.control_rate };
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
    if imported.unused > 0 {
        output.note(format!("{} tensors were left out that the policy does not use", imported.unused));
    }
    output.say(format!("checkpoint in {}", out.display()));
    let mut result = object(config)?;
    result.insert("kind".into(), imported.kind.into());
    result.insert("parameters".into(), parameters.into());
    output.result(&Value::Object(result))
}
