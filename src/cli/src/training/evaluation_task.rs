//! The task that a training is evaluated in.

use crate::failure::{Failure, Result};
use crate::{args::learn::LearnArgs, load};
use imle_configs::embedded;
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_policy::vision::VisionSettings;
use std::{path::Path, sync::Arc};

/// The task to evaluate in for so many `episodes`, none for 0: the one that is named, or else the dataset's; checked
/// against the dataset, which lies at `data`. It is there without an evaluation too where it is to be asked which terms
/// are seen beside pictures.
pub fn known_task(
    vision: &VisionSettings,
    episodes: u32,
    args: &LearnArgs,
    dataset: &Dataset,
    data: &Path,
) -> Result<Option<Arc<Task>>> {
    let name = args.task.as_ref().unwrap_or(&dataset.spec.task);
    let there = args.task.is_some() || embedded::task(name).is_some();
    let asks = !vision.cameras.is_empty() && vision.state.is_empty();
    if episodes == 0 && !(asks && there) {
        return Ok(None);
    }
    let place = data.display().to_string();
    if !there {
        return Err(Failure::Input(format!(
            "{place}: task `{name}` is not built in; name its file with --task, or go without evaluation with \
             --evaluation-episodes 0"
        )));
    }
    let task = load::task_in(name, &args.world)?;
    dataset.spec.check_matches(task.spec(), &place)?;
    Ok(Some(task))
}
