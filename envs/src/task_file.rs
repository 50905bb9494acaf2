//! The schema of a task file (TOML). `configs/tasks/stack.toml` is a commented example.
//!
//! Units: metres, radians, seconds, kilograms. References to things in the model are written `body:NAME`,
//! `site:NAME`, `geom:NAME`, or a fixed point `[x, y, z]` in the world frame.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole task file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// The task's name.
    pub name: String,
    /// One line for `planner tasks`.
    pub description: String,
    /// MJCF file, relative to the task file, or the name of an embedded one.
    pub model: String,
    /// Control steps a second, Hz.
    pub control_rate: f64,
    /// Longest episode, control steps.
    pub max_steps: usize,
    /// The planner's model.
    #[serde(default)]
    pub planning: PlanningFile,
    /// What the policy commands.
    pub action: ActionFile,
    /// What the policy sees, in order.
    pub observation: Vec<ObservationFile>,
    /// Names of the observation terms that a robot knows of itself: what a policy with cameras sees beside their pictures.
    #[serde(default)]
    pub proprioception: Vec<String>,
    /// How episodes start.
    #[serde(default)]
    pub reset: ResetFile,
    /// Named scalars that cost and success speak of.
    pub quantities: BTreeMap<String, QuantityFile>,
    /// What the planner minimises.
    pub cost: CostFile,
    /// When the task is done.
    pub success: SuccessFile,
    /// When the task is lost, if it can be.
    #[serde(default)]
    pub failure: Option<FailureFile>,
    /// What fine-tuning maximises.
    #[serde(default)]
    pub reward: RewardFile,
    /// Name of the scripted expert, if there is one.
    #[serde(default)]
    pub expert: Option<String>,
    /// How pictures are taken.
    #[serde(default)]
    pub render: RenderFile,
    /// Cameras whose pictures may be observed, beside the state observation; all of one size.
    #[serde(default)]
    pub camera: Vec<CameraFile>,
}

/// `[planning]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanningFile {
    /// Physics step of the planner's model, s; the model's own if absent.
    pub timestep: Option<f64>,
    /// MuJoCo's `impratio` in the planner's model: less than the world's makes contacts cheaper, with a little more
    /// slip in a grasp; the model's own if absent.
    pub impratio: Option<f64>,
    /// Whether bodies at rest sleep in the planner's model (MuJoCo's `sleep` flag): faster where most of the scene rests.
    /// `planner bench sleep` tells whether the same plans are chosen.
    pub sleep: bool,
    /// Control steps executed of each chunk before the next decision, where the task needs feedback sooner than the
    /// generator's T_act; that of the generator if absent.
    pub execute: Option<usize>,
}

/// `[action]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionFile {
    /// End-effector pose by inverse kinematics, with an optional gripper.
    EndEffector {
        /// Site whose pose is commanded.
        site: String,
        /// Position actuators of the arm's joints, base to tip.
        actuators: Vec<String>,
        /// Position actuator of the gripper; its range maps to 0 (low end) … 1 (high end).
        #[serde(default)]
        gripper: Option<String>,
        /// What of the orientation is commanded.
        orientation: OrientationFile,
        /// Lowest commanded position, world frame, m: x, y, z, or x, y with a `height`.
        low: Vec<f64>,
        /// Highest commanded position, as `low`.
        high: Vec<f64>,
        /// Height at which the site is held, world frame, m; then only x and y are commanded.
        #[serde(default)]
        height: Option<f64>,
        /// Fastest commanded motion of each joint, rad/s.
        max_joint_speed: Vec<f64>,
    },
    /// Targets of position actuators, rad or m.
    JointTargets {
        /// The actuators, in order.
        actuators: Vec<String>,
        /// Fastest commanded motion of each, rad/s or m/s.
        max_joint_speed: Vec<f64>,
    },
    /// Raw controls of actuators, in their own units.
    Actuators {
        /// The actuators, in order.
        actuators: Vec<String>,
    },
}

