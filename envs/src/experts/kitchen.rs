//! The expert of `kitchen`: four of seven things, one after another.
//!
//! The modes are ten orders of four things. No two of them do the same things first in a different order, so the set
//! of finished things says which orders are still open. Six things are moved by the closed fingers: their model's sites
//! `NAME_clear` and `NAME_grip` say where; the kettle is lifted by its handle. What does not come out is tried again.

use super::arm::{Mover, apart, distance, over};
use super::expert::{Expert, ModeLabeller, Script};
use super::kitchen_things::{Thing, Things};
use super::motion::{Pose, happens, write};
use crate::world::World;
use Thing::{Bottom, Hinge, Kettle, Light, Microwave, Slide, Top};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &[
        "microwave-kettle-light-slide",
        "microwave-kettle-bottom-hinge",
        "microwave-bottom-top-slide",
        "microwave-light-slide-hinge",
        "kettle-bottom-light-hinge",
        "kettle-bottom-top-slide",
        "kettle-top-light-slide",
        "bottom-top-slide-hinge",
        "top-light-slide-hinge",
        "light-hinge-kettle-top",
    ],
    start: |world, mode, rng| Box::new(KitchenExpert::start(world, mode, rng)),
    labeller: || Box::new(KitchenLabeller::default()),
};
/// The orders of the modes.
const ORDERS: [[Thing; 4]; 10] = [
    [Microwave, Kettle, Light, Slide],
    [Microwave, Kettle, Bottom, Hinge],
    [Microwave, Bottom, Top, Slide],
    [Microwave, Light, Slide, Hinge],
    [Kettle, Bottom, Light, Hinge],
    [Kettle, Bottom, Top, Slide],
    [Kettle, Top, Light, Slide],
    [Bottom, Top, Slide, Hinge],
    [Top, Light, Slide, Hinge],
    [Light, Hinge, Kettle, Top],
];
/// Height above a thing's grip at which the hand arrives, m.
const HOVER: f64 = 0.06;
/// Least height of the hand on its way from thing to thing, m: above the kettle's handle.
const TRAVEL: f64 = 0.23;
/// Height by which the kettle is lifted, m.
const LIFT: f64 = 0.035;
/// Longest move of a handle before the thing is begun anew, control steps.
const PATIENCE: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// To a height from which the way is free.
    Rise,
    /// Over the thing.
    Hover,
    /// Down beside its handle, or with open fingers around the kettle's.
    Descend,
    /// Moving the handle.
    Work,
    Grasp,
    Lift,
    Carry,
    Lower,
    Open,
    /// Off the handle.
    Leave,
}

/// One episode of the expert.
pub struct KitchenExpert {
    rng: ChaCha8Rng,
    things: Things,
    order: [Thing; 4],
    thing: Thing,
    phase: Phase,
    mover: Mover,
    speed: f64,
    /// Speed of the fingers that move a handle, m a control step.
    work: f64,
    worked: usize,
    /// Offset of the next hover: a mistake that is mended from above, m.
    astray: [f64; 2],
    sure: bool,
}

