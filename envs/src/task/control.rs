//! Mapping of actions to actuator controls: end-effector poses by inverse kinematics or by a mocap body, joint targets,
//! raw controls.
//!
//! Raw controls are held over the control step. Targets move: the commanded joint targets live in MuJoCo's `ctrl`, in
//! its units, which is part of the state: a restored state continues from the targets it had. Within a control step
//! the targets move linearly from the old to the new, as a robot's own interpolator does, no faster than the joint
//! speeds allow. The pose of a mocap body is part of the state likewise.

use super::file::{ActionFile, GripperFile, OrientationFile};
use crate::kinematics::chain::Chain;
use crate::kinematics::ik::InverseKinematics;
use crate::kinematics::pose::{PoseFormat, between, mocap_index, mocap_pose, rotation, set_mocap_pose};
use crate::mujoco::lookup::{ObjectKind, driven_joint, find, hinge_or_slide, scalar_control};
use crate::mujoco::servo::{Servo, described};
use crate::mujoco::simulation::Simulation;
use imle_configs::bounds::ActionBounds;
use imle_configs::spec::{Layout, Term};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use nalgebra::Isometry3;

/// One actuator of the mapping.
#[derive(Clone, Copy, Debug)]
struct Actuator {
    id: usize,
    /// Address of its control.
    control: usize,
    /// The position servo that it is, if it is one.
    servo: Option<Servo>,
    /// Ends of its range; of a finger its controls closed and open.
    low: f64,
    high: f64,
    /// Largest change of the control in one control step.
    most: f64,
}

impl Actuator {
    /// The control of a finger that is open by this share.
    fn at(&self, open: f64) -> f64 {
        self.low + open * (self.high - self.low)
    }

    /// Change of the control by that of a unit of its joint.
    fn scale(&self) -> f64 {
        self.servo.map_or(1.0, |s| s.scale())
    }

    /// The position of its joint that a control names.
    fn position(&self, control: f64) -> f64 {
        self.servo.map_or(control, |s| s.position_at(control))
    }
}

