//! Poses as actions command them, and bodies that take them.

use super::chain::isometry;
use crate::mujoco::lookup::{ObjectKind, find, free_joint};
use crate::mujoco::simulation::Simulation;
use crate::task::file::OrientationFile;
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_model::MjtEq;
use nalgebra::{Isometry3, Matrix3, Quaternion, Rotation3, Translation3, UnitQuaternion, Vector3};

/// Values of an action that command a pose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoseFormat {
    /// Part of the orientation that is commanded.
    pub orientation: OrientationFile,
    /// Orientation that is kept or turned.
    pub base: UnitQuaternion<f64>,
    /// Height that is held, if only x and y are commanded, m.
    pub height: Option<f64>,
}

impl PoseFormat {
    fn axes(&self) -> usize {
        if self.height.is_some() { 2 } else { 3 }
    }

    /// The pose that an action commands, and how many of its values say so.
    pub fn pose(&self, value: impl Fn(usize) -> f64) -> (Isometry3<f64>, usize) {
        let position = Vector3::new(value(0), value(1), self.height.unwrap_or_else(|| value(2)));
        let at = self.axes();
        // A full rotation is absolute; a yaw turns the rest orientation.
        let (rotation, used) = match self.orientation {
            OrientationFile::Fixed => (UnitQuaternion::identity() * self.base, at),
            OrientationFile::Yaw => {
                let yaw = value(at + 1).atan2(value(at));
                (UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw) * self.base, at + 2)
            }
            OrientationFile::Full => (rotation_from_columns(|i| value(at + i)), at + 6),
        };
        (Isometry3::from_parts(Translation3::from(position), rotation), used)
    }

    /// The values that command a pose.
    pub fn values(&self, pose: &Isometry3<f64>) -> Vec<f64> {
        let mut values = pose.translation.vector.iter().copied().take(self.axes()).collect::<Vec<_>>();
        match self.orientation {
            OrientationFile::Fixed => {}
            OrientationFile::Yaw => {
                let heading = (pose.rotation * self.base.inverse()) * Vector3::x();
                let yaw = heading.y.atan2(heading.x);
                values.extend([yaw.cos(), yaw.sin()]);
            }
            OrientationFile::Full => values.extend(pose.rotation.to_rotation_matrix().matrix().iter().take(6)),
        }
        values
    }
}

/// The rotation of a quaternion (w, x, y, z), the value of `key`.
///
/// # Errors
/// A bad input, if it is zero.
pub(crate) fn rotation(key: &str, [w, x, y, z]: [f64; 4]) -> Result<UnitQuaternion<f64>> {
    let rotation = UnitQuaternion::try_new(Quaternion::new(w, x, y, z), 1e-6);
    rotation.ok_or_else(|| InputError::unexpected(key, "a rotation (w, x, y, z)", "zero"))
}

/// The pose a share of the way from one to another.
pub(crate) fn between(start: &Isometry3<f64>, goal: &Isometry3<f64>, part: f64) -> Isometry3<f64> {
    let position = start.translation.vector.lerp(&goal.translation.vector, part);
    let rotation = start.rotation.try_slerp(&goal.rotation, part, 1e-9).unwrap_or(goal.rotation);
    Isometry3::from_parts(Translation3::from(position), rotation)
}

/// The pose of a mocap body.
pub(crate) fn mocap_pose(sim: &Simulation, index: usize) -> Isometry3<f64> {
    isometry(sim.data().mocap_pos()[index], sim.data().mocap_quat()[index])
}

/// Where the pose of a body that moves freely is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Free {
    /// Free joint, by address in qpos.
    Joint(usize),
    /// Mocap pose, by index.
    Mocap(usize),
}

impl Free {
    /// The place of a body's pose; nothing if the body does not move freely.
    pub fn of(model: &MjModel, body: usize) -> Option<Self> {
        let joint = free_joint(model, body).map(|j| Self::Joint(model.jnt_qposadr()[j] as usize));
        joint.or_else(|| usize::try_from(model.body_mocapid()[body]).ok().map(Self::Mocap))
    }

    /// Position, world frame, m.
    pub fn position(self, sim: &Simulation) -> [f64; 3] {
        match self {
            Self::Joint(a) => std::array::from_fn(|i| sim.data().qpos()[a + i]),
            Self::Mocap(i) => sim.data().mocap_pos()[i],
        }
    }

    /// Orientation, (w, x, y, z).
    pub fn rotation(self, sim: &Simulation) -> [f64; 4] {
        match self {
            Self::Joint(a) => std::array::from_fn(|i| sim.data().qpos()[a + 3 + i]),
            Self::Mocap(i) => sim.data().mocap_quat()[i],
        }
    }

    /// Sets the position.
    pub fn set_position(self, sim: &mut Simulation, position: [f64; 3]) {
        match self {
            Self::Joint(a) => sim.data_mut().qpos_mut()[a..a + 3].copy_from_slice(&position),
            Self::Mocap(i) => sim.data_mut().mocap_pos_mut()[i] = position,
        }
    }

    /// Sets the orientation, (w, x, y, z).
    pub fn set_rotation(self, sim: &mut Simulation, quaternion: [f64; 4]) {
        match self {
            Self::Joint(a) => sim.data_mut().qpos_mut()[a + 3..a + 7].copy_from_slice(&quaternion),
            Self::Mocap(i) => sim.data_mut().mocap_quat_mut()[i] = quaternion,
        }
    }
}

/// Sets the pose of a mocap body.
pub(crate) fn set_mocap_pose(sim: &mut Simulation, index: usize, pose: &Isometry3<f64>) {
    let (p, q) = (pose.translation.vector, pose.rotation);
    sim.data_mut().mocap_pos_mut()[index] = [p.x, p.y, p.z];
    sim.data_mut().mocap_quat_mut()[index] = [q.w, q.i, q.j, q.k];
}

/// Index of a mocap body among those of the model.
pub(crate) fn mocap_index(model: &MjModel, body: &str) -> Result<usize> {
    let id = find(model, ObjectKind::Body, body).map_err(|e| e.in_file("action.body"))?;
    usize::try_from(model.body_mocapid()[id])
        .map_err(|_| InputError::unexpected("action.body", "a mocap body", format!("`{body}`, which is none")))
}

/// Makes the bodies that are welded to a mocap body take its very pose.
///
/// # Errors
/// A bad input, if nothing is welded to it.
pub(crate) fn align_welds(model: &mut MjModel, body: &str) -> Result<()> {
    let id = find(model, ObjectKind::Body, body).map_err(|e| e.in_file("action.body"))? as i32;
    let ends = model.eq_obj1id().iter().zip(model.eq_obj2id());
    let of_body = |(kind, (a, b)): (&MjtEq, (&i32, &i32))| *kind == MjtEq::mjEQ_WELD && (*a == id || *b == id);
    let welds: Vec<usize> =
        model.eq_type().iter().zip(ends).enumerate().filter(|(_, e)| of_body(*e)).map(|(i, _)| i).collect();
    let found = format!("`{body}`, which has none");
    InputError::ensure(!welds.is_empty(), "action.aligned", "a mocap body with a weld", found)?;
    // SAFETY: these are plain numbers: anchor (3), relative position (3) and rotation (4) of a weld.
    let data = unsafe { model.eq_data_mut() };
    for weld in welds {
        data[weld][..10].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }
    Ok(())
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
