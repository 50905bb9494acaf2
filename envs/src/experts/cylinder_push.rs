//! The expert of `cylinder_push`: go round the cart to the side away from the goal, push it there, slow down before it.
//! There are no modes.

use super::expert::{Expert, Script, Unlabelled};
use super::motion::{Drift, happens, write};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert, as tasks name it; the goal is the world's origin.
pub(super) const EXPERT: Script = Script {
    modes: &[],
    start: |world, _, rng| Box::new(PushExpert::start(world, rng)),
    labeller: || Box::new(Unlabelled),
};

/// Distance of the centres when the cylinders touch, m.
const TOUCH: f64 = 0.5;
/// Radius of the way round the cart, m.
const ROUND: f64 = 0.62;
/// The servos lag: to move at a speed, their target leads by so many seconds of it.
const LEAD: f64 = 0.4;
/// As [`LEAD`], when the cart with its own friction is pushed along.
const LEAD_PUSHING: f64 = 0.8;

/// One episode of the expert.
pub struct PushExpert {
    rng: ChaCha8Rng,
    bodies: [usize; 2],
    /// Speed on the way, m/s.
    speed: f64,
    drift: Drift,
    /// Control steps for which the hand rests.
    pause: usize,
    last: [f64; 2],
}

impl PushExpert {
    fn start(world: &World, mut rng: ChaCha8Rng) -> Self {
        let model = world.simulation().model();
        let bodies = ["pusher", "cart"].map(|name| find(model, ObjectKind::Body, name).unwrap_or(0));
        let speed = rng.random_range(0.8..1.1);
        let p = world.simulation().data().xpos()[bodies[0]];
        Self { rng, bodies, speed, drift: Drift::new(0.002), pause: 0, last: [p[0], p[1]] }
    }

    /// Where the servos should pull the pusher.
    fn target(&self, world: &World) -> [f64; 2] {
        let xpos = world.simulation().data().xpos();
        let [p, c] = self.bodies.map(|b| [xpos[b][0], xpos[b][1]]);
        let left = c[0].hypot(c[1]);
        if left < 0.03 {
            return p;
        }
        // Unit vectors: from the goal to the cart, and from the cart to the pusher, which should be the same.
        let out = [c[0] / left, c[1] / left];
        let d = [p[0] - c[0], p[1] - c[1]];
        let far = d[0].hypot(d[1]).max(1e-6);
        let from = [d[0] / far, d[1] / far];
        let off = (out[0] * from[1] - out[1] * from[0]).atan2(out[0] * from[0] + out[1] * from[1]);
        if off.abs() < 0.25 {
            // Push: no faster than the friction stops the cart in the way that is left, and steer against the error.
            let speed = self.speed.min(1.5 * left) * (1.0 - 2.0 * off.abs());
            let lead = if far < TOUCH + 0.02 { LEAD_PUSHING } else { LEAD };
            let wanted = [c[0] + out[0] * TOUCH, c[1] + out[1] * TOUCH];
            return std::array::from_fn(|i| p[i] + 0.9 * (wanted[i] - p[i]) - lead * speed * out[i]);
        }
        // Round the cart, the shorter way; from afar along the tangent to the circle.
        let turn = -off.signum();
        let tangent = [-turn * from[1], turn * from[0]];
        let inward = (2.0 * (far - ROUND)).clamp(-1.0, 1.0);
        let along = (1.0 - inward * inward).sqrt().max(0.1);
        let speed = self.speed * (0.3 + off.abs()).min(1.0);
        std::array::from_fn(|i| p[i] + LEAD * speed * (along * tangent[i] - inward * from[i]))
    }
}

impl Expert for PushExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.pause > 0 {
            self.pause -= 1;
        } else {
            self.last = self.target(world);
            if happens(&mut self.rng, 0.01) {
                self.pause = 2;
            }
        }
        let noise = self.drift.next(&mut self.rng);
        write([self.last[0] + noise[0], self.last[1] + noise[1]], out);
    }

    /// There is no mode to be committed to.
    fn committed(&self) -> bool {
        false
    }
}
