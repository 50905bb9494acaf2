//! A controller of one episode.

use super::{decider::Decider, plan::Plan};
use crate::decide::{Decide, Decision};
use crate::episode::{DecisionBatch, DecisionTiming, EpisodeState, check};
use crate::error::Result;
use imle_configs::{Error as InputError, spec::Horizons, workers::Workers};
#[cfg(feature = "mujoco")]
use imle_envs::{rollout::RolloutEngine, task::Task, world::World};
#[cfg(feature = "mujoco")]
use std::sync::Arc;
use std::time::Instant;

/// Model-predictive control of one episode.
///
/// [`act`](Self::act) once a control step does everything: it observes, plans when a plan is due, and returns the
/// action. At a rate of your own call [`observe`](Self::observe) once a control step and [`plan`](Self::plan) when you
/// like. History, warm start and random keys are kept inside; the same seed and calls give the same bits at any number
/// of threads. A state is the full integration state of the task's planning model (of [`rollout`](crate::rollout) in
/// dynamics of your own), of [`state_size`](Self::state_size) values.
///
/// ```
/// use imle_envs::{task::Task, world::World};
/// use imle_planner::{Controller, optimizer::Mppi};
///
/// let task = std::sync::Arc::new(Task::load("cartpole")?);
/// let mut robot = World::new(task.clone())?;
/// let mut mpc = Controller::builder(task).optimizer(Mppi::default()).candidates(16).threads(1).build()?;
/// let mut observation = vec![0.0; mpc.observation_size()];
/// let mut state = vec![0.0; mpc.state_size()];
/// mpc.reset(0);
/// for step in 0..6 {
///     robot.observe(&mut observation);
///     mpc.observe(&observation)?;
///     if step % 3 == 0 {
///         robot.get_state(&mut state)?;
///         let plan = mpc.plan(&state)?;
///         assert_eq!(plan.costs().len(), 16);
///     }
///     robot.step(mpc.next_action());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Controller {
    parts: Parts,
    sources: Vec<&'static str>,
    episode: EpisodeState,
    batch: DecisionBatch,
    decision: Decision,
    workers: Workers,
    /// Where a state is looked at for the action that holds still.
    #[cfg(feature = "mujoco")]
    still: Option<World>,
}

/// Parts that a controller is made of.
pub(super) struct Parts {
    pub decider: Decider,
    pub horizons: Horizons,
    /// O, length of an observation; lengths of a state and of an action.
    pub observation: usize,
    pub sizes: (usize, usize),
    #[cfg(feature = "mujoco")]
    pub task: Option<Arc<Task>>,
    #[cfg(feature = "mujoco")]
    pub engine: Option<Arc<RolloutEngine>>,
    #[cfg(feature = "mujoco")]
    pub seed: u64,
}

impl Controller {
    pub(super) fn new(parts: Parts, workers: Workers) -> Result<Self> {
        Ok(Self {
            sources: parts.decider.sources(),
            episode: EpisodeState::new(parts.horizons, parts.observation, parts.sizes.1),
            batch: DecisionBatch::default(),
            decision: Decision::default(),
            workers,
            // Only a state of the task's own says how to hold still.
            #[cfg(feature = "mujoco")]
            still: parts.task.clone().filter(|_| parts.engine.is_some()).map(World::new).transpose()?,
            parts,
        })
    }

    /// Begins episode `episode`, whose index keys all random draws: nothing is observed or planned.
    pub fn reset(&mut self, episode: u64) {
        self.episode.reset(episode);
    }

    /// Observes (O), plans in `state` if a plan is due, and returns the action of this control step, (A). To be called
    /// once a control step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an observation or a state of another size, [`Error::Input`](crate::Error)
    /// for one with a value that is not finite; what the generator or the simulator returns.
    pub fn act(&mut self, observation: &[f32], state: &[f64]) -> Result<&[f32]> {
        self.observe(observation)?;
        self.act_now(state)
    }

    /// As [`act`](Self::act), with the pictures of the cameras, (cameras, H, W, 3).
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub fn act_with(&mut self, observation: &[f32], pictures: &[u8], state: &[f64]) -> Result<&[f32]> {
        self.observe_with(observation, pictures)?;
        self.act_now(state)
    }

    fn act_now(&mut self, state: &[f64]) -> Result<&[f32]> {
        if self.episode.due(self.horizons().action) {
            self.decide(state, None)?;
        }
        Ok(self.episode.next_action())
    }

    /// Observes (O), once a control step, for those who plan at a rate of their own. The first observation of an
    /// episode stands for those before it too.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape); [`Error::Input`](crate::Error) for a value that is not finite.
    pub fn observe(&mut self, observation: &[f32]) -> Result<()> {
        InputError::finite("observation", observation)?;
        self.episode.observe(observation)
    }

    /// As [`observe`](Self::observe), with the pictures of the cameras, (cameras, H, W, 3).
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn observe_with(&mut self, observation: &[f32], pictures: &[u8]) -> Result<()> {
        InputError::finite("observation", observation)?;
        self.episode.observe_with(observation, pictures)
    }

    /// Says that `steps` control steps passed that nobody observed: the plan that is under way was executed for so many
    /// more.
    pub fn skip(&mut self, steps: usize) {
        self.episode.set_executed(self.episode.executed() + steps);
    }

