//! Planning while the world moves on.
//!
//! The world runs at wall-clock speed on a thread of its own: control step k begins at k / rate, whatever the planner
//! does. The planner looks at the world at step k and has until the deadline; its plan takes over at step k + h, h the
//! control steps that the deadline lasts. So it plans from the state at hand-over, which it predicts with its own model
//! and the actions that are executed until then. When the deadline ends no more rollouts begin, and the best so far is
//! the plan; if there is none, the last plan goes on. A plan that comes after its step is a miss: the last plan goes on
//! there too.
//!
//! Timing decides how many rollouts a plan has, so that episodes are not the same every time. The evaluator in
//! lock-step ([`crate::evaluation::evaluate`]) is the one to compare with.

use super::episode_runner::EpisodeRunner;
use super::outcome::{EvaluationSettings, Outcome, Progress};
use super::recorded_plan::RecordedPlan;
use super::report::{Percentiles, percentiles};
use crate::decide::{Decide, Decision};
use crate::episode::{DecisionBatch, DecisionTiming, EpisodeState};
use crate::error::{Error, Result};
use crate::rollout::simulator::{Limits, Score};
use imle_configs::{Error as InputError, ends::Ends};
use imle_envs::rollout::{ChunkBatch, RolloutEngine};
use imle_envs::task::Task;
use serde::Serialize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A control step that begins later than this after its time is counted as late.
const LATE: Duration = Duration::from_millis(1);
/// First guess of the time from the start of the last rollout to the choice.
const FIRST_RESERVE: Duration = Duration::from_millis(2);
/// The world's thread sleeps until so long before its time, and then waits awake.
const AWAKE: Duration = Duration::from_micros(500);

/// Times and missed deadlines of a run against the clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// From looking at the world to the plan, ms, at most.
    pub deadline_ms: f64,
    /// Control steps from looking at the world to the hand-over.
    pub hand_over_steps: usize,
    /// Plans that were to be handed over.
    pub hand_overs: u64,
    /// Of them, those that came after their step: the last plan went on.
    pub missed: u64,
    /// Plans whose rollouts were cut short by the deadline.
    pub cut: u64,
    /// Plans for which nothing could be simulated in time: the last plan went on.
    pub fallbacks: u64,
    /// Control steps that began more than 1 ms after their time.
    pub late_steps: u64,
    /// Wall-clock time that the worlds ran, s.
    pub world_s: f64,
    /// From looking at the world to the plan, ms.
    pub plan_ms: Percentiles,
    /// Root mean square difference of the observation predicted for the hand-over from that of the world there, mean
    /// over plans.
    pub prediction_rms: f64,
}

/// State of the world at the beginning of a control step.
struct Snapshot {
    /// Control steps before it, and when it began.
    step: usize,
    at: Instant,
    state: Vec<f64>,
    episode: EpisodeState,
}

/// A plan on its way to the world.
struct PendingPlan {
    step: usize,
    /// The episode as it is predicted for then, with the plan.
    fork: EpisodeState,
    decision: Decision,
    /// Copy that is kept, if the episode is recorded.
    kept: Option<RecordedPlan>,
}

