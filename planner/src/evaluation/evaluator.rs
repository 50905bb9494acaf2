//! The one evaluator: many episodes in lockstep, one batched decision for all of them, physics on all threads.
//!
//! Episodes do not influence each other: results are the same for any lockstep size and any number of threads. For a
//! generator with pictures the calling thread draws them before each decision
//! ([`crate::evaluation::ObservationRenderer`]).

use super::outcome::{EvaluationSettings, Outcome, Progress};
use super::{episode_runner::EpisodeRunner, observation_renderer::ObservationRenderer};
use crate::decide::Decide;
use crate::episode::{DecisionBatch, DecisionTiming, EpisodeState};
use crate::error::{Error, Result};
use imle_envs::task::Task;
use rayon::prelude::*;
use std::sync::Arc;

/// Most episodes at a time: each has a world in memory.
const MOST_IN_LOCKSTEP: usize = 1024;

/// Runs the episodes of `settings` in `task` with `decider`; at most 1024 of them at a time.
///
/// # Errors
/// [`Error::Interrupted`] if `progress` says so; what the decider or the worlds return.
pub fn evaluate(
    task: &Arc<Task>,
    decider: &mut dyn Decide,
    settings: &EvaluationSettings,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    let sources = decider.sources();
    let mut renderer = ObservationRenderer::new(task)?;
    let reported = task.reported().map(|(name, _)| name.to_string()).collect();
    let mut outcome = Outcome { episodes: Vec::new(), decisions_ms: Vec::new(), sources, reported };
    let (mut solved, mut batch) = (0, DecisionBatch::default());
    let lockstep = settings.lockstep.clamp(1, MOST_IN_LOCKSTEP);
    for start in (0..settings.episodes).step_by(lockstep) {
        let end = (start + lockstep).min(settings.episodes);
        let runners: Result<Vec<EpisodeRunner>> =
            pool.install(|| (start..end).into_par_iter().map(|i| EpisodeRunner::start(task, settings, i)).collect());
        let mut runners = runners?;
        let mut over = 0;
        while over < runners.len() {
            let timing = decide_all(&mut runners, decider, &mut batch, renderer.as_mut(), pool)?;
            outcome.decisions_ms.push(timing);
            let active: Vec<&mut EpisodeRunner> = runners.iter_mut().filter(|r| !r.world.done()).collect();
            pool.install(|| active.into_par_iter().with_max_len(1).try_for_each(|r| r.execute()))?;
            over = runners.iter().filter(|r| r.world.done()).count();
            let now_solved = runners.iter().filter(|r| r.world.success()).count();
            if !progress.advanced(start + over, settings.episodes, solved + now_solved) {
                return Err(Error::Interrupted);
            }
        }
        if let Some(renderer) = renderer.as_mut().filter(|_| settings.keep_actions) {
            for runner in &mut runners {
                runner.keep_pictures(renderer)?;
            }
        }
        outcome.episodes.extend(runners.into_iter().map(EpisodeRunner::finish));
        solved = outcome.solved();
    }
    Ok(outcome)
}

/// Decides for all episodes that go on; returns the time it took, ms, and for how many.
fn decide_all(
    runners: &mut [EpisodeRunner],
    decider: &mut dyn Decide,
    batch: &mut DecisionBatch,
    mut renderer: Option<&mut ObservationRenderer>,
    pool: &rayon::ThreadPool,
) -> Result<(f64, usize)> {
    let mut active: Vec<&mut EpisodeRunner> = runners.iter_mut().filter(|r| !r.world.done()).collect();
    let mut states = Vec::new();
    for runner in &mut active {
        if let Some(renderer) = &mut renderer {
            runner.look(renderer)?;
        }
        let at = states.len();
        states.resize(at + runner.world.state_size(), 0.0);
        runner.world.perceived_state(&mut states[at..])?;
    }
    let mut episodes: Vec<&mut EpisodeState> = active.iter_mut().map(|r| &mut r.state).collect();
    let timing = DecisionTiming { deadline: None, lockstep: true };
    let decisions = batch.decide(decider, pool, &mut episodes, &states, timing)?;
    for (runner, decision) in active.iter_mut().zip(decisions) {
        runner.begin_plan(*decision);
    }
    Ok((batch.took().as_secs_f64() * 1e3, active.len()))
}
