//! The expert of `pick_place`: take the can, carry it to its compartment, let go, move away.
//!
//! Three modes: the can is carried `over` the board between the bins, or low past its `near` or its `far` end, as seen
//! from the robot.

use super::arm::{self, Hand, Mover, apart, beside, distance, over, position};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["over", "near", "far"],
    start: |world, mode, rng| Box::new(PickPlaceExpert::start(world, mode, rng)),
    labeller: || Box::new(PickPlaceLabeller::default()),
};
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

#[derive(Clone, Copy, Debug)]
struct Things {
    can: usize,
    hand: Hand,
}

impl Things {
    fn of(world: &World) -> Self {
        Self { can: arm::body(world, "can"), hand: Hand::of(world) }
    }

    fn holding(self, world: &World) -> bool {
        self.hand.holds(world, position(world, self.can), 0.035, 0.018..0.03)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Hover,
    Descend,
    Close,
    Lift,
    /// Along the board to before its end.
    Side,
    /// To the gate in the plane of the board.
    Cross,
    Carry,
    Lower,
    Open,
    Retreat,
    Rest,
}

/// One episode of the expert.
pub struct PickPlaceExpert {
    rng: ChaCha8Rng,
    things: Things,
    route: usize,
    speed: f64,
    /// Where in its compartment the can is put, and how it passes the gate.
    aim: [f64; 2],
    gate: [f64; 2],
    mover: Mover,
    phase: Phase,
    detour: bool,
    missed: bool,
}

impl PickPlaceExpert {
    fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let free = rng.random_range(0..GATES.len());
        let route = mode.unwrap_or(free);
        let [x, z] = GATES[route];
        let mut expert = Self {
            route,
            speed: rng.random_range(0.55..0.75),
            aim: [rng.random_range(-0.015..0.015), rng.random_range(-0.012..0.012)],
            gate: [x + rng.random_range(-0.01..0.01), z + rng.random_range(-0.01..0.01)],
            mover: Mover::start(world, things.hand),
            phase: Phase::Hover,
            detour: happens(&mut rng, 0.1),
            missed: happens(&mut rng, 0.1),
            things,
            rng,
        };
        expert.enter(Phase::Hover, world);
        expert
    }

    /// The hand points away from the robot's base.
    fn heading(p: [f64; 3]) -> f64 {
        (p[1] - BASE[1]).atan2(p[0] - BASE[0])
    }

    fn enter(&mut self, phase: Phase, world: &World) {
        let can = position(world, self.things.can);
        let tcp = self.things.hand.position(world);
        let here = self.mover.command;
        // Where the can sits between the fingers, so that the can and not the hand ends up in place.
        let held: [f64; 3] = std::array::from_fn(|i| tcp[i] - can[i]);
        let bring = |p: [f64; 3]| {
            let position = std::array::from_fn(|i| p[i] + held[i]);
            Pose { position, yaw: Self::heading(p), gripper: 0.0 }
        };
        let mut goal = [GOAL[0] + self.aim[0], GOAL[1] + self.aim[1], 0.0];
        if self.missed && phase == Phase::Carry {
            goal = [goal[0] - 0.03, goal[1] - 0.04, 0.0];
        }
        let grip = over(can, can[2].max(0.026) + GRIP);
        let to_can = Pose { position: grip, yaw: Self::heading(can), gripper: 1.0 };
        // Clear of the walls, and high enough to go on straight to the gate over the board.
        let up = self.gate[1].min(0.21);
        let (to, speed, least) = match phase {
            Phase::Hover => {
                let mut p = over(grip, grip[2] + 0.09);
                if self.detour {
                    p = beside(p, &mut self.rng);
                }
                // Out of the walls first, when the hand is low and far from the can.
                if apart(here.position, can) > 0.06 {
                    p[2] = p[2].max(0.15);
                }
                (Pose { position: p, ..to_can }, self.speed, 4)
            }
            Phase::Descend => (to_can, 0.6 * self.speed, 5),
            Phase::Close => (Pose { gripper: 0.0, ..here }, 1.0, 6),
            Phase::Lift => (Pose { position: over(here.position, up + held[2]), ..here }, self.speed, 4),
            Phase::Side => (bring([self.gate[0], can[1].min(BESIDE), self.gate[1]]), self.speed, 4),
            Phase::Cross => (bring([self.gate[0], BOARD, self.gate[1]]), self.speed, 5),
            Phase::Carry => (bring(over(goal, 0.16)), self.speed, 4),
            Phase::Lower => (bring(over(goal, REST + 0.003)), 0.6 * self.speed, 4),
            Phase::Open => (Pose { gripper: 1.0, ..here }, 1.0, 4),
            Phase::Retreat => (Pose { position: over(here.position, here.position[2] + 0.11), ..here }, self.speed, 5),
            Phase::Rest => (here, 1.0, 1),
        };
        if matches!(phase, Phase::Descend | Phase::Lower) {
            self.mover.hesitate(&mut self.rng);
        }
        self.phase = phase;
        self.mover.go(to, speed, least);
    }

    fn next_phase(&mut self, world: &World) -> Phase {
        let can = position(world, self.things.can);
        let tcp = self.things.hand.position(world);
        let lost = !self.things.holding(world);
        let placed = (can[0] - GOAL[0]).abs() < 0.06 && (can[1] - GOAL[1]).abs() < 0.06;
        match self.phase {
            Phase::Hover if self.detour => {
                self.detour = false;
                Phase::Hover
            }
            Phase::Hover => Phase::Descend,
            Phase::Descend if distance(tcp, over(can, can[2] + GRIP)) > 0.03 => Phase::Hover,
            Phase::Descend => Phase::Close,
            Phase::Close => Phase::Lift,
            // A can that slipped is picked up again.
            Phase::Lift | Phase::Side | Phase::Cross | Phase::Carry if lost => Phase::Hover,
            Phase::Lift if can[1] > BOARD => Phase::Carry,
            // From close by, the straight way to the gate would graze the board.
            Phase::Lift if self.route > 0 && can[1] > BESIDE - 0.06 => Phase::Side,
            Phase::Lift | Phase::Side => Phase::Cross,
            Phase::Cross => Phase::Carry,
            Phase::Carry if self.missed => {
                self.missed = false;
                Phase::Carry
            }
            Phase::Carry => Phase::Lower,
            Phase::Lower => Phase::Open,
            Phase::Open => Phase::Retreat,
            Phase::Retreat | Phase::Rest if !placed => Phase::Hover,
            Phase::Retreat | Phase::Rest => Phase::Rest,
        }
    }
}

impl Expert for PickPlaceExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.mover.due() {
            let next = self.next_phase(world);
            self.enter(next, world);
        }
        let steady = matches!(self.phase, Phase::Descend | Phase::Close | Phase::Lower | Phase::Open | Phase::Rest);
        self.mover.act(steady, &mut self.rng, out);
    }

    /// The can is carried to its gate, or past it.
    fn committed(&self) -> bool {
        !matches!(self.phase, Phase::Hover | Phase::Descend | Phase::Close | Phase::Lift)
    }
}

/// Labels by where the can last crossed the plane of the board towards its goal.
#[derive(Default)]
pub struct PickPlaceLabeller {
    things: Option<Things>,
    before: Option<[f64; 3]>,
    route: Option<usize>,
}

impl ModeLabeller for PickPlaceLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Things::of(world));
        let can = position(world, things.can);
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