/// State shared by both threads.
#[derive(Default)]
struct Desk {
    /// The first step that the planner wants to look at.
    wanted: usize,
    snapshot: Option<Snapshot>,
    /// The step at which a plan is expected, and the plan once it is there.
    expected: Option<usize>,
    plan: Option<PendingPlan>,
    over: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts of the world's thread.
#[derive(Default)]
struct Counts {
    missed: u64,
    late: u64,
    rms: Vec<f64>,
}

/// Runs the episodes of `settings`, one after the other at wall-clock speed, with a plan every T_act control steps, or
/// as often as `deadline` allows. `model` predicts the state at hand-over.
///
/// # Errors
/// A bad input: a deadline that is longer than a chunk, a generator that sees pictures. [`Error::Interrupted`] if
/// `progress` says so; what the decider or the worlds return.
pub fn run(
    task: &Arc<Task>,
    decider: &mut dyn Decide,
    model: &RolloutEngine,
    settings: &EvaluationSettings,
    deadline: Duration,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> Result<(Outcome, Timing)> {
    let rate = task.spec().control_rate;
    let ahead = (deadline.as_secs_f64() * rate - 1e-9).ceil().max(1.0) as usize;
    let expected = format!("less than a chunk of {} steps at {rate} Hz", settings.horizons.prediction);
    InputError::ensure(
        ahead < settings.horizons.prediction,
        "deadline",
        expected,
        format!("{} ms", deadline.as_millis()),
    )?;
    let expected = "a generator that sees the state alone";
    InputError::ensure(task.spec().pictures.is_none(), "realtime", expected, "one that sees pictures")?;
    let reported = task.reported().map(|(name, _)| name.to_string()).collect();
    let mut outcome = Outcome { episodes: Vec::new(), decisions_ms: Vec::new(), sources: decider.sources(), reported };
    let mut timing = Timing { deadline_ms: 1e3 * deadline.as_secs_f64(), hand_over_steps: ahead, ..Timing::default() };
    let mut rms = Vec::new();
    let mut solved = 0;
    for offset in 0..settings.episodes {
        let mut runner = EpisodeRunner::start(task, settings, offset)?;
        let (decider, reserve, batch) = (&mut *decider, FIRST_RESERVE, DecisionBatch::default());
        let (decisions, recorded) = (0, runner.keeps_plans());
        let mut pilot = Pilot { decider, model, settings, deadline, ahead, pool, batch, decisions, reserve, recorded };
        pilot.first(&mut runner)?;
        let shared = Shared { desk: Mutex::default(), changed: Condvar::new() };
        let begun = Instant::now();
        let (runner, counts) = std::thread::scope(|scope| -> Result<(EpisodeRunner, Counts)> {
            let world = scope.spawn(|| {
                let driven = run_world(runner, begun, &shared);
                shared.desk().over = true;
                shared.changed.notify_all();
                driven
            });
            let planned = pilot.plan_on(&shared, &mut timing, &mut outcome.decisions_ms, &mut || {
                progress.advanced(offset, settings.episodes, solved)
            });
            shared.desk().over |= planned.is_err();
            let driven = world.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
            planned?;
            driven
        })?;
        timing.world_s += begun.elapsed().as_secs_f64();
        timing.missed += counts.missed;
        timing.late_steps += counts.late;
        rms.extend(counts.rms);
        solved += usize::from(runner.world.success());
        outcome.episodes.push(runner.finish());
        if !progress.advanced(offset + 1, settings.episodes, solved) {
            return Err(Error::Interrupted);
        }
    }
    timing.plan_ms = percentiles(outcome.decisions_ms.iter().map(|d| d.0).collect());
    timing.prediction_rms = rms.iter().sum::<f64>() / rms.len().max(1) as f64;
    Ok((outcome, timing))
}

/// The world's thread: a control step at its time, whatever the planner does.
fn run_world(mut runner: EpisodeRunner, begun: Instant, shared: &Shared) -> Result<(EpisodeRunner, Counts)> {
    let period = Duration::from_secs_f64(1.0 / runner.world.task().spec().control_rate);
    let mut counts = Counts::default();
    for step in 0.. {
        let at = begun + period * step as u32;
        wait_until(at);
        counts.late += u64::from(Instant::now() > at + LATE);
        {
            let mut desk = shared.desk();
            if desk.over || runner.world.done() {
                break;
            }
            if desk.expected == Some(step) {
                desk.expected = None;
                match desk.plan.take() {
                    None => counts.missed += 1,
                    Some(plan) => {
                        counts.rms.push(rms(runner.recorder.state.newest(), plan.fork.newest()));
                        runner.recorder.state.adopt(&plan.fork);
                        runner.begin_plan(plan.decision);
                        runner.keep(plan.kept);
                    }
                }
                shared.changed.notify_all();
            }
            if step >= desk.wanted && desk.snapshot.is_none() && desk.expected.is_none() {
                let mut state = vec![0.0; runner.world.state_size()];
                runner.world.perceived_state(&mut state)?;
                desk.snapshot = Some(Snapshot { step, at, state, episode: runner.recorder.state.clone() });
                shared.changed.notify_all();
            }
        }
        runner.step()?;
    }
    Ok((runner, counts))
}

fn wait_until(at: Instant) {
    let left = at.saturating_duration_since(Instant::now());
    std::thread::sleep(left.saturating_sub(AWAKE));
    while Instant::now() < at {
        std::hint::spin_loop();
    }
}

fn rms(a: &[f32], b: &[f32]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len().max(1) as f64).sqrt()
}

/// The planner's side.
struct Pilot<'a> {
    decider: &'a mut dyn Decide,
    model: &'a RolloutEngine,
    settings: &'a EvaluationSettings,
    deadline: Duration,
    ahead: usize,
    pool: &'a rayon::ThreadPool,
    batch: DecisionBatch,
    /// Decisions of the episode, those that came too late included.
    decisions: u64,
    /// Time before the deadline at which the last rollout begins: the longest that it has taken from there.
    reserve: Duration,
    /// Whether the episode keeps its plans.
    recorded: bool,
}

