//! The expert of `pick_place`: take the can, carry it to its compartment, let go, move away.
//!
//! Three modes: the can is carried `over` the board between the bins, or low past its `near` or its `far` end, as seen
//! from the robot.

use super::arm::{Bodies, apart, distance, over};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use super::picking::{Handling, Move, Phase, Picker};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script =
    Script { modes: &["over", "near", "far"], start, labeller: || Box::new(PickPlaceLabeller::default()) };
/// Where the can belongs, on the table, m.
const GOAL: [f64; 3] = [0.005, 0.3475, 0.0];
/// y of the board between the bins, m.
const BOARD: f64 = 0.055;
/// Least distance from the board's plane at which the can is carried along it: this y, m.
const BESIDE: f64 = -0.04;
/// Where the can passes the board in each mode: x and height of its centre, m.
const GATES: [[f64; 2]; 3] = [[-0.08, 0.285], [-0.20, 0.165], [0.04, 0.165]];
/// Height of the can's centre when it stands, m.
const REST: f64 = 0.05;
/// The hand holds the can this far above its centre, m.
const GRIP: f64 = 0.015;
/// The robot's base, on the table, m.
const BASE: [f64; 2] = [-0.615, 0.0];

/// Body that the expert observes.
const BODIES: [&str; 1] = ["can"];

/// Choices of an episode.
struct PickPlace {
    things: Bodies<1>,
    route: usize,
    /// Where in its compartment the can is put, and how it passes the gate.
    aim: [f64; 2],
    gate: [f64; 2],
    missed: bool,
}

fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Box<dyn Expert> {
    let free = rng.random_range(0..GATES.len());
    let route = mode.unwrap_or(free);
    let [x, z] = GATES[route];
    let speed = rng.random_range(0.55..0.75);
    let aim = [rng.random_range(-0.015..0.015), rng.random_range(-0.012..0.012)];
    let gate = [x + rng.random_range(-0.01..0.01), z + rng.random_range(-0.01..0.01)];
    let (detour, missed) = (happens(&mut rng, 0.1), happens(&mut rng, 0.1));
    let work = PickPlace { things: Bodies::of(world, BODIES), route, aim, gate, missed };
    Picker::start(world, work, speed, detour, rng)
}

/// The hand points away from the robot's base.
fn heading(p: [f64; 3]) -> f64 {
    (p[1] - BASE[1]).atan2(p[0] - BASE[0])
}

impl Handling for PickPlace {
    fn plan(&mut self, phase: Phase, here: Pose, world: &World) -> Move {
        let (can, tcp) = (self.things.position(world, 0), self.things.hand.position(world));
        // Where the can sits between the fingers, so that the can and not the hand ends up in place.
        let held: [f64; 3] = std::array::from_fn(|i| tcp[i] - can[i]);
        let bring = |p: [f64; 3]| {
            let position = std::array::from_fn(|i| p[i] + held[i]);
            Pose { position, yaw: heading(p), gripper: 0.0 }
        };
        let mut goal = [GOAL[0] + self.aim[0], GOAL[1] + self.aim[1], 0.0];
        if self.missed && phase == Phase::Carry {
            goal = [goal[0] - 0.03, goal[1] - 0.04, 0.0];
        }
        let grip = over(can, can[2].max(0.026) + GRIP);
        let to_can = Pose { position: grip, yaw: heading(can), gripper: 1.0 };
        // Clear of the walls, and high enough to go on straight to the gate over the board.
        let up = self.gate[1].min(0.21);
        match phase {
            Phase::Hover => {
                let mut to = to_can.at_height(grip[2] + 0.09);
                // Out of the walls first, when the hand is low and far from the can.
                if apart(here.position, can) > 0.06 {
                    to.position[2] = to.position[2].max(0.15);
                }
                Move { to, pace: 1.0, least: 4 }
            }
            Phase::Descend => Move { to: to_can, pace: 0.6, least: 5 },
            Phase::Lift => Move { to: here.at_height(up + held[2]), pace: 1.0, least: 4 },
            Phase::Side => Move { to: bring([self.gate[0], can[1].min(BESIDE), self.gate[1]]), pace: 1.0, least: 4 },
            Phase::Cross => Move { to: bring([self.gate[0], BOARD, self.gate[1]]), pace: 1.0, least: 5 },
            Phase::Carry => Move { to: bring(over(goal, 0.16)), pace: 1.0, least: 4 },
            Phase::Lower => Move { to: bring(over(goal, REST + 0.003)), pace: 0.6, least: 4 },
            _ => Move { to: here.at_height(here.position[2] + 0.11), pace: 1.0, least: 5 },
        }
    }

    fn after(&mut self, phase: Phase, world: &World) -> Phase {
        let (can, hand) = (self.things.position(world, 0), self.things.hand);
        let lost = !hand.holds(world, can, 0.035, 0.018..0.03);
        let placed = (can[0] - GOAL[0]).abs() < 0.06 && (can[1] - GOAL[1]).abs() < 0.06;
        match phase {
            Phase::Descend if distance(hand.position(world), over(can, can[2] + GRIP)) > 0.03 => Phase::Hover,
            Phase::Descend => Phase::Close,
            // A can that slipped is picked up again.
            Phase::Lift | Phase::Side | Phase::Cross | Phase::Carry if lost => Phase::Hover,
            Phase::Lift if can[1] > BOARD => Phase::Carry,
            // From close by, the straight way to the gate would graze the board.
            Phase::Lift if self.route > 0 && can[1] > BESIDE - 0.06 => Phase::Side,
            Phase::Lift | Phase::Side => Phase::Cross,
            Phase::Cross => Phase::Carry,
            Phase::Carry if std::mem::take(&mut self.missed) => Phase::Carry,
            Phase::Carry => Phase::Lower,
            Phase::Lower => Phase::Open,
            _ if !placed => Phase::Hover,
            _ => Phase::Rest,
        }
    }

    /// The can is carried to its gate, or past it.
    fn committed(&self, phase: Phase) -> bool {
        !matches!(phase, Phase::Hover | Phase::Descend | Phase::Close | Phase::Lift)
    }
}

/// Labels by where the can last crossed the plane of the board towards its goal.
#[derive(Default)]
pub struct PickPlaceLabeller {
    things: Option<Bodies<1>>,
    before: Option<[f64; 3]>,
    route: Option<usize>,
}

impl ModeLabeller for PickPlaceLabeller {
    fn observe(&mut self, world: &World) {
        let can = self.things.get_or_insert_with(|| Bodies::of(world, BODIES)).position(world, 0);
        if self.before.is_some_and(|b| b[1] < BOARD) && can[1] >= BOARD {
            let board = GATES[0][0];
            self.route = Some(match can {
                [_, _, z] if z > 0.225 => 0,
                [x, _, _] if x < board => 1,
                _ => 2,
            });
        }
        self.before = Some(can);
    }

    fn label(&self) -> Option<usize> {
        self.route
    }
}
