//! From actions to actuator controls: end-effector poses by inverse kinematics, joint targets, raw controls.
//!
//! Raw controls are held over the control step. Targets move: the commanded joint targets live in MuJoCo's `ctrl`,
//! which is part of the state: a restored state continues from the targets it had. Within a control step the targets
//! move linearly from the old to the new, as a robot's own interpolator does, no faster than the joint speeds allow.

use crate::ik::InverseKinematics;
use crate::kinematics::Chain;
use crate::model::{Kind, find};
use crate::native::Simulation;
use crate::task_file::{ActionFile, OrientationFile};
use imle_configs::spec::{Layout, Term};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::mujoco_c::mjtTrn;
use mujoco_rs::prelude::MjModel;
use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};

/// One actuator of the mapping.
#[derive(Clone, Copy, Debug)]
struct Actuator {
    id: usize,
    low: f64,
    high: f64,
    /// Largest change in one control step.
    most: f64,
}

#[derive(Clone, Debug)]
enum Mapping {
    EndEffector {
        ik: Box<InverseKinematics>,
        orientation: OrientationFile,
        base: UnitQuaternion<f64>,
        /// Height that is held, if only x and y are commanded, m.
        height: Option<f64>,
    },
    /// Position targets, reached smoothly.
    JointTargets,
    /// Raw controls, held over the control step.
    Raw,
}

/// The action mapping of a task: its layout and ranges, and how an action sets `ctrl`.
#[derive(Clone, Debug)]
pub struct Control {
    layout: Layout,
    low: Vec<f32>,
    high: Vec<f32>,
    /// Arm joints first; the gripper, if any, last.
    actuators: Vec<Actuator>,
    gripper: bool,
    mapping: Mapping,
    /// Targets of the actuators at the start and end of the control step.
    start: Vec<f64>,
    goal: Vec<f64>,
}

