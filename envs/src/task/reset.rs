//! Start states: a keyframe, noise on the arm, bodies placed at random without overlap.

use super::control::Control;
use super::file::{HeightFile, KeyframeFile, PlaceFile, ResetCircleFile, ResetFile, ResetJointFile};
use crate::error::{Error, Result as AnyResult};
use crate::kinematics::pose::{Free, rotation};
use crate::mujoco::lookup::{ObjectKind, find, scalar_joint};
use crate::mujoco::servo::Servo;
use crate::mujoco::simulation::{Needs, Simulation};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use nalgebra::{UnitQuaternion, Vector3};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws tried before a placement is taken as it is; at ±0.1 m and 6 cm a draw is free three times in four.
const PLACEMENT_TRIES: usize = 1000;

#[derive(Clone, Debug)]
struct Place {
    body: Free,
    x: [f64; 2],
    y: [f64; 2],
    z: [f64; 2],
    yaw: [f64; 2],
    /// Orientation that the rotation about the vertical turns, (w, x, y, z).
    base: UnitQuaternion<f64>,
}

/// A joint set at random.
#[derive(Clone, Debug)]
struct JointDraw {
    qpos: usize,
    range: [f64; 2],
    deviation: f64,
    /// Lowest and highest position that the joint allows.
    limits: [f64; 2],
    dof: usize,
    speed_deviation: f64,
}

impl JointDraw {
    fn value(&self, rng: &mut impl Rng) -> f64 {
        let mut once = || {
            let value = draw(rng, self.range);
            if self.deviation > 0.0 { value + self.deviation * normal(rng) } else { value }
        };
        let mut value = once();
        for _ in 0..PLACEMENT_TRIES {
            if self.deviation == 0.0 || (self.limits[0]..=self.limits[1]).contains(&value) {
                break;
            }
            value = once();
        }
        value
    }
}

/// Two slides set to a point of a circle, and its radius.
#[derive(Clone, Debug)]
struct CircleDraw {
    joints: [JointDraw; 2],
    radius: f64,
}

/// Start state of an episode.
#[derive(Clone, Debug)]
pub struct Reset {
    keyframe: Option<usize>,
    joint_noise: f64,
    min_distance: f64,
    places: Vec<Place>,
    joints: Vec<JointDraw>,
    circles: Vec<CircleDraw>,
    hold: bool,
    /// The model's servos: those that move what is drawn hold it.
    servos: Vec<Servo>,
    /// Physics steps before the episode begins.
    settle_steps: usize,
}

