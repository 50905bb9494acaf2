//! The one evaluator: many episodes in lock-step, one batched decision for all of them, physics on all threads.
//!
//! Episodes do not influence each other: results are the same for any lock-step size and any number of threads. In a task
//! as a generator with pictures sees it, the calling thread draws them before each decision ([`crate::sight`]).

use crate::decide::{Decide, Decision, Key, Situation};
use crate::error::{Error, Result};
use crate::sight::{History, Sight};
use crate::warm;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::drive::{Drive, DriveMeter};
use imle_envs::expert::ModeLabeller;
use imle_envs::forced::reset_in_mode;
use imle_envs::task::Task;
use imle_envs::world::World;
use rayon::prelude::*;
use std::sync::Arc;
use std::time::Instant;

/// A plan differs in mode from the one before when they are further apart than this (scaled root-mean-square over
/// the steps they share; half the action range counts 1).
const SWITCH_DISTANCE: f64 = 0.15;

/// Which episodes are run, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of episodes.
    pub episodes: usize,
    /// Seed of the start states.
    pub seed: u64,
    /// What the start states are for: evaluation and fine-tuning never share any.
    pub purpose: Purpose,
    /// Index of the first episode.
    pub first: u64,
    /// Mode that the start states force (an index of the expert's), if any.
    pub mode: Option<usize>,
    /// Most episodes in lock-step.
    pub lockstep: usize,
    /// T_obs, T_pred, T_act.
    pub horizons: Horizons,
    /// How many episodes keep the states they pass through, for video.
    pub record: usize,
    /// Whether episodes keep what was seen and done, to be learned from.
    pub keep_actions: bool,
}

impl Settings {
    /// Episodes from start states that neither demonstrations nor fine-tuning have used, 64 in lock-step, of which no
    /// more than the figures is kept.
    pub fn held_out(episodes: usize, seed: u64, horizons: Horizons) -> Self {
        Self {
            episodes,
            seed,
            purpose: Purpose::Reset,
            first: 0,
            mode: None,
            lockstep: 64,
            horizons,
            record: 0,
            keep_actions: false,
        }
    }
}

/// One decision and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// How it came about.
    pub decision: Decision,
    /// Realised mean cost over the steps that were executed, to be compared with the predicted one.
    pub realised: f64,
    /// Whether the plan left the mode of the one before.
    pub switched: bool,
}

/// What happened in one episode.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeResult {
    /// Index of the episode.
    pub episode: u64,
    /// Whether the task was solved.
    pub success: bool,
    /// Why the simulation failed, if it did.
    pub failure: Option<String>,
    /// Whether the task was lost, as its file's `failure` says.
    pub lost: bool,
    /// Control steps.
    pub steps: usize,
    /// The mode shown, if it shows one.
    pub mode: Option<&'static str>,
    /// Mean cost over the control steps.
    pub mean_cost: f64,
    /// Greatest values of the quantities that the task reports, in their order.
    pub reached: Vec<f64>,
    /// How hard the robot was driven.
    pub drive: Drive,
    /// The decisions, in order.
    pub decisions: Vec<Record>,
    /// Full states before each control step and at the end, if the episode was recorded.
    pub states: Vec<Vec<f64>>,
    /// Observations before each control step and the actions executed, if they are kept: (steps, O) and (steps, A).
    pub observations: Vec<f32>,
    /// See `observations`.
    pub actions: Vec<f32>,
    /// Pictures before each control step, (steps, cameras, H, W, 3), if the episode was solved and they are looked at and
    /// kept.
    pub pictures: Vec<u8>,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One a episode, in order.
    pub episodes: Vec<EpisodeResult>,
    /// Wall-clock time of each decision, ms, and for how many episodes it was.
    pub decisions_ms: Vec<(f64, usize)>,
    /// Names of the sources that decisions name by index.
    pub sources: Vec<&'static str>,
    /// Names of the quantities that the task reports.
    pub reported: Vec<String>,
}

/// Is told how far an evaluation is, and may stop it.
pub trait Progress {
    /// `done` episodes of `total` are over, `solved` of them solved. Returns whether to go on.
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool;
}

/// Says nothing and never stops.
impl Progress for () {
    fn advanced(&mut self, _: usize, _: usize, _: usize) -> bool {
        true
    }
}

struct Slot {
    world: World,
    labeller: Option<Box<dyn ModeLabeller>>,
    meter: DriveMeter,
    /// (T_obs, O), oldest first.
    history: Vec<f32>,
    /// What the cameras show, if they are looked through.
    seen: Option<History>,
    /// (T_pred, A)
    plan: Vec<f32>,
    /// Steps of the plan that are not a repetition of its last action.
    plan_left: usize,
    cost_sum: f64,
    record: bool,
    keep_actions: bool,
    result: EpisodeResult,
}