    /// Plans from `state` on, that of the newest observation.
    ///
    /// # Errors
    /// As [`act`](Self::act); [`Error::Shape`](crate::Error::Shape) if nothing was observed yet.
    pub fn plan(&mut self, state: &[f64]) -> Result<Plan> {
        let mut plan = Plan::default();
        self.plan_into(&mut plan, state)?;
        Ok(plan)
    }

    /// As [`plan`](Self::plan), into a plan that is kept: once warm it allocates nothing (libtorch, CMA-ES and MuJoCo's
    /// own arena aside).
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn plan_into(&mut self, plan: &mut Plan, state: &[f64]) -> Result<()> {
        self.decide(state, None)?;
        self.write(plan);
        Ok(())
    }

    /// As [`plan`](Self::plan), with the best that is known at `deadline`: no rollout begins after it. If nothing could
    /// be simulated, the last plan goes on. How many rollouts there are depends on the machine's speed, and so do the
    /// bits.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn plan_by(&mut self, state: &[f64], deadline: Instant) -> Result<Plan> {
        let mut plan = Plan::default();
        self.decide(state, Some(deadline))?;
        self.write(&mut plan);
        Ok(plan)
    }

    /// The action of this control step in the plan, (A); behind its end the last one. Zeros before the first plan.
    pub fn next_action(&self) -> &[f32] {
        self.episode.next_action()
    }

    /// The last plan, with its candidates.
    pub fn last_plan(&self) -> Plan {
        let mut plan = Plan::default();
        self.write(&mut plan);
        plan
    }

    fn decide(&mut self, state: &[f64], deadline: Option<Instant>) -> Result<()> {
        if self.needs_state() {
            check("state", self.parts.sizes.0, state.len())?;
            InputError::finite("state", state)?;
        }
        if self.episode.key().decision == 0 {
            self.hold(state)?;
        }
        let timing = DecisionTiming { deadline, lockstep: false };
        let mut episodes = [&mut self.episode];
        let decisions = self.batch.decide(&mut self.parts.decider, &self.workers, &mut episodes, state, timing)?;
        self.decision = decisions.first().copied().unwrap_or_default();
        Ok(())
    }

    /// Takes the action that holds `state` still for the plan before the first.
    fn hold(&mut self, state: &[f64]) -> Result<()> {
        #[cfg(feature = "mujoco")]
        if let Some(world) = self.still.as_mut().filter(|world| world.state_size() == state.len()) {
            let mut hold = vec![0.0; self.parts.sizes.1];
            world.start_in(state, self.parts.seed, self.episode.key().episode)?;
            world.hold(&mut hold);
            self.episode.hold(&hold)?;
        }
        let _ = state;
        Ok(())
    }

    fn write(&self, plan: &mut Plan) {
        let [steps, size] = [self.horizons().prediction, self.parts.sizes.1];
        copy(&mut plan.actions, self.episode.plan().iter().copied());
        copy(&mut plan.sources, self.sources.iter().copied());
        (plan.steps, plan.size, plan.decision) = (steps, size, self.decision);
        plan.time = self.batch.took();
        match &self.parts.decider {
            Decider::Planner(planner) => {
                let (chunks, scores) = planner.last();
                copy(&mut plan.candidates, chunks.iter().copied());
                copy(&mut plan.costs, scores.iter().map(|s| if s.failed { f64::INFINITY } else { s.cost }));
                copy(&mut plan.origins, (0..scores.len()).map(|i| planner.source_of(i)));
                plan.known = self.decision.predicted.is_some();
            }
            #[cfg(feature = "libtorch")]
            Decider::Policy(_) => {
                plan.candidates.clear();
                plan.costs.clear();
                plan.origins.clear();
                plan.known = true;
            }
        }
    }

    /// Whether decisions depend on the state, not on observations alone.
    pub fn needs_state(&self) -> bool {
        matches!(self.parts.decider, Decider::Planner(_))
    }

    /// T_obs, T_pred, T_act.
    pub fn horizons(&self) -> Horizons {
        self.episode.horizons()
    }

    /// Length of a state; 0 for a generator alone without a task.
    pub fn state_size(&self) -> usize {
        self.parts.sizes.0
    }

    /// A, length of an action.
    pub fn action_size(&self) -> usize {
        self.parts.sizes.1
    }

    /// O, length of an observation.
    pub fn observation_size(&self) -> usize {
        self.episode.observation_size()
    }

    /// State of the episode.
    pub fn episode(&self) -> &EpisodeState {
        &self.episode
    }

    /// Decider for many episodes at once: with [`DecisionBatch`] and a state of each, or an evaluation.
    pub fn decider(&mut self) -> &mut Decider {
        &mut self.parts.decider
    }

    /// A state for another episode of the same kind.
    pub fn new_episode(&self) -> EpisodeState {
        EpisodeState::new(self.horizons(), self.observation_size(), self.parts.sizes.1)
    }

    /// The threads that it plans on.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The task as the generator sees it, if there is one.
    #[cfg(feature = "mujoco")]
    pub fn task(&self) -> Option<&Arc<Task>> {
        self.parts.task.as_ref()
    }

    /// The rollouts in MuJoCo, if candidates are tried there.
    #[cfg(feature = "mujoco")]
    pub fn engine(&self) -> Option<&Arc<RolloutEngine>> {
        self.parts.engine.as_ref()
    }
}

/// Replaces the values of `out`, without allocating once it has the room.
fn copy<T>(out: &mut Vec<T>, values: impl Iterator<Item = T>) {
    out.clear();
    out.extend(values);
}
