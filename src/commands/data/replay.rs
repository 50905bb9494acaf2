//! `planner data replay`

use clap::Args;
use imle_cli::args::common::{Common, WorldArgs};
use imle_cli::args::video::VideoArgs;
use imle_cli::episodes::video;
use imle_cli::failure::{Failure, Result};
use imle_cli::{interrupt, load, place::Place};
use imle_configs::spec::{Spec, Term};
use imle_configs::{Error as InputError, episode::Episode, seed::Purpose};
use imle_data::Stream;
use imle_envs::rollout::RolloutEngine;
use imle_envs::{task::mismatch::Mismatch, world::World};
use imle_planner::evaluation::EpisodeResult;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};

/// `planner data replay`
#[derive(Debug, Args)]
pub struct DataReplayArgs {
    /// The dataset
    pub path: PathBuf,
    /// Task whose simulator plays it, built-in or a TOML file [default: the built-in one of the dataset's task]
    #[arg(long)]
    pub task: Option<String>,
    /// Number of the episode in the dataset
    #[arg(long, default_value_t = 0)]
    pub episode: u32,
    /// The video
    #[command(flatten)]
    pub video: VideoArgs,
    /// The world [default: the one the episode was recorded in]
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Plays an episode's actions in the simulator and compares what is observed with what was recorded.
pub fn run(args: &DataReplayArgs) -> Result<()> {
    let output = args.common.output();
    let stream = Stream::open(&args.path)?;
    let (spec, count) = (stream.spec().clone(), stream.len());
    let number = args.episode as usize;
    InputError::ensure(number < count, "--episode", format!("an episode below {count}"), number)?;
    let name = args.task.as_deref().unwrap_or(&spec.task);
    let task = load::alone(name)?;
    let place = args.path.display().to_string();
    spec.check_matches(task.spec(), &place)?;
    let mut episode = Episode::default();
    for read in stream.take(number + 1) {
        episode = read?;
    }
    InputError::ensure(episode.len > 0, format!("{place}: episode {number}"), "at least one frame", "none")?;
    let mismatch = args.world.mismatch.clone().or_else(|| Some(episode.mismatch.clone()).filter(|m| !m.is_empty()));
    let task = Arc::new(match &mismatch {
        Some(name) => task.with_mismatch(Mismatch::find(name).map_err(imle_envs::Error::from)?)?,
        None => task,
    });
    args.video.check(&task)?;
    let film = args.video.video.as_deref().map(Place::file).transpose()?;
    let mut world = World::new(task.clone())?;
    world.reset(episode.seed, Purpose::Demonstration, episode.index)?;
    let report = world.reconstruct(&episode.observations[..spec.observation.size()])?;
    let mut states = Vec::new();
    let mut keep = |world: &World| -> imle_envs::Result<()> {
        if film.is_some() {
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state)?;
            states.push(state);
        }
        Ok(())
    };
    let mut drift = Drift::new(&spec);
    let mut observed = vec![0.0; spec.observation.size()];
    for t in 0..episode.len {
        world.observe(&mut observed);
        drift.add(&observed, &episode.observations[t * observed.len()..(t + 1) * observed.len()]);
        keep(&world)?;
        world.step(&episode.actions[t * spec.action.size()..(t + 1) * spec.action.size()]);
        if interrupt::asked() {
            return Err(Failure::Run("interrupted".into()));
        }
    }
    keep(&world)?;
    if film.is_some() {
        let replayed = EpisodeResult {
            episode: u64::from(args.episode),
            success: world.success(),
            lost: world.lost(),
            failure: world.failure().map(str::to_string),
            mode: task.expert().and_then(|e| e.modes().iter().copied().find(|mode| *mode == episode.mode)),
            states,
            ..EpisodeResult::default()
        };
        let engine = RolloutEngine::new(task.clone(), 1)?;
        video::write(output, &task, &[replayed], &args.video, (&engine, &load::pool(&args.common)?))?;
    }
    drop(film);
    if let Some(reason) = world.failure() {
        return Err(Failure::Run(format!("{place}: episode {number}: the simulation failed: {reason}")));
    }
    let solved = |yes: bool| if yes { "solved" } else { "not solved" };
    let (recorded, replayed) = (solved(episode.success), solved(world.success()));
    output.say(format!(
        "episode {number} of {}: {} control steps; recorded as {recorded}, {replayed} in the simulator",
        spec.task, episode.len
    ));
    if !report.exact {
        let unknown = if report.unknown.is_empty() { "nothing".into() } else { report.unknown.join(", ") };
        output.say(format!("started at the first observation's state; it does not hold: {unknown}"));
    }
    output.say(format!("{:24} {:>12} {:>12} {:>12} {:>12}", "drift of", "at start", "rms", "greatest", "at end"));
    let mut terms = json!({});
    for TermDrift { name, first, last, most, squares, .. } in &drift.terms {
        let rms = (squares / episode.len as f64).sqrt();
        output.say(format!("{name:24} {first:12.3e} {rms:12.3e} {most:12.3e} {last:12.3e}"));
        terms[name] = json!({ "start": first, "rms": rms, "greatest": most, "end": last });
    }
    output.result(&json!({
        "task": spec.task, "episode": number, "env_steps": episode.len, "recorded_success": episode.success,
        "success": world.success(), "start_recalled": !report.exact, "start_unknown": report.unknown, "drift": terms,
    }))
}

/// Distance of the terms of the observation from the recorded ones: lengths of the difference, in their units.
struct Drift {
    terms: Vec<TermDrift>,
    seen: usize,
}

#[derive(Default)]
struct TermDrift {
    name: String,
    size: usize,
    first: f64,
    last: f64,
    most: f64,
    squares: f64,
}

impl Drift {
    fn new(spec: &Spec) -> Self {
        let none = |t: &Term| TermDrift { name: t.name.clone(), size: t.size, ..TermDrift::default() };
        Self { terms: spec.observation.terms.iter().map(none).collect(), seen: 0 }
    }

    fn add(&mut self, observed: &[f32], recorded: &[f32]) {
        let mut at = 0;
        for term in &mut self.terms {
            let of = at..at + term.size;
            at += term.size;
            let off =
                observed[of.clone()].iter().zip(&recorded[of]).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            if self.seen == 0 {
                term.first = off.sqrt();
            }
            term.squares += off;
            (term.most, term.last) = (term.most.max(off.sqrt()), off.sqrt());
        }
        self.seen += 1;
    }
}
