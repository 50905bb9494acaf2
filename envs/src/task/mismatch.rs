//! Named ways in which the world may differ from the planner's model.

use crate::mujoco::native;
use imle_configs::{Error as InputError, Result, embedded};
use mujoco_rs::mujoco_c::mjtJoint;
use mujoco_rs::prelude::MjModel;
use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Differences of a world from the planner's model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mismatch {
    /// Name.
    #[serde(skip)]
    pub name: String,
    /// Factor of every body's mass and inertia.
    pub mass: f64,
    /// Factor of every geom's friction.
    pub friction: f64,
    /// Factor of every actuator's gain, bias and force limits.
    pub actuator: f64,
    /// Deviation of the perceived position of objects, per axis, m.
    pub noise_position: f64,
    /// Deviation of the perceived rotation of objects, per axis, degrees.
    pub noise_angle: f64,
    /// Control steps by which every action comes late.
    pub delay: usize,
}

impl Default for Mismatch {
    fn default() -> Self {
        Self {
            name: String::new(),
            mass: 1.0,
            friction: 1.0,
            actuator: 1.0,
            noise_position: 0.0,
            noise_angle: 0.0,
            delay: 0,
        }
    }
}

impl Mismatch {
    /// The mismatch of that name.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn find(name: &str) -> Result<Self> {
        let all = Self::all()?;
        let known: Vec<String> = all.iter().map(|m| m.name.clone()).collect();
        all.into_iter().find(|m| m.name == name).ok_or_else(|| InputError::unknown("mismatch", name, known))
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// A bad input, if the file inside the program is malformed.
    pub fn all() -> Result<Vec<Self>> {
        let table: BTreeMap<String, Self> = toml::from_str(embedded::MISMATCHES)
            .map_err(|e| InputError::unexpected("configs/mismatches.toml", "a table of mismatches", e.message()))?;
        Ok(table.into_iter().map(|(name, m)| Self { name, ..m }).collect())
    }

    /// Whether what is perceived differs from what is.
    pub fn is_noisy(&self) -> bool {
        self.noise_position > 0.0 || self.noise_angle > 0.0
    }

    /// Changes the model of a world.
    ///
    /// # Errors
    /// MuJoCo's message, if it cannot compute the model's constants anew.
    pub(crate) fn apply(&self, model: &mut MjModel) -> std::result::Result<(), String> {
        model.body_mass_mut().iter_mut().for_each(|m| *m *= self.mass);
        model.body_inertia_mut().iter_mut().flatten().for_each(|i| *i *= self.mass);
        model.geom_friction_mut().iter_mut().flatten().for_each(|f| *f *= self.friction);
        scale_actuators(model, self.actuator);
        native::recompute_constants(model)
    }
}

/// Multiplies every actuator's gain, bias and force limits.
pub(crate) fn scale_actuators(model: &mut MjModel, factor: f64) {
    // SAFETY: gains are plain numbers; no index or size is among them.
    let gains = unsafe { model.actuator_gainprm_mut() };
    gains.iter_mut().flatten().for_each(|g| *g *= factor);
    model.actuator_biasprm_mut().iter_mut().flatten().for_each(|b| *b *= factor);
    model.actuator_forcerange_mut().iter_mut().flatten().for_each(|r| *r *= factor);
}

/// A joint of an object: one whose kinematic tree no actuator drives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectJoint {
    kind: mjtJoint,
    qpos: usize,
}

/// The joints of objects.
pub(crate) fn object_joints(model: &MjModel) -> Vec<ObjectJoint> {
    let tree = |joint: usize| model.dof_treeid()[model.jnt_dofadr()[joint] as usize];
    let driven: Vec<i32> = model
        .actuator_trntype()
        .iter()
        .enumerate()
        .filter_map(|(a, _)| crate::mujoco::lookup::driven_joint(model, a))
        .map(tree)
        .collect();
    (0..model.jnt_type().len())
        .filter(|j| !driven.contains(&tree(*j)))
        .map(|j| ObjectJoint { kind: model.jnt_type()[j], qpos: model.jnt_qposadr()[j] as usize })
        .collect()
}

