//! Task: a model and a task file, resolved against each other, shared by all worlds and workers.

use super::camera::Camera;
use super::control::Control;
use super::cost::Cost;
use super::file::{RenderFile, RewardKind};
use super::mismatch::Mismatch;
use super::observation::Observation;
use super::predicate::Predicate;
use super::quantities::Quantities;
use super::randomize::Randomize;
use super::reset::Reset;
use super::reward::Reward;
use super::scratch::ScratchPool;
use crate::error::Result;
use crate::experts::kind::ExpertKind;
use crate::kinematics::point::Point;
use crate::mujoco::native;
use crate::mujoco::simulation::Needs;
use imle_configs::Error as InputError;
use imle_configs::bounds::ActionBounds;
use imle_configs::spec::{Horizons, ImageLayout, Spec};
use mujoco_rs::prelude::MjModel;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A loaded task.
///
/// ```
/// use imle_envs::task::Task;
///
/// let task = Task::load("cartpole")?; // or the path of a TOML file
/// let state = task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?;
/// let (observation, action) = (task.observe(&state)?, task.hold(&state)?);
/// assert_eq!((observation.len(), action.len()), (task.spec().observation.size(), task.spec().action.size()));
/// assert_eq!(task.controls(&action, &state)?.len(), 1); // of the cart's motor
/// # Ok::<(), imle_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    pub(super) spec: Spec,
    pub(super) description: String,
    pub(super) max_steps: usize,
    pub(super) model: Arc<MjModel>,
    pub(super) planning_model: Arc<MjModel>,
    pub(super) substeps: usize,
    pub(super) planning_substeps: usize,
    pub(super) execute: Option<usize>,
    pub(super) control: Control,
    pub(super) observation: Observation,
    pub(super) proprioception: Vec<String>,
    pub(super) reset: Reset,
    pub(super) quantities: Quantities,
    pub(super) cost: Cost,
    pub(super) success: Vec<Predicate>,
    pub(super) hold_steps: usize,
    pub(super) reported: Vec<usize>,
    pub(super) failure: Vec<Predicate>,
    pub(super) failure_cost: f64,
    pub(super) reward: Reward,
    pub(super) mismatch: Option<Mismatch>,
    pub(super) randomize: Option<Randomize>,
    pub(super) expert: Option<ExpertKind>,
    pub(super) render: RenderFile,
    pub(super) cameras: Vec<Camera>,
    pub(super) end_effector: Point,
    pub(super) landmarks: Vec<Point>,
    pub(super) scratch: ScratchPool,
}

/// The name, so that what is shipped for a task is found by the task.
impl AsRef<str> for Task {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

impl Task {
    /// Replaces the world's model by one that differs from the planner's as `mismatch` says.
    ///
    /// # Errors
    /// If MuJoCo cannot copy the model.
    pub fn with_mismatch(mut self, mismatch: Mismatch) -> Result<Self> {
        mismatch.apply(Arc::make_mut(&mut self.model)).map_err(crate::Error::Simulation)?;
        self.scratch = ScratchPool::default();
        self.mismatch = Some(mismatch);
        Ok(self)
    }

    /// Replaces the planner's model by one that differs from the task's as `mismatch` says; its noise and delay do not
    /// apply.
    ///
    /// # Errors
    /// If MuJoCo cannot recompute the model's constants.
    pub fn with_planning_mismatch(mut self, mismatch: &Mismatch) -> Result<Self> {
        mismatch.apply(Arc::make_mut(&mut self.planning_model)).map_err(crate::Error::Simulation)?;
        Ok(self)
    }

    /// Makes the physics steps of the planner's model `factor` times as long.
    ///
    /// # Errors
    /// A bad input, if a control step is not a whole number of them.
    pub fn with_planning_timestep_times(mut self, factor: f64) -> Result<Self> {
        let timestep = factor * self.planning_model.opt().timestep;
        self.planning_substeps = substeps_of_planning(1.0 / self.spec.control_rate, timestep)?;
        Arc::make_mut(&mut self.planning_model).opt_mut().timestep = timestep;
        Ok(self)
    }

    /// Replaces the kind of the reward.
    #[must_use]
    pub fn with_reward(mut self, kind: RewardKind) -> Self {
        self.reward.kind = kind;
        self
    }

    /// Lets bodies at rest sleep in the planner's model, or not.
    #[must_use]
    pub fn with_planning_sleep(mut self, sleep: bool) -> Self {
        native::set_sleep(Arc::make_mut(&mut self.planning_model), sleep);
        self
    }

    /// Restricts cameras and observation to those of a policy made for `seen`. A policy without pictures sees the whole
    /// observation. [`Spec::check_matches`] reports remaining differences.
    ///
    /// # Errors
    /// A bad input that names a camera that the task does not have; `place` names the policy.
    pub fn seen_as(mut self, seen: &Spec, place: &str) -> Result<Self> {
        let Some(pictures) = &seen.pictures else { return Ok(self) };
        let find = |name: &String| {
            let known = || InputError::unknown("camera", name, self.cameras.iter().map(|c| &c.name));
            self.cameras.iter().find(|c| c.name == *name).cloned().ok_or_else(known)
        };
        let found = pictures.cameras.iter().map(find).collect::<std::result::Result<Vec<_>, _>>();
        self.cameras = found.map_err(|e| e.in_file(format!("{place}: pictures")))?;
        self.spec.pictures = self.cameras.first().map(|first| {
            let ([width, height], cameras) = (first.size(), pictures.cameras.clone());
            ImageLayout { cameras, height, width }
        });
        self.observation = self.observation.part(seen.observation.terms.iter().map(|t| &t.name));
        self.spec.observation = self.observation.layout().clone();
        Ok(self)
    }

