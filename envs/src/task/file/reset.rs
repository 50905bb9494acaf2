//! `[reset]`: how episodes start.

use serde::Deserialize;

/// `[reset]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResetFile {
    /// Keyframe to start from.
    pub keyframe: Option<KeyframeFile>,
    /// Whether the position servos of the action hold the start pose, for keyframes without controls: their controls and
    /// activations are those at which they pull nowhere.
    pub hold: bool,
    /// Physics that passes before the episode begins, everything held, s.
    pub settle: f64,
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

/// A keyframe, by its name or, where it has none, its index.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "the name of a keyframe, or its index")]
pub enum KeyframeFile {
    /// Name.
    Name(String),
    /// Index, from 0.
    Index(usize),
}

/// One `[[reset.circle]]`: two slide joints set to (radius·cos φ, radius·sin φ), φ uniform; position servos that
/// drive them hold them there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetCircleFile {
    /// The joints.
    pub joints: [String; 2],
    /// Radius of the circle, m.
    pub radius: f64,
}

/// One `[[reset.joint]]`: a hinge or slide joint set at random; position servos that drive it hold it there.
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
    /// Height of the body's origin, or its range, m.
    pub z: HeightFile,
    /// Range of the rotation about the vertical, rad.
    pub yaw: [f64; 2],
    /// Orientation that it turns, (w, x, y, z).
    #[serde(default = "upright")]
    pub quaternion: [f64; 4],
}

/// `z` of a `[[reset.place]]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged, expecting = "a height, or the range [low, high]")]
pub enum HeightFile {
    /// A height, m.
    At(f64),
    /// Lowest and highest, m.
    Between([f64; 2]),
}

fn upright() -> [f64; 4] {
    [1.0, 0.0, 0.0, 0.0]
}
