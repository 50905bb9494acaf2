//! `[[observation]]`: what the policy sees.

use super::point::{PointFile, one};
use serde::Deserialize;

/// Order of a quaternion's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuaternionOrder {
    /// w, x, y, z: that of MuJoCo.
    #[default]
    Wxyz,
    /// x, y, z, w: that of robosuite, robomimic and SciPy.
    Xyzw,
}

/// One `[[observation]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ObservationFile {
    /// Position in the world frame, or the vector from `relative_to`; one value an axis, m.
    Position {
        /// Name of the term.
        name: String,
        /// Observed point.
        of: PointFile,
        /// Origin; the world's if absent.
        relative_to: Option<PointFile>,
        /// Axes that are seen, e.g. `xy`; all if absent.
        axes: Option<String>,
    },
    /// Rotation about the vertical as (cos kθ, sin kθ) with k the symmetry; 2 values.
    Yaw {
        /// Name of the term.
        name: String,
        /// A body or site.
        of: PointFile,
        /// Order of rotational symmetry: 4 for a cube.
        #[serde(default = "one")]
        symmetry: u32,
    },
    /// Positions of hinge or slide joints; one value each, rad or m.
    JointPosition {
        /// Name of the term.
        name: String,
        /// The joints.
        joints: Vec<String>,
    },
    /// Velocities of hinge or slide joints; one value each, rad/s or m/s.
    JointVelocity {
        /// Name of the term.
        name: String,
        /// The joints.
        joints: Vec<String>,
    },
    /// Rotation as the first two columns of its matrix (Zhou et al. 2019); 6 values.
    Rotation {
        /// Name of the term.
        name: String,
        /// Observed point.
        of: PointFile,
        /// Frame in which it is seen; the world's if absent.
        relative_to: Option<PointFile>,
    },
    /// Rotation as a unit quaternion whose w is not negative; 4 values.
    Quaternion {
        /// Name of the term.
        name: String,
        /// Observed point.
        of: PointFile,
        /// Frame in which it is seen; the world's if absent.
        relative_to: Option<PointFile>,
        /// Order of the values.
        #[serde(default)]
        order: QuaternionOrder,
    },
    /// Velocity of a body's origin, world frame, m/s; one value an axis.
    LinearVelocity {
        /// Name of the term.
        name: String,
        /// The body.
        body: String,
        /// Axes that are seen; all if absent.
        axes: Option<String>,
    },
    /// Angular velocity of a body, world frame, rad/s; one value an axis.
    AngularVelocity {
        /// Name of the term.
        name: String,
        /// The body.
        body: String,
        /// Axes that are seen; all if absent.
        axes: Option<String>,
    },
    /// Values of sensors, in their own units, as many as they have.
    Sensor {
        /// Name of the term.
        name: String,
        /// The sensors.
        sensors: Vec<String>,
    },
    /// Present controls of actuators, in their own units; one value each, or as many as an actuator has.
    Control {
        /// Name of the term.
        name: String,
        /// The actuators.
        actuators: Vec<String>,
    },
}

impl ObservationFile {
    /// Name of the term.
    pub fn name(&self) -> &str {
        match self {
            Self::Position { name, .. }
            | Self::Yaw { name, .. }
            | Self::JointPosition { name, .. }
            | Self::JointVelocity { name, .. }
            | Self::Rotation { name, .. }
            | Self::Quaternion { name, .. }
            | Self::LinearVelocity { name, .. }
            | Self::AngularVelocity { name, .. }
            | Self::Sensor { name, .. }
            | Self::Control { name, .. } => name,
        }
    }
}