impl Reset {
    /// Resolves the reset of a task file.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn resolve(file: &ResetFile, model: &MjModel) -> Result<Self> {
        let keyframe = file.keyframe.as_ref().map(|k| keyframe(k, model)).transpose();
        check_range("reset.settle", file.settle, 0.0, 60.0, "s")?;
        check_range("reset.joint_noise", file.joint_noise, 0.0, 0.5, "rad")?;
        check_range("reset.min_distance", file.min_distance, 0.0, 2.0, "m")?;
        let places = file
            .place
            .iter()
            .map(|p| Self::resolve_place(p, model).map_err(|e| e.in_file(format!("reset.place `{}`", p.body))));
        Ok(Self {
            keyframe: keyframe.map_err(|e| e.in_file("reset.keyframe"))?,
            joint_noise: file.joint_noise,
            min_distance: file.min_distance,
            places: places.collect::<Result<_>>()?,
            joints: file.joint.iter().map(|j| joint_draw(j, model)).collect::<Result<_>>()?,
            circles: file.circle.iter().map(|c| circle_draw(c, model)).collect::<Result<_>>()?,
            hold: file.hold,
            servos: Servo::all(model),
            settle_steps: (file.settle / model.opt().timestep).round() as usize,
        })
    }

    fn resolve_place(file: &PlaceFile, model: &MjModel) -> Result<Place> {
        let body = find(model, ObjectKind::Body, &file.body)?;
        let fixed = || InputError::unexpected("body", "a body with a free joint, or a mocap body", "neither");
        let body = Free::of(model, body).ok_or_else(fixed)?;
        let limits =
            [("x", file.x, 10.0, "m"), ("y", file.y, 10.0, "m"), ("yaw", file.yaw, std::f64::consts::TAU, "rad")];
        for (key, [low, high], most, unit) in limits {
            check_range(key, low, -most, most, unit)?;
            check_range(key, high, low, most, unit)?;
        }
        let z = match file.z {
            HeightFile::At(z) => [z; 2],
            HeightFile::Between(range) => range,
        };
        check_range("z", z[0], -10.0, 10.0, "m")?;
        check_range("z", z[1], z[0], 10.0, "m")?;
        Ok(Place { body, x: file.x, y: file.y, z, yaw: file.yaw, base: rotation("quaternion", file.quaternion)? })
    }

    /// The keyframe that episodes start from.
    pub fn keyframe(&self) -> Option<usize> {
        self.keyframe
    }

    /// Puts `sim` into a start state drawn from `rng`.
    ///
    /// # Errors
    /// MuJoCo's own error in the start state.
    pub fn apply(
        &self,
        sim: &mut Simulation,
        control: &Control,
        rng: &mut impl Rng,
    ) -> std::result::Result<(), String> {
        sim.reset(self.keyframe);
        let mut moved = Vec::new();
        if self.joint_noise > 0.0 {
            for joint in control.noisy_joints(sim.model()) {
                let (qpos, dof) = (sim.model().jnt_qposadr()[joint], sim.model().jnt_dofadr()[joint]);
                let noise = rng.random_range(-self.joint_noise..=self.joint_noise);
                sim.data_mut().qpos_mut()[qpos as usize] += noise;
                moved.push(dof as usize);
            }
        }
        let mut poses = Vec::new();
        for _ in 0..PLACEMENT_TRIES {
            poses = self.places.iter().map(|p| [p.x, p.y, p.yaw, p.z].map(|range| draw(rng, range))).collect();
            if self.free(&poses) {
                break;
            }
        }
        for (place, [x, y, yaw, z]) in self.places.iter().zip(&poses) {
            let turn = match place.base == UnitQuaternion::identity() {
                true => [(yaw / 2.0).cos(), 0.0, 0.0, (yaw / 2.0).sin()],
                false => {
                    let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), *yaw) * place.base;
                    [turned.w, turned.i, turned.j, turned.k]
                }
            };
            place.body.set_position(sim, [*x, *y, *z]);
            place.body.set_rotation(sim, turn);
        }
        for joint in &self.joints {
            sim.data_mut().qpos_mut()[joint.qpos] = joint.value(rng);
            moved.push(joint.dof);
            if joint.speed_deviation > 0.0 {
                sim.data_mut().qvel_mut()[joint.dof] = joint.speed_deviation * normal(rng);
            }
        }
        for circle in &self.circles {
            let (sin, cos) = draw(rng, [0.0, std::f64::consts::TAU]).sin_cos();
            for (joint, part) in circle.joints.iter().zip([cos, sin]) {
                sim.data_mut().qpos_mut()[joint.qpos] = circle.radius * part;
                moved.push(joint.dof);
            }
        }
        if !moved.is_empty() {
            sim.refresh_transmission()?;
            for servo in &self.servos {
                if moved.iter().any(|dof| servo.moves(sim, *dof)) {
                    servo.hold(sim);
                }
            }
        }
        if self.hold {
            control.stand_still(sim)?;
        }
        for _ in 0..self.settle_steps {
            sim.step()?;
        }
        sim.refresh(Needs::MOTION)
    }

    /// Puts `sim` where only positions `qpos` (nq), velocities `qvel` (nv) and perhaps controls `ctrl` (nu) are known;
    /// all else is that of the keyframe. Without controls the joints that actions move hold still. The activations of
    /// servos follow from the controls.
    ///
    /// # Errors
    /// A bad input that names the argument of the wrong size; MuJoCo's own error.
    pub(crate) fn place(
        &self,
        sim: &mut Simulation,
        control: &Control,
        qpos: &[f64],
        qvel: &[f64],
        ctrl: Option<&[f64]>,
    ) -> AnyResult<()> {
        sim.reset(self.keyframe);
        let data = sim.data_mut();
        fill("qpos", qpos, data.qpos_mut())?;
        fill("qvel", qvel, data.qvel_mut())?;
        match ctrl {
            Some(ctrl) => fill("ctrl", ctrl, data.ctrl_mut())?,
            None => control.stand_still(sim).map_err(Error::Simulation)?,
        }
        if ctrl.is_some() { self.settle_servos(sim).map_err(Error::Simulation) } else { Ok(()) }
    }

    /// Sets what servos remember to what their controls lead to.
    ///
    /// # Errors
    /// MuJoCo's own error.
    pub(crate) fn settle_servos(&self, sim: &mut Simulation) -> std::result::Result<(), String> {
        if self.servos.iter().any(|s| s.has_state(sim.model())) {
            sim.refresh_transmission()?;
            self.servos.iter().for_each(|s| s.settle(sim));
        }
        Ok(())
    }

    fn free(&self, poses: &[[f64; 4]]) -> bool {
        let near = |a: &[f64; 4], b: &[f64; 4]| (a[0] - b[0]).hypot(a[1] - b[1]) < self.min_distance;
        (0..poses.len()).all(|i| (0..i).all(|j| !near(&poses[i], &poses[j])))
    }
}

