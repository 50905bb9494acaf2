//! Parts that the experts of arm tasks share: poses of bodies and the hand, and human-like motions of the hand.

use super::motion::{Drift, Pose, Segment, happens};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

/// Index of the body of that name; a model without it gets the world's, which fails the episode.
pub fn body(world: &World, name: &str) -> usize {
    find(world.simulation().model(), ObjectKind::Body, name).unwrap_or(0)
}

/// The same angle in [−period/2, period/2).
pub fn fold(angle: f64, period: f64) -> f64 {
    (angle + period / 2.0).rem_euclid(period) - period / 2.0
}

/// Yaw of fingers that close on a cube of this yaw, which looks the same every quarter turn: along the nearer of its
/// axes, or along the one that is further.
pub fn grasp_yaw(cube: f64, far: bool) -> f64 {
    let near = fold(cube, FRAC_PI_2);
    match (far, near >= 0.0) {
        (false, _) => near,
        (true, true) => near - FRAC_PI_2,
        (true, false) => near + FRAC_PI_2,
    }
}

/// The point at height `z` above or below `p`, m.
pub fn over(p: [f64; 3], z: f64) -> [f64; 3] {
    [p[0], p[1], z]
}

/// A point as high as `p` and 1.5 to 3 cm beside it: where a hand goes that did not look well.
pub fn beside(p: [f64; 3], rng: &mut ChaCha8Rng) -> [f64; 3] {
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let off = rng.random_range(0.015..0.03);
    [p[0] + off * angle.cos(), p[1] + off * angle.sin(), p[2]]
}

/// Distance of two points, m.
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

/// Horizontal distance of two points, m.
pub fn apart(a: [f64; 3], b: [f64; 3]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn yaw_of_matrix(m: &[f64; 9]) -> f64 {
    m[3].atan2(m[0])
}

/// The hand: the site `tcp` between the fingers, whose y axis the fingers move along.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hand {
    tcp: usize,
    finger: usize,
}

impl Hand {
    /// Finds it in the model; see [`body`] for a model without.
    pub fn of(world: &World) -> Self {
        let model = world.simulation().model();
        let id = |kind, name| find(model, kind, name).unwrap_or(0);
        let finger = model.jnt_qposadr()[id(ObjectKind::Joint, "finger_joint1")] as usize;
        Self { tcp: id(ObjectKind::Site, "tcp"), finger }
    }

    /// Position (m) and rotation about the vertical (rad), world frame.
    pub fn pose(self, world: &World) -> ([f64; 3], f64) {
        let data = world.simulation().data();
        (data.site_xpos()[self.tcp], yaw_of_matrix(&data.site_xmat()[self.tcp]))
    }

    /// Position, world frame, m.
    pub fn position(self, world: &World) -> [f64; 3] {
        self.pose(world).0
    }

    /// Half the distance between the fingers, m.
    pub fn finger(self, world: &World) -> f64 {
        world.simulation().data().qpos()[self.finger]
    }

    /// Whether `point` is within `reach` m of the hand and the fingers are `width` apart (half, m).
    pub fn holds(self, world: &World, point: [f64; 3], reach: f64, width: Range<f64>) -> bool {
        distance(self.position(world), point) < reach && width.contains(&self.finger(world))
    }
}

/// Bodies that an expert observes, and the hand.
#[derive(Clone, Copy, Debug)]
pub struct Bodies<const N: usize> {
    bodies: [usize; N],
    pub hand: Hand,
}

impl<const N: usize> Bodies<N> {
    /// Finds them in the model; see [`body`] for a model without.
    pub fn of(world: &World, bodies: [&str; N]) -> Self {
        Self { bodies: bodies.map(|name| body(world, name)), hand: Hand::of(world) }
    }

    /// Positions of the bodies' origins, world frame, m.
    pub fn positions(self, world: &World) -> [[f64; 3]; N] {
        self.bodies.map(|body| world.simulation().data().xpos()[body])
    }

    /// Position of one of them.
    pub fn position(self, world: &World, index: usize) -> [f64; 3] {
        self.positions(world)[index]
    }

    /// Rotation of one of them about the vertical, rad in (−π, π].
    pub fn yaw(self, world: &World, index: usize) -> f64 {
        yaw_of_matrix(&world.simulation().data().xmat()[self.bodies[index]])
    }
}

/// Commands a hand: one minimum-jerk move after the other, with hesitations and drifting noise.
pub struct Mover {
    /// Commanded pose, without the noise. The yaw counts turns.
    pub command: Pose,
    drift: Drift,
    segment: Segment,
    pause: usize,
    rate: f64,
}

impl Mover {
    /// At rest in a pose, with noise of this deviation, m.
    pub fn start(world: &World, command: Pose, noise: f64) -> Self {
        let rate = world.task().spec().control_rate;
        let segment = Segment::new(command, command, 1.0, 1, rate);
        Self { command, drift: Drift::new(noise), segment, pause: 0, rate }
    }

    /// Begins a move at most `speed` m/s fast and at least `least` control steps long.
    pub fn go(&mut self, to: Pose, speed: f64, least: usize) {
        self.segment = Segment::new(self.command, to, speed, least, self.rate);
    }

    /// Pauses so many control steps soon after the beginning of the move, with a probability.
    pub fn hesitate(&mut self, probability: f64, steps: Range<usize>, rng: &mut ChaCha8Rng) {
        if happens(rng, probability) {
            self.pause = rng.random_range(steps);
        }
    }

    /// Whether the move is over: time for the next one.
    pub fn due(&self) -> bool {
        self.pause == 0 && self.segment.finished()
    }

    /// Goes on with the move, or pauses.
    pub fn advance(&mut self) {
        if self.pause > 0 && self.segment.begun() {
            self.pause -= 1;
        } else {
            self.command = self.segment.advance();
        }
    }

    /// The commanded position with the noise. Fine work is done with a `steady` hand.
    pub fn position(&mut self, steady: bool, rng: &mut ChaCha8Rng) -> [f64; 3] {
        let noise = self.drift.next(rng);
        let share = if steady { 0.3 } else { 1.0 };
        std::array::from_fn(|i| self.command.position[i] + share * noise[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::demonstrate::{demonstrate, replay};
    use crate::task::Task;
    use std::sync::Arc;

    #[test]
    fn each_mode_of_an_arm_task_is_shown_and_its_actions_repeat_it() {
        for name in ["lift", "pick_place", "square"] {
            let task = Arc::new(Task::load(name).unwrap());
            let modes = task.expert().unwrap().modes();
            for (i, mode) in modes.iter().enumerate() {
                let episode = demonstrate(&task, Some(i), 1, i as u64).unwrap();
                assert!(episode.success, "{name}, {mode}");
                assert_eq!(episode.mode, *mode, "{name}");
                let world = replay(&task, &episode).unwrap();
                assert!(world.success() && world.steps() == episode.len, "{name}, {mode}");
            }
            let again = || demonstrate(&task, None, 2, 0).unwrap();
            assert_eq!(again(), again(), "{name}");
        }
    }

    #[test]
    fn the_nearest_turn_is_found() {
        assert!((fold(3.0, std::f64::consts::PI) + 0.1416).abs() < 1e-4);
        assert!((fold(-0.3, std::f64::consts::TAU) + 0.3).abs() < 1e-12);
    }
}
