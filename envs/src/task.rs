//! A task: a model and a task file, resolved against each other, shared by all worlds and workers.

use crate::additions::Additions;
use crate::camera::Camera;
use crate::control::Control;
use crate::cost::Cost;
use crate::error::Result;
use crate::expert::{self, ExpertKind};
use crate::mismatch::Mismatch;
use crate::model::{self, Source};
use crate::native::{self, Needs, Simulation};
use crate::observation::Observation;
use crate::pose::align_welds;
use crate::predicate::Predicate;
use crate::quantities::Quantities;
use crate::randomize::Randomize;
use crate::reset::Reset;
use crate::reward::Reward;
use crate::task_base;
use crate::task_file::{ActionFile, FailureFile, GripperFile, RenderFile, RewardKind, TaskFile};
use crate::task_text;
use crate::term::Terms;
use imle_configs::spec::{Horizons, ImageLayout, Spec};
use imle_configs::{Error as InputError, embedded, files};
use mujoco_rs::prelude::MjModel;
use std::path::Path;
use std::sync::Arc;

/// A loaded task.
#[derive(Clone, Debug)]
pub struct Task {
    spec: Spec,
    description: String,
    max_steps: usize,
    model: Arc<MjModel>,
    planning_model: Arc<MjModel>,
    substeps: usize,
    planning_substeps: usize,
    execute: Option<usize>,
    control: Control,
    observation: Observation,
    proprioception: Vec<String>,
    reset: Reset,
    quantities: Quantities,
    cost: Cost,
    success: Vec<Predicate>,
    hold_steps: usize,
    reported: Vec<usize>,
    failure: Vec<Predicate>,
    failure_cost: f64,
    reward: Reward,
    mismatch: Option<Mismatch>,
    randomize: Option<Randomize>,
    expert: Option<ExpertKind>,
    render: RenderFile,
    cameras: Vec<Camera>,
}

