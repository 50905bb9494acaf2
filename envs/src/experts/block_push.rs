//! The expert of `block_push`: push one block into a zone, then the other block into the other zone.
//!
//! Four modes: which block goes first, and into which zone. Every control step it looks anew: it goes to the point
//! behind the block, as seen from the zone, around both blocks, then pushes along the line to the zone, shifting to
//! the side on which the block strays. A block that slips off the fingers is approached again.

use super::arm::{Hand, body};
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Drift, happens, write};
use crate::world::World;
use nalgebra::Vector2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["a-first-to-a", "a-first-to-b", "b-first-to-a", "b-first-to-b"],
    start: |world, mode, rng| Box::new(BlockPushExpert::start(world, mode, rng)),
    labeller: || Box::new(BlockPushLabeller::default()),
};
/// A block nearer than this to a zone's centre is in it, m.
const IN_ZONE: f64 = 0.05;
/// Distance behind a block from which a push starts, m: half its diagonal, half the fingers' and room to aim.
const STANDOFF: f64 = 0.058;
/// Distance from a block's centre that is kept on the way around it, m.
const CLEAR: f64 = 0.053;
/// Distance to its zone at which a block's way is decided, m.
const DECIDED: f64 = 0.12;

type Planar = Vector2<f64>;

/// Bodies and sites the expert looks at; a model without them gets the world's origin, which fails the episode.
#[derive(Clone, Copy, Debug, Default)]
struct Things {
    blocks: [usize; 2],
    zones: [usize; 2],
    hand: Hand,
}

impl Things {
    fn of(world: &World) -> Self {
        let [blocks, zones] = [["block_a", "block_b"], ["zone_a", "zone_b"]].map(|names| names.map(|n| body(world, n)));
        Self { blocks, zones, hand: Hand::of(world) }
    }

    fn body(world: &World, id: usize) -> Planar {
        let p = world.simulation().data().xpos()[id];
        Planar::new(p[0], p[1])
    }

    fn tcp(self, world: &World) -> Planar {
        let p = self.hand.position(world);
        Planar::new(p[0], p[1])
    }

    fn distance(self, world: &World, block: usize, zone: usize) -> f64 {
        (Self::body(world, self.blocks[block]) - Self::body(world, self.zones[zone])).norm()
    }
}

/// One episode of the expert.
pub struct BlockPushExpert {
    rng: ChaCha8Rng,
    things: Things,
    /// Block and zone of the first push; the others are left for the second.
    first: (usize, usize),
    second: bool,
    pushing: bool,
    /// Fastest motion, m a control step: free and pushing.
    travel: f64,
    push: f64,
    /// Distance to a zone's centre within which a block is brought, m.
    care: f64,
    /// Sideways error of the next push, m: a mistake, which makes the block slip.
    aim: f64,
    drift: Drift,
    pause: usize,
    command: Planar,
    decided: bool,
}