/// Copies `values`, the argument `name`, to where they belong.
fn fill(name: &str, values: &[f64], to: &mut [f64]) -> Result<()> {
    InputError::ensure(values.len() == to.len(), name, format!("{} values", to.len()), values.len())?;
    to.copy_from_slice(values);
    Ok(())
}

fn keyframe(file: &KeyframeFile, model: &MjModel) -> Result<usize> {
    let count = usize::try_from(model.ffi().nkey).unwrap_or(0);
    match file {
        KeyframeFile::Name(name) => {
            find(model, ObjectKind::Keyframe, name).map_err(|unknown| match name.parse::<usize>() {
                Ok(index) if index < count => {
                    InputError::unexpected("index", format!("{index} without quotes"), format!("{name:?}"))
                }
                _ => unknown,
            })
        }
        KeyframeFile::Index(index) if *index < count => Ok(*index),
        KeyframeFile::Index(_) if count == 0 => {
            Err(InputError::unexpected("index", "none, since the model has no keyframes", "one"))
        }
        KeyframeFile::Index(index) => {
            Err(InputError::unexpected("index", format!("less than {count}, the model's keyframes"), index))
        }
    }
}

fn joint_draw(file: &ResetJointFile, model: &MjModel) -> Result<JointDraw> {
    let place = |e: InputError| e.in_file(format!("reset.joint `{}`", file.joint));
    let joint = scalar_joint(model, &file.joint).map_err(place)?;
    let [low, high] = file.range;
    check_range("range", low, -100.0, 100.0, "rad or m").map_err(place)?;
    check_range("range", high, low, 100.0, "rad or m").map_err(place)?;
    check_range("deviation", file.deviation, 0.0, 100.0, "rad or m").map_err(place)?;
    check_range("speed_deviation", file.speed_deviation, 0.0, 100.0, "rad/s or m/s").map_err(place)?;
    let limited = model.jnt_limited()[joint];
    Ok(JointDraw {
        qpos: model.jnt_qposadr()[joint] as usize,
        range: file.range,
        deviation: file.deviation,
        limits: if limited { model.jnt_range()[joint] } else { [f64::NEG_INFINITY, f64::INFINITY] },
        dof: model.jnt_dofadr()[joint] as usize,
        speed_deviation: file.speed_deviation,
    })
}

fn circle_draw(file: &ResetCircleFile, model: &MjModel) -> Result<CircleDraw> {
    let place = |e: InputError| e.in_file("reset.circle");
    check_range("radius", file.radius, 0.0, 100.0, "m").map_err(place)?;
    let slide = |joint: &String| {
        let range = [-file.radius, file.radius];
        let still = ResetJointFile { joint: joint.clone(), range, deviation: 0.0, speed_deviation: 0.0 };
        joint_draw(&still, model).map_err(place)
    };
    Ok(CircleDraw { joints: [slide(&file.joints[0])?, slide(&file.joints[1])?], radius: file.radius })
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn draw(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    if low < high { rng.random_range(low..high) } else { low }
}

fn check_range(key: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<()> {
    InputError::ensure((low..=high).contains(&value), key, format!("a number of {low} to {high} {unit}"), value)
}

#[cfg(test)]
mod tests {
    use crate::task::Task;
    use crate::world::World;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    #[test]
    fn normal_joints_keep_their_limits_and_circles_their_radius() {
        let (cartpole, push) = (Task::load("cartpole").unwrap(), Task::load("cylinder_push").unwrap());
        let mut world = World::new(Arc::new(cartpole)).unwrap();
        let mut speeds = Vec::new();
        for i in 0..50 {
            world.reset(0, Purpose::Reset, i).unwrap();
            assert!(world.simulation().data().qpos()[0].abs() <= 1.8);
            speeds.push(world.simulation().data().qvel()[1]);
        }
        assert!(speeds.iter().any(|v| v.abs() > 0.1) && speeds.iter().all(|v| v.abs() < 0.5), "{speeds:?}");
        let mut world = World::new(Arc::new(push)).unwrap();
        world.reset(0, Purpose::Reset, 1).unwrap();
        let data = world.simulation().data();
        let (q, ctrl) = (data.qpos(), data.ctrl());
        assert!((q[0].hypot(q[1]) - 1.0).abs() < 1e-12 && (q[2].hypot(q[3]) - 2.0).abs() < 1e-12);
        assert_eq!(q[..2], ctrl[..2]);
    }
}