impl Control {
    /// Resolves the action mapping of a task file; `rest` is a simulation in the reset pose, `period` the control
    /// step in s.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn resolve(file: &ActionFile, rest: &Simulation, period: f64) -> Result<Self> {
        let model = rest.model();
        let none = Vec::new();
        let (names, speeds) = match file {
            ActionFile::EndEffector { actuators, max_joint_speed, .. }
            | ActionFile::JointTargets { actuators, max_joint_speed } => {
                if max_joint_speed.len() != actuators.len() {
                    let expected = format!("{} speeds, one an actuator", actuators.len());
                    return Err(InputError::unexpected("action.max_joint_speed", expected, max_joint_speed.len()));
                }
                if let Some(bad) = max_joint_speed.iter().find(|s| !(**s > 0.0 && s.is_finite())) {
                    return Err(InputError::unexpected(
                        "action.max_joint_speed",
                        "positive speeds in rad/s or m/s",
                        bad,
                    ));
                }
                (actuators, max_joint_speed)
            }
            ActionFile::Actuators { actuators } => (actuators, &none),
        };
        if names.is_empty() {
            return Err(InputError::unexpected("action.actuators", "at least one actuator", "none"));
        }
        let mut list = Vec::new();
        for (i, name) in names.iter().enumerate() {
            list.push(actuator(model, name, "action.actuators", speeds.get(i).map_or(f64::INFINITY, |s| s * period))?);
        }
        let ActionFile::EndEffector { site, gripper, orientation, low, high, height, .. } = file else {
            let mapping =
                if matches!(file, ActionFile::Actuators { .. }) { Mapping::Raw } else { Mapping::JointTargets };
            return Ok(Self::direct(names, list, mapping));
        };
        let axes = if height.is_some() { 2 } else { 3 };
        if low.len() != axes || high.len() != axes {
            let expected = format!("{axes} values each{}", if axes == 2 { ", since `height` is given" } else { "" });
            let found = format!("{} and {}", low.len(), high.len());
            return Err(InputError::unexpected("action.low, action.high", expected, found));
        }
        if let Some(i) = (0..axes).find(|i| !ascending(low[*i], high[*i])) {
            let place = format!("action.low, action.high: axis {i}");
            return Err(InputError::unexpected(place, "low < high, in metres", format!("{} and {}", low[i], high[i])));
        }
        let joints = list.iter().zip(names).map(|(a, name)| joint_of(model, a.id, name)).collect::<Result<Vec<_>>>()?;
        let site = find(model, Kind::Site, site).map_err(|e| e.in_file("action.site"))?;
        let chain = Chain::new(model, site, &joints);
        let rest_pose: Vec<f64> = joints.iter().map(|j| rest.data().qpos()[model.jnt_qposadr()[*j] as usize]).collect();
        let base = chain.pose(&rest_pose).rotation;
        let ik = InverseKinematics::new(
            chain,
            list.iter().map(|a| a.low).collect(),
            list.iter().map(|a| a.high).collect(),
            rest_pose,
        );
        let mut control = Self {
            layout: Layout { terms: vec![Term { name: "position".into(), size: axes }] },
            low: low.iter().map(|v| *v as f32).collect(),
            high: high.iter().map(|v| *v as f32).collect(),
            actuators: list,
            gripper: gripper.is_some(),
            mapping: Mapping::EndEffector { ik: Box::new(ik), orientation: *orientation, base, height: *height },
            start: Vec::new(),
            goal: Vec::new(),
        };
        match orientation {
            OrientationFile::Fixed => {}
            OrientationFile::Yaw => control.push_term("yaw", 2, -1.0, 1.0),
            OrientationFile::Full => control.push_term("rotation", 6, -1.0, 1.0),
        }
        if let Some(name) = gripper {
            control.push_term("gripper", 1, 0.0, 1.0);
            control.actuators.push(actuator(model, name, "action.gripper", f64::INFINITY)?);
        }
        Ok(control.with_buffers())
    }

    fn direct(names: &[String], actuators: Vec<Actuator>, mapping: Mapping) -> Self {
        Self {
            layout: Layout { terms: names.iter().map(|n| Term { name: n.clone(), size: 1 }).collect() },
            low: actuators.iter().map(|a| a.low as f32).collect(),
            high: actuators.iter().map(|a| a.high as f32).collect(),
            actuators,
            gripper: false,
            mapping,
            start: Vec::new(),
            goal: Vec::new(),
        }
        .with_buffers()
    }

    fn push_term(&mut self, name: &str, size: usize, low: f32, high: f32) {
        self.layout.terms.push(Term { name: name.into(), size });
        self.low.extend(std::iter::repeat_n(low, size));
        self.high.extend(std::iter::repeat_n(high, size));
    }

    fn with_buffers(mut self) -> Self {
        self.start = vec![0.0; self.actuators.len()];
        self.goal = vec![0.0; self.actuators.len()];
        self
    }

    /// Names and sizes of the action's terms.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Lowest and highest value of each action dimension; actions are clipped to them.
    pub fn range(&self) -> (&[f32], &[f32]) {
        (&self.low, &self.high)
    }

    /// The actuators that are commanded: index, and fastest commanded motion, rad/s or m/s (infinite if unlimited).
    pub fn limits(&self, period: f64) -> Vec<(usize, f64)> {
        self.actuators.iter().map(|a| (a.id, a.most / period)).collect()
    }

    /// Whether what an action does depends on the targets that were commanded before it.
    pub fn moves_targets(&self) -> bool {
        !matches!(self.mapping, Mapping::Raw)
    }

    /// The arm joints that the noise of a reset moves: address in qpos and actuator of each.
    pub(crate) fn noisy_joints(&self, model: &MjModel) -> Vec<(usize, usize)> {
        let arm = self.actuators.len() - usize::from(self.gripper);
        let joints = self.actuators[..arm].iter().filter_map(|a| {
            let joint = driven_joint(model, a.id)?;
            Some((model.jnt_qposadr()[joint] as usize, a.id))
        });
        joints.collect()
    }

    /// Sets the targets of the arm joints to where the joints are; raw controls and the gripper stay as they are.
    pub(crate) fn stand_still(&self, sim: &mut Simulation) {
        if matches!(self.mapping, Mapping::Raw) {
            return;
        }
        let joints = self.noisy_joints(sim.model());
        for (address, actuator) in joints {
            let position = sim.data().qpos()[address];
            sim.data_mut().ctrl_mut()[actuator] = position;
        }
    }

    /// Writes the action that holds the present targets: what a controller does that has no plan yet.
    pub fn hold(&self, sim: &Simulation, out: &mut [f32]) {
        let ctrl = |a: &Actuator| sim.data().ctrl()[a.id];
        let mut values: Vec<f64> = match &self.mapping {
            Mapping::JointTargets | Mapping::Raw => self.actuators.iter().map(ctrl).collect(),
            Mapping::EndEffector { ik, orientation, base, height } => {
                let arm = self.actuators.len() - usize::from(self.gripper);
                let q: Vec<f64> = self.actuators[..arm].iter().map(ctrl).collect();
                let pose = ik.chain().pose(&q);
                let axes = if height.is_some() { 2 } else { 3 };
                let mut values = pose.translation.vector.iter().copied().take(axes).collect::<Vec<_>>();
                match orientation {
                    OrientationFile::Fixed => {}
                    OrientationFile::Yaw => {
                        let heading = (pose.rotation * base.inverse()) * Vector3::x();
                        let yaw = heading.y.atan2(heading.x);
                        values.extend([yaw.cos(), yaw.sin()]);
                    }
                    OrientationFile::Full => values.extend(pose.rotation.to_rotation_matrix().matrix().iter().take(6)),
                }
                values
            }
        };
        if self.gripper
            && let Some(gripper) = self.actuators.last()
        {
            values.push((ctrl(gripper) - gripper.low) / (gripper.high - gripper.low));
        }
        for (i, (slot, value)) in out.iter_mut().zip(values).enumerate() {
            *slot = (value as f32).clamp(self.low[i], self.high[i]);
        }
    }

    /// Executes `action` for one control step of `substeps` physics steps.
    ///
    /// # Errors
    /// Why the simulation failed; a non-finite action fails too.
    pub fn execute(
        &mut self,
        sim: &mut Simulation,
        action: &[f32],
        substeps: usize,
    ) -> std::result::Result<(), String> {
        if action.iter().any(|v| !v.is_finite()) {
            return Err("the action is not finite".into());
        }
        self.set_goal(sim, action);
        let held = matches!(self.mapping, Mapping::Raw);
        for step in 1..=substeps {
            let part = if held { 1.0 } else { step as f64 / substeps as f64 };
            let ctrl = sim.data_mut().ctrl_mut();
            for (i, actuator) in self.actuators.iter().enumerate() {
                ctrl[actuator.id] = self.start[i] + part * (self.goal[i] - self.start[i]);
            }
            if step == substeps {
                // Exactly the goal, whatever the rounding above: it is where the next control step starts.
                self.actuators.iter().zip(&self.goal).for_each(|(a, g)| ctrl[a.id] = *g);
            }
            sim.step()?;
        }
        Ok(())
    }

    fn set_goal(&mut self, sim: &Simulation, action: &[f32]) {
        let value = |i: usize| f64::from(action[i].clamp(self.low[i], self.high[i]));
        for (i, actuator) in self.actuators.iter().enumerate() {
            self.start[i] = sim.data().ctrl()[actuator.id];
        }
        self.goal.copy_from_slice(&self.start);
        match &mut self.mapping {
            Mapping::JointTargets | Mapping::Raw => (0..self.goal.len()).for_each(|i| self.goal[i] = value(i)),
            Mapping::EndEffector { ik, orientation, base, height } => {
                let position = Vector3::new(value(0), value(1), height.unwrap_or_else(|| value(2)));
                let at = if height.is_some() { 2 } else { 3 };
                let (turn, used) = match orientation {
                    OrientationFile::Fixed => (UnitQuaternion::identity(), at),
                    OrientationFile::Yaw => {
                        let yaw = value(at + 1).atan2(value(at));
                        (UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw), at + 2)
                    }
                    OrientationFile::Full => (rotation_from_columns(|i| value(at + i)), at + 6),
                };
                // A full rotation is absolute; a yaw turns the rest orientation.
                let rotation = if *orientation == OrientationFile::Full { turn } else { turn * *base };
                let arm = self.actuators.len() - usize::from(self.gripper);
                ik.solve(&Isometry3::from_parts(Translation3::from(position), rotation), &mut self.goal[..arm]);
                if self.gripper {
                    let gripper = self.actuators[arm];
                    self.goal[arm] = gripper.low + value(used) * (gripper.high - gripper.low);
                }
            }
        }
        self.limit_speed();
    }

    /// Shortens the move of all joints together, so that the fastest keeps its limit and the path its direction.
    fn limit_speed(&mut self) {
        let over = |i: usize| (self.goal[i] - self.start[i]).abs() / self.actuators[i].most;
        let worst = (0..self.goal.len()).map(over).fold(1.0, f64::max);
        if worst > 1.0 {
            for i in 0..self.goal.len() {
                if self.actuators[i].most.is_finite() {
                    self.goal[i] = self.start[i] + (self.goal[i] - self.start[i]) / worst;
                }
            }
        }
    }
}

