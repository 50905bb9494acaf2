//! `[quantities]`: named scalars that cost and success speak of.

use super::point::{PointFile, one};
use serde::Deserialize;

/// A named scalar.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum QuantityFile {
    /// Euclidean distance along the chosen axes, m.
    Distance {
        /// One end.
        from: PointFile,
        /// The other end.
        to: PointFile,
        /// Axes that count, e.g. `xy`; all if absent.
        axes: Option<String>,
    },
    /// Signed coordinate, m.
    Coordinate {
        /// Observed point.
        of: PointFile,
        /// `x`, `y` or `z`.
        axis: String,
        /// Origin; the world's if absent.
        relative_to: Option<PointFile>,
    },
    /// Position of a hinge or slide joint, rad or m.
    JointPosition {
        /// The joint.
        joint: String,
    },
    /// Linear speed of a body's origin, m/s.
    Speed {
        /// The body.
        body: String,
    },
    /// Angle between the vertical and the body's nearest axis: 0 for a cube lying on any face, rad.
    Tilt {
        /// The body.
        body: String,
    },
    /// Absolute difference of rotation about the vertical, modulo the symmetry, rad.
    YawDifference {
        /// A body or site.
        of: PointFile,
        /// A body or site.
        to: PointFile,
        /// Order of rotational symmetry.
        #[serde(default = "one")]
        symmetry: u32,
    },
    /// Angle at one point between the directions to two others: π where it lies between them, rad.
    Angle {
        /// The point of the angle.
        at: PointFile,
        /// One direction's point.
        from: PointFile,
        /// The other's.
        to: PointFile,
        /// Axes that count, e.g. `xy`; all if absent.
        axes: Option<String>,
    },
    /// Velocity of a hinge or slide joint, rad/s or m/s.
    JointVelocity {
        /// The joint.
        joint: String,
    },
    /// Present control of an actuator, in its own unit.
    Control {
        /// The actuator.
        actuator: String,
    },
    /// Distance in the ground plane to the point `offset` behind an object, seen from where it has to go, m.
    DistanceBehind {
        /// Point that should be there.
        of: PointFile,
        /// The object.
        object: PointFile,
        /// Where the object has to go.
        goal: PointFile,
        /// Distance behind the object's origin, m.
        offset: f64,
    },
    /// 1 while any geom of `between` touches any geom of `and`, else 0.
    Contact {
        /// `body:NAME` (all its geoms) or `geom:NAME`.
        between: Vec<String>,
        /// The same.
        and: Vec<String>,
    },
    /// Share of a body's outline, seen from above, that lies inside another's: 0 to 1. The outlines are the unions of
    /// the bodies' box geoms, whose vertical edges are taken to be vertical.
    Overlap {
        /// The body that is to lie inside.
        of: String,
        /// The body whose outline it is compared with.
        with: String,
    },
    /// Length of the vector of position error (m) and rotation error (rad times `metres_per_radian`), m.
    PoseError {
        /// Moved point: `body:`, `site:`, `geom:`, or a fixed point, whose axes are the world's.
        of: PointFile,
        /// Where it should be.
        to: PointFile,
        /// Metres that a radian counts.
        metres_per_radian: f64,
        /// The vector from `to` to where `of` should be, in the frame of `to`, m.
        #[serde(default)]
        offset: [f64; 3],
    },
    /// Angle of the rotation between two frames, 0 to π, rad.
    RotationError {
        /// One frame.
        of: PointFile,
        /// The other.
        to: PointFile,
    },
    /// Angle between an axis of one frame and an axis of another, 0 to π, rad. Without `to` the other is the world's:
    /// with both axes `z` it measures how far a thing is from upright.
    AxisAngle {
        /// One frame.
        of: PointFile,
        /// Axis: `x`, `y`, `z`, or with a minus before it.
        axis: String,
        /// The other frame; the world's if absent.
        to: Option<PointFile>,
        /// The other's axis; `z` if absent.
        to_axis: Option<String>,
        /// Whether axes that point to opposite sides count as aligned: then 0 to π/2.
        #[serde(default)]
        either_way: bool,
    },
    /// Distance of a point from a box whose sides are parallel to the axes: 0 inside, m.
    RegionDistance {
        /// Point that should be in the region.
        of: PointFile,
        /// Lowest corner, m.
        low: [f64; 3],
        /// Highest corner, m.
        high: [f64; 3],
        /// Frame of the corners, position and axes; the world's if absent.
        relative_to: Option<PointFile>,
    },
    /// Angular speed of a body, rad/s.
    AngularSpeed {
        /// The body.
        body: String,
    },
    /// Force or torque that an actuator applies, N or N·m.
    ActuatorForce {
        /// The actuator.
        actuator: String,
    },
    /// Rate of an actuator's control in the last control step, its unit a second.
    ControlRate {
        /// The actuator.
        actuator: String,
    },
    /// Value of a sensor, in its own unit; of a sensor with several the length of their vector.
    Sensor {
        /// The sensor.
        sensor: String,
        /// Which of its values, from 0.
        component: Option<usize>,
    },
    /// Sum of the normal forces of all contacts between any geom of `between` and any geom of `and`, N.
    ContactForce {
        /// `body:NAME` (all its geoms) or `geom:NAME`.
        between: Vec<String>,
        /// The same.
        and: Vec<String>,
    },
    /// Least distance between any geom of `between` and any geom of `and`, m: negative where they touch, `most` where
    /// they are further apart. A contact with a margin is `gap < 0.002`.
    Gap {
        /// `body:NAME` (all its geoms) or `geom:NAME`.
        between: Vec<String>,
        /// The same.
        and: Vec<String>,
        /// Largest distance measured, m.
        most: f64,
    },
    /// Value that the program computes: the `CustomQuantity` of this quantity's name.
    Custom {},
    /// Number of comparisons of other quantities that hold.
    Count {
        /// The comparisons.
        of: Vec<String>,
    },
    /// Least of other quantities.
    Least {
        /// Their names.
        of: Vec<String>,
        /// As many comparisons: a quantity whose comparison holds is left out.
        #[serde(default)]
        except: Vec<String>,
        /// The value if all are left out.
        #[serde(default)]
        otherwise: f64,
    },
    /// Greatest of other quantities.
    Greatest {
        /// Their names.
        of: Vec<String>,
    },
    /// Absolute value of another quantity.
    Magnitude {
        /// Name.
        of: String,
    },
    /// Weighted sum of other quantities.
    Sum {
        /// Their names.
        of: Vec<String>,
        /// As many weights; all 1 if absent.
        #[serde(default)]
        weights: Vec<f64>,
    },
}

