//! A video or a strip of pictures of episodes.

use super::overlay::Overlay;
use crate::args::video::{VideoArgs, has_ending};
use crate::{failure::Result, interrupt, output::Output};
use imle_envs::render::{Caption, Framing, Renderer, Video, strip};
use imle_envs::rollout::RolloutEngine;
use imle_envs::{task::Task, world::World};
use imle_planner::evaluation::EpisodeResult;
use std::{path::Path, sync::Arc};

/// Pictures of a strip.
const STRIP: usize = 6;
/// Time that the end of an episode is held, s: one that was solved, and one that was not.
const HELD: [f64; 2] = [0.5, 1.0];

/// Writes the video of `episodes` that `args` ask for, if they do, and says where it is. A machine that cannot draw is a note: what was
/// run is whole without it.
///
/// # Errors
/// A file that cannot be written, a state that MuJoCo gives up on.
pub fn write(
    output: Output,
    task: &Arc<Task>,
    episodes: &[EpisodeResult],
    args: &VideoArgs,
    by: (&RolloutEngine, &rayon::ThreadPool),
) -> Result<()> {
    let Some(path) = &args.video else { return Ok(()) };
    match film(task, episodes, args, path, by) {
        Ok(frames) => output.say(format!("video: {} ({frames} pictures)", path.display())),
        Err(e @ imle_envs::Error::Render(_)) => output.note(format!("no video: {e}")),
        Err(other) => return Err(other.into()),
    }
    Ok(())
}

/// Draws the recorded episodes: into a video, or for a `.png` the first of them into a strip of pictures. Candidates are
/// rolled out again `by` an engine, on the threads of a pool. Returns the number of pictures.
///
/// # Errors
/// A machine that cannot draw, a file that cannot be written; [`imle_envs::Error::Render`] after Ctrl-C.
fn film(
    task: &Arc<Task>,
    episodes: &[EpisodeResult],
    args: &VideoArgs,
    path: &Path,
    by: (&RolloutEngine, &rayon::ThreadPool),
) -> imle_envs::Result<usize> {
    let recorded = || episodes.iter().filter(|e| !e.states.is_empty());
    let strip = has_ending(path, "png");
    let mut world = World::new(task.clone())?;
    let mut renderer = renderer(&mut world, recorded().take(if strip { 1 } else { usize::MAX }), args)?;
    let size = renderer.size();
    let rate = task.spec().control_rate;
    let fps = args.fps.map_or(rate, f64::from);
    let mut draw = |world: &mut World, episode: &EpisodeResult, overlay: &mut Overlay<'_>, frame: Frame| {
        if interrupt::asked() {
            return Err(imle_envs::Error::Render("interrupted".into()));
        }
        let step = frame.step;
        let last = episode.states.len() - 1;
        match episode.states.get(step + 1) {
            Some(next) if frame.share > 0.0 => world.set_between(&episode.states[step], next, frame.share)?,
            _ => world.set_state(&episode.states[step])?,
        }
        if args.plain {
            return renderer.draw(world);
        }
        overlay.advance(step)?;
        let mut picture = renderer.draw_with(world, overlay.paths())?;
        overlay.caption(step, step == last).write(&mut picture, size);
        Ok(picture)
    };
    if strip {
        let Some(episode) = recorded().next() else { return Ok(0) };
        let mut overlay = Overlay::new(task, episode, by, size.1)?;
        let last = episode.states.len() - 1;
        let mut one = |i| draw(&mut world, episode, &mut overlay, Frame { step: i * last / (STRIP - 1), share: 0.0 });
        let pictures = (0..STRIP).map(&mut one).collect::<imle_envs::Result<Vec<_>>>()?;
        strip::write(path, size, &pictures)?;
        return Ok(pictures.len());
    }
    let mut video = Video::new(size, fps)?;
    for episode in recorded() {
        let mut overlay = Overlay::new(task, episode, by, size.1)?;
        for frame in frames(episode.states.len() - 1, rate, fps) {
            video.push(&draw(&mut world, episode, &mut overlay, frame)?)?;
        }
        if !args.plain {
            let last = Frame { step: episode.states.len() - 1, share: 0.0 };
            let picture = draw(&mut world, episode, &mut overlay, last)?;
            for _ in 0..(HELD[usize::from(!episode.success)] * fps).round() as usize {
                video.push(&picture)?;
            }
        }
    }
    let frames = video.frames();
    video.finish(path)?;
    Ok(frames)
}

/// A moment of an episode: a control step, and the share of the way to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Frame {
    step: usize,
    share: f64,
}

/// The moments of an episode of `steps` control steps, `fps` of them a second; the end is the last.
fn frames(steps: usize, rate: f64, fps: f64) -> Vec<Frame> {
    let at = |k: usize| k as f64 * rate / fps;
    let mut all: Vec<Frame> = (0..)
        .map(at)
        .take_while(|t| *t < steps as f64 - 1e-9)
        // A moment that is a control step's but for rounding is that control step.
        .map(|t| if (t - t.round()).abs() < 1e-9 { t.round() } else { t })
        .map(|t| Frame { step: t as usize, share: t.fract() })
        .collect();
    all.push(Frame { step: steps, share: 0.0 });
    all
}

/// The renderer of a video: a camera of the model, or one that frames the episodes.
fn renderer<'a>(
    world: &mut World,
    episodes: impl Iterator<Item = &'a EpisodeResult>,
    args: &VideoArgs,
) -> imle_envs::Result<Renderer> {
    if let Some(name) = &args.camera {
        return Renderer::from_camera(world, args.size, name);
    }
    let band = if args.plain { 0.0 } else { Caption::band(args.size.1) as f64 / args.size.1 as f64 };
    let mut framing = Framing::new(world.task(), args.size, band);
    for state in episodes.flat_map(|e| &e.states) {
        world.set_state(state)?;
        framing.include(world.simulation());
    }
    match framing.camera() {
        Some(camera) => Renderer::with_camera(world, args.size, camera),
        None => Renderer::new(world),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_takes_its_time_at_any_rate() {
        let at =
            |steps, rate, fps| frames(steps, rate, fps).iter().map(|f| f.step as f64 + f.share).collect::<Vec<_>>();
        assert_eq!(at(3, 20.0, 20.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(at(3, 20.0, 40.0), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(at(4, 20.0, 10.0), [0.0, 2.0, 4.0]);
        assert_eq!(at(0, 20.0, 10.0), [0.0]);
        assert_eq!(at(100, 12.5, 60.0).len(), 481);
    }
}
