//! The expert of `square`: take the nut by its handle, carry it over the peg, turn it, lower it, let go, move away.
//!
//! Four modes: where the handle points when the nut is on the peg, along the world's axes as seen from the robot:
//! `ahead` (+x), `left` (+y), `back` (−x), `right` (−y).

use super::arm::{Bodies, apart, fold, over};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Pose, happens};
use super::picking::{Handling, Move, Phase, Picker};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script =
    Script { modes: &["ahead", "left", "back", "right"], start, labeller: || Box::new(SquareLabeller::default()) };
/// From the nut's middle to where the handle is held, m.
const HANDLE: f64 = 0.062;
/// Height of the nut's middle at rest, above the peg, and where it is let go, m.
const REST: f64 = 0.01;
const HIGH: f64 = 0.175;
const LOW: f64 = 0.035;
/// Turns of the hand within the last joint's range, rad.
const TURNS: std::ops::RangeInclusive<f64> = -1.7..=3.2;

/// Bodies that the expert observes.
const BODIES: [&str; 2] = ["nut", "peg"];

/// Whether the nut is round the peg.
fn threaded(things: Bodies<2>, world: &World) -> bool {
    let [nut, peg] = things.positions(world);
    apart(nut, peg) < 0.02 && nut[2] < 0.115
}

/// A way to do it: the hand's yaw at the grasp and at the peg.
#[derive(Clone, Copy, Debug)]
struct Way {
    grasp: f64,
    place: f64,
}

/// Choices of an episode.
struct Square {
    things: Bodies<2>,
    way: Way,
    mode: usize,
    missed: bool,
}

fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Box<dyn Expert> {
    let things = Bodies::of(world, BODIES);
    let draw = rng.random_range(0.0..1.0);
    let speed = rng.random_range(0.45..0.65);
    let (detour, missed) = (happens(&mut rng, 0.1), happens(&mut rng, 0.1));
    let mut work = Square { things, way: Way { grasp: 0.0, place: 0.0 }, mode: 0, missed };
    let free = work.nearest_modes(world);
    work.mode = mode.unwrap_or(if draw < 0.5 { free[0] } else { free[1] });
    Picker::start(world, work, speed, detour, rng)
}

impl Square {
    /// Ways from the nut's present yaw to a mode within the hand's turns, and how far each turns from the yaw `start`.
    fn ways(&self, world: &World, mode: usize, start: f64) -> impl Iterator<Item = (f64, Way)> {
        let nut = self.things.yaw(world, 0);
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

    /// The two modes that take the least turning.
    fn nearest_modes(&self, world: &World) -> [usize; 2] {
        let mut modes = [0, 1, 2, 3];
        let yaw = self.things.hand.pose(world).1;
        let least = |m: usize| self.ways(world, m, yaw).map(|w| w.0).fold(f64::INFINITY, f64::min);
        modes.sort_by(|a, b| least(*a).total_cmp(&least(*b)));
        [modes[0], modes[1]]
    }

    fn handle(&self, world: &World) -> [f64; 3] {
        let (nut, yaw) = (self.things.position(world, 0), self.things.yaw(world, 0));
        [nut[0] + HANDLE * yaw.cos(), nut[1] + HANDLE * yaw.sin(), nut[2]]
    }
}

impl Handling for Square {
    fn plan(&mut self, phase: Phase, here: Pose, world: &World) -> Move {
        let ([nut, peg], handle) = (self.things.positions(world), self.handle(world));
        let tcp = self.things.hand.position(world);
        if phase == Phase::Hover {
            let best = self.ways(world, self.mode, here.yaw).min_by(|a, b| a.0.total_cmp(&b.0));
            self.way = best.map_or(self.way, |(_, way)| way);
        }
        // The nut's place in the hand now, turned as the hand will be turned at the peg.
        let yaw = here.yaw + fold(self.mode as f64 * FRAC_PI_2 - self.things.yaw(world, 0), TAU);
        let yaw = self.way.place + fold(yaw - self.way.place, FRAC_PI_2);
        let (sin, cos) = (yaw - here.yaw).sin_cos();
        let d = [tcp[0] - nut[0], tcp[1] - nut[1], tcp[2] - nut[2]];
        let held = [d[0] * cos - d[1] * sin, d[0] * sin + d[1] * cos, d[2]];
        let onto = |z: f64| Pose { position: [peg[0] + held[0], peg[1] + held[1], z + held[2]], yaw, gripper: 0.0 };
        let height = handle[2].max(REST);
        let at = |z: f64| Pose { position: over(handle, z), yaw: self.way.grasp, gripper: 1.0 };
        match phase {
            Phase::Hover => Move { to: at(height + 0.075), pace: 1.0, least: 4 },
            Phase::Descend => Move { to: at(height), pace: 0.6, least: 5 },
            Phase::Lift => Move { to: here.at_height(HIGH + d[2]), pace: 1.0, least: 4 },
            Phase::Carry => {
                let mut to = onto(HIGH);
                if self.missed {
                    to.position[0] -= 0.02;
                    to.position[1] += 0.01;
                }
                Move { to, pace: 1.0, least: 4 }
            }
            Phase::Lower => Move { to: onto(LOW), pace: 0.5, least: 6 },
            _ => Move { to: here.at_height(here.position[2] + 0.09), pace: 1.0, least: 5 },
        }
    }

    fn after(&mut self, phase: Phase, world: &World) -> Phase {
        let (hand, handle) = (self.things.hand, self.handle(world));
        let (lost, threaded) = (!hand.holds(world, handle, 0.035, 0.011..0.02), threaded(self.things, world));
        match phase {
            Phase::Descend if apart(hand.position(world), handle) > 0.02 => Phase::Hover,
            Phase::Descend => Phase::Close,
            // A nut that slipped is picked up again, unless it slipped onto the peg.
            Phase::Lift | Phase::Carry | Phase::Lower if lost && threaded => Phase::Open,
            Phase::Lift | Phase::Carry | Phase::Lower if lost => Phase::Hover,
            Phase::Lift => Phase::Carry,
            Phase::Carry => {
                let twist = fold(self.things.yaw(world, 0), FRAC_PI_2).abs();
                let [nut, peg] = self.things.positions(world);
                self.missed = false;
                if apart(nut, peg) < 0.004 && twist < 0.06 { Phase::Lower } else { Phase::Carry }
            }
            // A nut that sits on the peg's top is lifted and tried again.
            Phase::Lower if !threaded => Phase::Lift,
            Phase::Lower => Phase::Open,
            _ if !threaded => Phase::Hover,
            _ => Phase::Rest,
        }
    }

    /// The nut is carried to the peg, turned for its mode.
    fn committed(&self, phase: Phase) -> bool {
        matches!(phase, Phase::Lower | Phase::Open | Phase::Retreat | Phase::Rest)
    }

    fn steady(&self, phase: Phase) -> bool {
        !matches!(phase, Phase::Hover | Phase::Lift | Phase::Retreat)
    }
}

/// Labels by the yaw of the nut round the peg.
#[derive(Default)]
pub struct SquareLabeller {
    things: Option<Bodies<2>>,
    way: Option<usize>,
}

impl ModeLabeller for SquareLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Bodies::of(world, BODIES));
        if threaded(things, world) {
            let quarters = (things.yaw(world, 0) / FRAC_PI_2).round().rem_euclid(4.0);
            self.way = Some(quarters as usize);
        }
    }

    fn label(&self) -> Option<usize> {
        self.way
    }
}
