//! The one evaluator: many episodes in lockstep, one batched decision for all that are due.
//!
//! Episodes do not influence each other: results are the same for any lockstep size and any number of threads.

use super::outcome::{EpisodeResult, EvaluationSettings, Outcome, Progress};
use crate::decide::{CandidateSet, Decide, Decision};
use crate::episode::{DecisionBatch, DecisionTiming, EpisodeState};
use crate::error::{Error, Result};
use std::ops::Range;

/// Simulation of the episodes of an evaluation.
pub(crate) trait Lockstep {
    /// One episode under way.
    type Episode;

    /// Whether the next episode begins as soon as one is over, rather than when all are.
    const REFILLS: bool;

    /// Most episodes at a time, at least 1.
    fn most(&self) -> usize;

    /// Begins the episodes at these places after the first.
    fn begin(&mut self, offsets: Range<usize>) -> Result<Vec<Self::Episode>>;

    /// Observations of an episode, and its plan.
    fn state(episode: &mut Self::Episode) -> &mut EpisodeState;

    /// Brings what is seen up to date for a decision, and appends the full state, if there is one.
    fn look(&mut self, episode: &mut Self::Episode, states: &mut Vec<f64>) -> Result<()>;

    /// Notes that a plan is executed from now on.
    fn begin_plan(&self, episode: &mut Self::Episode, decision: Decision);

    /// Keeps a plan made in `state` with its candidates, if the episode is recorded.
    fn keep_plan(_: &mut Self::Episode, state: &[f64], candidates: Option<CandidateSet<'_>>) {
        let _ = (state, candidates);
    }

    /// Executes the plans, until the next decision of an episode at most.
    fn execute(&mut self, running: &mut [Self::Episode]) -> Result<()>;

    /// Once an episode is over, whether it was solved.
    fn over(episode: &Self::Episode) -> Option<bool>;

    /// Result of an episode.
    fn finish(&mut self, episode: Self::Episode) -> Result<EpisodeResult>;
}

/// Runs the episodes of `settings` in `worlds` with `decider`.
///
/// # Errors
/// [`Error::Interrupted`] if `progress` says so; what the decider or the worlds return.
pub(crate) fn in_lockstep<L: Lockstep>(
    worlds: &mut L,
    decider: &mut dyn Decide,
    settings: &EvaluationSettings,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    let mut outcome = Outcome { sources: decider.sources(), ..Outcome::default() };
    let lockstep = settings.lockstep.clamp(1, worlds.most());
    let (mut running, mut batch) = (Vec::new(), DecisionBatch::default());
    let [mut begun, mut solved] = [0; 2];
    while outcome.episodes.len() < settings.episodes {
        if running.is_empty() || L::REFILLS {
            let next = (begun + lockstep - running.len()).min(settings.episodes);
            if next > begun {
                running.extend(worlds.begin(begun..next)?);
            }
            begun = next;
        }
        outcome.decisions_ms.extend(decide(worlds, &mut running, decider, &mut batch, pool)?);
        worlds.execute(&mut running)?;
        for episode in std::mem::take(&mut running) {
            match L::over(&episode) {
                None => running.push(episode),
                Some(success) => {
                    solved += usize::from(success);
                    outcome.episodes.push(worlds.finish(episode)?);
                }
            }
        }
        if !progress.advanced(outcome.episodes.len(), settings.episodes, solved) {
            return Err(Error::Interrupted);
        }
    }
    outcome.episodes.sort_by_key(|e| e.episode);
    Ok(outcome)
}

/// Decides for all episodes that are due; returns the time it took, ms, and for how many, if any was.
fn decide<L: Lockstep>(
    worlds: &mut L,
    running: &mut [L::Episode],
    decider: &mut dyn Decide,
    batch: &mut DecisionBatch,
    pool: &rayon::ThreadPool,
) -> Result<Option<(f64, usize)>> {
    let due = |e: &mut L::Episode| {
        let state = L::state(e);
        state.due(state.horizons().action)
    };
    let mut due: Vec<&mut L::Episode> =
        running.iter_mut().filter_map(|e| (L::over(e).is_none() && due(e)).then_some(e)).collect();
    if due.is_empty() {
        return Ok(None);
    }
    let mut states = Vec::new();
    for episode in &mut due {
        worlds.look(episode, &mut states)?;
    }
    let mut episodes: Vec<&mut EpisodeState> = due.iter_mut().map(|e| L::state(e)).collect();
    let timing = DecisionTiming { deadline: None, lockstep: true };
    let decisions = batch.decide(decider, pool, &mut episodes, &states, timing)?;
    for (episode, decision) in due.iter_mut().zip(decisions) {
        worlds.begin_plan(episode, *decision);
    }
    let size = states.len() / due.len();
    for (b, episode) in due.iter_mut().enumerate() {
        L::keep_plan(episode, &states[b * size..][..size], decider.tried(b));
    }
    Ok(Some((batch.took().as_secs_f64() * 1e3, due.len())))
}
