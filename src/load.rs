//! What verbs load: tasks, checkpoints, thread pools.

use crate::cli::{Common, DeviceArgument};
use crate::failure::{Failure, Result};
use imle_configs::embedded;
use imle_envs::task::Task;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::device::DeviceChoice;
use std::path::Path;
use std::sync::Arc;

/// The task of that name or path.
pub fn task(name: &str) -> Result<Arc<Task>> {
    Ok(Arc::new(Task::load(name)?))
}

/// The checkpoint in `folder`, or the one shipped for the task; checked against the task.
pub fn checkpoint(folder: Option<&Path>, task: &Task) -> Result<Checkpoint> {
    let name = &task.spec().task;
    let (checkpoint, place) = match folder {
        Some(folder) => (Checkpoint::load(folder)?, folder.display().to_string()),
        None => {
            let files = embedded::checkpoint(name).ok_or_else(|| {
                Failure::Input(format!(
                    "no checkpoint is shipped for task `{name}`; train one and name it with --checkpoint"
                ))
            })?;
            let place = format!("shipped checkpoint `{name}`");
            (Checkpoint::load_bytes(&place, &files)?, place)
        }
    };
    checkpoint.check_matches(task.spec(), &place)?;
    Ok(checkpoint)
}

/// The device that is asked for.
pub fn device(choice: DeviceArgument) -> Result<tch::Device> {
    let choice = match choice {
        DeviceArgument::Cpu => DeviceChoice::Cpu,
        DeviceArgument::Cuda => DeviceChoice::Cuda,
        DeviceArgument::Auto => DeviceChoice::Auto,
    };
    Ok(choice.open()?)
}

/// A pool of as many threads as `--threads` says.
pub fn pool(common: &Common) -> Result<rayon::ThreadPool> {
    Ok(imle_planner::threads::pool(common.threads())?)
}
