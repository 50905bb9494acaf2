//! The expert of `stack`: pick cube A, carry it low or high, put it on cube B, let go, move away.
//!
//! Four modes: the cube is grasped along the nearer of its two axes or along the other one (`near`, `far`), and
//! carried `low` (just above cube B) or `high`.

use super::arm::{self, Hand, Mover, apart, beside, fold, over, position};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["near-low", "near-high", "far-low", "far-high"],
    start: |world, mode, rng| Box::new(StackExpert::start(world, mode, rng)),
    labeller: || Box::new(StackLabeller::default()),
};
/// Greatest height of cube A's centre that still counts as a low carry, m.
const LOW_CARRY: f64 = 0.125;
/// Height of a cube's centre on the table, m.
const REST: f64 = 0.02;
const EDGE: f64 = 0.04;

/// Objects that the expert observes.
#[derive(Clone, Copy, Debug)]
struct Things {
    cube_a: usize,
    cube_b: usize,
    hand: Hand,
}

impl Things {
    fn of(world: &World) -> Self {
        Self { cube_a: arm::body(world, "cube_a"), cube_b: arm::body(world, "cube_b"), hand: Hand::of(world) }
    }

    fn cubes(self, world: &World) -> ([f64; 3], [f64; 3]) {
        (position(world, self.cube_a), position(world, self.cube_b))
    }

    /// Whether cube A is between closed fingers.
    fn holding(self, world: &World) -> bool {
        self.hand.holds(world, position(world, self.cube_a), 0.025, 0.015..0.024)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Hover,
    Descend,
    Close,
    Lift,
    Carry,
    Lower,
    Open,
    Retreat,
    Rest,
}

/// One episode of the expert.
pub struct StackExpert {
    rng: ChaCha8Rng,
    things: Things,
    far: bool,
    high: bool,
    speed: f64,
    mover: Mover,
    phase: Phase,
    detour: bool,
}

impl StackExpert {
    /// Chooses mode, speed and mistakes.
    pub fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let free = (happens(&mut rng, 0.5), happens(&mut rng, 0.5));
        let (far, high) = mode.map_or(free, |m| (m >= 2, m % 2 == 1));
        let mut expert = Self {
            far,
            high,
            speed: rng.random_range(0.40..0.60),
            mover: Mover::start(world, things.hand),
            phase: Phase::Hover,
            detour: happens(&mut rng, 0.1),
            things,
            rng,
        };
        if expert.blocked(world, far) && !expert.blocked(world, !far) {
            expert.far = !far;
        }
        expert.enter(Phase::Hover, world);
        expert
    }

    /// Whether cube B is in the way of the fingers that would close on cube A.
    fn blocked(&self, world: &World, far: bool) -> bool {
        let (a, b) = self.things.cubes(world);
        let yaw = self.grasp_yaw(world, far);
        let d = [b[0] - a[0], b[1] - a[1]];
        let along = -d[0] * yaw.sin() + d[1] * yaw.cos();
        let across = d[0] * yaw.cos() + d[1] * yaw.sin();
        along.abs() < 0.092 && across.abs() < 0.042
    }

    fn grasp_yaw(&self, world: &World, far: bool) -> f64 {
        // A cube looks the same every quarter turn.
        let near = fold(arm::yaw(world, self.things.cube_a), FRAC_PI_2);
        match (far, near >= 0.0) {
            (false, _) => near,
            (true, true) => near - FRAC_PI_2,
            (true, false) => near + FRAC_PI_2,
        }
    }

