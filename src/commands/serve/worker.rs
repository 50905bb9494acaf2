//! The one place where decisions are made: the controller takes requests of all clients in turn.

use imle_cli::failure::{Failure, Result};
use imle_planner::decide::{Decide, Decision, Key, Situation};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// Wait of the controller for a request before it looks whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// Input of one decision, and the client that wants it.
pub struct Job {
    /// (T_obs, O)
    pub observations: Vec<f32>,
    /// (state size)
    pub state: Vec<f64>,
    /// (T_pred, A)
    pub warm: Vec<f32>,
    pub warm_left: usize,
    pub key: Key,
    pub asked: Instant,
    /// When the decision is to be there.
    pub deadline: Option<Instant>,
    pub reply: SyncSender<Result<Done>>,
}

/// A decision.
pub struct Done {
    /// (T_pred, A)
    pub chunk: Vec<f32>,
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
    let mut decisions = 0;
    while !stopped() {
        let job = match queue.recv_timeout(TICK) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let done = decide(decider, pool, &job).map(|done| {
            // A plan that was not simulated is the fallback, and comes from no source.
            let known = !planned || done.how.predicted.is_some();
            Done { source: sources.get(done.how.source).copied().filter(|_| known), ..done }
        });
        decisions += u64::from(done.is_ok());
        // A client that went away in the meantime wants no answer.
        let _ = job.reply.send(done);
    }
    decisions
}

fn decide(decider: &mut dyn Decide, pool: &rayon::ThreadPool, job: &Job) -> Result<Done> {
    let (mut chunk, mut how) = (vec![0.0; job.warm.len()], [Decision::default()]);
    let situation = Situation {
        observations: &job.observations,
        pictures: &[],
        states: &job.state,
        warm: &job.warm,
        warm_left: &[job.warm_left],
        keys: &[job.key],
        deadline: job.deadline,
        lockstep: false,
    };
    let begun = Instant::now();
    decider.decide(pool, &situation, &mut chunk, &mut how)?;
    let plan_ms = begun.elapsed().as_secs_f64() * 1e3;
    if chunk.iter().any(|a| !a.is_finite()) {
        return Err(Failure::Run("no finite chunk comes of these observations and this state".into()));
    }
    let waited_ms = begun.duration_since(job.asked).as_secs_f64() * 1e3;
    let [how] = how;
    Ok(Done { chunk, how, source: None, plan_ms, waited_ms })
}
