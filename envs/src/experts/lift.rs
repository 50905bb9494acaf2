//! The expert of `lift`: come to the cube, close the fingers, lift.
//!
//! Four modes: the cube is grasped along the nearer of its two axes or along the other one (`near`, `far`), and the
//! hand comes from `above` or sweeps in `low` over the table from the side.

use super::arm::{Bodies, apart, distance, grasp_yaw, over};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use super::picking::{Handling, Move, Phase, Picker};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_4;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["near-above", "near-low", "far-above", "far-low"],
    start,
    labeller: || Box::new(LiftLabeller::default()),
};
/// Height of the cube's centre on the table, m.
const REST: f64 = 0.02;
/// Distance beside the cube at which a low sweep begins, m.
const SWEEP: f64 = 0.09;

/// Body that the expert observes.
const BODIES: [&str; 1] = ["cube"];

fn holding(things: Bodies<1>, world: &World) -> bool {
    things.hand.holds(world, things.position(world, 0), 0.025, 0.015..0.024)
}

/// Choices of an episode.
struct Lift {
    things: Bodies<1>,
    far: bool,
    low: bool,
    height: f64,
}

fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Box<dyn Expert> {
    let free = (happens(&mut rng, 0.5), happens(&mut rng, 0.5));
    let (far, low) = mode.map_or(free, |m| (m >= 2, m % 2 == 1));
    let (speed, height) = (rng.random_range(0.35..0.55), rng.random_range(0.14..0.17));
    let detour = happens(&mut rng, 0.1);
    Picker::start(world, Lift { things: Bodies::of(world, BODIES), far, low, height }, speed, detour, rng)
}

impl Lift {
    /// Where a low sweep begins: on the line along which the open fingers pass the cube, on the hand's side.
    fn beside(&self, world: &World, cube: [f64; 3], yaw: f64) -> [f64; 3] {
        let tcp = self.things.hand.position(world);
        let (sin, cos) = yaw.sin_cos();
        // A hand above the cube comes from the robot's side, or from the middle.
        let side = (tcp[0] - 0.2 - cube[0]) * cos + (tcp[1] - cube[1]) * sin;
        let off = SWEEP.copysign(side);
        [cube[0] + off * cos, cube[1] + off * sin, cube[2]]
    }
}

impl Handling for Lift {
    fn plan(&mut self, phase: Phase, here: Pose, world: &World) -> Move {
        let cube = self.things.position(world, 0);
        let cube = over(cube, cube[2].max(REST));
        let yaw = grasp_yaw(self.things.yaw(world, 0), self.far);
        let begin = if self.low { self.beside(world, cube, yaw) } else { cube };
        let at = |position: [f64; 3]| Pose { position, yaw, gripper: 1.0 };
        match phase {
            Phase::Hover => Move { to: at(over(begin, cube[2] + 0.075)), pace: 1.0, least: 4 },
            Phase::Descend if self.low => Move { to: here.at_height(cube[2]), pace: 0.6, least: 5 },
            Phase::Descend | Phase::Sweep => Move { to: at(cube), pace: 0.6, least: 5 },
            _ => Move { to: here.at_height(self.height), pace: 1.0, least: 5 },
        }
    }

    fn after(&mut self, phase: Phase, world: &World) -> Phase {
        let (tcp, cube) = (self.things.hand.position(world), self.things.position(world, 0));
        match phase {
            Phase::Descend if self.low => Phase::Sweep,
            // A cube that was pushed away is come to again.
            Phase::Descend | Phase::Sweep if distance(tcp, cube) > 0.02 => Phase::Hover,
            Phase::Descend | Phase::Sweep => Phase::Close,
            _ if !holding(self.things, world) => Phase::Hover,
            _ => Phase::Rest,
        }
    }

    /// The hand is turned and goes down.
    fn committed(&self, phase: Phase) -> bool {
        phase != Phase::Hover
    }
}

/// Labels by the yaw of the hand when the cube is first held, and by the height of the hand when it last came near.
#[derive(Default)]
pub struct LiftLabeller {
    things: Option<Bodies<1>>,
    outside: bool,
    low: bool,
    far: Option<bool>,
}

/// Horizontal distance of hand and cube below which the hand has come, m: more than the cube's half diagonal.
const NEAR: f64 = 0.045;
/// Height of the hand above the cube's centre below which it came low, m: less than puts the fingers above it.
const LOW: f64 = 0.03;

impl ModeLabeller for LiftLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Bodies::of(world, BODIES));
        if self.far.is_some() {
            return;
        }
        let (tcp, cube) = (things.hand.position(world), things.position(world, 0));
        let outside = apart(tcp, cube) > NEAR;
        if self.outside && !outside {
            self.low = tcp[2] - cube[2] < LOW;
        }
        self.outside = outside;
        if holding(things, world) && cube[2] > REST + 0.01 {
            self.far = Some(things.hand.pose(world).1.abs() > FRAC_PI_4);
        }
    }

    fn label(&self) -> Option<usize> {
        Some(usize::from(self.low) + 2 * usize::from(self.far?))
    }
}
