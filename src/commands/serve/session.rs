//! State of one client: its episode, and the world in which its states are looked at.

use super::protocol::{Act, Answer, Array, Decided, Example};
use super::request::Request;
use super::room::Share;
use super::service::Service;
use super::worker::{Done, Job};
use imle_cli::failure::{Failure, Result};
use imle_cli::interrupt;
use imle_configs::{Error as InputError, seed::Purpose};
use imle_envs::world::World;
use imle_planner::episode::EpisodeState;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// A decision never has longer, ms.
const LONGEST_DEADLINE_MS: f64 = 60_000.0;
/// Bytes of an answer for each value of a proposal, in memory and as text.
const PROPOSED: usize = 20;
/// Pause after an answer, as a share of the decision that it told, with which a client does not ask all the time.
const REST: f64 = 0.1;
/// Wait for a decision before it looks whether the server stops, and so long it waits on when it does.
const TICK: Duration = Duration::from_millis(100);
const GRACE: Duration = Duration::from_millis(400);

/// One client's side of the controller.
pub struct Session<'a> {
    service: &'a Service,
    jobs: SyncSender<Job>,
    /// Where states are looked at; made when the first comes.
    world: Option<World>,
    /// The episode under way. A request works on a copy, which is kept only if all went well.
    episode: Option<EpisodeState>,
    /// The client's turn among all that want decisions ([`Job::turn`]).
    turn: f64,
    /// Time that a decision took whose answer is not written yet.
    took: Duration,
    /// From when on the client counts as one that pauses.
    rested: Instant,
    /// Room for the last answer.
    share: Option<Share<'a>>,
}

impl<'a> Session<'a> {
    /// A client of `service` whose decisions are made by who receives `jobs`.
    pub fn new(service: &'a Service, jobs: SyncSender<Job>) -> Self {
        Self {
            service,
            jobs,
            world: None,
            episode: None,
            turn: 0.0,
            took: Duration::ZERO,
            rested: Instant::now(),
            share: None,
        }
    }

    /// Notes that the last answer is written: its room is free, and the client may pause.
    pub fn answered(&mut self) {
        self.share = None;
        if !self.took.is_zero() {
            self.rested = Instant::now() + std::mem::take(&mut self.took).mul_f64(REST);
        }
    }

