//! Scripted experts: one file each, registered here.
//!
//! An expert sees the world's true state and commands actions in the task's own mapping. It demonstrates as people
//! do: in one of several labelled modes, at varying speed, with hesitations, small noise and mistakes that it
//! recovers from. One labeller a task names the mode of any trajectory, the expert's or a policy's.

mod motion;
mod stack;

use crate::world::World;
use imle_configs::Error as InputError;
use rand_chacha::ChaCha8Rng;

/// Acts in one episode.
pub trait Expert: Send {
    /// Writes the next action (action size values).
    fn act(&mut self, world: &World, out: &mut [f32]);
}

/// Names the mode of one trajectory from the states along it.
pub trait ModeLabeller: Send {
    /// Looks at the state after a control step.
    fn observe(&mut self, world: &World);
    /// The mode, once it shows.
    fn label(&self) -> Option<&'static str>;
}

/// The registered experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpertKind {
    /// Stacks cube A on cube B.
    Stack,
}

/// All experts by name: the registry.
const EXPERTS: [(&str, ExpertKind); 1] = [("stack", ExpertKind::Stack)];

/// The expert of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn find(name: &str) -> imle_configs::Result<ExpertKind> {
    let known = EXPERTS.iter().find(|(n, _)| *n == name);
    known.map(|(_, kind)| *kind).ok_or_else(|| InputError::unknown("expert", name, EXPERTS.iter().map(|(n, _)| *n)))
}

impl ExpertKind {
    /// Starts an episode in the world's present state; all choices come from `rng`.
    pub fn start(self, world: &World, rng: ChaCha8Rng) -> Box<dyn Expert> {
        match self {
            Self::Stack => Box::new(stack::StackExpert::start(world, rng)),
        }
    }

    /// A labeller for one trajectory.
    pub fn labeller(self) -> Box<dyn ModeLabeller> {
        match self {
            Self::Stack => Box::new(stack::StackLabeller::default()),
        }
    }

    /// The modes there are.
    pub fn modes(self) -> &'static [&'static str] {
        match self {
            Self::Stack => &stack::MODES,
        }
    }
}
