//! Forward kinematics and Jacobian of one serial chain, taken from a MuJoCo model and computed on nalgebra.
//!
//! Frames: everything is in the world frame. Used by inverse kinematics, which needs poses of commanded joint
//! positions that are not the simulation's own.

use mujoco_rs::mujoco_c::mjtJoint;
use mujoco_rs::prelude::MjModel;
use nalgebra::{Isometry3, Matrix6xX, Point3, Translation3, Unit, UnitQuaternion, Vector3, Vector6};

/// A joint of the chain.
#[derive(Clone, Debug)]
struct Joint {
    /// Index into the chain's joint vector.
    index: usize,
    hinge: bool,
    axis: Unit<Vector3<f64>>,
    anchor: Vector3<f64>,
    reference: f64,
}

/// One body on the way from the world to the end effector.
#[derive(Clone, Debug)]
struct Link {
    offset: Isometry3<f64>,
    joints: Vec<Joint>,
}

/// The chain of bodies from the world to a site, moved by a chosen set of joints.
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Link>,
    tip: Isometry3<f64>,
    joints: usize,
}

/// The pose at `position` with a quaternion (w, x, y, z).
pub(super) fn isometry(position: [f64; 3], [w, x, y, z]: [f64; 4]) -> Isometry3<f64> {
    let rotation = UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(w, x, y, z));
    Isometry3::from_parts(Translation3::from(Vector3::from(position)), rotation)
}

impl Chain {
    /// The chain to `site`; `joints` are joint ids in the order of the joint vector. Joints of the chain that are
    /// not among them stay at their default position.
    pub fn new(model: &MjModel, site: usize, joints: &[usize]) -> Self {
        let tip = isometry(model.site_pos()[site], model.site_quat()[site]);
        let mut links = Vec::new();
        let mut body = model.site_bodyid()[site] as usize;
        while body != 0 {
            let first = model.body_jntadr()[body];
            let own = (0..model.body_jntnum()[body]).map(|i| (first + i) as usize);
            let moved = own.filter_map(|id| {
                let index = joints.iter().position(|j| *j == id)?;
                Some(Joint {
                    index,
                    hinge: model.jnt_type()[id] == mjtJoint::mjJNT_HINGE,
                    axis: Unit::new_normalize(Vector3::from(model.jnt_axis()[id])),
                    anchor: Vector3::from(model.jnt_pos()[id]),
                    reference: model.qpos0()[model.jnt_qposadr()[id] as usize],
                })
            });
            links.push(Link {
                offset: isometry(model.body_pos()[body], model.body_quat()[body]),
                joints: moved.collect(),
            });
            body = model.body_parentid()[body] as usize;
        }
        links.reverse();
        Self { links, tip, joints: joints.len() }
    }

    /// Number of joints.
    pub fn joints(&self) -> usize {
        self.joints
    }

    /// Pose of the tip at joint positions `q` (rad or m).
    pub fn pose(&self, q: &[f64]) -> Isometry3<f64> {
        self.walk(q, |_, _, _| {})
    }

    /// Pose of the tip and its Jacobian (6, joints): linear velocity above angular velocity, world frame.
    pub fn pose_and_jacobian(&self, q: &[f64], jacobian: &mut Matrix6xX<f64>) -> Isometry3<f64> {
        // Columns are first filled with (anchor, axis) and turned into velocities once the tip is known.
        let pose = self.walk(q, |index, anchor, axis| {
            jacobian.set_column(index, &Vector6::new(anchor.x, anchor.y, anchor.z, axis.x, axis.y, axis.z));
        });
        for joint in self.links.iter().flat_map(|link| &link.joints) {
            let mut column = jacobian.column_mut(joint.index);
            let (anchor, axis) =
                (Vector3::new(column[0], column[1], column[2]), Vector3::new(column[3], column[4], column[5]));
            let (linear, angular) = match joint.hinge {
                true => (axis.cross(&(pose.translation.vector - anchor)), axis),
                false => (axis, Vector3::zeros()),
            };
            column.copy_from(&Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z));
        }
        pose
    }

    fn walk(&self, q: &[f64], mut visit: impl FnMut(usize, Vector3<f64>, Vector3<f64>)) -> Isometry3<f64> {
        let mut pose = Isometry3::identity();
        for link in &self.links {
            pose *= link.offset;
            for joint in &link.joints {
                let anchor = pose * Point3::from(joint.anchor);
                visit(joint.index, anchor.coords, pose.rotation * joint.axis.into_inner());
                let value = q[joint.index] - joint.reference;
                if joint.hinge {
                    let turn = UnitQuaternion::from_axis_angle(&joint.axis, value);
                    let shift = joint.anchor - turn * joint.anchor;
                    pose *= Isometry3::from_parts(Translation3::from(shift), turn);
                } else {
                    pose *= Translation3::from(joint.axis.into_inner() * value);
                }
            }
        }
        pose * self.tip
    }
}
