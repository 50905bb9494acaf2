//! Demonstrations: the expert's episodes, recorded as they are executed.

use super::expert::Expert;
use super::poor::Poor;
use crate::error::{Error, Result};
use crate::render::Cameras;
use crate::task::Task;
use crate::world::World;
use imle_configs::Error as InputError;
use imle_configs::episode::Episode;
use imle_configs::seed::{Purpose, stream};
use std::sync::Arc;

/// One episode of the task's expert from start state `index` of `seed`, successful or not. The expert shows `mode` (an
/// index of the expert's), if one is given. The stored action is exactly what was executed, so that [`replay`] is
/// equal to the bit.
///
/// # Errors
/// A bad input if the task has no expert; a failure to make the world.
pub fn demonstrate(task: &Arc<Task>, mode: Option<usize>, seed: u64, index: u64) -> Result<Episode> {
    record(task, mode, seed, index, |expert, _| expert)
}

/// As [`demonstrate`], by a poor demonstrator (``poor.rs``) with the same aim.
///
/// # Errors
/// As [`demonstrate`].
pub fn demonstrate_poorly(task: &Arc<Task>, mode: Option<usize>, seed: u64, index: u64) -> Result<Episode> {
    let rng = stream(seed, Purpose::Expert, index, 1, 0);
    record(task, mode, seed, index, |expert, world| Box::new(Poor::new(expert, rng, world)))
}

/// Records the episode of who `made` makes of the task's expert.
fn record(
    task: &Arc<Task>,
    mode: Option<usize>,
    seed: u64,
    index: u64,
    made: impl FnOnce(Box<dyn Expert>, &World) -> Box<dyn Expert>,
) -> Result<Episode> {
    let expert = task.expert().ok_or_else(|| {
        InputError::unexpected(format!("task `{}`", task.spec().task), "a task with an `expert`", "none in its file")
    })?;
    let mut world = World::new(task.clone())?;
    world.reset(seed, Purpose::Demonstration, index)?;
    let mut actor = made(expert.start(&world, mode, stream(seed, Purpose::Expert, index, 0, 0)), &world);
    let mut labeller = expert.labeller();
    let (observation_size, action_size) = (task.spec().observation.size(), task.spec().action.size());
    let mismatch = mismatch_of(task).to_string();
    let mut episode = Episode { seed, index, mismatch, ..Episode::default() };
    let mut observation = vec![0.0; observation_size];
    let mut action = vec![0.0; action_size];
    while !world.done() {
        world.observe(&mut observation);
        actor.act(&world, &mut action);
        episode.observations.extend_from_slice(&observation);
        episode.actions.extend_from_slice(&action);
        world.step(&action);
        labeller.observe(&world);
    }
    episode.len = world.steps();
    episode.success = world.success();
    episode.mode = labeller.label().and_then(|m| expert.modes().get(m)).copied().unwrap_or("").to_string();
    Ok(episode)
}

/// Executes a recorded episode's actions from its start state and returns the world in its final state.
///
/// # Errors
/// If the world cannot be made, or the episode's sizes or its mismatch are not the task's.
pub fn replay(task: &Arc<Task>, episode: &Episode) -> Result<World> {
    replay_watched(task, episode, |_| Ok(()))
}

/// Executes a recorded episode's actions from its start state and returns the pictures beside its observations,
/// (len, cameras, H, W, 3).
///
/// # Errors
/// As [`replay`]; [`Error::Render`].
pub fn pictures(task: &Arc<Task>, episode: &Episode, cameras: &mut Cameras) -> Result<Vec<u8>> {
    let (mut all, mut now) = (Vec::new(), vec![0; cameras.bytes()]);
    replay_watched(task, episode, |world| {
        cameras.draw([world], &mut now)?;
        all.extend_from_slice(&now);
        Ok(())
    })?;
    Ok(all)
}

/// Replays with a look at the world before each action.
fn replay_watched(
    task: &Arc<Task>,
    episode: &Episode,
    mut look: impl FnMut(&mut World) -> Result<()>,
) -> Result<World> {
    let size = task.spec().action.size();
    let found = format!("{} values for {} steps", episode.actions.len(), episode.len);
    let expected = format!("{size} action values a step");
    InputError::ensure(episode.actions.len() == episode.len * size, "episode", expected, found)?;
    if episode.mismatch != mismatch_of(task) {
        let worlds = [episode.mismatch.as_str(), mismatch_of(task)].map(|m| if m.is_empty() { "no" } else { m });
        let [expected, found] = worlds.map(|m| format!("a world with {m} mismatch"));
        return Err(InputError::unexpected("episode", expected, found).into());
    }
    let mut world = World::new(task.clone())?;
    world.reset(episode.seed, Purpose::Demonstration, episode.index)?;
    for action in episode.actions.chunks_exact(size) {
        look(&mut world)?;
        world.step(action);
    }
    match world.failure() {
        Some(reason) => Err(Error::Simulation(reason.to_string())),
        None => Ok(world),
    }
}

/// Name of the mismatch of the task's world; empty without one.
fn mismatch_of(task: &Task) -> &str {
    task.mismatch().map_or("", |m| m.name.as_str())
}
