//! Reconstruction of a start state from an observation, for datasets that store no states.

use crate::error::{Error, Result};
use crate::kinematics::point::Point;
use crate::kinematics::pose::Free;
use crate::mujoco::lookup::free_joint;
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::file::QuaternionOrder;
use crate::task::observation::{Observation, Source};
use crate::world::World;
use imle_configs::Error as InputError;
use mujoco_rs::mujoco_c::mjtJoint;

/// Difference of an observed value up to which it counts as the same.
const SAME: f32 = 1e-3;

/// Outcome of a reconstruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconstruction {
    /// Whether the world was in it already.
    pub exact: bool,
    /// Observation terms that are not as observed all the same: the state behind them cannot be known.
    pub unknown: Vec<String>,
}

impl World {
    /// Puts a world that has been reset into the state that `observation` determines, as far as it does: joints,
    /// controls, and poses and velocities of bodies that move freely, seen in the world's frame. All else stays as the
    /// reset left it. Nothing is changed if the world is observed like that already.
    ///
    /// # Errors
    /// A bad input, if the observation has another size; if MuJoCo gives up on the state.
    pub fn reconstruct(&mut self, observation: &[f32]) -> Result<Reconstruction> {
        let task = self.task().clone();
        let mut seen = vec![0.0; task.spec().observation.size()];
        let expected = format!("{} values", seen.len());
        InputError::ensure(observation.len() == seen.len(), "observation", expected, observation.len())?;
        self.observe(&mut seen);
        let differ = |seen: &[f32]| -> Vec<String> {
            let mut at = 0;
            let mut names = Vec::new();
            for term in &task.spec().observation.terms {
                let of = at..at + term.size;
                at += term.size;
                if seen[of.clone()].iter().zip(&observation[of]).any(|(a, b)| (a - b).abs() > SAME) {
                    names.push(term.name.clone());
                }
            }
            names
        };
        if differ(&seen).is_empty() {
            return Ok(Reconstruction { exact: true, unknown: Vec::new() });
        }
        if reconstruct(task.observation(), observation, self.simulation_mut()) {
            task.reset().settle_servos(self.simulation_mut()).map_err(Error::Simulation)?;
        } else {
            self.stand_still()?;
        }
        self.simulation_mut().refresh(Needs::MOTION).map_err(Error::Simulation)?;
        let (seed, index) = self.episode();
        self.begin(seed, index)?;
        self.observe(&mut seen);
        Ok(Reconstruction { exact: false, unknown: differ(&seen) })
    }
}

/// Sets what the terms of `observation` determine; returns whether controls are among it.
fn reconstruct(observation: &Observation, values: &[f32], sim: &mut Simulation) -> bool {
    let (mut at, mut controls) = (0, false);
    // Bodies whose position is set, and positions relative to other bodies.
    let (mut placed, mut relative) = (Vec::new(), Vec::new());
    for (term, source) in observation.layout().terms.iter().zip(observation.sources()) {
        let v: Vec<f64> = values[at..at + term.size].iter().map(|v| f64::from(*v)).collect();
        at += term.size;
        match source {
            Source::JointPosition(of) => of.iter().zip(&v).for_each(|(a, v)| sim.data_mut().qpos_mut()[*a] = *v),
            Source::JointVelocity(of) => of.iter().zip(&v).for_each(|(a, v)| sim.data_mut().qvel_mut()[*a] = *v),
            Source::Control(of) => {
                of.iter().zip(&v).for_each(|(a, v)| sim.data_mut().ctrl_mut()[*a] = *v);
                controls = true;
            }
            Source::Position(Point::Body(body), None, axes) => {
                if let Some(free) = Free::of(sim.model(), *body) {
                    let mut position = free.position(sim);
                    let given = (0..3).filter(|i| axes[*i]).zip(&v);
                    given.for_each(|(i, v)| position[i] = *v);
                    free.set_position(sim, position);
                    placed.push(*body);
                }
            }
            Source::Position(Point::Body(body), Some(Point::Body(from)), axes) => {
                relative.push((*body, *from, *axes, v));
            }
            Source::Rotation(Point::Body(body), Point::Fixed(_)) => {
                if let Some(free) = Free::of(sim.model(), *body) {
                    free.set_rotation(sim, from_columns(&v));
                }
            }
            Source::Quaternion(Point::Body(body), Point::Fixed(_), order) => {
                if let Some(free) = Free::of(sim.model(), *body) {
                    let mut turn = [v[0], v[1], v[2], v[3]];
                    if *order == QuaternionOrder::Xyzw {
                        turn.rotate_right(1);
                    }
                    free.set_rotation(sim, turn);
                }
            }
            Source::Yaw(point @ Point::Body(body), symmetry) => {
                if let Some(free) = Free::of(sim.model(), *body) {
                    let half = (v[1].atan2(v[0]) / symmetry - point.yaw(sim)) / 2.0;
                    let [w, x, y, z] = free.rotation(sim);
                    let (c, s) = (half.cos(), half.sin());
                    free.set_rotation(sim, [c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w]);
                } else if let Some((address, sign)) = vertical_hinge(sim, *body) {
                    let turn = v[1].atan2(v[0]) / symmetry - point.yaw(sim);
                    sim.data_mut().qpos_mut()[address] += sign * turn;
                }
            }
            Source::LinearVelocity(body, axes) => {
                if let Some(joint) = free_joint(sim.model(), *body) {
                    let address = sim.model().jnt_dofadr()[joint] as usize;
                    let given = (0..3).filter(|i| axes[*i]).zip(&v);
                    given.for_each(|(i, v)| sim.data_mut().qvel_mut()[address + i] = *v);
                }
            }
            _ => {}
        }
    }
    for (body, from, axes, v) in relative {
        let (Some(free), Some(origin)) = (Free::of(sim.model(), body), Free::of(sim.model(), from)) else { continue };
        if placed.contains(&body) || !placed.contains(&from) {
            continue;
        }
        let (mut position, origin) = (free.position(sim), origin.position(sim));
        (0..3).filter(|i| axes[*i]).zip(&v).for_each(|(i, v)| position[i] = origin[i] + v);
        free.set_position(sim, position);
        placed.push(body);
    }
    controls
}

