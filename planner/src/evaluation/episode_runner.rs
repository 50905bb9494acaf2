//! One episode under way in its world, with the plan that it executes.

use super::observation_renderer::{History, ObservationRenderer};
use super::outcome::{DecisionRecord, EpisodeResult, EvaluationSettings};
use crate::{decide::Decision, episode::EpisodeState, error::Result};
use imle_envs::actuation::ActuationMeter;
use imle_envs::experts::expert::ModeLabeller;
use imle_envs::experts::forced::reset_in_mode;
use imle_envs::task::Task;
use imle_envs::world::World;
use std::sync::Arc;

/// An episode and its plan.
pub(crate) struct EpisodeRunner {
    pub(crate) world: World,
    labeller: Option<Box<dyn ModeLabeller>>,
    meter: ActuationMeter,
    /// Control steps of the episode before it was begun here.
    skipped: usize,
    /// Buffer of one observation, (O).
    observed: Vec<f32>,
    /// Observations and plan.
    pub(crate) state: EpisodeState,
    /// Pictures of the cameras, if the policy uses any.
    seen: Option<History>,
    /// Sum of the costs of all states, and of those before the plan.
    cost_sum: f64,
    cost_before: f64,
    record: bool,
    keep_actions: bool,
    pub(crate) result: EpisodeResult,
}

impl EpisodeRunner {
    pub(crate) fn start(task: &Arc<Task>, settings: &EvaluationSettings, offset: usize) -> Result<Self> {
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
        let mut state = EpisodeState::new(settings.horizons, o, a);
        state.reset(episode);
        state.hold(&hold)?;
        state.observe_all(&history)?;
        state.set_executed(0);
        let result = EpisodeResult {
            episode,
            reached: task.reported().map(|(_, i)| world.values()[i]).collect(),
            costs: if settings.keep_actions { vec![world.cost()] } else { Vec::new() },
            ..EpisodeResult::default()
        };
        let mut seen = task.spec().pictures.is_some().then(History::default);
        if let Some(seen) = &mut seen {
            seen.note(&world, settings.horizons.observation)?;
        }
        Ok(Self {
            world,
            seen,
            labeller: task.expert().map(|e| e.labeller()),
            meter: ActuationMeter::new(task),
            state,
            skipped,
            observed: vec![0.0; o],
            cost_sum: 0.0,
            cost_before: 0.0,
            record: offset < settings.record,
            keep_actions: settings.keep_actions,
            result,
        })
    }

    /// Draws the last T_obs pictures, if they are looked at, for the next decision.
    pub(crate) fn look(&mut self, renderer: &mut ObservationRenderer) -> Result<()> {
        let Some(seen) = &mut self.seen else { return Ok(()) };
        let kept = self.keep_actions.then_some(&mut self.result.pictures);
        let steps = self.state.horizons().observation;
        self.state.set_pictures(seen.draw(renderer, self.world.episode(), steps, kept)?);
        Ok(())
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
    pub(crate) fn execute(&mut self) -> Result<()> {
        for _ in 0..self.state.horizons().action {
            if self.world.done() {
                break;
            }
            self.step()?;
        }
        Ok(())
    }

    /// Executes the next action of the plan, or its last one again, and observes what came of it.
    pub(crate) fn step(&mut self) -> Result<()> {
        self.keep_state()?;
        let action = self.state.next_action();
        if self.keep_actions {
            self.result.observations.extend_from_slice(self.state.newest());
            self.result.actions.extend_from_slice(action);
        }
        self.world.step(action);
        if self.world.failure().is_some() {
            self.state.set_executed(self.state.executed() + 1);
        } else {
            self.world.observe(&mut self.observed);
            self.state.observe(&self.observed)?;
            if let Some(seen) = &mut self.seen {
                seen.note(&self.world, if self.keep_actions { usize::MAX } else { self.state.horizons().observation })?;
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
            record.realised = (self.cost_sum - self.cost_before) / self.state.executed() as f64;
        }
        if self.world.done() {
            self.keep_state()?;
        }
        Ok(())
    }

    /// Notes that the plan in its state, which `decision` says the origin of, is executed from now on.
    pub(crate) fn begin_plan(&mut self, decision: Decision) {
        let (low, high) = self.world.task().action_bounds().range();
        let horizons = self.state.horizons();
        let switched = self.state.switched(horizons.prediction - horizons.action, low, high);
        self.result.decisions.push(DecisionRecord { decision, realised: 0.0, switched });
        if self.keep_actions {
            let planned = self.state.plan().len() / horizons.prediction * horizons.action;
            self.result.planned.extend_from_slice(&self.state.plan()[..planned]);
        }
        self.cost_before = self.cost_sum;
        self.meter.boundary();
    }

    /// Brings the kept pictures to one of every camera a control step.
    pub(crate) fn keep_pictures(&mut self, renderer: &mut ObservationRenderer) -> Result<()> {
        if self.world.success() {
            self.look(renderer)?;
            self.result.pictures.truncate(self.world.steps() * renderer.bytes());
        } else {
            self.result.pictures = Vec::new();
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> EpisodeResult {
        if self.keep_actions {
            self.result.last_observation = self.state.newest().to_vec();
        }
        self.result.success = self.world.success();
        self.result.failure = self.world.failure().map(str::to_string);
        self.result.lost = self.world.lost();
        self.result.actuation = self.meter.metrics();
        self.result.steps = self.world.steps() - self.skipped;
        self.result.mean_cost = self.cost_sum / self.result.steps.max(1) as f64;
        let modes = self.world.task().expert().map(|e| e.modes()).unwrap_or_default();
        let shown = self.labeller.as_ref().and_then(|l| l.label());
        self.result.mode = shown.and_then(|m| modes.get(m)).copied();
        self.result
    }
}
