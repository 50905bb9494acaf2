//! A video or a strip of pictures of a run's episodes.

use crate::interrupt;
use imle_envs::render::{Renderer, Video};
use imle_envs::{task::Task, world::World};
use imle_planner::evaluation::Outcome;
use std::{path::Path, sync::Arc};

/// Pictures of a strip.
const STRIP: usize = 6;

/// Whether the name of a file has this ending, in either case.
pub fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
}

/// Renders the first `count` recorded episodes: into a video, or for a `.png` the first of them into a strip of pictures. Returns
/// the number of pictures.
///
/// # Errors
/// A machine that cannot draw, a file that cannot be written; [`imle_envs::Error::Render`] after Ctrl-C.
pub fn film(task: &Arc<Task>, outcome: &Outcome, count: usize, path: &Path) -> imle_envs::Result<usize> {
    let mut world = World::new(task.clone())?;
    let mut renderer = Renderer::new(&world)?;
    let size = renderer.size();
    let mut draw = |state: &[f64]| {
        world.set_state(state)?;
        renderer.draw(&mut world)
    };
    if has_ending(path, "png") {
        let states = outcome.episodes.first().map_or(&[][..], |e| &e.states);
        let last = states.len().saturating_sub(1);
        let chosen = (0..STRIP).filter_map(|i| states.get(i * last / (STRIP - 1)));
        let pictures = chosen.map(|s| draw(s)).collect::<imle_envs::Result<Vec<_>>>()?;
        imle_envs::render::strip::write(path, size, &pictures)?;
        return Ok(pictures.len());
    }
    let mut video = Video::new(size, task.spec().control_rate)?;
    for state in outcome.episodes.iter().take(count).flat_map(|e| &e.states) {
        if interrupt::asked() {
            return Err(imle_envs::Error::Render("interrupted".into()));
        }
        video.push(&draw(state)?)?;
    }
    let frames = video.frames();
    video.finish(path)?;
    Ok(frames)
}
