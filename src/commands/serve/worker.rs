//! The one place where decisions are made: the controller takes requests of all clients in turn.

use super::protocol::{Array, Proposals};
use imle_cli::failure::{Failure, Result};
use imle_planner::controller::Decider;
use imle_planner::decide::{Decide, Decision, Key};
use imle_planner::episode::{DecisionBatch, DecisionTiming, EpisodeState};
use imle_policy::{policy::Policy, sampler::LatentKey};
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Whether all candidates are wanted.
    pub all: bool,
    /// Whether the client paused before it asked again: such clients go before those that ask all the time.
    pub rested: bool,
    /// Seconds of decisions that the client has had, as if it had always been asking: who has had least is next.
    pub turn: f64,
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
    /// The client's next [`Job::turn`].
    pub turn: f64,
    pub proposals: Option<Proposals>,
}

/// The controller, for all clients.
pub struct Worker<'a> {
    pub decider: &'a mut Decider,
    pub pool: &'a rayon::ThreadPool,
    /// The generator, where it decides alone, the seed of its draws, and N.
    pub alone: Option<(&'a Policy, u64, usize)>,
    pub batch: DecisionBatch,
}

impl Worker<'_> {
    /// Decides until `stopped` says so or nobody can ask any more, and counts the decisions.
    pub fn run(&mut self, queue: &Receiver<Job>, decisions: &AtomicU64, stopped: fn() -> bool) {
        let mut waiting = Waiting { jobs: Vec::new(), now: 0.0 };
        while !stopped() {
            if waiting.jobs.is_empty() {
                match queue.recv_timeout(TICK) {
                    Ok(job) => waiting.add(job),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            queue.try_iter().for_each(|job| waiting.add(job));
            let Some(job) = waiting.next() else { continue };
            let Job { episode, state, asked, deadline, all, turn, reply, .. } = job;
            let timing = DecisionTiming { deadline, lockstep: false };
            let (begun, waited) = (Instant::now(), asked.elapsed());
            let done = self.decide(episode, &state, timing, all).map(|done| Done {
                waited_ms: waited.as_secs_f64() * 1e3,
                turn: turn + begun.elapsed().as_secs_f64(),
                ..done
            });
            decisions.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
            // A client that went away in the meantime wants no answer.
            let _ = reply.send(done);
        }
    }

    fn decide(&mut self, mut episode: EpisodeState, state: &[f64], timing: DecisionTiming, all: bool) -> Result<Done> {
        let key = episode.key();
        let decided = self.batch.decide(self.decider, self.pool, &mut [&mut episode], state, timing)?;
        let how = decided.first().copied().unwrap_or_default();
        if episode.plan().iter().any(|a| !a.is_finite()) {
            return Err(Failure::Run("no finite chunk comes of these observations and this state".into()));
        }
        let sources = self.decider.sources();
        // A plan that was not simulated is the fallback, and comes from no source.
        let known = self.alone.is_some() || how.predicted.is_some();
        let proposals = if all { self.proposals(&episode, key, &sources)? } else { None };
        Ok(Done {
            source: sources.get(how.source).copied().filter(|_| known),
            episode,
            how,
            plan_ms: self.batch.took().as_secs_f64() * 1e3,
            waited_ms: 0.0,
            turn: 0.0,
            proposals,
        })
    }

    /// All candidates of the decision that `episode` has just got, with its key then.
    fn proposals(&self, episode: &EpisodeState, key: Key, sources: &[&'static str]) -> Result<Option<Proposals>> {
        let (plan, steps) = (episode.plan(), episode.horizons().prediction);
        let source = |i: usize| sources.get(i).copied().unwrap_or_default();
        let (chunks, costs, sources): (Vec<f32>, Vec<f64>, Vec<_>) = match (&*self.decider, self.alone) {
            (Decider::Planner(planner), _) => {
                let (chunks, scores) = planner.last();
                // Behind a deadline there are those of an earlier decision, perhaps of another client.
                let tried: Vec<usize> = (0..scores.len()).filter(|i| !scores[*i].is_skipped()).collect();
                let cost = |i: &usize| if scores[*i].failed { f64::INFINITY } else { scores[*i].cost };
                let chunk = |i: &usize| &chunks[i * plan.len()..][..plan.len()];
                (
                    tried.iter().flat_map(chunk).copied().collect(),
                    tried.iter().map(cost).collect(),
                    tried.iter().map(|i| source(planner.source_of(*i))).collect(),
                )
            }
            (Decider::Policy(_), Some((policy, seed, n))) => {
                let mut chunks = vec![0.0; n * plan.len()];
                let key = LatentKey { seed, episode: key.episode, step: key.decision };
                policy.sampler().sample(self.pool, episode.history(), &[key], n, &mut chunks)?;
                (chunks, vec![f64::INFINITY; n], vec![source(0); n])
            }
            (Decider::Policy(_), None) => return Ok(None),
        };
        let chosen = chunks.chunks_exact(plan.len().max(1)).position(|chunk| chunk == plan);
        let chunks = Array { values: chunks, inner: vec![steps, plan.len() / steps.max(1)] };
        Ok(Some(Proposals { chunks, costs, sources, chosen }))
    }
}

/// Jobs that wait: first those of clients that ask now and then, as a robot does, and among equals in fair shares.
struct Waiting {
    jobs: Vec<Job>,
    /// Turn of the last job: who was silent has not saved up turns.
    now: f64,
}

impl Waiting {
    fn add(&mut self, job: Job) {
        self.jobs.push(Job { turn: job.turn.max(self.now), ..job });
    }

    fn next(&mut self) -> Option<Job> {
        let order =
            |a: &Job, b: &Job| b.rested.cmp(&a.rested).then(a.turn.total_cmp(&b.turn)).then(a.asked.cmp(&b.asked));
        let first = (0..self.jobs.len()).min_by(|a, b| order(&self.jobs[*a], &self.jobs[*b]))?;
        let job = self.jobs.swap_remove(first);
        self.now = job.turn.max(self.now);
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::spec::Horizons;
    use std::sync::mpsc::sync_channel;

    fn job(client: usize, rested: bool, turn: f64) -> Job {
        let mut episode = EpisodeState::new(Horizons::default(), 1, 1);
        episode.reset(client as u64);
        let (reply, _) = sync_channel(1);
        Job { episode, state: vec![], asked: Instant::now(), deadline: None, all: false, rested, turn, reply }
    }

    /// Clients that ask again at once get equal shares, and wait for one that pauses, however much that has had.
    #[test]
    fn who_asks_now_and_then_is_next() {
        let mut waiting = Waiting { jobs: Vec::new(), now: 0.0 };
        let mut turns = [0.0; 4];
        let mut order = Vec::new();
        (1..4).for_each(|client| waiting.add(job(client, false, 0.0)));
        for step in 0..18 {
            if step % 2 == 1 {
                waiting.add(job(0, true, turns[0]));
            }
            let next = waiting.next().unwrap();
            let client = next.episode.key().episode as usize;
            turns[client] = next.turn + 1.0;
            order.push(client);
            if client > 0 {
                waiting.add(job(client, false, turns[client]));
            }
        }
        for (step, client) in order.iter().enumerate() {
            assert_eq!(*client == 0, step % 2 == 1, "{order:?}");
        }
        assert!((1..4).all(|c| order.iter().filter(|o| **o == c).count() == 3), "{order:?}");
    }

    /// Turns are not saved up while a client is silent.
    #[test]
    fn a_new_client_is_one_of_all() {
        let mut waiting = Waiting { jobs: Vec::new(), now: 0.0 };
        waiting.add(job(1, false, 100.0));
        assert_eq!(waiting.next().unwrap().turn, 100.0);
        waiting.add(job(1, false, 101.0));
        waiting.add(job(2, false, 0.0));
        assert_eq!(waiting.next().unwrap().turn, 100.0);
        waiting.add(job(2, false, 101.5));
        assert_eq!(waiting.next().unwrap().episode.key().episode, 1);
    }
}
