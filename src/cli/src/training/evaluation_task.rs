//! The task that a training is evaluated in.

use crate::args::common::WorldArgs;
use crate::args::learn::LearnArgs;
use crate::failure::{Failure, Result};
use crate::load;
use imle_configs::embedded;
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_policy::vision::VisionSettings;
use std::path::Path;
use std::sync::Arc;

/// The task to evaluate in, or to ask which terms are seen beside pictures: as `evaluation_task`, where there is one
/// to ask.
pub fn known_task(
    vision: &VisionSettings,
    episodes: u32,
    args: &LearnArgs,
    dataset: &Dataset,
    data: &Path,
) -> Result<Option<Arc<Task>>> {
    let named = args.task.as_deref();
    let asks = !vision.cameras.is_empty() && vision.state.is_empty();
    let there = named.is_some() || embedded::task(&dataset.spec.task).is_some();
    evaluation_task(if asks && there { episodes.max(1) } else { episodes }, named, &args.world, dataset, data)
}

/// The task to evaluate in for so many episodes, none for 0: the one that is `named`, or else the dataset's; checked
/// against the dataset, which lies at `data`.
fn evaluation_task(
    episodes: u32,
    named: Option<&str>,
    world: &WorldArgs,
    dataset: &Dataset,
    data: &Path,
) -> Result<Option<Arc<Task>>> {
    if episodes == 0 {
        return Ok(None);
    }
    let place = data.display().to_string();
    let name = named.unwrap_or(&dataset.spec.task);
    if named.is_none() && embedded::task(name).is_none() {
        return Err(Failure::Input(format!(
            "{place}: task `{name}` is not built in; name its file with --task, or go without evaluation with \
             --evaluation-episodes 0"
        )));
    }
    let task = load::task_in(name, world)?;
    dataset.spec.check_matches(task.spec(), &place)?;
    Ok(Some(task))
}
