//! The expert of `stack`: pick cube A, carry it low or high, put it on cube B, let go, move away.
//!
//! Four modes: the cube is grasped along the nearer of its two axes or along the other one (`near`, `far`), and
//! carried `low` (just above cube B) or `high`.

use super::arm::{Bodies, apart, grasp_yaw, over};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use super::picking::{Handling, Move, Phase, Picker};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_4;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["near-low", "near-high", "far-low", "far-high"],
    start,
    labeller: || Box::new(StackLabeller::default()),
};
/// Greatest height of cube A's centre that still counts as a low carry, m.
const LOW_CARRY: f64 = 0.125;
/// Height of a cube's centre on the table, m.
const REST: f64 = 0.02;
const EDGE: f64 = 0.04;

/// Bodies that the expert observes: the cube that is stacked, and the one below.
const BODIES: [&str; 2] = ["cube_a", "cube_b"];

/// Whether cube A is between closed fingers.
fn holding(things: Bodies<2>, world: &World) -> bool {
    things.hand.holds(world, things.position(world, 0), 0.025, 0.015..0.024)
}

/// Choices of an episode.
struct Stack {
    things: Bodies<2>,
    far: bool,
    high: bool,
}

fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Box<dyn Expert> {
    let free = (happens(&mut rng, 0.5), happens(&mut rng, 0.5));
    let (far, high) = mode.map_or(free, |m| (m >= 2, m % 2 == 1));
    let speed = rng.random_range(0.40..0.60);
    let detour = happens(&mut rng, 0.1);
    let mut work = Stack { things: Bodies::of(world, BODIES), far, high };
    if work.blocked(world, far) && !work.blocked(world, !far) {
        work.far = !far;
    }
    Picker::start(world, work, speed, detour, rng)
}

impl Stack {
    /// Whether cube B is in the way of the fingers that would close on cube A.
    fn blocked(&self, world: &World, far: bool) -> bool {
        let [a, b] = self.things.positions(world);
        let yaw = grasp_yaw(self.things.yaw(world, 0), far);
        let d = [b[0] - a[0], b[1] - a[1]];
        let along = -d[0] * yaw.sin() + d[1] * yaw.cos();
        let across = d[0] * yaw.cos() + d[1] * yaw.sin();
        along.abs() < 0.092 && across.abs() < 0.042
    }

    fn stacked(&self, world: &World) -> bool {
        let [a, b] = self.things.positions(world);
        apart(a, b) < 0.02 && (a[2] - b[2] - EDGE).abs() < 0.003
    }
}

impl Handling for Stack {
    fn plan(&mut self, phase: Phase, here: Pose, world: &World) -> Move {
        let [a, b] = self.things.positions(world);
        // Where the held cube sits between the fingers, so that the cube and not the hand ends up in place.
        let tcp = self.things.hand.position(world);
        let held = [tcp[0] - a[0], tcp[1] - a[1], tcp[2] - a[2]];
        let carry = if self.high { 0.19 } else { b[2].max(REST) + EDGE + 0.028 };
        let onto = |z: f64| Pose { position: [b[0] + held[0], b[1] + held[1], z + held[2]], ..here };
        let yaw = grasp_yaw(self.things.yaw(world, 0), self.far);
        let at = |position: [f64; 3]| Pose { position, yaw, gripper: 1.0 };
        match phase {
            Phase::Hover => Move { to: at(over(a, a[2].max(REST) + 0.075)), pace: 1.0, least: 4 },
            Phase::Descend => Move { to: at(over(a, a[2].max(REST))), pace: 0.6, least: 5 },
            Phase::Lift => Move { to: here.at_height(carry), pace: 1.0, least: 4 },
            Phase::Carry => Move { to: onto(carry.max(a[2])), pace: 1.0, least: 4 },
            Phase::Lower => Move { to: onto(b[2].max(REST) + EDGE + 0.001), pace: 0.5, least: 4 },
            _ => Move { to: here.at_height(here.position[2] + 0.10), pace: 1.0, least: 5 },
        }
    }

    fn after(&mut self, phase: Phase, world: &World) -> Phase {
        match phase {
            Phase::Descend => Phase::Close,
            // A cube that slipped is picked up again.
            Phase::Lift | Phase::Carry | Phase::Lower if !holding(self.things, world) => Phase::Hover,
            Phase::Lift => Phase::Carry,
            Phase::Carry => Phase::Lower,
            Phase::Lower => Phase::Open,
            Phase::Retreat if !self.stacked(world) => Phase::Hover,
            _ => Phase::Rest,
        }
    }

    /// The cube is held, and carried at its height.
    fn committed(&self, phase: Phase) -> bool {
        matches!(phase, Phase::Carry | Phase::Lower | Phase::Open | Phase::Retreat | Phase::Rest)
    }
}

/// Labels by the yaw of the hand when the cube is first held and by the height of the carry.
#[derive(Default)]
pub struct StackLabeller {
    things: Option<Bodies<2>>,
    far: Option<bool>,
    highest: f64,
}

impl ModeLabeller for StackLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Bodies::of(world, BODIES));
        if !holding(things, world) {
            return;
        }
        let height = things.position(world, 0)[2];
        if height > REST + 0.01 {
            self.far.get_or_insert_with(|| things.hand.pose(world).1.abs() > FRAC_PI_4);
            self.highest = self.highest.max(height);
        }
    }

    fn label(&self) -> Option<usize> {
        Some(usize::from(self.highest > LOW_CARRY) + 2 * usize::from(self.far?))
    }
}
