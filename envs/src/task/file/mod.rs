//! The schema of a task file (TOML). `configs/tasks/stack.toml` is a commented example.
//!
//! Units: metres, radians, seconds, kilograms. References to things in the model are written `body:NAME`,
//! `site:NAME`, `geom:NAME`, or a fixed point `[x, y, z]` in the world frame.

mod action;
mod cost;
mod observation;
mod point;
mod quantity;
mod randomize;
mod reset;

pub use action::{ActionFile, FingerFile, GripperFile, OrientationFile};
pub use cost::{CostFile, NormFile, QuantityNames, RungFile, TermFile};
pub use observation::{ObservationFile, QuaternionOrder};
pub use point::PointFile;
pub use quantity::QuantityFile;
pub use randomize::RandomizeFile;
pub use reset::{HeightFile, KeyframeFile, PlaceFile, ResetCircleFile, ResetFile, ResetJointFile};

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
    /// MJCF or URDF file, relative to the task file, or the name of an embedded one.
    pub model: String,
    /// Control steps a second, Hz.
    pub control_rate: f64,
    /// Longest episode, control steps.
    pub max_steps: usize,
    /// The world's physics.
    #[serde(default)]
    pub world: WorldFile,
    /// The planner's model.
    #[serde(default)]
    pub planning: PlanningFile,
    /// Position servos that the model lacks, for files without actuators such as URDF.
    #[serde(default)]
    pub servo: Vec<ServoFile>,
    /// Mocap bodies that the model lacks: goals that are drawn, and put somewhere else in every episode.
    #[serde(default)]
    pub marker: Vec<MarkerFile>,
    /// Action of the policy.
    pub action: ActionFile,
    /// Observation terms of the policy, in order.
    pub observation: Vec<ObservationFile>,
    /// Names of the observation terms that a robot knows of itself: what a policy with cameras sees beside their
    /// pictures.
    #[serde(default)]
    pub proprioception: Vec<String>,
    /// Start states of episodes.
    #[serde(default)]
    pub reset: ResetFile,
    /// Differences between the worlds of episodes, if any.
    pub randomize: Option<RandomizeFile>,
    /// Named scalars that cost and success speak of.
    pub quantities: BTreeMap<String, QuantityFile>,
    /// Cost that the planner minimises.
    pub cost: CostFile,
    /// When the task is done.
    pub success: SuccessFile,
    /// When the task is lost, if it can be.
    pub failure: Option<FailureFile>,
    /// Reward that fine-tuning maximises.
    #[serde(default)]
    pub reward: RewardFile,
    /// Name of the scripted expert, if there is one.
    pub expert: Option<String>,
    /// Settings of pictures.
    #[serde(default)]
    pub render: RenderFile,
    /// Cameras whose pictures may be observed, beside the state observation; all of one size.
    #[serde(default)]
    pub camera: Vec<CameraFile>,
}

/// `[world]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// Physics step of the world, s, and of the planner's model where that has none of its own; that of the model file
    /// if absent.
    pub timestep: Option<f64>,
}

/// `[planning]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanningFile {
    /// Physics step of the planner's model, s; the world's if absent.
    pub timestep: Option<f64>,
    /// MuJoCo's `impratio` in the planner's model: less than the world's makes contacts cheaper, with a little more
    /// slip in a grasp; the model's own if absent.
    pub impratio: Option<f64>,
    /// Whether bodies at rest sleep in the planner's model (MuJoCo's `sleep` flag): faster where most of the scene
    /// rests. `planner bench shortcuts` checks whether the same plans are chosen.
    pub sleep: bool,
    /// Control steps executed of each chunk before the next decision, where the task needs feedback sooner than the
    /// generator's T_act; that of the generator if absent.
    pub execute: Option<usize>,
}

/// One `[[servo]]`: a position actuator of the joint's name that is added to the model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServoFile {
    /// A hinge or slide joint.
    pub joint: String,
    /// Force by position error, N·m/rad or N/m.
    pub gain: f64,
    /// Force by velocity, N·m·s/rad or N·s/m.
    pub damping: f64,
    /// Lowest and highest target, rad or m; the joint's limits if absent.
    pub range: Option<[f64; 2]>,
    /// Greatest force, N·m or N; no limit if absent.
    pub force: Option<f64>,
}

/// One `[[marker]]`: a mocap body that is seen as a sphere and touches nothing; `[[reset.place]]` puts it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerFile {
    /// Name of the body.
    pub name: String,
    /// Where it is unless the reset puts it elsewhere, world frame, m.
    #[serde(default)]
    pub position: [f64; 3],
    /// Radius of the sphere, m.
    #[serde(default = "MarkerFile::radius")]
    pub radius: f64,
    /// Colour: red, green, blue, opacity, 0 to 1.
    #[serde(default = "MarkerFile::rgba")]
    pub rgba: [f32; 4],
}

impl MarkerFile {
    fn radius() -> f64 {
        0.02
    }

    fn rgba() -> [f32; 4] {
        [1.0, 0.0, 0.0, 0.5]
    }
}

/// `[success]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessFile {
    /// Predicates that all hold: comparisons, joined by `and`, `or`, `not` and parentheses.
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
    /// Predicates of which one is enough: the episode is over, and not solved.
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

/// `kind` of a `[reward]`; `task/reward.rs` has their formulas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RewardKind {
    /// 1 when the task is solved.
    #[default]
    Sparse,
    /// The task's cost, as a loss of every control step.
    Cost,
    /// Decrease of the cost.
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
    pub crop: Option<[u32; 4]>,
    /// Changes of the camera's pose from episode to episode.
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
