//! `[action]`: what the policy commands.

use serde::Deserialize;

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
        /// The gripper, commanded from 0, closed, to 1, open.
        gripper: Option<GripperFile>,
        /// Part of the orientation that is commanded.
        orientation: OrientationFile,
        /// Lowest commanded position, world frame, m: x, y, z, or x, y with a `height`.
        low: Vec<f64>,
        /// Highest commanded position, as `low`.
        high: Vec<f64>,
        /// Height at which the site is held, world frame, m; then only x and y are commanded.
        height: Option<f64>,
        /// Fastest commanded motion of each joint, rad/s.
        max_joint_speed: Vec<f64>,
    },
    /// Pose of a mocap body that drags the robot along by a weld, with an optional gripper.
    Mocap {
        /// The mocap body.
        body: String,
        /// The gripper, commanded from 0, closed, to 1, open.
        gripper: Option<GripperFile>,
        /// Part of the orientation that is commanded.
        orientation: OrientationFile,
        /// Orientation that `fixed` keeps and `yaw` turns, (w, x, y, z); the body's own in the reset keyframe if
        /// absent.
        quaternion: Option<[f64; 4]>,
        /// Lowest commanded position, world frame, m: x, y, z, or x, y with a `height`.
        low: Vec<f64>,
        /// Highest commanded position, as `low`.
        high: Vec<f64>,
        /// Height at which the body is held, world frame, m; then only x and y are commanded.
        height: Option<f64>,
        /// Fastest commanded motion, m/s.
        max_speed: f64,
        /// Whether what is welded to the body is to take its very pose, as the environments of Gymnasium-Robotics and
        /// Meta-World set it; else it keeps the offset that the weld has in the model.
        #[serde(default)]
        aligned: bool,
    },
    /// Targets of position servos, in the units of their controls: rad or m, times the gear.
    JointTargets {
        /// The actuators, in order.
        actuators: Vec<String>,
        /// Fastest commanded motion of the joint or tendon of each, rad/s or m/s.
        max_joint_speed: Vec<f64>,
        /// Lowest and highest target of each; the actuators' control ranges if absent.
        #[serde(default)]
        ranges: Vec<[f64; 2]>,
    },
    /// Raw controls of actuators, in their own units.
    Actuators {
        /// The actuators, in order.
        actuators: Vec<String>,
        /// Lowest and highest control of each; the actuators' control ranges if absent.
        #[serde(default)]
        ranges: Vec<[f64; 2]>,
    },
}

/// Part of the end effector's orientation that is commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrientationFile {
    /// Nothing: it keeps the orientation of the reset keyframe (of `quaternion`, where that is given).
    Fixed,
    /// Rotation about the vertical as (cos, sin), from the orientation of the reset keyframe.
    Yaw,
    /// The whole rotation as the first two columns of its matrix (Zhou et al. 2019, 6 values).
    Full,
}

/// Actuators of a gripper.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "the name of an actuator, or a list of { actuator, closed, open }")]
pub enum GripperFile {
    /// An actuator whose range is from closed (low end) to open (high end).
    Actuator(String),
    /// Actuators that move together, each with its controls.
    Fingers(Vec<FingerFile>),
}

/// One of several actuators of a gripper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerFile {
    /// The actuator.
    pub actuator: String,
    /// Control where the gripper is closed.
    pub closed: f64,
    /// Control where the gripper is open.
    pub open: f64,
}
