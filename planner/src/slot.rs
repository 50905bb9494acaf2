//! One episode under way, with the plan that it executes.

use crate::decide::Decision;
use crate::error::Result;
use crate::evaluate::{EpisodeResult, Record, Settings};
use crate::sight::{History, Sight};
use crate::warm;
use imle_configs::spec::Horizons;
use imle_envs::drive::{Drive, DriveMeter};
use imle_envs::expert::ModeLabeller;
use imle_envs::forced::reset_in_mode;
use imle_envs::task::Task;
use imle_envs::world::World;
use std::sync::Arc;

/// A plan differs in mode from the one before when they are further apart than this (scaled root-mean-square over
/// the steps they share; half the action range counts 1).
const SWITCH_DISTANCE: f64 = 0.15;

/// An episode and its plan.
pub(crate) struct Slot {
    pub(crate) world: World,
    labeller: Option<Box<dyn ModeLabeller>>,
    meter: DriveMeter,
    /// Control steps of the episode before it was begun here.
    skipped: usize,
    /// (T_obs, O), oldest first.
    pub(crate) history: Vec<f32>,
    /// What the cameras show, if they are looked through.
    seen: Option<History>,
    /// (T_pred, A)
    pub(crate) plan: Vec<f32>,
    /// Steps of the plan that are not a repetition of its last action.
    plan_left: usize,
    /// Steps of the plan that are executed.
    executed: usize,
    /// Sum of the costs of all states, and of those before the plan.
    cost_sum: f64,
    cost_before: f64,
    record: bool,
    keep_actions: bool,
    pub(crate) result: EpisodeResult,
}

