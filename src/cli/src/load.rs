//! Loading as the flags name it: tasks, checkpoints, thread pools.

use crate::args::common::{Common, DeviceArgument, WorldArgs};
use crate::args::learn::EstimatorArgs;
use crate::failure::Result;
use crate::{child::model_check, interrupt};
use imle_configs::{Error as InputError, embedded};
use imle_envs::{task::Task, task::mismatch::Mismatch};
use imle_policy::checkpoint::{CONFIG_FILE, Checkpoint};
use imle_policy::device::DeviceChoice;
use std::{path::Path, sync::Arc};

/// The task of that name or path.
pub fn task(name: &str) -> Result<Arc<Task>> {
    Ok(Arc::new(alone(name)?))
}

/// The same, to be changed before it is shared.
pub fn alone(name: &str) -> Result<Task> {
    checked(name, Task::load)
}

/// The same with the raw controls of its actuators as actions.
pub fn with_raw_actions(name: &str) -> Result<Task> {
    checked(name, Task::load_with_raw_actions)
}

/// A task of a user's may take long to load, or never end.
fn checked(name: &str, load: fn(&str) -> imle_envs::Result<Task>) -> Result<Task> {
    if embedded::task(name).is_some() {
        return Ok(load(name)?);
    }
    interrupt::at_once(|| {
        model_check::check(name)?;
        Ok(load(name)?)
    })
}

/// The same in a world that differs from the planner's model as asked for.
pub fn task_in(name: &str, world: &WorldArgs) -> Result<Arc<Task>> {
    let task = alone(name)?;
    Ok(Arc::new(match &world.mismatch {
        Some(mismatch) => task.with_mismatch(Mismatch::find(mismatch).map_err(imle_envs::Error::from)?)?,
        None => task,
    }))
}

/// Index of the mode of that name among those of the task's expert.
pub fn mode(name: Option<&str>, task: &Task) -> Result<Option<usize>> {
    let Some(name) = name else { return Ok(None) };
    let expert = task.expert().ok_or_else(|| {
        InputError::unexpected("--mode", "a task with an expert", format!("`{}`, which has none", task.spec().task))
    })?;
    Ok(Some(expert.mode(name)?))
}

/// The checkpoint in `folder`, or the one shipped for the task, and the task as the checkpoint sees it: they fit.
pub fn checkpoint(folder: Option<&Path>, task: Arc<Task>) -> Result<(Arc<Task>, Checkpoint)> {
    let none = || {
        let expected = format!("a generator of task `{}`, of which no checkpoint is shipped", task.spec().task);
        InputError::unexpected("--checkpoint", expected, "none")
    };
    let (checkpoint, place) = named_or_shipped(folder, &task)?.ok_or_else(none)?;
    Ok((seen_by(&checkpoint, &place, task)?, checkpoint))
}

/// As [`checkpoint`]; nothing where none is named and none is shipped that fits: a task of one's own may bear the name
/// of a built-in one.
pub fn any_checkpoint(folder: Option<&Path>, task: Arc<Task>) -> Result<(Arc<Task>, Option<Checkpoint>)> {
    let Some((checkpoint, place)) = named_or_shipped(folder, &task)? else { return Ok((task, None)) };
    match seen_by(&checkpoint, &place, task.clone()) {
        Err(_) if folder.is_none() => Ok((task, None)),
        seen => Ok((seen?, Some(checkpoint))),
    }
}

/// The checkpoint in `folder`, or the one shipped for the task if there is one, with its place in errors.
fn named_or_shipped(folder: Option<&Path>, task: &Task) -> Result<Option<(Checkpoint, String)>> {
    if let Some(folder) = folder {
        return Ok(Some((checkpoint_in(folder)?, folder.display().to_string())));
    }
    let name = &task.spec().task;
    let place = format!("shipped checkpoint `{name}`");
    let shipped = embedded::checkpoint(name).map(|files| Checkpoint::load_bytes(&place, &files)).transpose()?;
    Ok(shipped.map(|checkpoint| (checkpoint, place)))
}

/// The task as the checkpoint sees it, which must fit.
fn seen_by(checkpoint: &Checkpoint, place: &str, task: Arc<Task>) -> Result<Arc<Task>> {
    let task = match checkpoint.spec().pictures {
        Some(_) => Arc::new(Arc::unwrap_or_clone(task).seen_as(checkpoint.spec(), place)?),
        None => task,
    };
    checkpoint.check_matches(task.spec(), place)?;
    Ok(task)
}

/// The checkpoint in `folder`, of whatever task.
pub fn checkpoint_in(folder: &Path) -> Result<Checkpoint> {
    let expected = "the folder of a checkpoint";
    InputError::ensure(!folder.join("meta/info.json").exists(), folder.display(), expected, "that of a dataset")?;
    Ok(Checkpoint::load(folder)?)
}

/// The estimator that a training names, or that it was begun with.
pub fn estimator(args: &EstimatorArgs, resumed: Option<&Path>) -> Result<Option<Arc<Checkpoint>>> {
    match (&args.estimator, resumed) {
        (Some(folder), _) => Ok(Some(Arc::new(checkpoint_in(folder)?))),
        (None, Some(out)) => begun_behind(out),
        (None, None) => Ok(None),
    }
}

/// The estimator of the training in `out`, if there is one.
pub fn begun_behind(out: &Path) -> Result<Option<Arc<Checkpoint>>> {
    let there = out.join(CONFIG_FILE).exists();
    Ok(if there { checkpoint_in(out)?.estimator().cloned() } else { None })
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
