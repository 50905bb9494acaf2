//! Human-like motion between poses: minimum-jerk segments at varying speed with slowly drifting noise.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Position (m), yaw (rad) and gripper (0 closed … 1 open) that are commanded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    pub position: [f64; 3],
    pub yaw: f64,
    pub gripper: f64,
}

impl Pose {
    /// The pose at height `z`, m.
    pub fn at_height(self, z: f64) -> Self {
        Self { position: [self.position[0], self.position[1], z], ..self }
    }
}

/// A move from one commanded pose to another, in control steps.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    from: Pose,
    to: Pose,
    steps: usize,
    done: usize,
}

impl Segment {
    /// A move at most `speed` m/s (peak) and 2.5 rad/s fast, at least `least` steps long.
    pub fn new(from: Pose, to: Pose, speed: f64, least: usize, rate: f64) -> Self {
        let d: f64 = (0..3).map(|i| (to.position[i] - from.position[i]).powi(2)).sum::<f64>().sqrt();
        // A minimum-jerk profile peaks at 1.875 times its mean speed.
        let seconds = 1.875 * (d / speed).max((to.yaw - from.yaw).abs() / 2.5);
        Self { from, to, steps: ((seconds * rate).ceil() as usize).max(least), done: 0 }
    }

    /// The next commanded pose.
    pub fn advance(&mut self) -> Pose {
        self.done = (self.done + 1).min(self.steps);
        let t = self.done as f64 / self.steps.max(1) as f64;
        let s = t * t * t * (10.0 - 15.0 * t + 6.0 * t * t);
        let mix = |a: f64, b: f64| a + s * (b - a);
        let position = std::array::from_fn(|i| mix(self.from.position[i], self.to.position[i]));
        // The gripper switches at once, as a person's does.
        Pose { position, yaw: mix(self.from.yaw, self.to.yaw), gripper: self.to.gripper }
    }

    /// Whether a pose has been commanded.
    pub fn begun(&self) -> bool {
        self.done > 0
    }

    /// Whether the last pose was the goal.
    pub fn finished(&self) -> bool {
        self.done >= self.steps
    }
}

/// Slowly drifting position noise: an AR(1) process with a stationary deviation of `sigma` m.
#[derive(Clone, Debug)]
pub struct Drift {
    sigma: f64,
    state: [f64; 3],
}

impl Drift {
    /// Starts at zero.
    pub fn new(sigma: f64) -> Self {
        Self { sigma, state: [0.0; 3] }
    }

    /// The next offset, m.
    pub fn next(&mut self, rng: &mut ChaCha8Rng) -> [f64; 3] {
        const MEMORY: f64 = 0.9;
        for x in &mut self.state {
            let draw: f64 = StandardNormal.sample(rng);
            *x = MEMORY * *x + (1.0 - MEMORY * MEMORY).sqrt() * self.sigma * draw;
        }
        self.state
    }
}

/// Writes an action.
pub fn write<const N: usize>(values: [f64; N], out: &mut [f32]) {
    out.iter_mut().zip(values).for_each(|(slot, value)| *slot = value as f32);
}

/// Whether something that happens with that probability happens now.
pub fn happens(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random_bool(probability)
}