/// What of the end effector's orientation is commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrientationFile {
    /// Nothing: it keeps the orientation of the reset keyframe.
    Fixed,
    /// Rotation about the vertical as (cos, sin), from the orientation of the reset keyframe.
    Yaw,
    /// The whole rotation as the first two columns of its matrix (Zhou et al. 2019, 6 values).
    Full,
}

/// A point: `body:NAME`, `site:NAME`, `geom:NAME` or `[x, y, z]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum PointFile {
    /// A named thing.
    Named(String),
    /// A fixed point in the world frame, m.
    Fixed([f64; 3]),
}

/// One `[[observation]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ObservationFile {
    /// Position in the world frame, or the vector from `relative_to`; one value an axis, m.
    Position {
        /// Name of the term.
        name: String,
        /// What is looked at.
        of: PointFile,
        /// Origin; the world's if absent.
        #[serde(default)]
        relative_to: Option<PointFile>,
        /// Axes that are seen, e.g. `xy`; all if absent.
        #[serde(default)]
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
}

fn one() -> u32 {
    1
}

/// `[reset]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResetFile {
    /// Keyframe to start from.
    pub keyframe: Option<String>,
    /// Half-width of the uniform noise on the arm's joints, rad.
    pub joint_noise: f64,
    /// Least distance between the centres of placed bodies, m.
    pub min_distance: f64,
    /// Bodies placed at random; each needs a free joint or is a mocap body.
    pub place: Vec<PlaceFile>,
    /// Joints set at random.
    pub joint: Vec<ResetJointFile>,
    /// Pairs of slides set to a random point of a circle.
    pub circle: Vec<ResetCircleFile>,
}

/// One `[[reset.circle]]`: two slide joints set to (radius·cos φ, radius·sin φ), φ uniform; position actuators that
/// drive them follow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetCircleFile {
    /// The joints.
    pub joints: [String; 2],
    /// Radius of the circle, m.
    pub radius: f64,
}

/// One `[[reset.joint]]`: a hinge or slide joint set at random; a position actuator that drives it follows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetJointFile {
    /// The joint.
    pub joint: String,
    /// Range of its position, rad or m.
    pub range: [f64; 2],
    /// Deviation of normal noise on top of that, rad or m; a draw outside of the joint's limits is made again.
    #[serde(default)]
    pub deviation: f64,
    /// Deviation of its normal velocity, rad/s or m/s.
    #[serde(default)]
    pub speed_deviation: f64,
}

/// One `[[reset.place]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceFile {
    /// The body.
    pub body: String,
    /// Range of x, m.
    pub x: [f64; 2],
    /// Range of y, m.
    pub y: [f64; 2],
    /// Height of the body's origin, m.
    pub z: f64,
    /// Range of the rotation about the vertical, rad.
    pub yaw: [f64; 2],
}

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
        #[serde(default)]
        axes: Option<String>,
    },
    /// Signed coordinate, m.
    Coordinate {
        /// What is looked at.
        of: PointFile,
        /// `x`, `y` or `z`.
        axis: String,
        /// Origin; the world's if absent.
        #[serde(default)]
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
        #[serde(default)]
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
        /// What should be there.
        of: PointFile,
        /// The object.
        object: PointFile,
        /// Where the object has to go.
        goal: PointFile,
        /// How far behind the object's origin, m.
        offset: f64,
    },
    /// 1 while any geom of `between` touches any geom of `and`, else 0.
    Contact {
        /// `body:NAME` (all its geoms) or `geom:NAME`.
        between: Vec<String>,
        /// The same.
        and: Vec<String>,
    },
    /// How much of a body's outline, seen from above, lies inside another's: 0 to 1. The outlines are the unions of
    /// the bodies' box geoms, whose vertical edges are taken to be vertical.
    Overlap {
        /// The body that is to lie inside.
        of: String,
        /// The body whose outline it is compared with.
        with: String,
    },
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
    /// Weighted sum of other quantities.
    Sum {
        /// Their names.
        of: Vec<String>,
        /// As many weights; all 1 if absent.
        #[serde(default)]
        weights: Vec<f64>,
    },
}

