//! Start states: a keyframe, noise on the arm, bodies placed at random without overlap.

use crate::control::Control;
use crate::model::{Kind, find};
use crate::native::Simulation;
use crate::quantity::free_joint;
use crate::task_file::{PlaceFile, ResetFile};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use rand::Rng;

/// Draws tried before a placement is taken as it is; at ±0.1 m and 6 cm a draw is free three times in four.
const PLACEMENT_TRIES: usize = 1000;

#[derive(Clone, Debug)]
struct Place {
    qpos: usize,
    x: [f64; 2],
    y: [f64; 2],
    z: f64,
    yaw: [f64; 2],
}

/// How an episode starts.
#[derive(Clone, Debug)]
pub struct Reset {
    keyframe: Option<usize>,
    joint_noise: f64,
    min_distance: f64,
    places: Vec<Place>,
}

impl Reset {
    /// Resolves the reset of a task file.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn resolve(file: &ResetFile, model: &MjModel) -> Result<Self> {
        let keyframe = file.keyframe.as_ref().map(|k| find(model, Kind::Keyframe, k)).transpose();
        check_range("reset.joint_noise", file.joint_noise, 0.0, 0.5, "rad")?;
        check_range("reset.min_distance", file.min_distance, 0.0, 2.0, "m")?;
        let places = file
            .place
            .iter()
            .map(|p| Self::place(p, model).map_err(|e| e.in_file(format!("reset.place `{}`", p.body))));
        Ok(Self {
            keyframe: keyframe.map_err(|e| e.in_file("reset.keyframe"))?,
            joint_noise: file.joint_noise,
            min_distance: file.min_distance,
            places: places.collect::<Result<_>>()?,
        })
    }

    fn place(file: &PlaceFile, model: &MjModel) -> Result<Place> {
        let body = find(model, Kind::Body, &file.body)?;
        let joint = free_joint(model, body);
        let joint = joint.ok_or_else(|| InputError::unexpected("body", "a body with a free joint", "one without"))?;
        let limits =
            [("x", file.x, 10.0, "m"), ("y", file.y, 10.0, "m"), ("yaw", file.yaw, std::f64::consts::TAU, "rad")];
        for (key, [low, high], most, unit) in limits {
            check_range(key, low, -most, most, unit)?;
            check_range(key, high, low, most, unit)?;
        }
        check_range("z", file.z, -10.0, 10.0, "m")?;
        Ok(Place { qpos: model.jnt_qposadr()[joint] as usize, x: file.x, y: file.y, z: file.z, yaw: file.yaw })
    }

    /// The keyframe that episodes start from.
    pub fn keyframe(&self) -> Option<usize> {
        self.keyframe
    }

    /// Puts `sim` into a start state drawn from `rng`.
    pub fn apply(&self, sim: &mut Simulation, control: &Control, rng: &mut impl Rng) {
        sim.reset(self.keyframe);
        if self.joint_noise > 0.0 {
            for (qpos, actuator) in control.noisy_joints(sim.model()) {
                let noise = rng.random_range(-self.joint_noise..=self.joint_noise);
                sim.data_mut().qpos_mut()[qpos] += noise;
                sim.data_mut().ctrl_mut()[actuator] = sim.data().qpos()[qpos];
            }
        }
        let mut poses = Vec::new();
        for _ in 0..PLACEMENT_TRIES {
            poses = self.places.iter().map(|p| [draw(rng, p.x), draw(rng, p.y), draw(rng, p.yaw)]).collect();
            if self.free(&poses) {
                break;
            }
        }
        for (place, [x, y, yaw]) in self.places.iter().zip(&poses) {
            let pose = [*x, *y, place.z, (yaw / 2.0).cos(), 0.0, 0.0, (yaw / 2.0).sin()];
            sim.data_mut().qpos_mut()[place.qpos..place.qpos + 7].copy_from_slice(&pose);
        }
        sim.refresh(true);
    }

    fn free(&self, poses: &[[f64; 3]]) -> bool {
        let near = |a: &[f64; 3], b: &[f64; 3]| (a[0] - b[0]).hypot(a[1] - b[1]) < self.min_distance;
        (0..poses.len()).all(|i| (0..i).all(|j| !near(&poses[i], &poses[j])))
    }
}

fn draw(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    if low < high { rng.random_range(low..high) } else { low }
}

fn check_range(key: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(InputError::unexpected(key, format!("a number of {low} to {high} {unit}"), value))
}