impl KitchenExpert {
    /// Chooses mode, speed and mistakes.
    pub fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let command = Pose { position: things.hand.position(world), yaw: 0.0, gripper: 0.0 };
        let free = rng.random_range(0..ORDERS.len());
        let order = ORDERS[mode.unwrap_or(free).min(ORDERS.len() - 1)];
        let mut expert = Self {
            order,
            thing: order[0],
            phase: Phase::Leave,
            mover: Mover::start(world, command, 0.001),
            speed: rng.random_range(0.55..0.80),
            work: rng.random_range(0.16..0.24) / world.task().spec().control_rate,
            worked: 0,
            astray: [0.0; 2],
            sure: false,
            things,
            rng,
        };
        expert.begin(world);
        expert
    }

    /// Turns to the first thing of the order that is not done.
    fn begin(&mut self, world: &World) {
        let open = self.order.into_iter().find(|t| !self.things.done(world, *t));
        let Some(thing) = open else { return };
        self.thing = thing;
        if happens(&mut self.rng, 0.12) {
            let angle = self.rng.random_range(0.0..std::f64::consts::TAU);
            self.astray = [0.02 * angle.cos(), 0.02 * angle.sin()];
        }
        self.enter(Phase::Rise, world);
    }

    /// Whether what is done and the thing in hand belong to one order only.
    fn decided(&self) -> bool {
        let begun = self.order.iter().position(|t| *t == self.thing).map_or(0, |i| i + 1);
        ORDERS.iter().filter(|o| o.starts_with(&self.order[..begun])).count() == 1
    }

    /// Plans the segment of a phase from the things' present places.
    fn enter(&mut self, phase: Phase, world: &World) {
        let here = self.mover.command;
        let clear = self.things.clear(world, self.thing);
        let hover = (clear[2] + HOVER).max(TRAVEL);
        let kettle = self.thing == Kettle;
        let (position, speed, least) = match phase {
            Phase::Rise => (over(here.position, here.position[2].max(hover)), self.speed, 2),
            Phase::Hover => ([clear[0] + self.astray[0], clear[1] + self.astray[1], hover], self.speed, 4),
            Phase::Descend => (clear, 0.7 * self.speed, 4),
            Phase::Work => (here.position, 1.0, 1),
            Phase::Grasp => (here.position, 1.0, 5),
            Phase::Lift => (over(here.position, here.position[2] + LIFT), 0.6 * self.speed, 3),
            Phase::Carry => {
                let off = self.things.kettle_off(world);
                let tcp = self.things.hand.position(world);
                ([tcp[0] + off[0], tcp[1] + off[1], here.position[2]], 0.5 * self.speed, 4)
            }
            Phase::Lower => (over(here.position, here.position[2] - LIFT), 0.4 * self.speed, 3),
            Phase::Open => (here.position, 1.0, 3),
            Phase::Leave if kettle => (over(here.position, clear[2] + HOVER), self.speed, 3),
            Phase::Leave => (self.things.clear(world, self.thing), 0.6 * self.speed, 2),
        };
        let closed = matches!(phase, Phase::Grasp | Phase::Lift | Phase::Carry | Phase::Lower);
        let open = kettle && matches!(phase, Phase::Hover | Phase::Descend | Phase::Open | Phase::Leave);
        let gripper = if open && !closed { 1.0 } else { 0.0 };
        if matches!(phase, Phase::Hover | Phase::Descend) {
            self.mover.hesitate(0.06, 2..4, &mut self.rng);
        }
        self.sure |= matches!(phase, Phase::Work | Phase::Grasp) && self.decided();
        self.worked = 0;
        self.phase = phase;
        self.mover.go(Pose { position, yaw: 0.0, gripper }, speed, least);
    }

    /// Starts the segment after a finished one.
    fn follow(&mut self, world: &World) {
        let kettle = self.thing == Kettle;
        let clear = self.things.clear(world, self.thing);
        let off = apart(self.mover.command.position, clear);
        let next = match self.phase {
            Phase::Rise => Phase::Hover,
            Phase::Hover if off > 0.004 => {
                self.astray = [0.0; 2];
                Phase::Hover
            }
            Phase::Hover => Phase::Descend,
            Phase::Descend if kettle => Phase::Grasp,
            Phase::Descend => Phase::Work,
            Phase::Grasp => Phase::Lift,
            Phase::Lift | Phase::Carry if !self.things.holding(world) => Phase::Open,
            Phase::Lift => Phase::Carry,
            Phase::Carry => Phase::Lower,
            Phase::Lower => Phase::Open,
            Phase::Open | Phase::Work => Phase::Leave,
            Phase::Leave => return self.begin(world),
        };
        self.enter(next, world);
    }

    /// One step of moving a handle: the fingers press on where it will be a little later.
    fn work(&mut self, world: &World) {
        self.worked += 1;
        let astray = distance(self.things.hand.position(world), self.things.grip(world, self.thing));
        if self.things.enough(world, self.thing) || astray > 0.045 || self.worked > PATIENCE {
            return self.enter(Phase::Leave, world);
        }
        let goal = self.things.ahead(world, self.thing, 1.8 * self.work);
        let here = self.mover.command.position;
        let part = (1.3 * self.work / distance(goal, here).max(1e-9)).min(1.0);
        self.mover.command.position = std::array::from_fn(|i| here[i] + part * (goal[i] - here[i]));
    }
}

impl Expert for KitchenExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.phase != Phase::Work && self.mover.due() {
            self.follow(world);
        }
        if self.phase == Phase::Work {
            self.work(world);
        }
        if self.phase != Phase::Work {
            self.mover.advance();
        }
        let steady = !matches!(self.phase, Phase::Rise | Phase::Hover | Phase::Carry);
        let [x, y, z] = self.mover.position(steady, &mut self.rng);
        write([x, y, z, self.mover.command.gripper], out);
    }

    /// Whether the segments begun belong to one order only.
    fn committed(&self) -> bool {
        self.sure
    }
}

/// Labels by the order in which things were done and stayed so.
#[derive(Default)]
pub struct KitchenLabeller {
    things: Option<Things>,
    done: Vec<Thing>,
}

impl ModeLabeller for KitchenLabeller {
    fn observe(&mut self, world: &World) {
        let things = self.things.get_or_insert_with(|| Things::of(world));
        self.done.retain(|t| things.done(world, *t));
        for thing in Thing::ALL {
            if !self.done.contains(&thing) && things.done(world, thing) {
                self.done.push(thing);
            }
        }
    }

    fn label(&self) -> Option<usize> {
        ORDERS.iter().position(|o| self.done.starts_with(o))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::registry::tests::every_mode_is_shown_and_labelled;

    #[test]
    fn every_order_is_shown_and_labelled() {
        every_mode_is_shown_and_labelled("kitchen", 0);
    }

    #[test]
    fn what_is_done_tells_which_orders_are_open() {
        let set = |order: &[Thing]| {
            let mut sorted = order.to_vec();
            sorted.sort_unstable();
            sorted
        };
        for (a, b) in ORDERS.iter().flat_map(|a| ORDERS.iter().map(move |b| (a, b))) {
            for n in 1..4 {
                assert!(set(&a[..n]) != set(&b[..n]) || a[..n] == b[..n], "{a:?} {b:?}");
            }
        }
    }
}