    /// Plans the segment of a phase from the cubes' present places.
    fn enter(&mut self, phase: Phase, world: &World) {
        let (a, b) = self.things.cubes(world);
        let here = self.mover.command;
        // Where the held cube sits between the fingers, so that the cube and not the hand ends up in place.
        let tcp = self.things.hand.position(world);
        let held = [tcp[0] - a[0], tcp[1] - a[1], tcp[2] - a[2]];
        let carry = if self.high { 0.19 } else { b[2].max(REST) + EDGE + 0.028 };
        let onto = |z: f64| [b[0] + held[0], b[1] + held[1], z + held[2]];
        let (to, speed, least) = match phase {
            Phase::Hover => {
                let mut goal = over(a, a[2].max(REST) + 0.075);
                if self.detour {
                    goal = beside(goal, &mut self.rng);
                }
                (Pose { position: goal, yaw: self.grasp_yaw(world, self.far), gripper: 1.0 }, self.speed, 4)
            }
            Phase::Descend => {
                let yaw = self.grasp_yaw(world, self.far);
                (Pose { position: over(a, a[2].max(REST)), yaw, gripper: 1.0 }, 0.6 * self.speed, 5)
            }
            Phase::Close => (Pose { gripper: 0.0, ..here }, 1.0, 6),
            Phase::Lift => (Pose { position: over(here.position, carry), ..here }, self.speed, 4),
            Phase::Carry => (Pose { position: onto(carry.max(a[2])), ..here }, self.speed, 4),
            Phase::Lower => (Pose { position: onto(b[2].max(REST) + EDGE + 0.001), ..here }, 0.5 * self.speed, 4),
            Phase::Open => (Pose { gripper: 1.0, ..here }, 1.0, 4),
            Phase::Retreat => (Pose { position: over(here.position, here.position[2] + 0.10), ..here }, self.speed, 5),
            Phase::Rest => (here, 1.0, 1),
        };
        if matches!(phase, Phase::Descend | Phase::Lower) {
            self.mover.hesitate(&mut self.rng);
        }
        self.phase = phase;
        self.mover.go(to, speed, least);
    }

    fn next_phase(&mut self, world: &World) -> Phase {
        let holding = self.things.holding(world);
        match self.phase {
            Phase::Hover if self.detour => {
                self.detour = false;
                Phase::Hover
            }
            Phase::Hover => Phase::Descend,
            Phase::Descend => Phase::Close,
            Phase::Close => Phase::Lift,
            // A cube that slipped is picked up again.
            Phase::Lift | Phase::Carry | Phase::Lower if !holding => Phase::Hover,
            Phase::Lift => Phase::Carry,
            Phase::Carry => Phase::Lower,
            Phase::Lower => Phase::Open,
            Phase::Open => Phase::Retreat,
            Phase::Retreat if !self.stacked(world) => Phase::Hover,
            Phase::Retreat | Phase::Rest => Phase::Rest,
        }
    }

    fn stacked(&self, world: &World) -> bool {
        let (a, b) = self.things.cubes(world);
        apart(a, b) < 0.02 && (a[2] - b[2] - EDGE).abs() < 0.003
    }
}

impl Expert for StackExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.mover.due() {
            let next = self.next_phase(world);
            self.enter(next, world);
        }
        let steady = !matches!(self.phase, Phase::Hover | Phase::Lift | Phase::Carry | Phase::Retreat);
        self.mover.act(steady, &mut self.rng, out);
    }

    /// The cube is held, and carried at its height.
    fn committed(&self) -> bool {
        matches!(self.phase, Phase::Carry | Phase::Lower | Phase::Open | Phase::Retreat | Phase::Rest)
    }
}

/// Labels by the yaw of the hand when the cube is first held and by the height of the carry.
#[derive(Default)]
pub struct StackLabeller {
    things: Option<Things>,
    far: Option<bool>,
    highest: f64,
}

impl ModeLabeller for StackLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Things::of(world));
        if !things.holding(world) {
            return;
        }
        let height = position(world, things.cube_a)[2];
        if height > REST + 0.01 {
            self.far.get_or_insert_with(|| things.hand.pose(world).1.abs() > FRAC_PI_4);
            self.highest = self.highest.max(height);
        }
    }

    fn label(&self) -> Option<usize> {
        Some(usize::from(self.highest > LOW_CARRY) + 2 * usize::from(self.far?))
    }
}
