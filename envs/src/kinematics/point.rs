//! Points and frames of a simulated state, and the axes that task files speak of.

use crate::mujoco::lookup::{ObjectKind, find};
use crate::mujoco::simulation::Simulation;
use crate::task::file::PointFile;
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use nalgebra::{Matrix3, Rotation3, UnitQuaternion};

/// A point in the world, fixed or moving.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Point {
    /// Origin of a body.
    Body(usize),
    /// Origin of a site.
    Site(usize),
    /// Centre of a geom.
    Geom(usize),
    /// A fixed point, m.
    Fixed([f64; 3]),
}

impl Point {
    /// The world's frame.
    pub const WORLD: Self = Self::Fixed([0.0; 3]);

    /// Resolves a reference of a task file.
    ///
    /// # Errors
    /// A bad input, if the reference is malformed or names nothing in the model.
    pub fn resolve(file: &PointFile, model: &MjModel) -> Result<Self> {
        let text = match file {
            PointFile::Fixed(p) if p.iter().all(|x| x.is_finite()) => return Ok(Self::Fixed(*p)),
            PointFile::Fixed(p) => return Err(InputError::unexpected("point", "finite numbers", format!("{p:?}"))),
            PointFile::Named(text) => text,
        };
        let expected = "body:NAME, site:NAME, geom:NAME or [x, y, z]";
        let (kind, name) =
            text.split_once(':').ok_or_else(|| InputError::unexpected("point", expected, format!("`{text}`")))?;
        match kind {
            "body" => find(model, ObjectKind::Body, name).map(Self::Body),
            "site" => find(model, ObjectKind::Site, name).map(Self::Site),
            "geom" => find(model, ObjectKind::Geom, name).map(Self::Geom),
            _ => Err(InputError::unexpected("point", expected, format!("`{text}`"))),
        }
    }

    /// Position, world frame, m.
    pub fn position(self, sim: &Simulation) -> [f64; 3] {
        match self {
            Self::Body(id) => sim.data().xpos()[id],
            Self::Site(id) => sim.data().site_xpos()[id],
            Self::Geom(id) => sim.data().geom_xpos()[id],
            Self::Fixed(p) => p,
        }
    }

    /// Rotation matrix, row-major; the identity for a fixed point.
    pub fn rotation(self, sim: &Simulation) -> [f64; 9] {
        match self {
            Self::Body(id) => sim.data().xmat()[id],
            Self::Site(id) => sim.data().site_xmat()[id],
            Self::Geom(id) => sim.data().geom_xmat()[id],
            Self::Fixed(_) => [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        }
    }

    /// Vector `v` of this frame's axes in those of the world.
    pub fn turned(self, sim: &Simulation, v: [f64; 3]) -> [f64; 3] {
        let m = self.rotation(sim);
        std::array::from_fn(|i| m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2])
    }

    /// Vector `v` of the world's axes in those of this frame.
    pub fn unturned(self, sim: &Simulation, v: [f64; 3]) -> [f64; 3] {
        let m = self.rotation(sim);
        std::array::from_fn(|i| m[i] * v[0] + m[3 + i] * v[1] + m[6 + i] * v[2])
    }

    /// Rotation about the vertical, rad in (−π, π]: the heading of the x axis, projected to the ground.
    pub fn yaw(self, sim: &Simulation) -> f64 {
        let m = self.rotation(sim);
        m[3].atan2(m[0])
    }
}

/// The vector from `origin` to `point`, or the point's world position, m.
pub fn relative(sim: &Simulation, point: Point, origin: Option<Point>) -> [f64; 3] {
    let p = point.position(sim);
    let o = origin.map_or([0.0; 3], |o| o.position(sim));
    [p[0] - o[0], p[1] - o[1], p[2] - o[2]]
}

/// Velocity of the body's origin in the world frame, m/s, from MuJoCo's centre-of-mass based spatial velocity.
pub fn linear_velocity(sim: &Simulation, body: usize) -> [f64; 3] {
    let data = sim.data();
    let v = data.cvel()[body];
    let root = sim.model().body_rootid()[body] as usize;
    let (p, c) = (data.xpos()[body], data.subtree_com()[root]);
    let r = [p[0] - c[0], p[1] - c[1], p[2] - c[2]];
    [v[3] + v[1] * r[2] - v[2] * r[1], v[4] + v[2] * r[0] - v[0] * r[2], v[5] + v[0] * r[1] - v[1] * r[0]]
}

/// Angular velocity of a body in the world frame, rad/s.
pub fn angular_velocity(sim: &Simulation, body: usize) -> [f64; 3] {
    let v = sim.data().cvel()[body];
    [v[0], v[1], v[2]]
}

/// Angle of the rotation from one frame to another, 0 to π, rad.
pub fn rotation_error(sim: &Simulation, a: Point, b: Point) -> f64 {
    let (a, b) = (a.rotation(sim), b.rotation(sim));
    // With R = Aᵀ B: trace R = 1 + 2 cos θ, and the antisymmetric part has length 2 sin θ, which is exact where cos is
    // not.
    let r = |i: usize, j: usize| (0..3).map(|k| a[3 * k + i] * b[3 * k + j]).sum::<f64>();
    let trace = r(0, 0) + r(1, 1) + r(2, 2);
    let skew = [r(2, 1) - r(1, 2), r(0, 2) - r(2, 0), r(1, 0) - r(0, 1)];
    length(&skew).atan2(trace - 1.0)
}

/// Rotation of a frame as seen from another, as the quaternion (w, x, y, z) whose first value that is not 0 is positive.
pub(crate) fn quaternion(sim: &Simulation, of: Point, frame: Point) -> [f64; 4] {
    let m = of.rotation(sim);
    let column = |i: usize| frame.unturned(sim, [m[i], m[3 + i], m[6 + i]]).into();
    let turn = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[column(0), column(1), column(2)]));
    let q = UnitQuaternion::from_rotation_matrix(&turn);
    let values = [q.w, q.i, q.j, q.k];
    let negative = values.iter().find(|v| **v != 0.0).is_some_and(|v| *v < 0.0);
    if negative { values.map(|v| -v) } else { values }
}

/// Length of a vector.
pub fn length(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The unit vector that `x`, `-y`, … names.
///
/// # Errors
/// A bad input.
pub(crate) fn parse_direction(text: &str) -> Result<[f64; 3]> {
    let (sign, axis) = text.strip_prefix('-').map_or((1.0, text), |axis| (-1.0, axis));
    let index = ["x", "y", "z"].iter().position(|a| *a == axis);
    let index = index
        .ok_or_else(|| InputError::unexpected("axis", "`x`, `y` or `z`, perhaps with a minus", format!("`{text}`")))?;
    Ok(std::array::from_fn(|i| if i == index { sign } else { 0.0 }))
}

/// Which axes a string of letters of `xyz` names; all if absent.
///
/// # Errors
/// A bad input.
pub(crate) fn parse_axes(axes: Option<&str>) -> Result<[bool; 3]> {
    let Some(text) = axes else { return Ok([true; 3]) };
    let mut chosen = [false; 3];
    for c in text.chars() {
        let index =
            "xyz".find(c).ok_or_else(|| InputError::unexpected("axes", "letters of `xyz`", format!("`{text}`")))?;
        chosen[index] = true;
    }
    if text.is_empty() { Err(InputError::unexpected("axes", "letters of `xyz`", "nothing")) } else { Ok(chosen) }
}
