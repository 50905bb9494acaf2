//! Damped-least-squares inverse kinematics (Wampler 1986; Nakamura & Hanafusa 1986) with a posture task in the
//! null space.
//!
//! Each iteration solves Δq = Jᵀ (J Jᵀ + λ² I)⁻¹ e + (I − J⁺ J) k (q_rest − q), with e the pose error (m, rad).

use super::chain::Chain;
use nalgebra::{DVector, Isometry3, Matrix6, Matrix6xX, Vector6};

/// Damping λ: small against the arm's reach, enough to stay calm near singularities.
const DAMPING: f64 = 0.02;
/// Gain k of the pull towards the rest posture.
const REST_GAIN: f64 = 0.05;
/// Iterations a solve; the error is warm-started from the last control step and small.
const ITERATIONS: usize = 6;
/// Pose error (m and rad) below which a solve ends.
const TOLERANCE: f64 = 1e-5;

/// Solver for one chain; holds its buffers, so that a solve allocates nothing.
#[derive(Clone, Debug)]
pub struct InverseKinematics {
    chain: Chain,
    lower: Vec<f64>,
    upper: Vec<f64>,
    rest: Vec<f64>,
    jacobian: Matrix6xX<f64>,
    step: DVector<f64>,
    pull: DVector<f64>,
}

impl InverseKinematics {
    /// A solver for `chain` with joint limits and a rest posture, each one value a joint.
    pub fn new(chain: Chain, lower: Vec<f64>, upper: Vec<f64>, rest: Vec<f64>) -> Self {
        let n = chain.joints();
        let jacobian = Matrix6xX::zeros(n);
        Self { chain, lower, upper, rest, jacobian, step: DVector::zeros(n), pull: DVector::zeros(n) }
    }

    /// The chain solved for.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Moves `q` towards joint positions whose tip pose is `target`, within the joint limits.
    /// Returns the remaining error (m and rad, Euclidean norm of both).
    pub fn solve(&mut self, target: &Isometry3<f64>, q: &mut [f64]) -> f64 {
        let mut error = f64::INFINITY;
        for _ in 0..ITERATIONS {
            let pose = self.chain.pose_and_jacobian(q, &mut self.jacobian);
            let twist = pose_error(&pose, target);
            error = twist.norm();
            if error < TOLERANCE {
                break;
            }
            let mut gram: Matrix6<f64> = &self.jacobian * self.jacobian.transpose();
            for i in 0..6 {
                gram[(i, i)] += DAMPING * DAMPING;
            }
            let Some(factor) = gram.cholesky() else { break };
            for (i, pull) in self.pull.iter_mut().enumerate() {
                *pull = REST_GAIN * (self.rest[i] - q[i]);
            }
            // Jᵀ y with y = (J Jᵀ + λ²I)⁻¹ (e − J pull), plus pull: the null-space form in one solve.
            let y: Vector6<f64> = factor.solve(&(twist - &self.jacobian * &self.pull));
            self.step.gemv_tr(1.0, &self.jacobian, &y, 0.0);
            for (i, q) in q.iter_mut().enumerate() {
                *q = (*q + self.step[i] + self.pull[i]).clamp(self.lower[i], self.upper[i]);
            }
        }
        error
    }
}

/// Twist (linear m, angular rad; world frame) that takes `pose` to `target`.
pub fn pose_error(pose: &Isometry3<f64>, target: &Isometry3<f64>) -> Vector6<f64> {
    let linear = target.translation.vector - pose.translation.vector;
    let angular = (target.rotation * pose.rotation.inverse()).scaled_axis();
    Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use proptest::prelude::*;

    const REST: [f64; 7] = [0.0, 0.4, 0.0, -1.95, 0.0, 2.35, 0.8];

    fn solver() -> InverseKinematics {
        let task = Task::load("stack").unwrap();
        let model = task.compiled_model();
        let site = crate::mujoco::lookup::find(model, crate::mujoco::lookup::ObjectKind::Site, "tcp").unwrap();
        let joint = |i: usize| {
            crate::mujoco::lookup::find(model, crate::mujoco::lookup::ObjectKind::Joint, &format!("joint{i}")).unwrap()
        };
        let joints: Vec<usize> = (1..=7).map(joint).collect();
        let (lower, upper) = joints.iter().map(|j| (model.jnt_range()[*j][0], model.jnt_range()[*j][1])).unzip();
        InverseKinematics::new(Chain::new(model, site, &joints), lower, upper, REST.to_vec())
    }

    #[test]
    fn the_chain_agrees_with_mujoco() {
        let task = std::sync::Arc::new(Task::load("stack").unwrap());
        let mut world = crate::world::World::new(task.clone()).unwrap();
        world.reset(3, imle_configs::seed::Purpose::Reset, 0).unwrap();
        let site =
            crate::mujoco::lookup::find(task.compiled_model(), crate::mujoco::lookup::ObjectKind::Site, "tcp").unwrap();
        let data = world.simulation().data();
        let pose = solver().chain().pose(&data.qpos()[..7]);
        for i in 0..3 {
            assert!((pose.translation.vector[i] - data.site_xpos()[site][i]).abs() < 1e-9);
        }
        let matrix = pose.rotation.to_rotation_matrix();
        for i in 0..9 {
            assert!((matrix[(i / 3, i % 3)] - data.site_xmat()[site][i]).abs() < 1e-9);
        }
    }

    #[test]
    fn the_jacobian_agrees_with_finite_differences() {
        let solver = solver();
        let mut jacobian = Matrix6xX::zeros(7);
        let pose = solver.chain.pose_and_jacobian(&REST, &mut jacobian);
        for j in 0..7 {
            let mut q = REST;
            q[j] += 1e-6;
            let twist = pose_error(&pose, &solver.chain.pose(&q)) / 1e-6;
            assert!((twist - jacobian.column(j)).norm() < 1e-4, "joint {j}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn reachable_poses_are_reached(x in -0.15..0.15f64, y in -0.2..0.2f64, z in 0.02..0.3f64, yaw in -1.4..1.4f64) {
            let mut solver = solver();
            let mut q = REST;
            let base = solver.chain.pose(&REST).rotation;
            let turn = nalgebra::UnitQuaternion::from_axis_angle(&nalgebra::Vector3::z_axis(), yaw);
            let target = Isometry3::from_parts(nalgebra::Translation3::new(x, y, z), turn * base);
            for _ in 0..20 {
                solver.solve(&target, &mut q);
            }
            prop_assert!(pose_error(&solver.chain.pose(&q), &target).norm() < 1e-3);
            for (q, (lower, upper)) in q.iter().zip(solver.lower.iter().zip(&solver.upper)) {
                prop_assert!(q >= lower && q <= upper);
            }
        }
    }
}
