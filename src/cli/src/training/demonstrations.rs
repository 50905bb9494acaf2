//! Demonstrations of a task's scripted expert.

use crate::failure::{Failure, Result};
use crate::{interrupt, output::Output};
use imle_configs::episode::Episode;
use imle_configs::seed::{Purpose, stream};
use imle_data::ImageLayout;
use imle_envs::experts::demonstrate::{demonstrate, demonstrate_poorly, pictures};
use imle_envs::{render::Cameras, task::Task};
use rand::Rng;
use rayon::prelude::*;
use std::{path::Path, sync::Arc};

/// Episodes recorded at a time; between them Ctrl-C is heard.
const WAVE: u64 = 16;
/// The expert may fail so often, beyond as many episodes as are wanted, before it is given up.
const MOST_FAILURES: usize = 50;

/// Demonstrator of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Demonstrators {
    /// The mode that they are to show, if any.
    pub mode: Option<usize>,
    /// Share of the episodes that a poor one tries.
    pub poor: f64,
    /// Seed of start states and of all draws.
    pub seed: u64,
}

/// Episodes recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The successful ones.
    pub episodes: Vec<Episode>,
    /// Indices of those that failed before the others were together.
    pub failed: Vec<u64>,
    /// Which of `episodes` are poor.
    pub poorly: Vec<usize>,
}

/// Records `wanted` successful episodes of the task's expert.
///
/// # Errors
/// [`Failure::Run`] if it fails too often or after Ctrl-C.
pub fn record(
    task: &Arc<Task>,
    by: Demonstrators,
    wanted: usize,
    pool: &rayon::ThreadPool,
    output: Output,
) -> Result<Recorded> {
    let asked = by.mode.and_then(|m| task.expert()?.modes().get(m).copied());
    let one = |index: u64| {
        let poor = stream(by.seed, Purpose::Expert, index, 2, 0).random::<f64>() < by.poor;
        let episode = if poor { demonstrate_poorly } else { demonstrate }(task, by.mode, by.seed, index);
        episode.map(|e| (e, poor))
    };
    let mut progress = output.progress(wanted as u64, "demo", "episodes");
    let mut recorded = Recorded { episodes: Vec::new(), failed: Vec::new(), poorly: Vec::new() };
    let mut next = 0;
    while recorded.episodes.len() < wanted {
        let wave = pool.install(|| (next..next + WAVE).into_par_iter().map(one).collect::<Vec<_>>());
        next += WAVE;
        let Recorded { episodes, failed, poorly } = &mut recorded;
        for episode in wave {
            let (episode, poor) = episode?;
            let shown = asked.is_none_or(|m| m == episode.mode);
            match (episode.success && shown, episodes.len() < wanted) {
                (true, true) => {
                    poorly.extend(poor.then_some(episodes.len()));
                    episodes.push(episode);
                }
                (false, true) => failed.push(episode.index),
                _ => {}
            }
        }
        progress.set(episodes.len() as u64, &format!("{} failed", failed.len()));
        if failed.len() > MOST_FAILURES + wanted {
            let (name, count) = (&task.spec().task, failed.len());
            let message = format!("the expert of `{name}` failed {count} of {next} episodes; nothing was written");
            return Err(Failure::Run(message));
        }
        if interrupt::asked() {
            return Err(Failure::Run("interrupted; nothing was written".into()));
        }
    }
    progress.finish();
    Ok(recorded)
}

/// Writes the dataset with pictures from replays of the episodes, which are equal to the bit: so one thread draws, and
/// the pictures of one episode are in memory at a time. `progress` gets the episodes drawn.
pub fn write_with_images(
    out: &Path,
    task: &Arc<Task>,
    episodes: &[Episode],
    cameras: &mut Cameras,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let names = cameras.cameras().iter().map(|c| c.name.clone()).collect();
    let [width, height] = cameras.cameras().first().map_or([0, 0], |c| c.size());
    let layout = ImageLayout { cameras: names, height, width };
    imle_data::write_with_images(out, task.spec(), episodes, &layout, |number| {
        if interrupt::asked() {
            return Err(Failure::Run("interrupted; nothing was written".into()));
        }
        let drawn = pictures(task, &episodes[number], cameras)?;
        progress(number as u64 + 1);
        Ok(drawn)
    })
}