/// Address in qpos of a body's hinge about the vertical, and 1 if it turns to the left, else −1.
fn vertical_hinge(sim: &Simulation, body: usize) -> Option<(usize, f64)> {
    let model = sim.model();
    let first = usize::try_from(model.body_jntadr()[body]).ok()?;
    let vertical =
        |j: &usize| model.jnt_type()[*j] == mjtJoint::mjJNT_HINGE && sim.data().xaxis()[*j][2].abs() > 1.0 - 1e-6;
    let joint = (first..first + model.body_jntnum()[body] as usize).find(vertical)?;
    Some((model.jnt_qposadr()[joint] as usize, sim.data().xaxis()[joint][2].signum()))
}

/// The quaternion (w, x, y, z) of a rotation matrix whose first two columns are given; they are made orthonormal
/// (Zhou et al. 2019).
fn from_columns(v: &[f64]) -> [f64; 4] {
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let unit = |a: [f64; 3]| a.map(|x| x / dot(a, a).sqrt().max(1e-9));
    let x = unit([v[0], v[1], v[2]]);
    let y = [v[3], v[4], v[5]];
    let along = dot(x, y);
    let y = unit(std::array::from_fn(|i| y[i] - along * x[i]));
    let z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    // The largest component is found from the diagonal, the others from what is beside it (Shepperd 1978).
    let (a, b, c) = (x[0], y[1], z[2]);
    let squares = [1.0 + a + b + c, 1.0 + a - b - c, 1.0 - a + b - c, 1.0 - a - b + c];
    let beside = [
        [squares[0], y[2] - z[1], z[0] - x[2], x[1] - y[0]],
        [y[2] - z[1], squares[1], x[1] + y[0], z[0] + x[2]],
        [z[0] - x[2], x[1] + y[0], squares[2], y[2] + z[1]],
        [x[1] - y[0], z[0] + x[2], y[2] + z[1], squares[3]],
    ];
    let largest = (1..4).fold(0, |best, i| if squares[i] > squares[best] { i } else { best });
    let half = 0.5 / squares[largest].sqrt();
    beside[largest].map(|q| q * half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    /// From one start state's observation to another's: bodies and what of the arm is observed are as they were.
    #[test]
    fn an_observation_tells_where_things_are() {
        for (name, unknown) in [("push_t", &[][..]), ("stack", &["tcp_position", "tcp_yaw", "tcp_to_cube_a"][..])] {
            let task = Arc::new(Task::load(name).unwrap());
            let mut world = World::new(task.clone()).unwrap();
            let mut seen = vec![0.0; task.spec().observation.size()];
            world.reset(1, Purpose::Reset, 0).unwrap();
            world.observe(&mut seen);
            assert!(world.reconstruct(&seen).unwrap().exact);
            world.reset(2, Purpose::Reset, 5).unwrap();
            let found = world.reconstruct(&seen).unwrap();
            assert!(!found.exact && found.unknown.iter().all(|n| unknown.contains(&n.as_str())), "{name}: {found:?}");
            assert!(world.reconstruct(&seen[1..]).is_err());
        }
    }

    #[test]
    fn columns_become_the_quaternion_that_made_them() {
        for q in [[1.0, 0.0, 0.0, 0.0], [0.1, 0.7, -0.5, 0.2], [0.0, 0.0, 1.0, 0.0], [-0.3, 0.1, 0.2, 0.9f64]] {
            let length = q.iter().map(|x| x * x).sum::<f64>().sqrt();
            let [w, x, y, z] = q.map(|v| v / length);
            let columns = [
                1.0 - 2.0 * (y * y + z * z),
                2.0 * (x * y + w * z),
                2.0 * (x * z - w * y),
                2.0 * (x * y - w * z),
                1.0 - 2.0 * (x * x + z * z),
                2.0 * (y * z + w * x),
            ];
            let found = from_columns(&columns);
            let same: f64 = found.iter().zip([w, x, y, z]).map(|(a, b)| a * b).sum();
            assert!((same.abs() - 1.0).abs() < 1e-9, "{q:?}: {found:?}");
        }
    }
}
