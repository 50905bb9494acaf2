//! `planner demo`

use crate::cli::DemoArgs;
use crate::failure::{Failure, Result};
use crate::output::{Output, percent};
use crate::place::Place;
use crate::{interrupt, load};
use imle_configs::Error as InputError;
use imle_configs::episode::Episode;
use imle_configs::seed::{Purpose, stream};
use imle_data::ImageLayout;
use imle_envs::camera::Cameras;
use imle_envs::demonstrate::{demonstrate, demonstrate_poorly, pictures};
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::report::wilson95;
use rand::Rng;
use rayon::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Episodes recorded at a time; between them Ctrl-C is heard.
const WAVE: u64 = 16;
/// The expert may fail so often, beyond as many episodes as are wanted, before it is given up.
const MOST_FAILURES: usize = 50;

/// Records successful episodes of the task's expert; failed ones are counted, not stored.
pub fn run(args: &DemoArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let task = load::task_in(&args.task, &args.world)?;
    let mode = load::mode(args.mode.as_deref(), &task)?;
    if !(0.0..=1.0).contains(&args.poor) {
        return Err(InputError::unexpected("--poor", "a share from 0 to 1", args.poor).into());
    }
    if args.out.exists() {
        return Err(InputError::Exists { path: args.out.clone() }.into());
    }
    drop(Place::folder(&args.out)?);
    // A machine that cannot draw is told before the episodes are recorded.
    let mut cameras = args.images.then(|| Cameras::new(&World::new(task.clone())?)).transpose()?;
    let pool = load::pool(&args.common)?;
    let wanted = args.episodes as usize;
    let by = Demonstrators { mode, poor: args.poor, seed: args.seed };
    let Recorded { episodes, failed, poorly } = record(&task, by, wanted, &pool, output)?;
    match &mut cameras {
        None => imle_data::write(&args.out, task.spec(), &episodes)?,
        Some(cameras) => {
            let mut drawn = output.progress(wanted as u64, "pictures");
            write_with_images(&args.out, &task, &episodes, cameras, |n| drawn.set(n, ""))?;
            drawn.finish();
        }
    }
    let mut modes = BTreeMap::<&str, usize>::new();
    for episode in &episodes {
        *modes.entry(&episode.mode).or_default() += 1;
    }
    let tried = episodes.len() + failed.len();
    let rate = episodes.len() as f64 / tried as f64;
    let frames: usize = episodes.iter().map(|e| e.len).sum();
    output.say(format!("{} episodes, {frames} control steps, in {}", episodes.len(), args.out.display()));
    output.say(format!("expert: {} of {tried} episodes solved ({})", episodes.len(), percent(rate)));
    output.say(format!("modes: {}", counted(&modes)));
    if args.poor > 0.0 {
        output.say(format!("{} of them by a poor demonstrator", poorly.len()));
    }
    output.result(&json!({
        "poor_episodes": poorly, "success_rate": rate, "success_ci95": wilson95(episodes.len(), tried), "episodes": episodes.len(), "tried": tried,
        "failed_episodes": failed, "modes": modes, "env_steps": frames, "seed": args.seed,
        "wall_s": begun.elapsed().as_secs_f64(),
    }))
}

/// Who demonstrates.
#[derive(Clone, Copy, Debug)]
pub struct Demonstrators {
    /// The mode that they are to show, if any.
    pub mode: Option<usize>,
    /// Share of the episodes that a poor one tries.
    pub poor: f64,
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
    let mut progress = output.progress(wanted as u64, "demo");
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
            let told = format!("the expert of `{name}` failed {count} of {next} episodes; nothing was written");
            return Err(Failure::Run(told));
        }
        if interrupt::asked() {
            return Err(Failure::Run("interrupted; nothing was written".into()));
        }
    }
    progress.finish();
    Ok(recorded)
}

/// `near 3, far 2`; those without a name are `none`.
pub fn counted<S: AsRef<str>>(counts: &BTreeMap<S, usize>) -> String {
    let name = |s: &S| if s.as_ref().is_empty() { "none".to_string() } else { s.as_ref().to_string() };
    counts.iter().map(|(s, n)| format!("{} {n}", name(s))).collect::<Vec<_>>().join(", ")
}

/// Writes the dataset with pictures from replays of the episodes, which are equal to the bit: so one thread draws, and
/// the pictures of one episode are in memory at a time. `progress` gets the episodes drawn.
fn write_with_images(
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
