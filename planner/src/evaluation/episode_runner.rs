//! One episode under way in its world, with the plan that it executes.

use super::episode_recorder::EpisodeRecorder;
use super::observation_renderer::{History, ObservationRenderer};
use super::outcome::{EpisodeResult, EvaluationSettings};
use super::recorded_plan::RecordedPlan;
use crate::decide::{CandidateSet, Decision};
use crate::error::Result;
use imle_envs::actuation::ActuationMeter;
use imle_envs::experts::expert::ModeLabeller;
use imle_envs::experts::forced::reset_in_mode;
use imle_envs::task::{Task, reward::End};
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
    pub(crate) recorder: EpisodeRecorder,
    /// Pictures of the cameras, if the policy uses any.
    seen: Option<History>,
    /// Cost of the present state, and the discount of rewards.
    cost: f64,
    discount: f64,
    keep_states: bool,
    keep_plans: bool,
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
        let mut recorder = EpisodeRecorder::new(settings, offset, (o, a));
        recorder.state.hold(&hold)?;
        recorder.state.observe_all(&history)?;
        recorder.state.set_executed(0);
        recorder.result.reached = task.reported().map(|(_, i)| world.values()[i]).collect();
        let mut seen = task.spec().pictures.is_some().then(History::default);
        if let Some(seen) = &mut seen {
            seen.note(&world, settings.horizons.observation)?;
        }
        Ok(Self {
            cost: world.cost(),
            world,
            seen,
            labeller: task.expert().map(|e| e.labeller()),
            meter: ActuationMeter::new(task),
            recorder,
            skipped,
            observed: vec![0.0; o],
            discount: settings.discount,
            keep_states: offset < settings.record,
            keep_plans: offset < settings.keep_plans,
        })
    }

    /// Draws the last T_obs pictures, if they are looked at, for the next decision.
    pub(crate) fn look(&mut self, renderer: &mut ObservationRenderer) -> Result<()> {
        let Some(seen) = &mut self.seen else { return Ok(()) };
        let recorder = &mut self.recorder;
        let kept = recorder.keep_actions.then_some(&mut recorder.result.pictures);
        let steps = recorder.state.horizons().observation;
        recorder.state.set_pictures(seen.draw(renderer, self.world.episode(), steps, kept)?);
        Ok(())
    }

    fn keep_state(&mut self) -> Result<()> {
        if self.keep_states {
            let mut state = vec![0.0; self.world.state_size()];
            self.world.get_state(&mut state)?;
            self.recorder.result.states.push(state);
        }
        Ok(())
    }

    /// Executes the next T_act actions of the plan, or fewer if the episode ends.
    pub(crate) fn execute(&mut self) -> Result<()> {
        for _ in 0..self.recorder.state.horizons().action {
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
        self.recorder.act();
        self.world.step(self.recorder.state.next_action());
        let state = &mut self.recorder.state;
        if self.world.failure().is_some() {
            state.set_executed(state.executed() + 1);
        } else {
            self.world.observe(&mut self.observed);
            state.observe(&self.observed)?;
            if let Some(seen) = &mut self.seen {
                let most = if self.recorder.keep_actions { usize::MAX } else { state.horizons().observation };
                seen.note(&self.world, most)?;
            }
            if let Some(labeller) = &mut self.labeller {
                labeller.observe(&self.world);
            }
            self.meter.observe(self.world.simulation());
            let reported = self.world.task().reported().map(|(_, i)| self.world.values()[i]);
            self.recorder.result.reached.iter_mut().zip(reported).for_each(|(most, now)| *most = most.max(now));
            let before = std::mem::replace(&mut self.cost, self.world.cost());
            let solved = self.world.success().then_some(End::Solved);
            let end = solved.or_else(|| self.world.lost().then_some(End::Lost));
            let reward = self.world.task().reward().of(before, self.cost, end, self.discount);
            self.recorder.earn(self.cost, reward);
        }
        self.recorder.realise();
        if self.world.done() {
            self.keep_state()?;
        }
        Ok(())
    }

    /// Notes that the plan in its state, which `decision` says the origin of, is executed from now on.
    pub(crate) fn begin_plan(&mut self, decision: Decision) {
        self.recorder.begin_plan(decision, self.world.task().action_bounds());
        self.meter.boundary();
    }

    /// Keeps the plan in its state, made in `state`, with its candidates, if the episode keeps its plans.
    pub(crate) fn keep_plan(&mut self, state: &[f64], candidates: Option<CandidateSet<'_>>) {
        if self.keep_plans {
            let plan = RecordedPlan::new(state, self.recorder.state.plan(), candidates);
            self.keep(Some(plan));
        }
    }

    /// Keeps a plan that is executed from now on.
    pub(crate) fn keep(&mut self, plan: Option<RecordedPlan>) {
        let step = self.recorder.result.states.len();
        self.recorder.result.plans.extend(plan.map(|plan| RecordedPlan { step, ..plan }));
    }

    /// Whether plans are kept.
    pub(crate) fn keeps_plans(&self) -> bool {
        self.keep_plans
    }

    /// Brings the kept pictures to one of every camera a control step.
    pub(crate) fn keep_pictures(&mut self, renderer: &mut ObservationRenderer) -> Result<()> {
        if self.world.success() {
            self.look(renderer)?;
            self.recorder.result.pictures.truncate(self.world.steps() * renderer.bytes());
        } else {
            self.recorder.result.pictures = Vec::new();
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> EpisodeResult {
        let modes = self.world.task().expert().map(|e| e.modes()).unwrap_or_default();
        let shown = self.labeller.as_ref().and_then(|l| l.label());
        EpisodeResult {
            success: self.world.success(),
            failure: self.world.failure().map(str::to_string),
            lost: self.world.lost(),
            terminated: self.world.success() || self.world.lost(),
            actuation: self.meter.metrics(),
            mode: shown.and_then(|m| modes.get(m)).copied(),
            ..self.recorder.finish(self.world.steps() - self.skipped)
        }
    }
}
