//! The expert of `square`: take the nut by its handle, carry it over the peg, turn it, lower it, let go, move away.
//!
//! Four modes: where the handle points when the nut is on the peg, along the world's axes as seen from the robot:
//! `ahead` (+x), `left` (+y), `back` (−x), `right` (−y).

use super::arm::{self, Hand, Mover, apart, beside, fold, over, position};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["ahead", "left", "back", "right"],
    start: |world, mode, rng| Box::new(SquareExpert::start(world, mode, rng)),
    labeller: || Box::new(SquareLabeller::default()),
};
/// From the nut's middle to where the handle is held, m.
const HANDLE: f64 = 0.062;
/// Height of the nut's middle at rest, above the peg, and where it is let go, m.
const REST: f64 = 0.01;
const HIGH: f64 = 0.175;
const LOW: f64 = 0.035;
/// Turns of the hand within the last joint's range, rad.
const TURNS: std::ops::RangeInclusive<f64> = -1.7..=3.2;

#[derive(Clone, Copy, Debug)]
struct Things {
    nut: usize,
    peg: usize,
    hand: Hand,
}

impl Things {
    fn of(world: &World) -> Self {
        Self { nut: arm::body(world, "nut"), peg: arm::body(world, "peg"), hand: Hand::of(world) }
    }

    fn handle(self, world: &World) -> [f64; 3] {
        let (nut, yaw) = (position(world, self.nut), arm::yaw(world, self.nut));
        [nut[0] + HANDLE * yaw.cos(), nut[1] + HANDLE * yaw.sin(), nut[2]]
    }

    fn holding(self, world: &World) -> bool {
        self.hand.holds(world, self.handle(world), 0.035, 0.011..0.02)
    }

    /// Whether the nut is round the peg.
    fn threaded(self, world: &World) -> bool {
        let nut = position(world, self.nut);
        apart(nut, position(world, self.peg)) < 0.02 && nut[2] < 0.115
    }
}

/// A way to do it: the hand's yaw at the grasp and at the peg.
#[derive(Clone, Copy, Debug)]
struct Way {
    grasp: f64,
    place: f64,
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
pub struct SquareExpert {
    rng: ChaCha8Rng,
    things: Things,
    way: Way,
    mode: usize,
    speed: f64,
    mover: Mover,
    phase: Phase,
    detour: bool,
    missed: bool,
}

impl SquareExpert {
    fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let draw = rng.random_range(0.0..1.0);
        let mut expert = Self {
            way: Way { grasp: 0.0, place: 0.0 },
            mode: 0,
            speed: rng.random_range(0.45..0.65),
            mover: Mover::start(world, things.hand),
            phase: Phase::Hover,
            detour: happens(&mut rng, 0.1),
            missed: happens(&mut rng, 0.1),
            things,
            rng,
        };
        let free = expert.nearest_modes(world);
        expert.mode = mode.unwrap_or(if draw < 0.5 { free[0] } else { free[1] });
        expert.way = expert.choose(world);
        expert.enter(Phase::Hover, world);
        expert
    }

    /// Ways from the nut's present yaw to a mode within the hand's turns, and how far each turns.
    fn ways(&self, world: &World, mode: usize) -> impl Iterator<Item = (f64, Way)> {
        let nut = arm::yaw(world, self.things.nut);
        let start = self.mover.command.yaw;
        let goal = mode as f64 * FRAC_PI_2;
        let grasps = (-4..=4).map(move |i| nut + f64::from(i) * PI).filter(|g| TURNS.contains(g));
        grasps.flat_map(move |grasp| {
            let places = (-2..=2).map(move |i| goal + (grasp - nut) + f64::from(i) * TAU);
            places.filter(|p| TURNS.contains(p)).map(move |place| {
                let turn = 0.5 * (grasp - start).abs() + (place - grasp).abs() + 0.2 * place.abs();
                (turn, Way { grasp, place })
            })
        })
    }

    fn choose(&self, world: &World) -> Way {
        let best = self.ways(world, self.mode).min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or(self.way, |(_, way)| way)
    }

    /// The two modes that take the least turning.
    fn nearest_modes(&self, world: &World) -> [usize; 2] {
        let mut modes = [0, 1, 2, 3];
        let least = |m: usize| self.ways(world, m).map(|w| w.0).fold(f64::INFINITY, f64::min);
        modes.sort_by(|a, b| least(*a).total_cmp(&least(*b)));
        [modes[0], modes[1]]
    }