impl BlockPushExpert {
    /// Chooses mode, speeds and mistakes.
    pub fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let free = (usize::from(happens(&mut rng, 0.5)), usize::from(happens(&mut rng, 0.5)));
        let period = 1.0 / world.task().spec().control_rate;
        let aim = if happens(&mut rng, 0.15) { rng.random_range(0.010..0.016) } else { 0.0 };
        Self {
            first: mode.map_or(free, |m| (m / 2 % 2, m % 2)),
            second: false,
            pushing: false,
            travel: rng.random_range(0.22..0.32) * period,
            push: rng.random_range(0.13..0.19) * period,
            care: rng.random_range(0.012..0.025),
            aim: if happens(&mut rng, 0.5) { aim } else { -aim },
            drift: Drift::new(0.001),
            pause: 0,
            command: things.tcp(world),
            decided: false,
            things,
            rng,
        }
    }

    /// Block and zone of the present push; nothing once both are in place.
    fn pair(&mut self, world: &World) -> Option<(usize, usize)> {
        let second = (1 - self.first.0, 1 - self.first.1);
        let far = |(block, zone)| self.things.distance(world, block, zone);
        // A block that is in place counts as such until it leaves its zone.
        if !self.second && far(self.first) < self.care {
            self.second = true;
            self.pushing = false;
            self.pause = if happens(&mut self.rng, 0.15) { self.rng.random_range(1..3) } else { 0 };
        } else if self.second && far(second) < self.care && far(self.first) > IN_ZONE - 0.005 {
            self.second = false;
            self.pushing = false;
        }
        let pair = if self.second { second } else { self.first };
        (!self.second || far(second) > self.care || far(self.first) > IN_ZONE - 0.005).then_some(pair)
    }

    /// The way towards `goal` from `here` around both blocks: a unit vector and the distance that is left.
    fn around(&self, world: &World, here: Planar, goal: Planar) -> (Planar, f64) {
        let left = (goal - here).norm();
        let straight = heading_of(goal - here);
        let blocks = self.things.blocks.map(|id| Things::body(world, id));
        // A block on the goal itself is no obstacle: it has to be shoved aside.
        let in_way = || blocks.iter().filter(|b| (goal - **b).norm() > CLEAR).map(|b| b - here);
        let out: Planar = in_way().filter(|to| to.norm() < CLEAR).map(|to| -heading_of(to)).sum();
        if out.norm() > 1e-6 {
            // Too close: out first, and round.
            let out = heading_of(out);
            return (heading_of(out + tangent(out, straight) * 0.8), left);
        }
        let (mut heading, mut nearest) = (straight, f64::INFINITY);
        for to_block in in_way() {
            let (along, gap) = (to_block.dot(&straight), to_block.norm());
            let aside = (to_block - straight * along).norm();
            if along > 0.0 && along < left && aside < CLEAR && gap < nearest {
                nearest = gap;
                let sine = CLEAR / gap;
                let toward = to_block / gap;
                heading = toward * (1.0 - sine * sine).max(0.0).sqrt() + tangent(toward, straight) * sine;
            }
        }
        (heading, left)
    }

    fn advance(&mut self, world: &World) {
        let Some((block, zone)) = self.pair(world) else { return };
        let here = self.things.tcp(world);
        let (b, z) = (Things::body(world, self.things.blocks[block]), Things::body(world, self.things.zones[zone]));
        self.decided |= (b - z).norm() < DECIDED;
        let way = heading_of(z - b);
        let side = Planar::new(-way.y, way.x);
        let from_block = here - b;
        let (along, aside) = (from_block.dot(&way), from_block.dot(&side));
        if self.pushing && (along > -0.015 || aside.abs() > 0.020 || along < -0.075) {
            self.pushing = false;
            self.aim = 0.0;
        }
        let behind = b - way * STANDOFF + side * self.aim;
        if !self.pushing && along < -0.045 && (aside - self.aim).abs() < 0.006 {
            self.pushing = true;
            if happens(&mut self.rng, 0.1) {
                self.pause = self.rng.random_range(1..3);
            }
        }
        if self.pushing {
            // Steered back behind the block's centre; slower near the zone and before the touch.
            let steer = if self.aim == 0.0 { -1.6 * aside / 0.03 } else { 0.0 };
            let speed = self.push.min(0.004 + 0.35 * (b - z).norm());
            self.command = here + heading_of(way + side * steer.clamp(-0.8, 0.8)) * speed * LEAD;
        } else {
            let (heading, left) = self.around(world, here, behind);
            self.command = here + heading * (self.travel * LEAD).min(left);
        }
    }
}

/// Commanded targets run ahead of the arm by this many control steps' motion, so that it keeps its speed.
const LEAD: f64 = 1.6;

fn heading_of(v: Planar) -> Planar {
    v / v.norm().max(1e-9)
}

/// The direction across `radial` on the side of `goal`.
fn tangent(radial: Planar, goal: Planar) -> Planar {
    let side = Planar::new(-radial.y, radial.x);
    if side.dot(&goal) >= 0.0 { side } else { -side }
}

impl Expert for BlockPushExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.pause > 0 {
            self.pause -= 1;
        } else {
            self.advance(world);
        }
        let noise = self.drift.next(&mut self.rng);
        write([self.command.x + noise[0], self.command.y + noise[1]], out);
    }

    /// The first block is nearly in its zone.
    fn committed(&self) -> bool {
        self.decided
    }
}

/// Labels by the first block that enters a zone and stays there, and by that zone.
#[derive(Default)]
pub struct BlockPushLabeller {
    things: Option<Things>,
    first: Option<(usize, usize)>,
}

impl ModeLabeller for BlockPushLabeller {
    fn observe(&mut self, world: &World) {
        let things = *self.things.get_or_insert_with(|| Things::of(world));
        let placed = |(block, zone): &(usize, usize)| things.distance(world, *block, *zone) < IN_ZONE;
        let now = [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().find(placed);
        // Another one takes its place only if it has left its zone.
        if self.first.is_none_or(|first| !placed(&first)) {
            self.first = now;
        }
    }

    fn label(&self) -> Option<usize> {
        self.first.map(|(block, zone)| 2 * block + zone)
    }
}

#[cfg(test)]
mod tests {
    use crate::experts::registry::tests::every_mode_is_shown_and_labelled;

    #[test]
    fn every_order_and_pairing_is_shown_and_labelled() {
        every_mode_is_shown_and_labelled("block_push", 1);
    }
}
