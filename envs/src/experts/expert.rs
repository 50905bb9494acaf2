//! Behaviour of an expert in one episode, and labels of its modes.

use crate::world::World;
use rand_chacha::ChaCha8Rng;

/// Behaviour of an expert in one episode.
pub trait Expert: Send {
    /// Writes the next action (action size values).
    fn act(&mut self, world: &World, out: &mut [f32]);
    /// Whether what has been done so far fixes the mode: from here, another one would be a detour.
    fn committed(&self) -> bool;
}

/// Label of the mode of one trajectory, found from the states along it.
pub trait ModeLabeller: Send {
    /// Looks at the state after a control step.
    fn observe(&mut self, world: &World);
    /// Index among the expert's modes, once it shows.
    fn label(&self) -> Option<usize>;
}

/// The labeller of experts without modes.
pub(super) struct Unlabelled;

impl ModeLabeller for Unlabelled {
    fn observe(&mut self, _: &World) {}

    fn label(&self) -> Option<usize> {
        None
    }
}

/// Script of an expert: its modes, how it starts an episode, and its labeller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    pub modes: &'static [&'static str],
    pub start: fn(&World, Option<usize>, ChaCha8Rng) -> Box<dyn Expert>,
    pub labeller: fn() -> Box<dyn ModeLabeller>,
}