impl Slot {
    fn start(task: &Arc<Task>, settings: &Settings, offset: usize) -> Result<Self> {
        let mut world = World::new(task.clone())?;
        let episode = settings.first + offset as u64;
        match (settings.mode, task.expert()) {
            (Some(mode), Some(expert)) => {
                reset_in_mode(&mut world, expert, mode, (settings.seed, settings.purpose, episode))?;
            }
            _ => world.reset(settings.seed, settings.purpose, episode)?,
        }
        let (o, a) = (task.spec().observation.size(), task.spec().action.size());
        let mut first = vec![0.0; o];
        world.observe(&mut first);
        let mut hold = vec![0.0; a];
        world.hold(&mut hold);
        let result = EpisodeResult {
            episode,
            success: false,
            failure: None,
            lost: false,
            steps: 0,
            mode: None,
            mean_cost: 0.0,
            reached: task.reported().map(|(_, i)| world.values()[i]).collect(),
            drive: Drive::default(),
            decisions: Vec::new(),
            states: Vec::new(),
            observations: Vec::new(),
            actions: Vec::new(),
            pictures: Vec::new(),
        };
        let mut seen = task.spec().pictures.is_some().then(History::default);
        if let Some(seen) = &mut seen {
            seen.note(&world, settings.horizons.observation)?;
        }
        Ok(Self {
            world,
            seen,
            labeller: task.expert().map(|e| e.labeller()),
            meter: DriveMeter::new(task),
            history: first.repeat(settings.horizons.observation),
            plan: hold.repeat(settings.horizons.prediction),
            plan_left: 0,
            cost_sum: 0.0,
            record: offset < settings.record,
            keep_actions: settings.keep_actions,
            result,
        })
    }

    /// The last T_obs pictures, (T_obs, cameras, H, W, 3); nothing if none are looked at.
    fn look(&mut self, sight: &mut Sight, steps: usize) -> Result<&[u8]> {
        let Some(seen) = &mut self.seen else { return Ok(&[]) };
        let kept = self.keep_actions.then_some(&mut self.result.pictures);
        seen.draw(sight, self.world.episode(), steps, kept)
    }

    fn keep_state(&mut self) -> Result<()> {
        if self.record {
            let mut state = vec![0.0; self.world.state_size()];
            self.world.get_state(&mut state)?;
            self.result.states.push(state);
        }
        Ok(())
    }

    /// Executes the first T_act actions of the plan, or fewer if the episode ends.
    fn execute(&mut self, horizons: Horizons) -> Result<()> {
        let size = self.world.task().spec().action.size();
        let observation = self.world.task().spec().observation.size();
        let (mut sum, mut steps) = (0.0, 0u32);
        for t in 0..horizons.action {
            if self.world.done() {
                break;
            }
            self.keep_state()?;
            if self.keep_actions {
                self.result.observations.extend_from_slice(&self.history[self.history.len() - observation..]);
                self.result.actions.extend_from_slice(&self.plan[t * size..][..size]);
            }
            self.world.step(&self.plan[t * size..][..size]);
            if self.world.failure().is_none() {
                self.history.copy_within(observation.., 0);
                let newest = self.history.len() - observation;
                self.world.observe(&mut self.history[newest..]);
                if let Some(seen) = &mut self.seen {
                    seen.note(&self.world, if self.keep_actions { usize::MAX } else { horizons.observation })?;
                }
                if let Some(labeller) = &mut self.labeller {
                    labeller.observe(&self.world);
                }
                self.meter.observe(self.world.simulation());
                let reported = self.world.task().reported().map(|(_, i)| self.world.values()[i]);
                self.result.reached.iter_mut().zip(reported).for_each(|(most, now)| *most = most.max(now));
                sum += self.world.cost();
            }
            steps += 1;
        }
        self.cost_sum += sum;
        if let Some(record) = self.result.decisions.last_mut() {
            record.realised = sum / f64::from(steps.max(1));
        }
        if self.world.done() {
            self.keep_state()?;
        }
        Ok(())
    }

    fn take(&mut self, decision: Decision, plan: &[f32], warm: &[f32], settings: &Settings) {
        let executed = settings.horizons.action;
        self.plan_left =
            if plan == warm { self.plan_left.saturating_sub(executed) } else { settings.horizons.prediction };
        let (low, high) = self.world.task().control().range();
        let shared = settings.horizons.prediction - settings.horizons.action;
        let first = self.result.decisions.is_empty();
        let switched = !first && shared > 0 && warm::distance(plan, warm, shared, low, high) > SWITCH_DISTANCE;
        self.result.decisions.push(Record { decision, realised: 0.0, switched });
        self.plan.copy_from_slice(plan);
        self.meter.boundary();
    }

    /// Brings the kept pictures to one of every camera a control step.
    fn keep_pictures(&mut self, sight: &mut Sight, steps: usize) -> Result<()> {
        if self.world.success() {
            self.look(sight, steps)?;
            self.result.pictures.truncate(self.world.steps() * sight.bytes());
        } else {
            self.result.pictures = Vec::new();
        }
        Ok(())
    }

