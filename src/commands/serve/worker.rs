//! The one place where decisions are made: the controller takes requests of all clients in turn.

use imle_cli::failure::{Failure, Result};
use imle_planner::decide::{Decide, Decision};
use imle_planner::episode::{DecisionBatch, DecisionTiming, EpisodeState};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// Wait of the controller for a request before it looks whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// Input of one decision, and the client that wants it.
pub struct Job {
    /// The client's episode, up to now.
    pub episode: EpisodeState,
    /// (state size)
    pub state: Vec<f64>,
    pub asked: Instant,
    /// When the decision is to be there.
    pub deadline: Option<Instant>,
    pub reply: SyncSender<Result<Done>>,
}

/// A decision.
pub struct Done {
    /// The episode, which goes over to the plan.
    pub episode: EpisodeState,
    pub how: Decision,
    /// Name of where the plan came from.
    pub source: Option<&'static str>,
    pub plan_ms: f64,
    pub waited_ms: f64,
}

/// Decides until `stopped` says so or nobody can ask any more. Returns the number of decisions.
pub fn run(
    decider: &mut dyn Decide,
    pool: &rayon::ThreadPool,
    queue: &Receiver<Job>,
    planned: bool,
    stopped: fn() -> bool,
) -> u64 {
    let sources = decider.sources();
    let (mut batch, mut decisions) = (DecisionBatch::default(), 0);
    while !stopped() {
        let job = match queue.recv_timeout(TICK) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let Job { mut episode, state, asked, deadline, reply } = job;
        let waited_ms = asked.elapsed().as_secs_f64() * 1e3;
        let timing = DecisionTiming { deadline, lockstep: false };
        let done = decide(&mut batch, decider, pool, &mut episode, &state, timing).map(|how| {
            // A plan that was not simulated is the fallback, and comes from no source.
            let known = !planned || how.predicted.is_some();
            let source = sources.get(how.source).copied().filter(|_| known);
            Done { episode, how, source, plan_ms: batch.took().as_secs_f64() * 1e3, waited_ms }
        });
        decisions += u64::from(done.is_ok());
        // A client that went away in the meantime wants no answer.
        let _ = reply.send(done);
    }
    decisions
}

fn decide(
    batch: &mut DecisionBatch,
    decider: &mut dyn Decide,
    pool: &rayon::ThreadPool,
    episode: &mut EpisodeState,
    state: &[f64],
    timing: DecisionTiming,
) -> Result<Decision> {
    let how = batch.decide(decider, pool, &mut [&mut *episode], state, timing)?.first().copied().unwrap_or_default();
    if episode.plan().iter().any(|a| !a.is_finite()) {
        return Err(Failure::Run("no finite chunk comes of these observations and this state".into()));
    }
    Ok(how)
}