impl QuantityFile {
    /// The points that it speaks of. Those of contacts and gaps are left out: tables and walls are among them.
    pub(crate) fn points(&self) -> Vec<PointFile> {
        let body = |name: &String| PointFile::Named(format!("body:{name}"));
        let all = |points: &[&PointFile], more: &Option<PointFile>| {
            points.iter().map(|p| (*p).clone()).chain(more.clone()).collect()
        };
        match self {
            Self::Distance { from, to, .. } => all(&[from, to], &None),
            Self::Coordinate { of, relative_to, .. } | Self::RegionDistance { of, relative_to, .. } => {
                all(&[of], relative_to)
            }
            Self::YawDifference { of, to, .. } | Self::PoseError { of, to, .. } | Self::RotationError { of, to } => {
                all(&[of, to], &None)
            }
            Self::Angle { at, from, to, .. } => all(&[at, from, to], &None),
            Self::DistanceBehind { of, object, goal, .. } => all(&[of, object, goal], &None),
            Self::AxisAngle { of, to, .. } => all(&[of], to),
            Self::Speed { body: name } | Self::Tilt { body: name } | Self::AngularSpeed { body: name } => {
                vec![body(name)]
            }
            Self::Overlap { of, with } => [of, with].into_iter().map(body).collect(),
            _ => Vec::new(),
        }
    }

    /// Unit of its values; empty for those without one, and where the model decides.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Distance { .. }
            | Self::Coordinate { .. }
            | Self::DistanceBehind { .. }
            | Self::PoseError { .. }
            | Self::RegionDistance { .. }
            | Self::Gap { .. } => "m",
            Self::Tilt { .. }
            | Self::YawDifference { .. }
            | Self::Angle { .. }
            | Self::RotationError { .. }
            | Self::AxisAngle { .. } => "rad",
            Self::Speed { .. } => "m/s",
            Self::AngularSpeed { .. } => "rad/s",
            Self::ContactForce { .. } => "N",
            _ => "",
        }
    }
}
