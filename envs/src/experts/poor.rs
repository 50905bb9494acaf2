//! A poor demonstrator: any expert with an unsteady hand and without haste.
//!
//! ```text
//! w_(t+1) = ρ w_t + √(1 − ρ²) σ ξ,  ξ ~ N(0, I)       an Ornstein–Uhlenbeck process of 1 s, σ = 3 % of half the range
//! a_t     = clip(expert's action + w_t)
//! ```
//!
//! and about a third of the time it holds still for 0.3 to 1.5 s, the last action repeated, while the expert waits.
//! What it does is stored as it is executed, so its episodes replay to the bit like all others.

use super::expert::Expert;
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Standard deviation of the wandering, as a share of half the range of an action.
const WANDERING: f64 = 0.03;
/// Time constant of the wandering, s.
const MEMORY: f64 = 1.0;
/// Shortest and longest hold, s.
const HOLD: [f64; 2] = [0.3, 1.5];
/// Share of the time held.
const HELD: f64 = 0.35;

/// An expert made worse.
pub(crate) struct Poor {
    expert: Box<dyn Expert>,
    rng: ChaCha8Rng,
    wander: Vec<f64>,
    /// Control steps a second.
    rate: f64,
    /// Control steps still to be held.
    hold: usize,
    last: Vec<f32>,
}

impl Poor {
    pub(crate) fn new(expert: Box<dyn Expert>, rng: ChaCha8Rng, world: &World) -> Self {
        let spec = world.task().spec();
        let size = spec.action.size();
        Self { expert, rng, wander: vec![0.0; size], rate: spec.control_rate, hold: 0, last: Vec::new() }
    }

    /// Number of control steps to hold now, mostly 0.
    fn pause(&mut self) -> usize {
        let mean = self.rate * (HOLD[0] + HOLD[1]) / 2.0;
        let begins = HELD / (1.0 - HELD) / mean;
        if self.last.is_empty() || self.rng.random::<f64>() >= begins {
            return 0;
        }
        (self.rng.random_range(HOLD[0]..HOLD[1]) * self.rate).round() as usize
    }
}

impl Expert for Poor {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.hold == 0 {
            self.hold = self.pause();
        }
        if self.hold > 0 {
            self.hold -= 1;
            out.copy_from_slice(&self.last);
            return;
        }
        self.expert.act(world, out);
        let bounds = world.task().action_bounds();
        let keep = (-1.0 / (MEMORY * self.rate)).exp();
        for (d, (a, w)) in out.iter_mut().zip(&mut self.wander).enumerate() {
            let fresh: f64 = StandardNormal.sample(&mut self.rng);
            *w = keep * *w + (1.0 - keep * keep).sqrt() * WANDERING * fresh;
            *a = bounds.clamp(d, *a + bounds.half_range(d) * *w as f32);
        }
        self.last = out.to_vec();
    }

    fn committed(&self) -> bool {
        self.expert.committed()
    }
}