    /// Difference of the world from the planner's model, if there is one.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    /// Names, sizes and rate that checkpoints and datasets must agree with.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Name of the task.
    pub fn name(&self) -> &str {
        &self.spec.task
    }

    /// Description of the task in one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Longest episode, control steps.
    pub fn max_steps(&self) -> usize {
        self.max_steps
    }

    /// The compiled model of the world, MuJoCo's `mjModel`.
    pub fn compiled_model(&self) -> &Arc<MjModel> {
        &self.model
    }

    /// The planner's model: the same bodies, perhaps a coarser step.
    pub fn planning_model(&self) -> &Arc<MjModel> {
        &self.planning_model
    }

    /// Physics steps of the world in a control step.
    pub fn substeps(&self) -> usize {
        self.substeps
    }

    /// Physics steps of the planner's model in a control step.
    pub fn planning_substeps(&self) -> usize {
        self.planning_substeps
    }

    /// Horizons of a generator, with T_act as this task sets it.
    #[must_use]
    pub fn horizons(&self, trained: Horizons) -> Horizons {
        Horizons { action: self.execute.map_or(trained.action, |n| n.min(trained.prediction)), ..trained }
    }

    /// The action mapping; workers clone it for its buffers.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Bounds of the action, (A,); actions are clipped to them.
    pub fn action_bounds(&self) -> &ActionBounds {
        self.control.bounds()
    }

    /// The observation terms.
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Names of the observation terms that a robot measures of itself.
    pub fn proprioception(&self) -> &[String] {
        &self.proprioception
    }

    /// The start states.
    pub fn reset(&self) -> &Reset {
        &self.reset
    }

    /// The named scalars.
    pub fn quantities(&self) -> &Quantities {
        &self.quantities
    }

    /// Parts of a world's state that have to be up to date for quantities and observation.
    pub fn needs(&self) -> Needs {
        self.quantities.needs().and(self.observation.needs())
    }

    /// Randomisation of worlds from episode to episode, if there is any.
    pub fn randomize(&self) -> Option<&Randomize> {
        self.randomize.as_ref()
    }

    /// The cost.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Whether the evaluated quantities are those of a solved state (the hold time aside).
    pub fn solved(&self, values: &[f64]) -> bool {
        self.success.iter().all(|c| c.holds(values))
    }

    /// The quantities whose greatest value of an episode is reported: their names, and indices among all values.
    pub fn reported(&self) -> impl Iterator<Item = (&str, usize)> {
        self.reported.iter().map(|i| (self.quantities.names()[*i].as_str(), *i))
    }

    /// Whether the evaluated quantities are those of a lost state: the episode is over.
    pub fn lost(&self, values: &[f64]) -> bool {
        self.failure.iter().any(|c| c.holds(values))
    }

    /// Cost of a control step of a rollout once it is lost.
    pub fn failure_cost(&self) -> f64 {
        self.failure_cost
    }

    /// Reward, which fine-tuning maximises.
    pub fn reward(&self) -> Reward {
        self.reward
    }

    /// Control steps that a solved state must last.
    pub fn hold_steps(&self) -> usize {
        self.hold_steps
    }

    /// The scripted expert.
    pub fn expert(&self) -> Option<ExpertKind> {
        self.expert
    }

    /// The point of the robot that actions move.
    pub fn end_effector(&self) -> Point {
        self.end_effector
    }

    /// The points that the quantities speak of, fixed and moving ones.
    pub fn landmarks(&self) -> &[Point] {
        &self.landmarks
    }

    /// Camera and size of rendered pictures.
    pub fn render(&self) -> &RenderFile {
        &self.render
    }

    /// Cameras whose pictures may be observed; none by default.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }
}

/// Control steps a second that a task may have, Hz.
pub(super) const CONTROL_RATES: RangeInclusive<f64> = 1.0..=1000.0;

/// Physics steps of `timestep` seconds in a control step of `period` seconds; `table` of the task file sets the timestep.
pub(super) fn substeps(period: f64, timestep: f64, table: &str) -> Result<usize> {
    let steps = (period / timestep).round();
    let whole = |steps: f64| steps >= 1.0 && (steps * timestep - period).abs() < 1e-6;
    if timestep > 0.0 && whole(steps) {
        return Ok(steps as usize);
    }
    let expected = format!("a control period ({period} s) that is a whole number of physics steps");
    let mut found = format!("{table}.timestep of {timestep} s");
    if timestep > 0.0 && timestep.is_finite() {
        let more = (period / timestep).ceil();
        let rates = [more, more - 1.0].map(|steps| (1e4 / (steps * timestep)).round() / 1e4);
        let rates = rates.into_iter().filter(|rate| CONTROL_RATES.contains(rate)).map(|rate| format!(", or {rate} Hz"));
        found += &format!(" (nearest that fit: {table}.timestep = {}{})", period / more, rates.collect::<String>());
    }
    Err(InputError::unexpected("control_rate", expected, found).into())
}

/// As [`substeps`], of the planner's model.
pub(super) fn substeps_of_planning(period: f64, timestep: f64) -> Result<usize> {
    substeps(period, timestep, "planning")
}