/// The rotation whose first two columns are given (Gram–Schmidt; Zhou et al. 2019).
fn rotation_from_columns(value: impl Fn(usize) -> f64) -> UnitQuaternion<f64> {
    let a = Vector3::new(value(0), value(1), value(2));
    let b = Vector3::new(value(3), value(4), value(5));
    let x = a.try_normalize(1e-9).unwrap_or_else(Vector3::x);
    let y = (b - x * x.dot(&b))
        .try_normalize(1e-9)
        .unwrap_or_else(|| x.cross(&Vector3::z()).try_normalize(1e-9).unwrap_or_else(Vector3::y));
    let matrix = Matrix3::from_columns(&[x, y, x.cross(&y)]);
    UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(matrix))
}

/// Whether `low` lies below `high`; a NaN lies nowhere.
fn ascending(low: f64, high: f64) -> bool {
    low < high
}

fn actuator(model: &MjModel, name: &str, key: &str, most: f64) -> Result<Actuator> {
    let id = find(model, Kind::Actuator, name).map_err(|e| e.in_file(key))?;
    let [low, high] = model.actuator_ctrlrange()[id];
    if !ascending(low, high) {
        let found = format!("actuator `{name}` without ctrlrange");
        return Err(InputError::unexpected(key, "actuators with a ctrlrange", found));
    }
    Ok(Actuator { id, low, high, most })
}

/// The joint that an actuator drives, if it drives one.
pub(crate) fn driven_joint(model: &MjModel, actuator: usize) -> Option<usize> {
    match model.actuator_trntype()[actuator] {
        mjtTrn::mjTRN_JOINT | mjtTrn::mjTRN_JOINTINPARENT => usize::try_from(model.actuator_trnid()[actuator][0]).ok(),
        _ => None,
    }
}

fn joint_of(model: &MjModel, id: usize, name: &str) -> Result<usize> {
    driven_joint(model, id).ok_or_else(|| {
        let place = format!("action.actuators `{name}`");
        InputError::unexpected(place, "an actuator that drives a joint", "another transmission")
    })
}