/// `[cost]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostFile {
    /// Weight of the mean cost over the rollout's control steps.
    pub running: f64,
    /// Weight of the cost of the rollout's last state.
    pub terminal: f64,
    /// Weighted residuals that always count.
    #[serde(default)]
    pub term: Vec<TermFile>,
    /// The ladder, first rung to last; may be empty.
    #[serde(default)]
    pub rung: Vec<RungFile>,
}

/// One weighted, normed residual: weight · norm((quantity − target) / scale).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermFile {
    /// Name of a quantity.
    pub quantity: String,
    /// Its desired value.
    #[serde(default)]
    pub target: f64,
    /// Difference that counts as 1.
    pub scale: f64,
    /// Weight.
    #[serde(default = "unit")]
    pub weight: f64,
    /// How the scaled residual becomes a cost.
    #[serde(default)]
    pub norm: NormFile,
}

fn unit() -> f64 {
    1.0
}

/// Norms of a residual r.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormFile {
    /// |r|
    #[default]
    L1,
    /// r² / 2
    Quadratic,
    /// √(r² + 0.01) − 0.1
    SmoothAbs,
}

/// One `[[cost.rung]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungFile {
    /// Name, for diagnostics.
    pub name: String,
    /// Comparisons that all hold on this rung, e.g. `reach < 0.02`; empty for the first rung.
    #[serde(default)]
    pub when: Vec<String>,
    /// What is left to close on this rung; their weighted mean, each clipped to [0, 1].
    #[serde(default)]
    pub residual: Vec<TermFile>,
}

/// `[success]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessFile {
    /// Comparisons that all hold.
    pub when: Vec<String>,
    /// For how long, s.
    #[serde(default)]
    pub hold: f64,
    /// Quantities whose greatest value of an episode is reported beside its success.
    #[serde(default)]
    pub report: Vec<String>,
}

/// `[failure]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureFile {
    /// Comparisons of which one is enough: the episode is over, and not solved.
    pub when: Vec<String>,
    /// Cost of every control step of a rollout from then on; above that of any other state.
    pub cost: f64,
}

/// `[reward]`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardFile {
    /// Which one.
    pub kind: RewardKind,
    /// The cost that counts 1; that of the start keyframe if absent.
    pub scale: Option<f64>,
}

/// `kind` of a `[reward]`; [`crate::reward`] has their formulas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RewardKind {
    /// 1 when the task is solved.
    #[default]
    Sparse,
    /// The task's cost, as a loss of every control step.
    Cost,
    /// How far down the cost goes.
    Progress,
}

impl std::fmt::Display for RewardKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sparse => "sparse",
            Self::Cost => "cost",
            Self::Progress => "progress",
        })
    }
}

impl RewardKind {
    /// Names of all kinds.
    pub const NAMES: [&str; 3] = ["sparse", "cost", "progress"];

    /// The kind called `name`.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn by_name(name: &str) -> imle_configs::Result<Self> {
        match name {
            "sparse" => Ok(Self::Sparse),
            "cost" => Ok(Self::Cost),
            "progress" => Ok(Self::Progress),
            _ => Err(imle_configs::Error::unknown("reward", name, Self::NAMES)),
        }
    }
}

/// `[render]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RenderFile {
    /// Camera of the model; the free camera if absent.
    pub camera: Option<String>,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
}

impl Default for RenderFile {
    fn default() -> Self {
        Self { camera: None, width: 640, height: 480 }
    }
}

/// One `[[camera]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraFile {
    /// Camera of the model.
    pub name: String,
    /// Width of the drawn picture, pixels.
    pub width: u32,
    /// Height of the drawn picture, pixels.
    pub height: u32,
    /// The part of it that is kept: left, top, width, height, pixels; all of it if absent.
    #[serde(default)]
    pub crop: Option<[u32; 4]>,
    /// How the camera is moved from episode to episode.
    #[serde(default)]
    pub jitter: JitterFile,
}

/// `jitter` of a `[[camera]]`: half-widths of uniform draws along and about each axis of the camera.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JitterFile {
    /// Displacement, m.
    pub position: f64,
    /// Rotation, degrees.
    pub rotation: f64,
}
