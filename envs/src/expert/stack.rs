//! The expert of `stack`: pick cube A, carry it low or high, put it on cube B, let go, move away.
//!
//! Four modes: the cube is grasped along the nearer of its two axes or along the other one (`near`, `far`), and
//! carried `low` (just above cube B) or `high`.

use super::motion::{Drift, Pose, Segment, happens};
use super::{Expert, ExpertKind, ModeLabeller};
use crate::model::{Kind, find};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// The expert and its modes, as labelled in datasets.
pub const EXPERT: ExpertKind = ExpertKind {
    name: "stack",
    modes: &["near-low", "near-high", "far-low", "far-high"],
    start: |world, mode, rng| Box::new(StackExpert::start(world, mode, rng)),
    labeller: || Box::new(StackLabeller::default()),
};
/// Greatest height of cube A's centre that still counts as a low carry, m.
const LOW_CARRY: f64 = 0.125;
/// Height of a cube's centre on the table, m.
const REST: f64 = 0.02;
const EDGE: f64 = 0.04;

/// Bodies and sites the expert looks at; a model without them gets the world's origin, which fails the episode.
#[derive(Clone, Copy, Debug, Default)]
struct Things {
    cube_a: usize,
    cube_b: usize,
    tcp: usize,
    finger: usize,
}

impl Things {
    fn of(world: &World) -> Self {
        let model = world.simulation().model();
        let id = |kind, name| find(model, kind, name).unwrap_or(0);
        let finger = model.jnt_qposadr()[id(Kind::Joint, "finger_joint1")] as usize;
        Self { cube_a: id(Kind::Body, "cube_a"), cube_b: id(Kind::Body, "cube_b"), tcp: id(Kind::Site, "tcp"), finger }
    }

    fn body(world: &World, id: usize) -> [f64; 3] {
        world.simulation().data().xpos()[id]
    }

    fn yaw_of_matrix(m: &[f64; 9]) -> f64 {
        m[3].atan2(m[0])
    }

    /// Yaw of cube A in [−π/4, π/4): a cube looks the same every quarter turn.
    fn cube_yaw(self, world: &World) -> f64 {
        let yaw = Self::yaw_of_matrix(&world.simulation().data().xmat()[self.cube_a]);
        (yaw + FRAC_PI_4).rem_euclid(FRAC_PI_2) - FRAC_PI_4
    }

    fn tcp_pose(self, world: &World) -> ([f64; 3], f64) {
        let data = world.simulation().data();
        (data.site_xpos()[self.tcp], Self::yaw_of_matrix(&data.site_xmat()[self.tcp]))
    }

    /// Whether cube A is between closed fingers.
    fn holding(self, world: &World) -> bool {
        let (tcp, a) = (self.tcp_pose(world).0, Self::body(world, self.cube_a));
        let reach = (0..3).map(|i| (tcp[i] - a[i]).powi(2)).sum::<f64>().sqrt();
        let finger = world.simulation().data().qpos()[self.finger];
        reach < 0.025 && (0.015..0.024).contains(&finger)
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
    drift: Drift,
    phase: Phase,
    segment: Segment,
    command: Pose,
    pause: usize,
    detour: bool,
    rate: f64,
}

impl StackExpert {
    /// Chooses mode, speed and mistakes.
    pub fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let things = Things::of(world);
        let (position, yaw) = things.tcp_pose(world);
        let command = Pose { position, yaw, gripper: 1.0 };
        let rate = world.task().spec().control_rate;
        let free = (happens(&mut rng, 0.5), happens(&mut rng, 0.5));
        let (far, high) = mode.map_or(free, |m| (m >= 2, m % 2 == 1));
        let mut expert = Self {
            far,
            high,
            speed: rng.random_range(0.40..0.60),
            drift: Drift::new(0.0015),
            phase: Phase::Hover,
            segment: Segment::new(command, command, 1.0, 1, rate),
            command,
            pause: 0,
            detour: happens(&mut rng, 0.1),
            rate,
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
        let (a, b) = (Things::body(world, self.things.cube_a), Things::body(world, self.things.cube_b));
        let yaw = self.grasp_yaw(world, far);
        let d = [b[0] - a[0], b[1] - a[1]];
        let along = -d[0] * yaw.sin() + d[1] * yaw.cos();
        let across = d[0] * yaw.cos() + d[1] * yaw.sin();
        along.abs() < 0.092 && across.abs() < 0.042
    }

    fn grasp_yaw(&self, world: &World, far: bool) -> f64 {
        let near = self.things.cube_yaw(world);
        match (far, near >= 0.0) {
            (false, _) => near,
            (true, true) => near - FRAC_PI_2,
            (true, false) => near + FRAC_PI_2,
        }
    }

    /// Plans the segment of a phase from the cubes' present places.
    fn enter(&mut self, phase: Phase, world: &World) {
        let (a, b) = (Things::body(world, self.things.cube_a), Things::body(world, self.things.cube_b));
        let over = |p: [f64; 3], z: f64| [p[0], p[1], z];
        let here = self.command;
        // Where the held cube sits between the fingers, so that the cube and not the hand ends up in place.
        let tcp = self.things.tcp_pose(world).0;
        let held = [tcp[0] - a[0], tcp[1] - a[1], tcp[2] - a[2]];
        let carry = if self.high { 0.19 } else { b[2].max(REST) + EDGE + 0.028 };
        let onto = |z: f64| [b[0] + held[0], b[1] + held[1], z + held[2]];
        let (to, speed, least) = match phase {
            Phase::Hover => {
                let mut goal = over(a, a[2].max(REST) + 0.075);
                if self.detour {
                    let angle = self.rng.random_range(0.0..std::f64::consts::TAU);
                    let off = self.rng.random_range(0.015..0.03);
                    goal = [goal[0] + off * angle.cos(), goal[1] + off * angle.sin(), goal[2]];
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
        if matches!(phase, Phase::Descend | Phase::Lower) && happens(&mut self.rng, 0.1) {
            self.pause = self.rng.random_range(2..5);
        }
        self.phase = phase;
        self.segment = Segment::new(here, to, speed, least, self.rate);
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
        let (a, b) = (Things::body(world, self.things.cube_a), Things::body(world, self.things.cube_b));
        (a[0] - b[0]).hypot(a[1] - b[1]) < 0.02 && (a[2] - b[2] - EDGE).abs() < 0.003
    }
}

impl Expert for StackExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.pause > 0 {
            self.pause -= 1;
        } else {
            if self.segment.finished() {
                let next = self.next_phase(world);
                self.enter(next, world);
            }
            self.command = self.segment.advance();
        }
        let noise = self.drift.next(&mut self.rng);
        // Fine work is done with a steady hand.
        let steady = !matches!(self.phase, Phase::Hover | Phase::Lift | Phase::Carry | Phase::Retreat);
        let p: [f64; 3] =
            std::array::from_fn(|i| self.command.position[i] + if steady { 0.3 * noise[i] } else { noise[i] });
        let (sin, cos) = self.command.yaw.sin_cos();
        for (slot, value) in out.iter_mut().zip([p[0], p[1], p[2], cos, sin, self.command.gripper]) {
            *slot = value as f32;
        }
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
        let height = Things::body(world, things.cube_a)[2];
        if height > REST + 0.01 {
            self.far.get_or_insert_with(|| things.tcp_pose(world).1.abs() > FRAC_PI_4);
            self.highest = self.highest.max(height);
        }
    }

    fn label(&self) -> Option<usize> {
        Some(usize::from(self.highest > LOW_CARRY) + 2 * usize::from(self.far?))
    }
}
