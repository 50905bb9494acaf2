//! State of one client: its episode, and the world in which its states are looked at.

use super::protocol::{Answer, Decided, Example, Request};
use super::service::{Service, rows};
use super::worker::Job;
use imle_cli::failure::{Failure, Result};
use imle_configs::{Error as InputError, seed::Purpose};
use imle_envs::world::World;
use imle_planner::episode::EpisodeState;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// A decision never has longer, ms.
const LONGEST_DEADLINE_MS: f64 = 60_000.0;

/// One client's side of the controller.
pub struct Session<'a> {
    service: &'a Service,
    jobs: SyncSender<Job>,
    /// Where states are looked at.
    world: World,
    /// The episode under way. A request works on a copy, which is kept only if all went well.
    episode: Option<EpisodeState>,
}

impl<'a> Session<'a> {
    /// A client of `service` whose decisions are made by who receives `jobs`.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(service: &'a Service, jobs: SyncSender<Job>) -> Result<Self> {
        Ok(Self { service, jobs, world: World::new(service.task.clone())?, episode: None })
    }

    /// Notes the observation, and the state if the request has one; returns whether it has.
    fn note(&mut self, request: &Request) -> Result<(EpisodeState, bool)> {
        let next = self.episode.as_ref().map(|e| e.key().episode);
        let index = request.episode.unwrap_or(match (next, request.reset) {
            (None, _) => 0,
            (Some(index), false) => index,
            (Some(index), true) => index.wrapping_add(1),
        });
        let mut episode = match &self.episode {
            Some(episode) if episode.key().episode == index && !request.reset => episode.clone(),
            _ => self.service.new_episode(index),
        };
        let told = self.take_state(request, index)?;
        let horizons = self.service.horizons;
        let seen = match &request.observations {
            Some(seen) => observations(seen, horizons.observation, self.service.hello.observation_size)?,
            None if told => {
                let mut seen = vec![0.0; self.service.hello.observation_size];
                self.world.observe(&mut seen);
                if let Some(bad) = seen.iter().find(|v| !v.is_finite()) {
                    return Err(InputError::unexpected("state", "one whose observation is finite", bad).into());
                }
                seen
            }
            None => {
                let expected = format!("1 to {} rows, or a state to observe", horizons.observation);
                return Err(InputError::unexpected("observations", expected, "neither").into());
            }
        };
        episode.observe_all(&seen)?;
        Ok((episode, told))
    }

    /// Brings the world to the state of `request`, if it has one.
    fn take_state(&mut self, request: &Request, index: u64) -> Result<bool> {
        let seed = self.service.hello.seed;
        let parts = [("qpos", &request.qpos), ("qvel", &request.qvel), ("ctrl", &request.ctrl)];
        let part = parts.iter().find(|(_, values)| values.is_some());
        match (&request.state, &request.qpos, &request.qvel) {
            (Some(_), ..) if part.is_some() => {
                let expected = "either the full state or its parts";
                Err(InputError::unexpected(part.map_or("state", |p| p.0), expected, "`state` beside it").into())
            }
            (Some(state), ..) => {
                let size = self.service.hello.state_size;
                InputError::ensure(state.len() == size, "state", format!("{size} values"), state.len())?;
                self.world.start_in(state, seed, index)?;
                Ok(true)
            }
            (None, Some(qpos), Some(qvel)) => {
                self.world.start_at(qpos, qvel, request.ctrl.as_deref(), seed, index)?;
                Ok(true)
            }
            (None, None, None) if part.is_none() => Ok(false),
            (None, qpos, _) => {
                let missing = if qpos.is_none() { "qpos" } else { "qvel" };
                Err(InputError::unexpected(missing, "`qpos` and `qvel` together", "none").into())
            }
        }
    }

    /// Notes an observation between decisions.
    ///
    /// # Errors
    /// A bad input that names the field.
    pub fn observe(&mut self, request: &Request) -> Result<Answer> {
        let (episode, _) = self.note(request)?;
        let answer = Answer::Observed { episode: episode.key().episode, decision: episode.key().decision };
        self.episode = Some(episode);
        Ok(answer)
    }

    /// Decides.
    ///
    /// # Errors
    /// A bad input that names the field; what the controller returns; if the server stops.
    pub fn decide(&mut self, request: &Request) -> Result<Answer> {
        let asked = Instant::now();
        let horizons = self.service.horizons;
        let executed = request.executed.unwrap_or(horizons.action);
        let expected = format!("at most the {} actions of a chunk", horizons.prediction);
        InputError::ensure(executed <= horizons.prediction, "executed", expected, executed)?;
        let deadline = match request.deadline_ms {
            Some(ms) if !(ms > 0.0 && ms <= LONGEST_DEADLINE_MS) => {
                let expected = format!("above 0 and at most {LONGEST_DEADLINE_MS}");
                return Err(InputError::unexpected("deadline_ms", expected, ms).into());
            }
            told => told.map(|ms| asked + Duration::from_secs_f64(ms / 1e3)),
        };
        let (mut episode, told) = self.note(request)?;
        let hello = &self.service.hello;
        let expected = format!("{} values, or qpos and qvel, for --optimizer {}", hello.state_size, hello.planner);
        InputError::ensure(!hello.state_needed || told, "state", expected, "none")?;
        let mut state = vec![0.0; hello.state_size];
        if told {
            self.world.get_state(&mut state)?;
            let mut hold = vec![0.0; hello.action_size];
            self.world.hold(&mut hold);
            episode.hold(&hold)?;
        }
        episode.set_executed(executed);
        let key = episode.key();
        // Only the job holds the sender: if the job is dropped, the wait ends.
        let (reply, done) = sync_channel(1);
        let stopping = || Failure::Run("the server stops".into());
        let job = Job { episode, state, asked, deadline, reply };
        self.jobs.send(job).map_err(|_| stopping())?;
        let done = done.recv().map_err(|_| stopping())??;
        let answer = Decided {
            episode: key.episode,
            decision: key.decision,
            chunk: rows(done.episode.plan(), hello.action_size),
            execute: horizons.action,
            source: done.source,
            predicted: done.how.predicted,
            quality: done.how.quality,
            rollouts: done.how.rollouts,
            failed: done.how.failed,
            plan_ms: done.plan_ms,
            waited_ms: done.waited_ms,
        };
        self.episode = Some(done.episode);
        Ok(Answer::Decided(Box::new(answer)))
    }

    /// The start state of an episode, as `planner run` with the same seed has it; the client's own episode goes on.
    ///
    /// # Errors
    /// If MuJoCo gives up on it.
    pub fn example(&mut self, request: &Request) -> Result<Answer> {
        let (hello, index) = (&self.service.hello, request.episode.unwrap_or(0));
        self.world.reset(hello.seed, Purpose::Reset, index)?;
        let mut seen = vec![0.0; self.service.hello.observation_size];
        self.world.observe(&mut seen);
        let mut state = vec![0.0; hello.state_size];
        self.world.get_state(&mut state)?;
        let data = self.world.simulation().data();
        let (qpos, qvel, ctrl) = (data.qpos().to_vec(), data.qvel().to_vec(), data.ctrl().to_vec());
        let observations = vec![seen; self.service.horizons.observation];
        Ok(Answer::Example(Box::new(Example { episode: index, observations, state, qpos, qvel, ctrl })))
    }
}

/// Rows of observations as one array, (n, O), n from 1 to `most`.
fn observations(seen: &[Vec<f64>], most: usize, size: usize) -> Result<Vec<f32>> {
    let expected = format!("1 to {most} rows of {size} values");
    InputError::ensure(
        !seen.is_empty() && seen.len() <= most,
        "observations",
        expected,
        format!("{} rows", seen.len()),
    )?;
    let mut values = Vec::with_capacity(seen.len() * size);
    for (i, row) in seen.iter().enumerate() {
        if row.len() != size {
            let found = row.len();
            return Err(InputError::unexpected(format!("observations[{i}]"), format!("{size} values"), found).into());
        }
        for (j, value) in row.iter().enumerate() {
            let narrow = *value as f32;
            if !narrow.is_finite() {
                let place = format!("observations[{i}][{j}]");
                return Err(InputError::unexpected(place, "a number that fits 32 bits", value).into());
            }
            values.push(narrow);
        }
    }
    Ok(values)
}