    fn enter(&mut self, phase: Phase, world: &World) {
        let (nut, peg) = (position(world, self.things.nut), position(world, self.things.peg));
        let handle = self.things.handle(world);
        let tcp = self.things.hand.position(world);
        let here = self.mover.command;
        // The nut's place in the hand now, turned as the hand will be turned at the peg.
        let yaw = here.yaw + fold(self.mode as f64 * FRAC_PI_2 - arm::yaw(world, self.things.nut), TAU);
        let yaw = self.way.place + fold(yaw - self.way.place, FRAC_PI_2);
        let (sin, cos) = (yaw - here.yaw).sin_cos();
        let d = [tcp[0] - nut[0], tcp[1] - nut[1], tcp[2] - nut[2]];
        let held = [d[0] * cos - d[1] * sin, d[0] * sin + d[1] * cos, d[2]];
        let onto = |z: f64| Pose { position: [peg[0] + held[0], peg[1] + held[1], z + held[2]], yaw, gripper: 0.0 };
        let height = handle[2].max(REST);
        let (to, speed, least) = match phase {
            Phase::Hover => {
                self.way = self.choose(world);
                let mut p = over(handle, height + 0.075);
                if self.detour {
                    p = beside(p, &mut self.rng);
                }
                (Pose { position: p, yaw: self.way.grasp, gripper: 1.0 }, self.speed, 4)
            }
            Phase::Descend => {
                (Pose { position: over(handle, height), yaw: self.way.grasp, gripper: 1.0 }, 0.6 * self.speed, 5)
            }
            Phase::Close => (Pose { gripper: 0.0, ..here }, 1.0, 6),
            Phase::Lift => (Pose { position: over(here.position, HIGH + d[2]), ..here }, self.speed, 4),
            Phase::Carry => {
                let mut to = onto(HIGH);
                if self.missed {
                    to.position[0] -= 0.02;
                    to.position[1] += 0.01;
                }
                (to, self.speed, 4)
            }
            Phase::Lower => (onto(LOW), 0.5 * self.speed, 6),
            Phase::Open => (Pose { gripper: 1.0, ..here }, 1.0, 4),
            Phase::Retreat => (Pose { position: over(here.position, here.position[2] + 0.09), ..here }, self.speed, 5),
            Phase::Rest => (here, 1.0, 1),
        };
        if matches!(phase, Phase::Descend | Phase::Lower) {
            self.mover.hesitate(&mut self.rng);
        }
        self.phase = phase;
        self.mover.go(to, speed, least);
    }

    fn next_phase(&mut self, world: &World) -> Phase {
        let things = self.things;
        let (nut, peg) = (position(world, things.nut), position(world, things.peg));
        let lost = !things.holding(world);
        match self.phase {
            Phase::Hover if self.detour => {
                self.detour = false;
                Phase::Hover
            }
            Phase::Hover => Phase::Descend,
            Phase::Descend if apart(things.hand.position(world), things.handle(world)) > 0.02 => Phase::Hover,
            Phase::Descend => Phase::Close,
            Phase::Close => Phase::Lift,
            // A nut that slipped is picked up again, unless it slipped onto the peg.
            Phase::Lift | Phase::Carry | Phase::Lower if lost && things.threaded(world) => Phase::Open,
            Phase::Lift | Phase::Carry | Phase::Lower if lost => Phase::Hover,
            Phase::Lift => Phase::Carry,
            Phase::Carry => {
                let twist = fold(arm::yaw(world, things.nut), FRAC_PI_2).abs();
                self.missed = false;
                if apart(nut, peg) < 0.004 && twist < 0.06 { Phase::Lower } else { Phase::Carry }
            }
            // A nut that sits on the peg's top is lifted and tried again.
            Phase::Lower if !things.threaded(world) => Phase::Lift,
            Phase::Lower => Phase::Open,
            Phase::Open => Phase::Retreat,
            Phase::Retreat | Phase::Rest if !things.threaded(world) => Phase::Hover,
            Phase::Retreat | Phase::Rest => Phase::Rest,
        }
    }
}

impl Expert for SquareExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.mover.due() {
            let next = self.next_phase(world);
            self.enter(next, world);
        }
        let steady = !matches!(self.phase, Phase::Hover | Phase::Lift | Phase::Retreat);
        self.mover.act(steady, &mut self.rng, out);
    }

    /// The nut is carried to the peg, turned for its mode.
    fn committed(&self) -> bool {
        matches!(self.phase, Phase::Lower | Phase::Open | Phase::Retreat | Phase::Rest)
    }
}

/// Labels by the yaw of the nut round the peg.
#[derive(Default)]
pub struct SquareLabeller {
    things: Option<Things>,
    way: Option<usize>,
}

impl ModeLabeller for SquareLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Things::of(world));
        if things.threaded(world) {
            let quarters = (arm::yaw(world, things.nut) / FRAC_PI_2).round().rem_euclid(4.0);
            self.way = Some(quarters as usize);
        }
    }

    fn label(&self) -> Option<usize> {
        self.way
    }
}