    fn finish(mut self) -> EpisodeResult {
        self.result.success = self.world.success();
        self.result.failure = self.world.failure().map(str::to_string);
        self.result.lost = self.world.lost();
        self.result.drive = self.meter.drive();
        self.result.steps = self.world.steps();
        self.result.mean_cost = self.cost_sum / self.world.steps().max(1) as f64;
        let modes = self.world.task().expert().map(|e| e.modes()).unwrap_or_default();
        let shown = self.labeller.as_ref().and_then(|l| l.label());
        self.result.mode = shown.and_then(|m| modes.get(m)).copied();
        self.result
    }
}

/// Runs the episodes of `settings` in `task` with `decider`.
///
/// # Errors
/// [`Error::Interrupted`] if `progress` says so; what the decider or the worlds return.
pub fn evaluate(
    task: &Arc<Task>,
    decider: &mut dyn Decide,
    settings: &Settings,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    let sources = decider.sources();
    let mut sight = Sight::new(task)?;
    let reported = task.reported().map(|(name, _)| name.to_string()).collect();
    let mut outcome =
        Outcome { episodes: Vec::with_capacity(settings.episodes), decisions_ms: Vec::new(), sources, reported };
    let mut solved = 0;
    for start in (0..settings.episodes).step_by(settings.lockstep.max(1)) {
        let end = (start + settings.lockstep.max(1)).min(settings.episodes);
        let slots: Result<Vec<Slot>> =
            pool.install(|| (start..end).into_par_iter().map(|i| Slot::start(task, settings, i)).collect());
        let mut slots = slots?;
        let mut over = 0;
        while over < slots.len() {
            let timing = decide_all(&mut slots, decider, settings, sight.as_mut(), pool)?;
            outcome.decisions_ms.push(timing);
            let active: Vec<&mut Slot> = slots.iter_mut().filter(|s| !s.world.done()).collect();
            pool.install(|| active.into_par_iter().with_max_len(1).try_for_each(|s| s.execute(settings.horizons)))?;
            over = slots.iter().filter(|s| s.world.done()).count();
            let now_solved = slots.iter().filter(|s| s.world.success()).count();
            if !progress.advanced(start + over, settings.episodes, solved + now_solved) {
                return Err(Error::Interrupted);
            }
        }
        if let Some(sight) = sight.as_mut().filter(|_| settings.keep_actions) {
            for slot in &mut slots {
                slot.keep_pictures(sight, settings.horizons.observation)?;
            }
        }
        outcome.episodes.extend(slots.into_iter().map(Slot::finish));
        solved = outcome.episodes.iter().filter(|e| e.success).count();
    }
    Ok(outcome)
}

/// Decides for all slots whose episode goes on; returns the time it took and for how many.
fn decide_all(
    slots: &mut [Slot],
    decider: &mut dyn Decide,
    settings: &Settings,
    mut sight: Option<&mut Sight>,
    pool: &rayon::ThreadPool,
) -> Result<(f64, usize)> {
    let mut active: Vec<&mut Slot> = slots.iter_mut().filter(|s| !s.world.done()).collect();
    let (mut observations, mut states, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let mut pictures = Vec::new();
    let chunk = active.first().map_or(0, |s| s.plan.len());
    let mut warm = vec![0.0; chunk * active.len()];
    let mut warm_left = Vec::with_capacity(active.len());
    for (i, slot) in active.iter_mut().enumerate() {
        observations.extend_from_slice(&slot.history);
        if let Some(sight) = &mut sight {
            pictures.extend_from_slice(slot.look(sight, settings.horizons.observation)?);
        }
        let at = states.len();
        states.resize(at + slot.world.state_size(), 0.0);
        slot.world.perceived_state(&mut states[at..])?;
        let action = slot.world.task().spec().action.size();
        let shift = if slot.result.decisions.is_empty() { 0 } else { settings.horizons.action };
        warm::shift(&slot.plan, shift, action, &mut warm[i * chunk..][..chunk]);
        warm_left.push(slot.plan_left.saturating_sub(shift));
        keys.push(Key { episode: slot.result.episode, decision: slot.result.decisions.len() as u64 });
    }
    let mut chunks = vec![0.0; chunk * active.len()];
    let mut how = vec![Decision::default(); active.len()];
    let situation = Situation {
        observations: &observations,
        pictures: &pictures,
        states: &states,
        warm: &warm,
        warm_left: &warm_left,
        keys: &keys,
    };
    let begun = Instant::now();
    decider.decide(pool, &situation, &mut chunks, &mut how)?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let count = active.len();
    for (i, slot) in active.iter_mut().enumerate() {
        slot.take(how[i], &chunks[i * chunk..][..chunk], &warm[i * chunk..][..chunk], settings);
    }
    Ok((took, count))
}