impl Slot {
    pub(crate) fn start(task: &Arc<Task>, settings: &Settings, offset: usize) -> Result<Self> {
        let mut world = World::new(task.clone())?;
        let episode = settings.first + offset as u64;
        let begun = settings.starts.as_ref().and_then(|starts| starts.get(offset));
        let seen = settings.horizons.observation;
        let mut shown = None;
        match (settings.mode, task.expert()) {
            _ if begun.is_some() => {}
            (Some(mode), Some(expert)) => {
                let start = (settings.seed, settings.purpose, episode);
                shown = Some(reset_in_mode(&mut world, expert, mode, start, seen)?);
            }
            _ => world.reset(settings.seed, settings.purpose, episode)?,
        }
        if let Some(begun) = begun {
            world.start_in(&begun.state, settings.seed, episode)?;
            world.set_steps(task.max_steps().saturating_sub(begun.steps_left));
        }
        let skipped = world.steps();
        let (o, a) = (task.spec().observation.size(), task.spec().action.size());
        let history = match (begun, shown) {
            (Some(begun), _) => begun.history.clone(),
            (None, Some(shown)) => shown,
            (None, None) => {
                let mut first = vec![0.0; o];
                world.observe(&mut first);
                first.repeat(seen)
            }
        };
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
            costs: if settings.keep_actions { vec![world.cost()] } else { Vec::new() },
            last_observation: Vec::new(),
            planned: Vec::new(),
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
            history,
            skipped,
            plan: hold.repeat(settings.horizons.prediction),
            plan_left: 0,
            executed: 0,
            cost_sum: 0.0,
            cost_before: 0.0,
            record: offset < settings.record,
            keep_actions: settings.keep_actions,
            result,
        })
    }

    /// The last T_obs pictures, (T_obs, cameras, H, W, 3); nothing if none are looked at.
    pub(crate) fn look(&mut self, sight: &mut Sight, steps: usize) -> Result<&[u8]> {
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

    /// Executes the next T_act actions of the plan, or fewer if the episode ends.
    pub(crate) fn execute(&mut self, horizons: Horizons) -> Result<()> {
        for _ in 0..horizons.action {
            if self.world.done() {
                break;
            }
            self.step(horizons.observation)?;
        }
        Ok(())
    }

    /// Executes the next action of the plan, or its last one again, and sees what came of it.
    pub(crate) fn step(&mut self, observed: usize) -> Result<()> {
        self.keep_state()?;
        let size = self.world.task().spec().action.size();
        let observation = self.world.task().spec().observation.size();
        let at = self.executed.min(self.plan.len() / size - 1) * size;
        let action = &self.plan[at..][..size];
        if self.keep_actions {
            self.result.observations.extend_from_slice(&self.history[self.history.len() - observation..]);
            self.result.actions.extend_from_slice(action);
        }
        self.world.step(action);
        self.executed += 1;
        if self.world.failure().is_none() {
            self.history.copy_within(observation.., 0);
            let newest = self.history.len() - observation;
            self.world.observe(&mut self.history[newest..]);
            if let Some(seen) = &mut self.seen {
                seen.note(&self.world, if self.keep_actions { usize::MAX } else { observed })?;
            }
            if let Some(labeller) = &mut self.labeller {
                labeller.observe(&self.world);
            }
            self.meter.observe(self.world.simulation());
            let reported = self.world.task().reported().map(|(_, i)| self.world.values()[i]);
            self.result.reached.iter_mut().zip(reported).for_each(|(most, now)| *most = most.max(now));
            self.cost_sum += self.world.cost();
            if self.keep_actions {
                self.result.costs.push(self.world.cost());
            }
        }
        if let Some(record) = self.result.decisions.last_mut() {
            record.realised = (self.cost_sum - self.cost_before) / self.executed as f64;
        }
        if self.world.done() {
            self.keep_state()?;
        }
        Ok(())
    }

    /// Writes the plan as it is from now on, and returns how many steps of it were once planned.
    pub(crate) fn rest_of_plan(&self, out: &mut [f32]) -> usize {
        warm::shift(&self.plan, self.executed, self.world.task().spec().action.size(), out);
        self.plan_left.saturating_sub(self.executed)
    }

    /// Goes over to `plan`, which was decided on while `warm` was what was left of the one before.
    pub(crate) fn take(&mut self, decision: Decision, plan: &[f32], warm: &[f32], horizons: Horizons) {
        self.plan_left = if plan == warm { self.plan_left.saturating_sub(self.executed) } else { horizons.prediction };
        let (low, high) = self.world.task().control().range();
        let shared = horizons.prediction - horizons.action;
        let first = self.result.decisions.is_empty();
        let switched = !first && shared > 0 && warm::distance(plan, warm, shared, low, high) > SWITCH_DISTANCE;
        self.result.decisions.push(Record { decision, realised: 0.0, switched });
        self.plan.copy_from_slice(plan);
        if self.keep_actions {
            let planned = plan.len() / horizons.prediction * horizons.action;
            self.result.planned.extend_from_slice(&plan[..planned]);
        }
        self.executed = 0;
        self.cost_before = self.cost_sum;
        self.meter.boundary();
    }

    /// Brings the kept pictures to one of every camera a control step.
    pub(crate) fn keep_pictures(&mut self, sight: &mut Sight, steps: usize) -> Result<()> {
        if self.world.success() {
            self.look(sight, steps)?;
            self.result.pictures.truncate(self.world.steps() * sight.bytes());
        } else {
            self.result.pictures = Vec::new();
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> EpisodeResult {
        if self.keep_actions {
            let observation = self.world.task().spec().observation.size();
            self.result.last_observation = self.history[self.history.len() - observation..].to_vec();
        }
        self.result.success = self.world.success();
        self.result.failure = self.world.failure().map(str::to_string);
        self.result.lost = self.world.lost();
        self.result.drive = self.meter.drive();
        self.result.steps = self.world.steps() - self.skipped;
        self.result.mean_cost = self.cost_sum / self.result.steps.max(1) as f64;
        let modes = self.world.task().expert().map(|e| e.modes()).unwrap_or_default();
        let shown = self.labeller.as_ref().and_then(|l| l.label());
        self.result.mode = shown.and_then(|m| modes.get(m)).copied();
        self.result
    }
}
