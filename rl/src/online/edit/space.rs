//! The space of edits: what may be added to an action, and how far.
//!
//! An edit δ in \[−1, 1\]^E is added to an action a, part by part, with a bound b each:
//!
//! ```text
//! a position, a gripper, anything else      a_i + b δ
//! a yaw, commanded as (cos, sin)            turned by the angle b δ
//! ```
//!
//! Learning sees the actions of a chunk *relative* to where the hand is. A part without a value of its own in the
//! observation is relative to nothing.

use imle_configs::{bounds::ActionBounds, spec::Layout};
use serde::{Deserialize, Serialize};
use std::f32::consts::PI;

/// Bounds of the parts of a pose: m, rad, and a share of the gripper's opening.
const POSITION: f32 = 0.008;
const YAW: f32 = 0.08;
const GRIPPER: f32 = 0.25;
/// Bound of any other part, as a share of half its range.
const SHARE: f32 = 0.025;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Index of the value.
    Shift(usize),
    /// Index of the cosine, before the sine.
    Turn(usize),
}

/// The parts, E of them, in which an action of A values is edited, and their bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditSpace {
    parts: Vec<Part>,
    bounds: Vec<f32>,
}

impl EditSpace {
    /// Of a task's end-effector actions by the names of their terms; of `named` false by the ranges alone. `scale`
    /// multiplies all bounds.
    pub fn new(layout: &Layout, range: &ActionBounds, named: bool, scale: f32) -> Self {
        let (mut parts, mut bounds, mut at) = (Vec::new(), Vec::new(), 0);
        for term in &layout.terms {
            let pose = match (named, term.name.as_str(), term.size) {
                (true, "yaw", 2) => Some((Part::Turn(at), YAW)),
                _ => None,
            };
            if let Some((part, bound)) = pose {
                parts.push(part);
                bounds.push(scale * bound);
            } else {
                for i in at..at + term.size {
                    let bound = match (named, term.name.as_str()) {
                        (true, "position") => POSITION,
                        (true, "gripper") => GRIPPER,
                        _ => SHARE * range.half_range(i),
                    };
                    parts.push(Part::Shift(i));
                    bounds.push(scale * bound);
                }
            }
            at += term.size;
        }
        Self { parts, bounds }
    }

    /// E.
    pub fn size(&self) -> usize {
        self.parts.len()
    }

    /// The bound of each part, (E,).
    pub fn bounds(&self) -> &[f32] {
        &self.bounds
    }

    /// Writes `action` (A,) relative to the values `own` of `observation` to `out` (E,).
    pub fn relative(&self, action: &[f32], observation: &[f32], own: &[Option<usize>], out: &mut [f32]) {
        for (part, out) in self.parts.iter().zip(out) {
            *out = match *part {
                Part::Shift(i) => action[i] - own[i].map_or(0.0, |k| observation[k]),
                Part::Turn(i) => {
                    let angle = action[i + 1].atan2(action[i]);
                    let of = |k: usize, l: usize| observation[l].atan2(observation[k]);
                    wrapped(angle - own[i].zip(own[i + 1]).map_or(0.0, |(k, l)| of(k, l)))
                }
            };
        }
    }

    /// Adds the edit `delta` (E,) to `action` (A,).
    pub fn apply(&self, delta: &[f32], action: &mut [f32]) {
        for ((part, bound), delta) in self.parts.iter().zip(&self.bounds).zip(delta) {
            match *part {
                Part::Shift(i) => action[i] += bound * delta,
                Part::Turn(i) => {
                    let (sin, cos) = (bound * delta).sin_cos();
                    let (c, s) = (action[i], action[i + 1]);
                    (action[i], action[i + 1]) = (c * cos - s * sin, s * cos + c * sin);
                }
            }
        }
    }

    /// Writes the edit (E,) that makes `executed` of `base`, within ±1 where it is within the bounds.
    pub fn between(&self, base: &[f32], executed: &[f32], out: &mut [f32]) {
        for ((part, bound), out) in self.parts.iter().zip(&self.bounds).zip(out) {
            let apart = match *part {
                Part::Shift(i) => executed[i] - base[i],
                Part::Turn(i) => wrapped(executed[i + 1].atan2(executed[i]) - base[i + 1].atan2(base[i])),
            };
            *out = apart / bound;
        }
    }

    /// The largest part of that edit: at most 1 where it is within the bounds.
    pub fn distance(&self, base: &[f32], executed: &[f32]) -> f32 {
        let mut delta = vec![0.0; self.size()];
        self.between(base, executed, &mut delta);
        delta.iter().fold(0.0, |most, d| most.max(d.abs()))
    }
}

/// An angle within ±π.
fn wrapped(angle: f32) -> f32 {
    (angle + PI).rem_euclid(2.0 * PI) - PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::spec::Term;

    fn space() -> EditSpace {
        let term = |name: &str, size| Term { name: name.into(), size };
        let layout = Layout { terms: vec![term("position", 2), term("yaw", 2), term("gripper", 1)] };
        EditSpace::new(&layout, &ActionBounds::new([-1.0; 5], [1.0; 5]), true, 1.0)
    }

    #[test]
    fn an_edit_is_what_lies_between_base_and_executed() {
        let space = space();
        assert_eq!(space.bounds(), [POSITION, POSITION, YAW, GRIPPER]);
        let own = [Some(0), Some(1), Some(2), Some(3), None];
        let hand = [0.1, 0.2, 3.0f32.cos(), 3.0f32.sin()];
        let base = [0.11, 0.18, 3.1f32.cos(), 3.1f32.sin(), 0.5];
        let (mut relative, mut between, mut edited) = ([0.0; 4], [0.0; 4], base);
        space.relative(&base, &hand, &own, &mut relative);
        let near =
            |values: [f32; 4], expected: [f32; 4]| values.iter().zip(expected).all(|(v, e)| (v - e).abs() < 1e-4);
        assert!(near(relative, [0.01, -0.02, 0.1, 0.5]), "{relative:?}");
        // Across the turn from π to −π.
        let delta = [0.5, -1.0, 1.0, -0.5];
        space.apply(&delta, &mut edited);
        space.between(&base, &edited, &mut between);
        assert!(near(between, delta) && (edited[2].hypot(edited[3]) - 1.0).abs() < 1e-5, "{between:?}");
        assert!((space.distance(&base, &edited) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn what_has_no_name_is_bounded_by_its_range() {
        let layout = Layout { terms: vec![Term { name: "position".into(), size: 2 }] };
        let space = EditSpace::new(&layout, &ActionBounds::new([0.0, -1.0], [512.0, 1.0]), false, 2.0);
        assert!((space.bounds()[0] - 12.8).abs() < 1e-4 && (space.bounds()[1] - 0.05).abs() < 1e-6);
    }
}
