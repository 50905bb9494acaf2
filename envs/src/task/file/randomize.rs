//! `[randomize]`: how worlds differ from episode to episode.

use serde::Deserialize;

/// `[randomize]`: ranges of which every episode draws uniformly, anew. The planner's model stays as the file says; the
/// draw depends on the episode's seed and index only. What is absent stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomizeFile {
    /// Bodies to which mass, friction, size and damping are drawn, each on its own; if absent all with one draw.
    pub bodies: Vec<String>,
    /// Factor of a body's mass and inertia.
    pub mass: [f64; 2],
    /// Factor of the friction of a body's geoms.
    pub friction: [f64; 2],
    /// Factor of the damping of a body's joints.
    pub damping: [f64; 2],
    /// Factor of the size of a body's geoms, each about its own centre; the mass stays, inertia goes with the square.
    /// Only of `bodies`, whose geoms must not be meshes.
    pub size: [f64; 2],
    /// Factor of every actuator's gain, bias and force limits.
    pub actuator: [f64; 2],
    /// Deviation of the perceived position of objects, per axis, m: drawn anew every control step.
    pub noise_position: [f64; 2],
    /// Deviation of the perceived rotation of objects, per axis, degrees.
    pub noise_angle: [f64; 2],
    /// Deviation of normal noise on every value of observation terms, by their names, in the term's own unit.
    pub observation: std::collections::BTreeMap<String, f64>,
    /// Control steps by which actions come late.
    pub delay: [usize; 2],
}

impl Default for RandomizeFile {
    fn default() -> Self {
        let (same, none) = ([1.0; 2], [0.0; 2]);
        Self {
            bodies: Vec::new(),
            mass: same,
            friction: same,
            damping: same,
            size: same,
            actuator: same,
            noise_position: none,
            noise_angle: none,
            observation: std::collections::BTreeMap::new(),
            delay: [0; 2],
        }
    }
}