    /// The world in which states are looked at; `wanted` is what needs it.
    fn world(&mut self, wanted: &str) -> Result<&mut World> {
        let world = match self.world.take() {
            Some(world) => world,
            None => World::new(self.service.task(wanted)?.clone())?,
        };
        Ok(self.world.insert(world))
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
                self.world("state")?.observe(&mut seen);
                if let Some(bad) = seen.iter().find(|v| !v.is_finite()) {
                    return Err(InputError::unexpected("state", "one whose observation is finite", bad).into());
                }
                seen
            }
            None => {
                let or = if self.service.task.is_some() { ", or a state to observe" } else { "" };
                let expected = format!("1 to {} rows{or}", horizons.observation);
                return Err(InputError::unexpected("observations", expected, "neither").into());
            }
        };
        episode.observe_all(&seen)?;
        Ok((episode, told))
    }

    /// Brings the world to the state of `request`, if it has one.
    fn take_state(&mut self, request: &Request, index: u64) -> Result<bool> {
        let (seed, size) = (self.service.hello.seed, self.service.hello.state_size);
        let parts = [("qpos", &request.qpos), ("qvel", &request.qvel), ("ctrl", &request.ctrl)];
        let part = parts.iter().find(|(_, values)| values.is_some());
        match (&request.state, &request.qpos, &request.qvel) {
            (Some(_), ..) if part.is_some() => {
                let expected = "either the full state or its parts";
                Err(InputError::unexpected(part.map_or("qpos", |(name, _)| name), expected, "both").into())
            }
            (Some(state), ..) => {
                let world = self.world("state")?;
                InputError::ensure(state.len() == size, "state", format!("{size} values"), state.len())?;
                world.start_in(state, seed, index)?;
                Ok(true)
            }
            (None, Some(qpos), Some(qvel)) => {
                self.world("qpos")?.start_at(qpos, qvel, request.ctrl.as_deref(), seed, index)?;
                Ok(true)
            }
            (None, None, None) if part.is_none() => Ok(false),
            (None, qpos, _) => {
                let missing = if qpos.is_none() { "qpos" } else { "qvel" };
                Err(InputError::unexpected(missing, "`qpos` and `qvel` together", "none").into())
            }
        }
    }

    /// The full state that the world is in.
    fn state(&mut self) -> Result<Vec<f64>> {
        let world = self.world("state")?;
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state)?;
        Ok(state)
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

    /// Decides; with `all`, the answer holds every candidate.
    ///
    /// # Errors
    /// A bad input that names the field; what the controller returns; if the server stops.
    pub fn decide(&mut self, request: &Request, all: bool) -> Result<Answer> {
        let (asked, service) = (Instant::now(), self.service);
        let horizons = service.horizons;
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
        let hello = &service.hello;
        let (size, action) = (hello.state_size, hello.action_size);
        let expected = format!("{size} values, or qpos and qvel, for --optimizer {}", hello.planner);
        InputError::ensure(!hello.state_needed || told, "state", expected, "none")?;
        if all {
            let bytes = hello.candidates as usize * horizons.prediction * action * PROPOSED;
            self.share = service.room.take(bytes);
            let expected = format!("room for {bytes} bytes beside the answers of others; try again");
            InputError::ensure(self.share.is_some(), "propose", expected, "none")?;
        }
        let mut state = vec![0.0; size];
        if told {
            state = self.state()?;
            let mut hold = vec![0.0; action];
            self.world("state")?.hold(&mut hold);
            episode.hold(&hold)?;
        }
        episode.set_executed(executed);
        let key = episode.key();
        // Only the job holds the sender: if the job is dropped, the wait ends.
        let (reply, done) = sync_channel(1);
        let (rested, turn) = (asked >= self.rested, self.turn);
        let job = Job { episode, state, asked, deadline, all, rested, turn, reply };
        self.jobs.send(job).map_err(|_| stopping())?;
        // One that fails has had its turn too.
        let done = wait(&done).inspect_err(|_| self.turn += asked.elapsed().as_secs_f64())?;
        let answer = Decided {
            episode: key.episode,
            decision: key.decision,
            chunk: Array { values: done.episode.plan().to_vec(), inner: vec![action] },
            execute: horizons.action,
            source: done.source,
            predicted: done.how.predicted,
            quality: done.how.quality,
            rollouts: done.how.rollouts,
            failed: done.how.failed,
            plan_ms: done.plan_ms,
            waited_ms: done.waited_ms,
            proposals: done.proposals,
        };
        self.took = Duration::from_secs_f64(done.plan_ms / 1e3);
        (self.episode, self.turn) = (Some(done.episode), done.turn);
        Ok(Answer::Decided(Box::new(answer)))
    }

    /// The controls of an action, as a world of the task sets them.
    ///
    /// # Errors
    /// A bad input that names the field.
    pub fn act(&mut self, request: &Request) -> Result<Answer> {
        let (task, hello) = (self.service.task("act")?.clone(), &self.service.hello);
        let none = |field: &str, expected: String| InputError::unexpected(field, expected, "none");
        let (nu, nmocap, size) = (hello.ctrl_size, hello.mocap_size, hello.state_size);
        let action = request.action.as_ref().ok_or_else(|| none("action", format!("{} values", hello.action_size)))?;
        let action = narrow("action", action)?;
        if !self.take_state(request, request.episode.unwrap_or(0))? {
            return Err(none("state", format!("{size} values, or qpos and qvel")).into());
        }
        let steps = task.control_steps(&action, &self.state()?)?;
        let poses = |values, size| (nmocap > 0).then(|| Array { values, inner: vec![nmocap, size] });
        Ok(Answer::Act(Box::new(Act {
            controls: Array { values: steps.controls, inner: vec![nu] },
            mocap_pos: poses(steps.mocap_positions, 3),
            mocap_quat: poses(steps.mocap_quaternions, 4),
        })))
    }

    /// The start state of an episode, as `planner run` with the same seed has it; the client's own episode goes on.
    ///
    /// # Errors
    /// If MuJoCo gives up on it.
    pub fn example(&mut self, request: &Request) -> Result<Answer> {
        let (seed, index) = (self.service.hello.seed, request.episode.unwrap_or(0));
        let (size, rows) = (self.service.hello.observation_size, self.service.horizons.observation);
        let world = self.world("example")?;
        world.reset(seed, Purpose::Reset, index)?;
        let mut seen = vec![0.0; size];
        world.observe(&mut seen);
        let data = world.simulation().data();
        let (qpos, qvel, ctrl) = (data.qpos().to_vec(), data.qvel().to_vec(), data.ctrl().to_vec());
        let observations = Array { values: seen.repeat(rows), inner: vec![size] };
        let state = self.state()?;
        Ok(Answer::Example(Box::new(Example { episode: index, observations, state, qpos, qvel, ctrl })))
    }
}

fn stopping() -> Failure {
    Failure::Run("the server stops".into())
}

/// The decision, or that none will come.
fn wait(done: &Receiver<Result<Done>>) -> Result<Done> {
    let mut left = GRACE;
    loop {
        match done.recv_timeout(TICK) {
            Ok(done) => return done,
            Err(RecvTimeoutError::Timeout) if !interrupt::asked() => {}
            Err(RecvTimeoutError::Timeout) if left > TICK => left -= TICK,
            Err(_) => return Err(stopping()),
        }
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
        let place = format!("observations[{i}]");
        InputError::ensure(row.len() == size, &place, format!("{size} values"), row.len())?;
        values.extend(narrow(&place, row)?);
    }
    Ok(values)
}

/// The values of the field `place` in 32 bits.
fn narrow(place: &str, values: &[f64]) -> Result<Vec<f32>> {
    let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    match narrow.iter().position(|value| !value.is_finite()) {
        Some(i) => Err(InputError::unexpected(format!("{place}[{i}]"), "a number that fits 32 bits", values[i]).into()),
        None => Ok(narrow),
    }
}
