//! The work of an expert that takes a thing with the hand: phases, each of them one move.

use super::arm::{Hand, Mover, beside};
use super::expert::Expert;
use super::motion::{Pose, write};
use crate::world::World;
use rand_chacha::ChaCha8Rng;

/// Phases of the work. An expert goes through those that it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// To over the thing.
    Hover,
    Descend,
    /// Over the table to the thing.
    Sweep,
    Close,
    Lift,
    /// Along the board to before its end.
    Side,
    /// To the gate in the plane of the board.
    Cross,
    Carry,
    Lower,
    Open,
    Retreat,
    Rest,
}

/// A move of the hand.
pub struct Move {
    /// Pose where it ends.
    pub to: Pose,
    /// Share of the expert's speed.
    pub pace: f64,
    /// Least number of control steps.
    pub least: usize,
}

/// The part of such an expert that knows its task.
pub trait Handling: Send {
    /// The move of a phase from the pose that is commanded `here`, by where things are now.
    fn plan(&mut self, phase: Phase, here: Pose, world: &World) -> Move;

    /// The phase after one whose move is over.
    fn after(&mut self, phase: Phase, world: &World) -> Phase;

    /// Whether what has been done when a phase begins fixes the mode.
    fn committed(&self, phase: Phase) -> bool;

    /// Whether a phase is fine work.
    fn steady(&self, phase: Phase) -> bool {
        use Phase::{Carry, Cross, Hover, Lift, Retreat, Side};
        !matches!(phase, Hover | Lift | Side | Cross | Carry | Retreat)
    }
}

/// One episode of such an expert.
pub struct Picker<W> {
    work: W,
    rng: ChaCha8Rng,
    mover: Mover,
    phase: Phase,
    /// Speed of its moves, m/s.
    speed: f64,
    /// Whether it goes astray before it finds the thing.
    detour: bool,
}

impl<W: Handling + 'static> Picker<W> {
    /// Begins with a hover at the present pose of the hand.
    pub fn start(world: &World, work: W, speed: f64, detour: bool, rng: ChaCha8Rng) -> Box<dyn Expert> {
        let (position, yaw) = Hand::of(world).pose(world);
        let mover = Mover::start(world, Pose { position, yaw, gripper: 1.0 }, 0.0015);
        let mut expert = Self { work, rng, mover, phase: Phase::Hover, speed, detour };
        expert.enter(Phase::Hover, world);
        Box::new(expert)
    }

    fn enter(&mut self, phase: Phase, world: &World) {
        let here = self.mover.command;
        let (mut to, speed, least) = match phase {
            Phase::Close => (Pose { gripper: 0.0, ..here }, 1.0, 6),
            Phase::Open => (Pose { gripper: 1.0, ..here }, 1.0, 4),
            Phase::Rest => (here, 1.0, 1),
            _ => {
                let Move { to, pace, least } = self.work.plan(phase, here, world);
                (to, pace * self.speed, least)
            }
        };
        if phase == Phase::Hover && self.detour {
            to.position = beside(to.position, &mut self.rng);
        }
        if matches!(phase, Phase::Descend | Phase::Sweep | Phase::Lower) {
            self.mover.hesitate(0.1, 2..5, &mut self.rng);
        }
        self.phase = phase;
        self.mover.go(to, speed, least);
    }
}

impl<W: Handling + 'static> Expert for Picker<W> {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        if self.mover.due() {
            let next = match self.phase {
                Phase::Hover if std::mem::take(&mut self.detour) => Phase::Hover,
                Phase::Hover => Phase::Descend,
                Phase::Close => Phase::Lift,
                Phase::Open => Phase::Retreat,
                phase => self.work.after(phase, world),
            };
            self.enter(next, world);
        }
        self.mover.advance();
        let [x, y, z] = self.mover.position(self.work.steady(self.phase), &mut self.rng);
        let (sin, cos) = self.mover.command.yaw.sin_cos();
        write([x, y, z, cos, sin, self.mover.command.gripper], out);
    }

    fn committed(&self) -> bool {
        self.work.committed(self.phase)
    }
}
