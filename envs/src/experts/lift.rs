//! The expert of `lift`: come to the cube, close the fingers, lift.
//!
//! Four modes: the cube is grasped along the nearer of its two axes or along the other one (`near`, `far`), and the
//! hand comes from `above` or sweeps in `low` over the table from the side.

use super::arm::{self, Hand, Mover, apart, beside, distance, fold, over, position};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["near-above", "near-low", "far-above", "far-low"],
    start: |world, mode, rng| Box::new(LiftExpert::start(world, mode, rng)),
    labeller: || Box::new(LiftLabeller::default()),
};
/// Height of the cube's centre on the table, m.
const REST: f64 = 0.02;
/// Distance beside the cube at which a low sweep begins, m.
const SWEEP: f64 = 0.09;

#[derive(Clone, Copy, Debug)]
struct Things {
    cube: usize,
    hand: Hand,
}

impl Things {
    fn of(world: &World) -> Self {
        Self { cube: arm::body(world, "cube"), hand: Hand::of(world) }
    }

    fn holding(self, world: &World) -> bool {
        self.hand.holds(world, position(world, self.cube), 0.025, 0.015..0.024)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Hover,
    Descend,
    Sweep,
    Close,
    Lift,
    Rest,
}

/// One episode of the expert.
pub struct LiftExpert {
    rng: ChaCha8Rng,
    things: Things,
    far: bool,
    low: bool,
    speed: f64,
    height: f64,
    mover: Mover,
    phase: Phase,
    detour: bool,
}

impl LiftExpert {
    fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let free = (happens(&mut rng, 0.5), happens(&mut rng, 0.5));
        let (far, low) = mode.map_or(free, |m| (m >= 2, m % 2 == 1));
        let mut expert = Self {
            far,
            low,
            speed: rng.random_range(0.35..0.55),
            height: rng.random_range(0.14..0.17),
            mover: Mover::start(world, things.hand),
            phase: Phase::Hover,
            detour: happens(&mut rng, 0.1),
            things,
            rng,
        };
        expert.enter(Phase::Hover, world);
        expert
    }

    fn grasp_yaw(&self, world: &World) -> f64 {
        let near = fold(arm::yaw(world, self.things.cube), FRAC_PI_2);
        match (self.far, near >= 0.0) {
            (false, _) => near,
            (true, true) => near - FRAC_PI_2,
            (true, false) => near + FRAC_PI_2,
        }
    }

    /// Where a low sweep begins: on the line along which the open fingers pass the cube, on the hand's side.
    fn beside(&self, world: &World, cube: [f64; 3], yaw: f64) -> [f64; 3] {
        let tcp = self.things.hand.position(world);
        let (sin, cos) = yaw.sin_cos();
        // A hand above the cube comes from the robot's side, or from the middle.
        let side = (tcp[0] - 0.2 - cube[0]) * cos + (tcp[1] - cube[1]) * sin;
        let off = SWEEP.copysign(side);
        [cube[0] + off * cos, cube[1] + off * sin, cube[2]]
    }

    fn enter(&mut self, phase: Phase, world: &World) {
        let cube = position(world, self.things.cube);
        let cube = over(cube, cube[2].max(REST));
        let here = self.mover.command;
        let yaw = self.grasp_yaw(world);
        let mut begin = if self.low { self.beside(world, cube, yaw) } else { cube };
        begin[2] = cube[2] + 0.075;
        let to_cube = Pose { position: cube, yaw, gripper: 1.0 };
        let (to, speed, least) = match phase {
            Phase::Hover => {
                if self.detour {
                    begin = beside(begin, &mut self.rng);
                }
                (Pose { position: begin, yaw, gripper: 1.0 }, self.speed, 4)
            }
            Phase::Descend if self.low => {
                (Pose { position: over(here.position, cube[2]), ..here }, 0.6 * self.speed, 5)
            }
            Phase::Descend => (to_cube, 0.6 * self.speed, 5),
            Phase::Sweep => (to_cube, 0.6 * self.speed, 5),
            Phase::Close => (Pose { gripper: 0.0, ..here }, 1.0, 6),
            Phase::Lift => (Pose { position: over(here.position, self.height), ..here }, self.speed, 5),
            Phase::Rest => (here, 1.0, 1),
        };
        if matches!(phase, Phase::Descend | Phase::Sweep) {
            self.mover.hesitate(&mut self.rng);
        }
        self.phase = phase;
        self.mover.go(to, speed, least);
    }

    fn next_phase(&mut self, world: &World) -> Phase {
        let (tcp, cube) = (self.things.hand.position(world), position(world, self.things.cube));
        match self.phase {
            Phase::Hover if self.detour => {
                self.detour = false;
                Phase::Hover
            }
            Phase::Hover => Phase::Descend,
            Phase::Descend if self.low => Phase::Sweep,
            // A cube that was pushed away is come to again.
            Phase::Descend | Phase::Sweep if distance(tcp, cube) > 0.02 => Phase::Hover,
            Phase::Descend | Phase::Sweep => Phase::Close,
            Phase::Close => Phase::Lift,
            Phase::Lift | Phase::Rest if !self.things.holding(world) => Phase::Hover,
            Phase::Lift | Phase::Rest => Phase::Rest,
        }
    }
}

impl Expert for LiftExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.mover.due() {
            let next = self.next_phase(world);
            self.enter(next, world);
        }
        let steady = !matches!(self.phase, Phase::Hover | Phase::Lift);
        self.mover.act(steady, &mut self.rng, out);
    }

    /// The hand is turned and goes down.
    fn committed(&self) -> bool {
        self.phase != Phase::Hover
    }
}

/// Labels by the yaw of the hand when the cube is first held, and by the height of the hand when it last came near.
#[derive(Default)]
pub struct LiftLabeller {
    things: Option<Things>,
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
        let things = *self.things.get_or_insert_with(|| Things::of(world));
        if self.far.is_some() {
            return;
        }
        let (tcp, cube) = (things.hand.position(world), position(world, things.cube));
        let outside = apart(tcp, cube) > NEAR;
        if self.outside && !outside {
            self.low = tcp[2] - cube[2] < LOW;
        }
        self.outside = outside;
        if things.holding(world) && cube[2] > REST + 0.01 {
            self.far = Some(things.hand.pose(world).1.abs() > FRAC_PI_4);
        }
    }

    fn label(&self) -> Option<usize> {
        Some(usize::from(self.low) + 2 * usize::from(self.far?))
    }
}