/// Commands of a control step, one row a physics step of the world: set before each step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlSteps {
    /// MuJoCo controls, row-major (substeps, nu).
    pub controls: Vec<f64>,
    /// Positions of the mocap bodies in the world's frame, row-major (substeps, nmocap, 3), m.
    pub mocap_positions: Vec<f64>,
    /// Their orientations, (w, x, y, z), row-major (substeps, nmocap, 4).
    pub mocap_quaternions: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Mapping {
    EndEffector {
        ik: Box<InverseKinematics>,
        format: PoseFormat,
    },
    Mocap {
        /// Index among the mocap bodies.
        index: usize,
        format: PoseFormat,
        /// Largest change of the position in one control step, m.
        most: f64,
        /// Poses at the start and end of the control step.
        start: Isometry3<f64>,
        goal: Isometry3<f64>,
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
    bounds: ActionBounds,
    /// Arm joints first; those of the gripper, if any, last.
    actuators: Vec<Actuator>,
    /// Number of fingers of the gripper.
    fingers: usize,
    /// Control steps a second.
    rate: f64,
    mapping: Mapping,
    /// Targets of the actuators at the start and end of the control step.
    start: Vec<f64>,
    goal: Vec<f64>,
    /// Frame, unit and meaning of each term of the action.
    meanings: Vec<String>,
}

impl Control {
    /// Resolves the action mapping of a task file; `rest` is a simulation in the reset pose, `period` the control
    /// step in s.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn resolve(file: &ActionFile, rest: &Simulation, period: f64) -> Result<Self> {
        let model = rest.model();
        let mut control = match file {
            ActionFile::EndEffector { site, actuators, gripper, orientation, low, high, height, max_joint_speed } => {
                let list = resolve_all(actuators, Some(max_joint_speed), &[], model, period)?;
                check_box(low, high, *height)?;
                let joints = list.iter().zip(actuators).map(|(a, name)| joint_of(model, a.id, name));
                let joints = joints.collect::<Result<Vec<_>>>()?;
                let index = find(model, ObjectKind::Site, site).map_err(|e| e.in_file("action.site"))?;
                let chain = Chain::new(model, index, &joints);
                let at_rest = |joint: &usize| rest.data().qpos()[model.jnt_qposadr()[*joint] as usize];
                let posture: Vec<f64> = joints.iter().map(at_rest).collect();
                let base = chain.pose(&posture).rotation;
                let format = PoseFormat { orientation: *orientation, base, height: *height };
                let ends = list.iter().map(|a| (a.position(a.low), a.position(a.high)));
                let (lower, upper) = ends.map(|(a, b)| (a.min(b), a.max(b))).unzip();
                let ik = Box::new(InverseKinematics::new(chain, lower, upper, posture));
                let control = Self::new(Mapping::EndEffector { ik, format }, list, period);
                let of = format!("site `{site}`");
                control.with_pose(&of, low, high, *orientation).with_gripper(gripper.as_ref(), model)?
            }
            ActionFile::Mocap { body, gripper, orientation, quaternion, low, high, height, max_speed, .. } => {
                let index = mocap_index(model, body)?;
                check_box(low, high, *height)?;
                let expected = "a positive speed in m/s";
                InputError::ensure(*max_speed > 0.0 && max_speed.is_finite(), "action.max_speed", expected, max_speed)?;
                let base = rotation("action.quaternion", quaternion.unwrap_or(rest.data().mocap_quat()[index]))?;
                let format = PoseFormat { orientation: *orientation, base, height: *height };
                let (start, goal) = (Isometry3::identity(), Isometry3::identity());
                let mapping = Mapping::Mocap { index, format, most: max_speed * period, start, goal };
                let control = Self::new(mapping, Vec::new(), period);
                let of = format!("mocap body `{body}`");
                control.with_pose(&of, low, high, *orientation).with_gripper(gripper.as_ref(), model)?
            }
            ActionFile::JointTargets { actuators, max_joint_speed, ranges } => {
                let list = resolve_all(actuators, Some(max_joint_speed), ranges, model, period)?;
                Self::new(Mapping::JointTargets, list, period).with_each(actuators, "target of position servo")
            }
            ActionFile::Actuators { actuators, ranges } => {
                let list = resolve_all(actuators, None, ranges, model, period)?;
                Self::new(Mapping::Raw, list, period).with_each(actuators, "control, in its own unit, of actuator")
            }
        };
        control.start = vec![0.0; control.actuators.len()];
        control.goal = control.start.clone();
        Ok(control)
    }

    fn new(mapping: Mapping, actuators: Vec<Actuator>, period: f64) -> Self {
        let (layout, bounds, start, goal, meanings) = Default::default();
        Self { layout, bounds, actuators, fingers: 0, rate: 1.0 / period, mapping, start, goal, meanings }
    }

    /// With the terms of a pose, that of `of`, of which position and `orientation` are commanded.
    fn with_pose(mut self, of: &str, low: &[f64], high: &[f64], orientation: OrientationFile) -> Self {
        let axes = if low.len() == 2 { "x, y" } else { "x, y, z" };
        self.push_term("position", low, high, format!("{axes} of {of} in the world's frame, m"));
        match orientation {
            OrientationFile::Fixed => {}
            OrientationFile::Yaw => {
                let meaning = format!(
                    "cos, sin of the turn of {of} about the vertical, from its orientation in the reset keyframe"
                );
                self.push_term("yaw", &[-1.0; 2], &[1.0; 2], meaning);
            }
            OrientationFile::Full => {
                let meaning = format!("first two columns of the rotation matrix of {of} in the world's frame");
                self.push_term("rotation", &[-1.0; 6], &[1.0; 6], meaning);
            }
        }
        self
    }

    /// With a term for each actuator, which is `what` of it.
    fn with_each(mut self, names: &[String], what: &str) -> Self {
        for (name, actuator) in names.iter().zip(self.actuators.clone()) {
            self.push_term(name, &[actuator.low], &[actuator.high], format!("{what} `{name}`"));
        }
        self
    }

    fn with_gripper(mut self, gripper: Option<&GripperFile>, model: &MjModel) -> Result<Self> {
        match gripper {
            None => {}
            Some(GripperFile::Actuator(name)) => {
                self.actuators.push(actuator(model, name, "action.gripper", None)?);
                self.fingers = 1;
            }
            Some(GripperFile::Fingers(fingers)) => {
                InputError::ensure(!fingers.is_empty(), "action.gripper", "at least one actuator", "none")?;
                for finger in fingers {
                    let known = actuator(model, &finger.actuator, "action.gripper", None)?;
                    let inside = |v: f64| (known.low..=known.high).contains(&v);
                    if !(inside(finger.closed) && inside(finger.open)) || finger.closed == finger.open {
                        let place = format!("action.gripper `{}`: closed, open", finger.actuator);
                        let expected = format!("two controls of {} to {}", known.low, known.high);
                        let found = format!("{} and {}", finger.closed, finger.open);
                        return Err(InputError::unexpected(place, expected, found));
                    }
                    self.actuators.push(Actuator { low: finger.closed, high: finger.open, ..known });
                }
                self.fingers = fingers.len();
            }
        }
        if self.fingers > 0 {
            self.push_term("gripper", &[0.0], &[1.0], "0 closed, 1 open".into());
        }
        Ok(self)
    }

    fn push_term(&mut self, name: &str, low: &[f64], high: &[f64], meaning: String) {
        self.meanings.push(meaning);
        self.layout.terms.push(Term { name: name.into(), size: low.len() });
        self.bounds.low.extend(low.iter().map(|v| *v as f32));
        self.bounds.high.extend(high.iter().map(|v| *v as f32));
    }

    /// Names and sizes of the action's terms.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Frame, unit and meaning of each term.
    pub fn meanings(&self) -> &[String] {
        &self.meanings
    }

    /// Bounds of the action, (A,); actions are clipped to them.
    pub fn bounds(&self) -> &ActionBounds {
        &self.bounds
    }

    /// The actuators that are commanded: index, and fastest commanded motion, rad/s or m/s (infinite if unlimited).
    pub fn limits(&self, period: f64) -> Vec<(usize, f64)> {
        self.actuators.iter().map(|a| (a.id, a.most / period / a.scale())).collect()
    }

    /// Addresses of the controls that are commanded.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.actuators.iter().map(|a| a.control)
    }

    /// Whether what an action does depends on the targets that were commanded before it.
    pub fn moves_targets(&self) -> bool {
        !matches!(self.mapping, Mapping::Raw)
    }

    /// Whether an action sets poses of bodies, not controls alone.
    pub(crate) fn moves_bodies(&self) -> bool {
        matches!(self.mapping, Mapping::Mocap { .. })
    }

    /// All actuators but those of the gripper.
    fn arm(&self) -> &[Actuator] {
        &self.actuators[..self.actuators.len() - self.fingers]
    }

    /// The arm joints that the noise of a reset moves.
    pub(crate) fn noisy_joints(&self, model: &MjModel) -> Vec<usize> {
        self.arm().iter().filter_map(|a| hinge_or_slide(model, a.id)).collect()
    }

    /// Whether there are arm actuators of which none can hold a pose.
    pub(crate) fn cannot_hold(&self) -> bool {
        !self.arm().is_empty() && self.arm().iter().all(|a| a.servo.is_none())
    }

    /// Lets the arm's servos hold the present pose; motors and the gripper stay as they are.
    ///
    /// # Errors
    /// MuJoCo's own error.
    pub(crate) fn stand_still(&self, sim: &mut Simulation) -> std::result::Result<(), String> {
        sim.refresh_transmission()?;
        self.arm().iter().filter_map(|a| a.servo).for_each(|s| s.hold(sim));
        Ok(())
    }

    /// Writes the action that holds the present targets: what a controller does that has no plan yet.
    pub fn hold(&self, sim: &Simulation, out: &mut [f32]) {
        let ctrl = |a: &Actuator| sim.data().ctrl()[a.control];
        let mut values: Vec<f64> = match &self.mapping {
            Mapping::JointTargets | Mapping::Raw => self.actuators.iter().map(ctrl).collect(),
            Mapping::EndEffector { ik, format } => {
                let q: Vec<f64> = self.arm().iter().map(|a| a.position(ctrl(a))).collect();
                format.values(&ik.chain().pose(&q))
            }
            Mapping::Mocap { index, format, .. } => format.values(&mocap_pose(sim, *index)),
        };
        if self.fingers > 0
            && let Some(gripper) = self.actuators.last()
        {
            values.push((ctrl(gripper) - gripper.low) / (gripper.high - gripper.low));
        }
        for (i, (slot, value)) in out.iter_mut().zip(values).enumerate() {
            *slot = self.bounds.clamp(i, value as f32);
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
        for (actuator, (start, goal)) in self.actuators.iter().zip(self.start.iter().zip(&self.goal)) {
            sim.set_control_rate(actuator.control, (goal - start) * self.rate);
        }
        for step in 1..=substeps {
            self.command(sim, step, substeps);
            sim.step()?;
        }
        Ok(())
    }

    /// Sets controls and mocap pose of physics step `step` of `substeps`, counted from 1, on the way to the goal.
    fn command(&self, sim: &mut Simulation, step: usize, substeps: usize) {
        let held = matches!(self.mapping, Mapping::Raw);
        let part = if held { 1.0 } else { step as f64 / substeps as f64 };
        let ctrl = sim.data_mut().ctrl_mut();
        for (i, actuator) in self.actuators.iter().enumerate() {
            ctrl[actuator.control] = self.start[i] + part * (self.goal[i] - self.start[i]);
        }
        if step == substeps {
            // Exactly the goal, whatever the rounding above: it is where the next control step starts.
            self.actuators.iter().zip(&self.goal).for_each(|(a, g)| ctrl[a.control] = *g);
        }
        if let Mapping::Mocap { index, start, goal, .. } = &self.mapping {
            let pose = if step == substeps { *goal } else { between(start, goal, part) };
            set_mocap_pose(sim, *index, &pose);
        }
    }

    /// Commands of the `substeps` physics steps of a control step of `action`, from the present state of `sim`.
    pub(super) fn commands(&mut self, sim: &mut Simulation, action: &[f32], substeps: usize) -> ControlSteps {
        self.set_goal(sim, action);
        let mut all = ControlSteps::default();
        for step in 1..=substeps {
            self.command(sim, step, substeps);
            all.controls.extend_from_slice(sim.data().ctrl());
            all.mocap_positions.extend_from_slice(sim.data().mocap_pos().as_flattened());
            all.mocap_quaternions.extend_from_slice(sim.data().mocap_quat().as_flattened());
        }
        all
    }

    /// Controls (nu,) in which one control step of `action` ends, from the present state of `sim`.
    pub(super) fn controls(&mut self, sim: &Simulation, action: &[f32]) -> Vec<f64> {
        self.set_goal(sim, action);
        let mut all = sim.data().ctrl().to_vec();
        self.actuators.iter().zip(&self.goal).for_each(|(a, g)| all[a.control] = *g);
        all
    }

    fn set_goal(&mut self, sim: &Simulation, action: &[f32]) {
        let value = |i: usize| f64::from(self.bounds.clamp(i, action[i]));
        for (i, actuator) in self.actuators.iter().enumerate() {
            self.start[i] = sim.data().ctrl()[actuator.control];
        }
        self.goal.copy_from_slice(&self.start);
        match &mut self.mapping {
            Mapping::JointTargets | Mapping::Raw => (0..self.goal.len()).for_each(|i| self.goal[i] = value(i)),
            Mapping::EndEffector { ik, format } => {
                let (pose, used) = format.pose(value);
                let arm = self.actuators.len() - self.fingers;
                let (joints, fingers) = self.actuators.split_at(arm);
                let q = &mut self.goal[..arm];
                q.iter_mut().zip(joints).for_each(|(q, a)| *q = a.position(*q));
                ik.solve(&pose, q);
                q.iter_mut().zip(joints).for_each(|(q, a)| *q = a.servo.map_or(*q, |s| s.control_at(*q)));
                fingers.iter().zip(&mut self.goal[arm..]).for_each(|(a, g)| *g = a.at(value(used)));
            }
            Mapping::Mocap { index, format, most, start, goal } => {
                let (pose, used) = format.pose(value);
                (*start, *goal) = (mocap_pose(sim, *index), pose);
                let way = goal.translation.vector - start.translation.vector;
                if way.norm() > *most {
                    *goal = between(start, goal, *most / way.norm());
                }
                self.actuators.iter().zip(&mut self.goal).for_each(|(a, g)| *g = a.at(value(used)));
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

/// Checks the corners of where positions may be commanded.
fn check_box(low: &[f64], high: &[f64], height: Option<f64>) -> Result<()> {
    let axes = if height.is_some() { 2 } else { 3 };
    let expected = format!("{axes} values each{}", if axes == 2 { ", since `height` is given" } else { "" });
    let found = format!("{} and {}", low.len(), high.len());
    InputError::ensure(low.len() == axes && high.len() == axes, "action.low, action.high", expected, found)?;
    if let Some(i) = (0..axes).find(|i| !ascending(low[*i], high[*i])) {
        let place = format!("action.low, action.high: axis {i}");
        return Err(InputError::unexpected(place, "low < high, in metres", format!("{} and {}", low[i], high[i])));
    }
    let height = height.unwrap_or_default();
    InputError::ensure(height.is_finite(), "action.height", "a finite number of m", height)
}

/// Whether `low` lies below `high`; a NaN lies nowhere.
fn ascending(low: f64, high: f64) -> bool {
    low < high
}

/// The actuators of these names, with the fastest motions and the ranges that are given.
fn resolve_all(
    names: &[String],
    speeds: Option<&[f64]>,
    ranges: &[[f64; 2]],
    model: &MjModel,
    period: f64,
) -> Result<Vec<Actuator>> {
    if let Some(speeds) = speeds {
        let (key, expected) = ("action.max_joint_speed", format!("{} speeds, one an actuator", names.len()));
        InputError::ensure(speeds.len() == names.len(), key, expected, speeds.len())?;
        if let Some(bad) = speeds.iter().find(|s| !(**s > 0.0 && s.is_finite())) {
            return Err(InputError::unexpected(key, "positive speeds in rad/s or m/s", bad));
        }
    }
    InputError::ensure(!names.is_empty(), "action.actuators", "at least one actuator", "none")?;
    let expected = format!("{} ranges, one an actuator, or none", names.len());
    let fit = ranges.is_empty() || ranges.len() == names.len();
    InputError::ensure(fit, "action.ranges", expected, ranges.len())?;
    let each = names.iter().enumerate().map(|(i, name)| {
        let key = "action.actuators";
        let found = actuator(model, name, key, ranges.get(i))?;
        let Some(speeds) = speeds else { return Ok(found) };
        if !found.servo.is_some_and(|s| s.takes_position()) {
            let expected = "a position servo (kind = \"actuators\" takes the controls of others)";
            return Err(InputError::unexpected(format!("{key} `{name}`"), expected, described(model, found.id)));
        }
        Ok(Actuator { most: speeds[i] * period * found.scale(), ..found })
    });
    each.collect()
}

fn actuator(model: &MjModel, name: &str, key: &str, range: Option<&[f64; 2]>) -> Result<Actuator> {
    let id = find(model, ObjectKind::Actuator, name).map_err(|e| e.in_file(key))?;
    let control = scalar_control(model, name).map_err(|e| e.in_file(key))?;
    let own = model.actuator_ctrlrange()[control];
    let limited = ascending(own[0], own[1]);
    let [low, high] = match range {
        None if !limited => {
            let expected = "actuators with a ctrlrange, or `ranges`";
            return Err(InputError::unexpected(key, expected, format!("actuator `{name}` without ctrlrange")));
        }
        None => own,
        Some([low, high]) => {
            let within = !limited || (*low >= own[0] && *high <= own[1]);
            if !(ascending(*low, *high) && low.is_finite() && high.is_finite() && within) {
                let bounds = if limited { format!(", of {} to {}", own[0], own[1]) } else { String::new() };
                let place = format!("action.ranges of `{name}`");
                return Err(InputError::unexpected(place, format!("low < high{bounds}"), format!("{low} and {high}")));
            }
            [*low, *high]
        }
    };
    Ok(Actuator { id, control, servo: Servo::of(model, id), low, high, most: f64::INFINITY })
}

fn joint_of(model: &MjModel, id: usize, name: &str) -> Result<usize> {
    driven_joint(model, id).ok_or_else(|| {
        let place = format!("action.actuators `{name}`");
        InputError::unexpected(place, "an actuator that drives a joint", "another transmission")
    })
}
