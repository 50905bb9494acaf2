//! Clips of the worst episodes, drawn again from the states that the runs kept.

use super::reported::Reported;
use crate::args::common::WorldArgs;
use crate::episodes::states::{KeptStates, STATES_FILE};
use crate::failure::Result;
use crate::{load, output::Output};
use base64::{Engine, engine::general_purpose::STANDARD};
use imle_envs::render::{Renderer, Video};
use imle_envs::{task::Task, world::World};
use std::path::Path;
use std::sync::Arc;

/// Most bytes of all clips of a report.
const MOST_BYTES: usize = 2_700_000;
/// Most pictures of a clip.
const MOST_PICTURES: usize = 60;

/// Draws the worst episodes of all runs, the worst of each first, until there is no more room. Runs that cannot be drawn
/// note why.
pub(super) fn draw(all: &mut [Reported], output: Output) {
    let mut left = MOST_BYTES;
    let mut scenes: Vec<Option<Scene>> = all.iter_mut().map(scene).collect();
    let most = all.iter().map(|run| run.worst.len()).max().unwrap_or(0);
    let total = all.iter().map(|run| run.worst.len()).sum::<usize>() as u64;
    let mut progress = output.progress(total, "draw", "clips");
    let mut done = 0;
    for rank in 0..most {
        for (run, scene) in all.iter_mut().zip(&mut scenes) {
            let (Some(known), Some(worst)) = (scene.as_mut(), run.worst.get_mut(rank)) else { continue };
            done += 1;
            progress.set(done, "");
            match known.clip(worst.episode) {
                Ok(Some(bytes)) if bytes.len() <= left => {
                    left -= bytes.len();
                    worst.clip = Some(STANDARD.encode(bytes));
                }
                Ok(Some(_)) => run.notes.push(format!("no room for a clip of episode {}", worst.episode)),
                Ok(None) => run.notes.push(format!("no clip of episode {}: its states were not kept", worst.episode)),
                Err(failure) => {
                    run.notes.push(format!("no clips: {}", failure.line()));
                    *scene = None;
                }
            }
        }
    }
    progress.finish();
}

/// A run that can be drawn.
struct Scene {
    states: KeptStates,
    task: Arc<Task>,
    world: World,
    renderer: Renderer,
}

/// The scene of a run; nothing if there is nothing to draw, and with a note if it cannot be.
fn scene(run: &mut Reported) -> Option<Scene> {
    if run.worst.is_empty() {
        return None;
    }
    match Scene::of(run) {
        Ok(Some(scene)) => Some(scene),
        Ok(None) => {
            run.notes.push(format!("no clips: no {STATES_FILE}, as in runs of older versions"));
            None
        }
        Err(failure) => {
            run.notes.push(format!("no clips: {}", failure.line()));
            None
        }
    }
}

impl Scene {
    fn of(run: &Reported) -> Result<Option<Self>> {
        let Some(states) = KeptStates::read(Path::new(&run.path))? else { return Ok(None) };
        let Some((name, mismatch)) = run.world.clone() else { return Ok(None) };
        let task = load::task_in(&name, &WorldArgs { mismatch })?;
        let world = World::new(task.clone())?;
        let renderer = Renderer::new(&world)?;
        Ok(Some(Self { states, task, world, renderer }))
    }

    /// The MP4 file of an episode, at the speed of its world; nothing if its states were not kept.
    fn clip(&mut self, episode: u64) -> Result<Option<Vec<u8>>> {
        let Some(states) = self.states.episode(episode)? else { return Ok(None) };
        let every = states.len().div_ceil(MOST_PICTURES).max(1);
        let last = states.len().saturating_sub(1);
        let mut video = Video::new(self.renderer.size(), self.task.spec().control_rate / every as f64)?;
        for (_, state) in states.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last) {
            self.world.set_state(state)?;
            video.push(&self.renderer.draw(&mut self.world)?)?;
        }
        Ok(Some(video.into_bytes()?))
    }
}
