//! Loading of a task: reads its file, loads its model and resolves one against the other.

use super::camera::Camera;
use super::control::Control;
use super::cost::Cost;
use super::custom::CustomQuantities;
use super::definition::{CONTROL_RATES, Task, substeps, substeps_of_planning};
use super::file::{ActionFile, FailureFile, GripperFile, TaskFile};
use super::observation::Observation;
use super::predicate::Predicate;
use super::quantities::Quantities;
use super::randomize::Randomize;
use super::reset::Reset;
use super::reward::Reward;
use super::scratch::ScratchPool;
use super::{base, end_effector, landmarks, text};
use crate::error::Result;
use crate::experts::kind::ExpertKind;
use crate::kinematics::pose::align_welds;
use crate::mujoco::additions::Additions;
use crate::mujoco::lookup::{ObjectKind, find};
use crate::mujoco::model::{self, Source};
use crate::mujoco::native;
use crate::mujoco::simulation::{Needs, Simulation};
use imle_configs::spec::Spec;
use imle_configs::{Error as InputError, embedded, files};
use std::path::Path;
use std::sync::Arc;

impl Task {
    /// Loads a built-in task by name, or your own by the path of its TOML file.
    ///
    /// # Errors
    /// A bad input: an unknown name (with the nearest), or a mistake in the file with its line.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("stack")?;
    /// assert_eq!(task.name(), "stack");
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::load_with(name_or_path, &CustomQuantities::default())
    }

    /// As [`Task::load`]; quantities of kind `custom` are those of `custom`.
    ///
    /// # Errors
    /// As [`Task::load`]; a custom quantity that is not among them.
    pub fn load_with(name_or_path: &str, custom: &CustomQuantities) -> Result<Self> {
        Self::load_changed(name_or_path, custom, |_| {})
    }

    fn load_changed(name_or_path: &str, custom: &CustomQuantities, change: impl FnOnce(&mut TaskFile)) -> Result<Self> {
        if let Some(text) = embedded::task(name_or_path) {
            return Self::from_changed_text(text, &format!("{name_or_path}.toml"), Source::Embedded, custom, change);
        }
        let path = Path::new(name_or_path);
        if path.extension().is_some_and(|e| e == "toml") {
            let folder = path.parent().unwrap_or(Path::new("."));
            let text = files::read_text(path)?;
            return Self::from_changed_text(&text, name_or_path, Source::Folder(folder), custom, change);
        }
        let beside = format!("{name_or_path}.toml");
        let beside = Path::new(&beside).exists().then_some(beside.as_str());
        Err(InputError::unknown("task", name_or_path, beside.into_iter().chain(embedded::task_names())).into())
    }

    /// Loads a task with the raw controls of its actuators as actions, for benchmarks of physics alone.
    ///
    /// # Errors
    /// As [`Task::load`].
    pub fn load_with_raw_actions(name_or_path: &str) -> Result<Self> {
        Self::load_changed(name_or_path, &CustomQuantities::default(), |file| {
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
        Self::from_changed_text(text, place, source, &CustomQuantities::default(), |_| {})
    }

    fn from_changed_text(
        text: &str,
        place: &str,
        source: Source<'_>,
        custom: &CustomQuantities,
        change: impl FnOnce(&mut TaskFile),
    ) -> Result<Self> {
        let mut file = base::parse(text, place, source)?;
        change(&mut file);
        Self::resolve(&file, source, custom).map_err(|e| match e {
            crate::Error::Input(e) => text::located(e, text, place).into(),
            other => other,
        })
    }

    fn resolve(file: &TaskFile, source: Source<'_>, custom: &CustomQuantities) -> Result<Self> {
        let additions = Additions { servos: &file.servo, markers: &file.marker };
        let mut world = model::load(&file.model, source, &additions)?;
        if let ActionFile::Mocap { body, aligned: true, .. } = &file.action {
            align_welds(&mut world, body)?;
        }
        native::set_sleep(&mut world, false);
        if let Some(timestep) = file.world.timestep {
            world.opt_mut().timestep = timestep;
        }
        let mut planning = world.clone();
        native::set_sleep(&mut planning, file.planning.sleep);
        if let Some(timestep) = file.planning.timestep {
            planning.opt_mut().timestep = timestep;
        }
        if let Some(impratio) = file.planning.impratio {
            let expected = "above 0 and at most 1000";
            InputError::ensure(impratio > 0.0 && impratio <= 1000.0, "planning.impratio", expected, impratio)?;
            planning.opt_mut().impratio = impratio;
        }
        let rate = file.control_rate;
        InputError::ensure(CONTROL_RATES.contains(&rate), "control_rate", "1 to 1000 Hz", rate)?;
        InputError::ensure(file.planning.execute != Some(0), "planning.execute", "at least 1 control step", 0)?;
        InputError::ensure(file.max_steps != 0, "max_steps", "at least 1 control step", 0)?;
        let period = 1.0 / file.control_rate;
        let substeps = substeps(period, world.opt().timestep, "world")?;
        let planning_substeps = substeps_of_planning(period, planning.opt().timestep)?;
        let model = Arc::new(world);
        let reset = Reset::resolve(&file.reset, &model)?;
        let mut rest = Simulation::new(model.clone()).map_err(crate::Error::Simulation)?;
        rest.reset(reset.keyframe());
        rest.refresh(Needs::MOTION).map_err(crate::Error::Simulation)?;
        let control = Control::resolve(&file.action, &rest, period)?;
        let motors = file.reset.hold && control.cannot_hold();
        InputError::ensure(!motors, "reset.hold", "an action with a position servo, which can hold", "one without")?;
        let observation = Observation::resolve(&file.observation, &model)?;
        observation.layout().part(&file.proprioception).map_err(|e| e.in_file("proprioception"))?;
        let randomize = file.randomize.as_ref().map(|r| Randomize::resolve(r, &model, observation.layout()));
        let randomize = randomize.transpose().map_err(|e| e.in_file("randomize"))?;
        let quantities = Quantities::resolve(&file.quantities, &model, custom)?;
        let cost = Cost::resolve(&file.cost, &quantities)?;
        rest.refresh(quantities.needs().and(Needs::MOTION)).map_err(crate::Error::Simulation)?;
        let mut values = vec![0.0; quantities.len()];
        quantities.evaluate(&rest, &mut values);
        let reward = Reward::resolve(&file.reward, cost.value(&values))?;
        let success =
            Predicate::parse_all(&file.success.when, quantities.names()).map_err(|e| e.in_file("success.when"))?;
        InputError::ensure(!success.is_empty(), "success.when", "at least one predicate", "none")?;
        InputError::ensure((0.0..=60.0).contains(&file.success.hold), "success.hold", "0 to 60 s", file.success.hold)?;
        let reported: imle_configs::Result<Vec<usize>> =
            file.success.report.iter().map(|name| quantities.index(name)).collect();
        let reported = reported.map_err(|e| e.in_file("success.report"))?;
        let (failure, failure_cost) = failure(file.failure.as_ref(), &quantities)?;
        if let Some(camera) = &file.render.camera {
            find(&model, ObjectKind::Camera, camera).map_err(|e| e.in_file("render.camera"))?;
        }
        let cameras = Camera::resolve_all(&file.camera, &model)?;
        let end_effector = end_effector::resolve(&file.action, &model)?;
        let landmarks = landmarks::resolve(&file.quantities, &model)?;
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
            expert: file.expert.as_deref().map(ExpertKind::by_name).transpose()?,
            render: file.render.clone(),
            cameras,
            end_effector,
            landmarks,
            scratch: ScratchPool::default(),
        })
    }
}

/// Predicates of a lost state, and their cost.
fn failure(file: Option<&FailureFile>, quantities: &Quantities) -> Result<(Vec<Predicate>, f64)> {
    let Some(file) = file else { return Ok((Vec::new(), 0.0)) };
    let when = Predicate::parse_all(&file.when, quantities.names()).map_err(|e| e.in_file("failure.when"))?;
    InputError::ensure(!when.is_empty(), "failure.when", "at least one predicate", "none")?;
    InputError::ensure(file.cost > 0.0 && file.cost.is_finite(), "failure.cost", "a positive number", file.cost)?;
    Ok((when, file.cost))
}