impl ObjectJoint {
    /// Moves it in `qpos` by a normal draw.
    pub(crate) fn disturb(self, mismatch: &Mismatch, qpos: &mut [f64], rng: &mut ChaCha8Rng) {
        let mut normal = |deviation: f64| -> f64 {
            let draw: f64 = StandardNormal.sample(rng);
            deviation * draw
        };
        let (position, angle) = (mismatch.noise_position, mismatch.noise_angle.to_radians());
        let free = self.kind == mjtJoint::mjJNT_FREE;
        match self.kind {
            mjtJoint::mjJNT_SLIDE => qpos[self.qpos] += normal(position),
            mjtJoint::mjJNT_HINGE => qpos[self.qpos] += normal(angle),
            _ => {
                let at = if free { self.qpos + 3 } else { self.qpos };
                if free {
                    qpos[self.qpos..at].iter_mut().for_each(|x| *x += normal(position));
                }
                let turn = UnitQuaternion::from_scaled_axis(Vector3::new(normal(angle), normal(angle), normal(angle)));
                let q = &mut qpos[at..at + 4];
                let turned = turn * UnitQuaternion::from_quaternion(Quaternion::new(q[0], q[1], q[2], q[3]));
                q.copy_from_slice(&[turned.w, turned.i, turned.j, turned.k]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use crate::world::World;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    fn world(name: &str) -> World {
        let task = Task::load("stack").unwrap().with_mismatch(Mismatch::find(name).unwrap()).unwrap();
        let mut world = World::new(Arc::new(task)).unwrap();
        world.reset(0, Purpose::Reset, 0).unwrap();
        world
    }

    #[test]
    fn names_are_known_and_near_ones_suggested() {
        let names: Vec<String> = Mismatch::all().unwrap().into_iter().map(|m| m.name).collect();
        assert_eq!(names, ["delayed", "heavy", "light", "noisy", "slippery", "sticky", "weak"]);
        assert!(Mismatch::find("slipery").unwrap_err().to_string().contains("`slippery`"));
    }

    #[test]
    fn only_the_world_changes() {
        let task = Task::load("stack").unwrap();
        let heavy = Task::load("stack").unwrap().with_mismatch(Mismatch::find("heavy").unwrap()).unwrap();
        let sum = |m: &MjModel| m.body_mass().iter().sum::<f64>();
        assert!((sum(heavy.compiled_model()) / sum(task.compiled_model()) - 1.3).abs() < 1e-9);
        assert_eq!(sum(heavy.planning_model()), sum(task.planning_model()));
        let inverse = |m: &MjModel| m.body_invweight0()[m.body_mass().len() - 1][0];
        assert!((inverse(heavy.compiled_model()) * 1.3 / inverse(task.compiled_model()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn noise_is_in_what_is_perceived_of_objects_only() {
        let world = world("noisy");
        let (mut real, mut seen) = (vec![0.0; world.state_size()], vec![0.0; world.state_size()]);
        world.get_state(&mut real).unwrap();
        world.perceived_state(&mut seen).unwrap();
        let changed = real.iter().zip(&seen).filter(|(a, b)| a != b).count();
        assert_eq!(changed, 14, "the poses of two cubes");
        let most = real.iter().zip(&seen).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(most > 1e-4 && most < 0.05, "{most}");
    }

    #[test]
    fn a_delayed_world_does_first_what_it_held() {
        let mut delayed = world("delayed");
        let mut held = vec![0.0; 6];
        delayed.hold(&mut held);
        let mut plain = World::new(Arc::new(Task::load("stack").unwrap())).unwrap();
        plain.reset(0, Purpose::Reset, 0).unwrap();
        let go = [0.05, 0.05, 0.2, 1.0, 0.0, 0.0];
        for action in [&go[..], &go] {
            delayed.step(action);
        }
        for action in [&held[..], &go] {
            plain.step(action);
        }
        let state = |w: &World| {
            let mut s = vec![0.0; w.state_size()];
            w.get_state(&mut s).unwrap();
            s
        };
        assert_eq!(state(&delayed), state(&plain));
    }
}