impl Task {
    /// Loads a built-in task by name, or a user's by the path of its TOML file.
    ///
    /// # Errors
    /// A bad input: an unknown name (with the nearest), or what is wrong in the file.
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::load_with(name_or_path, &Terms::default())
    }

    /// As [`Task::load`]; quantities of kind `custom` are those of `terms`.
    ///
    /// # Errors
    /// As [`Task::load`]; a custom quantity that is not among them.
    pub fn load_with(name_or_path: &str, terms: &Terms) -> Result<Self> {
        Self::load_changed(name_or_path, terms, |_| {})
    }

    fn load_changed(name_or_path: &str, terms: &Terms, change: impl FnOnce(&mut TaskFile)) -> Result<Self> {
        if let Some(text) = embedded::task(name_or_path) {
            return Self::from_changed_text(text, &format!("{name_or_path}.toml"), Source::Embedded, terms, change);
        }
        let path = Path::new(name_or_path);
        if path.extension().is_some_and(|e| e == "toml") {
            let folder = path.parent().unwrap_or(Path::new("."));
            let text = files::read_text(path)?;
            return Self::from_changed_text(&text, name_or_path, Source::Folder(folder), terms, change);
        }
        Err(InputError::unknown("task", name_or_path, embedded::task_names()).into())
    }

    /// The same task with the raw controls of its actuators as actions: what benchmarks of physics alone need.
    ///
    /// # Errors
    /// As [`Task::load`].
    pub fn load_with_raw_actions(name_or_path: &str) -> Result<Self> {
        Self::load_changed(name_or_path, &Terms::default(), |file| {
            let fingers = |gripper: &Option<GripperFile>| match gripper {
                None => Vec::new(),
                Some(GripperFile::Actuator(name)) => vec![name.clone()],
                Some(GripperFile::Fingers(fingers)) => fingers.iter().map(|f| f.actuator.clone()).collect(),
            };
            let actuators = match &file.action {
                ActionFile::EndEffector { actuators, gripper, .. } => [actuators.clone(), fingers(gripper)].concat(),
                ActionFile::Mocap { gripper, .. } => fingers(gripper),
                ActionFile::JointTargets { actuators, .. } | ActionFile::Actuators { actuators, .. } => {
                    actuators.clone()
                }
            };
            file.action = ActionFile::Actuators { actuators, ranges: Vec::new() };
        })
    }

    /// Loads a task from the text of its file; `place` names the file in errors.
    ///
    /// # Errors
    /// As [`Task::load`].
    pub fn from_text(text: &str, place: &str, source: Source<'_>) -> Result<Self> {
        Self::from_changed_text(text, place, source, &Terms::default(), |_| {})
    }

    fn from_changed_text(
        text: &str,
        place: &str,
        source: Source<'_>,
        terms: &Terms,
        change: impl FnOnce(&mut TaskFile),
    ) -> Result<Self> {
        let mut file = task_base::parse(text, place, source)?;
        change(&mut file);
        Self::resolve(&file, source, terms).map_err(|e| match e {
            crate::Error::Input(e) => task_text::located(e, text, place).into(),
            other => other,
        })
    }

    fn resolve(file: &TaskFile, source: Source<'_>, terms: &Terms) -> Result<Self> {
        let additions = Additions { servos: &file.servo, markers: &file.marker };
        let mut world = model::load(&file.model, source, &additions)?;
        if let ActionFile::Mocap { body, aligned: true, .. } = &file.action {
            align_welds(&mut world, body)?;
        }
        native::set_sleep(&mut world, false);
        let mut planning = world.clone();
        native::set_sleep(&mut planning, file.planning.sleep);
        if let Some(timestep) = file.planning.timestep {
            planning.opt_mut().timestep = timestep;
        }
        if let Some(impratio) = file.planning.impratio {
            if !(impratio > 0.0 && impratio <= 1000.0) {
                return Err(InputError::unexpected("planning.impratio", "above 0 and at most 1000", impratio).into());
            }
            planning.opt_mut().impratio = impratio;
        }
        if !(1.0..=1000.0).contains(&file.control_rate) {
            return Err(InputError::unexpected("control_rate", "1 to 1000 Hz", file.control_rate).into());
        }
        if file.planning.execute == Some(0) {
            return Err(InputError::unexpected("planning.execute", "at least 1 control step", 0).into());
        }
        if file.max_steps == 0 {
            return Err(InputError::unexpected("max_steps", "at least 1 control step", 0).into());
        }
        let period = 1.0 / file.control_rate;
        let substeps = substeps(period, world.opt().timestep, "the model's timestep")?;
        let planning_substeps = substeps_of_planning(period, planning.opt().timestep)?;
        let model = Arc::new(world);
        let reset = Reset::resolve(&file.reset, &model)?;
        let mut rest = Simulation::new(model.clone()).map_err(crate::Error::Simulation)?;
        rest.reset(reset.keyframe());
        rest.refresh(Needs::MOTION).map_err(crate::Error::Simulation)?;
        let control = Control::resolve(&file.action, &rest, period)?;
        let observation = Observation::resolve(&file.observation, &model)?;
        observation.layout().part(&file.proprioception).map_err(|e| e.in_file("proprioception"))?;
        let randomize = file.randomize.as_ref().map(|r| Randomize::resolve(r, &model, observation.layout()));
        let randomize = randomize.transpose().map_err(|e| e.in_file("randomize"))?;
        let quantities = Quantities::resolve(&file.quantities, &model, terms)?;
        let cost = Cost::resolve(&file.cost, &quantities)?;
        rest.refresh(quantities.needs().and(Needs::MOTION)).map_err(crate::Error::Simulation)?;
        let mut values = vec![0.0; quantities.len()];
        quantities.evaluate(&rest, &mut values);
        let reward = Reward::resolve(&file.reward, cost.value(&values))?;
        let success = Predicate::parse_all(&file.success.when, &quantities).map_err(|e| e.in_file("success.when"))?;
        if success.is_empty() {
            return Err(InputError::unexpected("success.when", "at least one predicate", "none").into());
        }
        if !(0.0..=60.0).contains(&file.success.hold) {
            return Err(InputError::unexpected("success.hold", "0 to 60 s", file.success.hold).into());
        }
        let reported: imle_configs::Result<Vec<usize>> =
            file.success.report.iter().map(|name| quantities.index(name)).collect();
        let reported = reported.map_err(|e| e.in_file("success.report"))?;
        let (failure, failure_cost) = failure(file.failure.as_ref(), &quantities)?;
        if let Some(camera) = &file.render.camera {
            model::find(&model, model::Kind::Camera, camera).map_err(|e| e.in_file("render.camera"))?;
        }
        let cameras = Camera::resolve_all(&file.camera, &model)?;
        let spec = Spec {
            task: file.name.clone(),
            control_rate: file.control_rate,
            observation: observation.layout().clone(),
            action: control.layout().clone(),
            pictures: None,
        };
        Ok(Self {
            spec,
            description: file.description.clone(),
            max_steps: file.max_steps,
            model,
            planning_model: Arc::new(planning),
            substeps,
            planning_substeps,
            execute: file.planning.execute,
            control,
            observation,
            proprioception: file.proprioception.clone(),
            reset,
            quantities,
            cost,
            success,
            hold_steps: (file.success.hold * file.control_rate).round() as usize,
            reported,
            failure,
            failure_cost,
            reward,
            mismatch: None,
            randomize,
            expert: file.expert.as_deref().map(expert::find).transpose()?,
            render: file.render.clone(),
            cameras,
        })
    }

    /// The same task with a world that differs from the planner's model as `mismatch` says.
    ///
    /// # Errors
    /// If MuJoCo cannot copy the model.
    pub fn with_mismatch(mut self, mismatch: Mismatch) -> Result<Self> {
        let mut world = (*self.model).clone();
        mismatch.apply(&mut world).map_err(crate::Error::Simulation)?;
        self.model = Arc::new(world);
        self.mismatch = Some(mismatch);
        Ok(self)
    }

    /// The same task with a planner's model that differs from the task's as a world of `mismatch` would; its noise and delay
    /// are not the model's.
    ///
    /// # Errors
    /// If MuJoCo cannot compute the model's constants anew.
    pub fn with_planning_mismatch(mut self, mismatch: &Mismatch) -> Result<Self> {
        let mut planning = (*self.planning_model).clone();
        mismatch.apply(&mut planning).map_err(crate::Error::Simulation)?;
        self.planning_model = Arc::new(planning);
        Ok(self)
    }

    /// The same task with a planner's model whose steps are `factor` times as long.
    ///
    /// # Errors
    /// A bad input, if a control step is not a whole number of them.
    pub fn with_planning_timestep_times(mut self, factor: f64) -> Result<Self> {
        let mut planning = (*self.planning_model).clone();
        let timestep = factor * planning.opt().timestep;
        self.planning_substeps = substeps_of_planning(1.0 / self.spec.control_rate, timestep)?;
        planning.opt_mut().timestep = timestep;
        self.planning_model = Arc::new(planning);
        Ok(self)
    }

    /// The same task with a reward of another kind.
    #[must_use]
    pub fn with_reward(mut self, kind: RewardKind) -> Self {
        self.reward.kind = kind;
        self
    }

    /// The same task with a planner's model in which bodies at rest sleep or do not.
    #[must_use]
    pub fn with_planning_sleep(mut self, sleep: bool) -> Self {
        let mut planning = (*self.planning_model).clone();
        native::set_sleep(&mut planning, sleep);
        self.planning_model = Arc::new(planning);
        self
    }

    /// The same task as a policy made for `seen` sees it. One that sees pictures gets those of its cameras, and of the
    /// observation the terms it was made for; what remains different is told by [`Spec::check_matches`]. One without
    /// pictures sees the whole observation.
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

    /// How the world differs from the planner's model, if it does.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    /// Names, sizes and rate that checkpoints and datasets must agree with.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// One line on what the task is.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Longest episode, control steps.
    pub fn max_steps(&self) -> usize {
        self.max_steps
    }

    /// The world's model.
    pub fn model(&self) -> &Arc<MjModel> {
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

    /// The horizons of a generator with T_act as this task wants it.
    #[must_use]
    pub fn horizons(&self, trained: Horizons) -> Horizons {
        Horizons { action: self.execute.map_or(trained.action, |n| n.min(trained.prediction)), ..trained }
    }

    /// The action mapping; workers clone it for its buffers.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The observation terms.
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Names of the observation terms that a robot knows of itself.
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

    /// What of a world's state has to be up to date for quantities and observation.
    pub fn needs(&self) -> Needs {
        self.quantities.needs().and(self.observation.needs())
    }

    /// How worlds differ from episode to episode, if they do.
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

    /// What fine-tuning maximises.
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

    /// How pictures are taken.
    pub fn render(&self) -> &RenderFile {
        &self.render
    }

    /// The cameras whose pictures may be observed; none by default.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }
}

/// When the task is lost, and what that costs.
fn failure(file: Option<&FailureFile>, quantities: &Quantities) -> Result<(Vec<Predicate>, f64)> {
    let Some(file) = file else { return Ok((Vec::new(), 0.0)) };
    let when = Predicate::parse_all(&file.when, quantities).map_err(|e| e.in_file("failure.when"))?;
    if when.is_empty() {
        return Err(InputError::unexpected("failure.when", "at least one predicate", "none").into());
    }
    if !(file.cost > 0.0 && file.cost.is_finite()) {
        return Err(InputError::unexpected("failure.cost", "a positive number", file.cost).into());
    }
    Ok((when, file.cost))
}

fn substeps(period: f64, timestep: f64, what: &str) -> Result<usize> {
    let steps = (period / timestep).round();
    if !(timestep > 0.0 && steps >= 1.0 && (steps * timestep - period).abs() < 1e-6) {
        let expected = format!("a control period ({period} s) that is a whole number of physics steps");
        return Err(InputError::unexpected("control_rate", expected, format!("{timestep} s as {what}")).into());
    }
    Ok(steps as usize)
}

fn substeps_of_planning(period: f64, timestep: f64) -> Result<usize> {
    substeps(period, timestep, "planning.timestep (in seconds)")
}