impl Pilot<'_> {
    /// The plan that an episode begins with: the robot stands still until it is there.
    fn first(&mut self, runner: &mut EpisodeRunner) -> Result<()> {
        let mut state = vec![0.0; runner.world.state_size()];
        runner.world.perceived_state(&mut state)?;
        let decision = self.decide(&mut runner.recorder.state, &state, None)?;
        runner.begin_plan(decision);
        runner.keep_plan(&state, self.decider.tried(0));
        Ok(())
    }

    fn decide(&mut self, episode: &mut EpisodeState, state: &[f64], deadline: Option<Instant>) -> Result<Decision> {
        episode.set_decision(self.decisions);
        let timing = DecisionTiming { deadline, lockstep: false };
        let decisions = self.batch.decide(self.decider, self.pool, &mut [episode], state, timing)?;
        self.decisions += 1;
        Ok(decisions.first().copied().unwrap_or_default())
    }

    /// Plans until the episode is over.
    fn plan_on(
        &mut self,
        shared: &Shared,
        timing: &mut Timing,
        times: &mut Vec<(f64, usize)>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let interval = self.settings.horizons.action.max(self.ahead);
        shared.desk().wanted = interval - self.ahead;
        loop {
            let snapshot = {
                let mut desk = shared.desk();
                loop {
                    if desk.over {
                        return Ok(());
                    }
                    if let Some(snapshot) = desk.snapshot.take() {
                        desk.expected = Some(snapshot.step + self.ahead);
                        desk.wanted = snapshot.step + interval;
                        break snapshot;
                    }
                    desk = shared.changed.wait(desk).unwrap_or_else(PoisonError::into_inner);
                }
            };
            if !go_on() {
                return Err(Error::Interrupted);
            }
            let (mut plan, cut, state) = self.plan(&snapshot)?;
            let took = snapshot.at.elapsed();
            let until = self.deadline.saturating_sub(self.reserve);
            if took > until {
                self.reserve = (took - until).clamp(self.reserve, self.deadline / 2);
            }
            timing.hand_overs += 1;
            timing.cut += u64::from(cut);
            timing.fallbacks += u64::from(plan.decision.predicted.is_none() && plan.fork.kept_plan());
            times.push((1e3 * took.as_secs_f64(), 1));
            if self.recorded {
                plan.kept = Some(RecordedPlan::new(&state, plan.fork.plan(), self.decider.tried(0)));
            }
            let mut desk = shared.desk();
            // After its step it is no longer expected, and dropped.
            if desk.expected == Some(plan.step) {
                desk.plan = Some(plan);
            }
        }
    }

    /// A plan from the state at hand-over, whether its rollouts were cut short, and that state.
    fn plan(&mut self, snapshot: &Snapshot) -> Result<(PendingPlan, bool, Vec<f64>)> {
        let episode = &snapshot.episode;
        let size = self.model.task().spec().action.size();
        let observation = self.model.observation_size();
        let mut actions = vec![0.0; episode.plan().len()];
        episode.remaining(&mut actions);
        actions.truncate(self.ahead * size);
        let mut state = snapshot.state.clone();
        // As many observations as the history has place for.
        let new = self.ahead.min(episode.horizons().observation);
        let mut seen = vec![0.0; new * observation];
        let mut score = [Score::default()];
        let ends = Ends { states: &mut state, histories: &mut seen };
        let (states, limits) = (&snapshot.state, Limits::default());
        let batch = ChunkBatch { states, chunks: &actions, steps: self.ahead, executed: 1, limits };
        self.model.run_to(self.pool, batch, &mut score, ends)?;
        // What cannot be predicted is taken to stay.
        let known = !score[0].failed && !score[0].lost;
        let mut fork = episode.fork(self.ahead, known.then_some(&seen));
        let last = snapshot.at + self.deadline.saturating_sub(self.reserve);
        let decision = self.decide(&mut fork, &state, Some(last))?;
        let cut = Instant::now() >= last;
        Ok((PendingPlan { step: snapshot.step + self.ahead, fork, decision, kept: None }, cut, state))
    }
}
