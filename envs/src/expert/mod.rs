//! Scripted experts: one file each, registered here.
//!
//! An expert sees the world's true state and commands actions in the task's own mapping. It demonstrates as people
//! do: in one of several labelled modes, at varying speed, with hesitations, small noise and mistakes that it
//! recovers from. One labeller a task names the mode of any trajectory, the expert's or a policy's.

mod arm;
mod around;
mod avoid;
mod block_push;
mod cartpole;
mod cylinder_push;
mod kitchen;
mod kitchen_things;
mod lift;
mod motion;
mod path;
mod pick_place;
pub(crate) mod poor;
mod push_t;
mod square;
mod stack;
mod tee;

use crate::world::World;
use imle_configs::Error as InputError;
use rand_chacha::ChaCha8Rng;

/// Acts in one episode.
pub trait Expert: Send {
    /// Writes the next action (action size values).
    fn act(&mut self, world: &World, out: &mut [f32]);
    /// Whether what has been done so far fixes the mode: from here, another one would be a detour.
    fn committed(&self) -> bool;
}

/// Names the mode of one trajectory from the states along it.
pub trait ModeLabeller: Send {
    /// Looks at the state after a control step.
    fn observe(&mut self, world: &World);
    /// Index among the expert's modes, once it shows.
    fn label(&self) -> Option<usize>;
}

/// The labeller of experts without modes.
struct Unlabelled;

impl ModeLabeller for Unlabelled {
    fn observe(&mut self, _: &World) {}

    fn label(&self) -> Option<usize> {
        None
    }
}

/// A registered expert.
#[derive(Clone, Copy, Debug)]
pub struct ExpertKind {
    name: &'static str,
    modes: &'static [&'static str],
    start: fn(&World, Option<usize>, ChaCha8Rng) -> Box<dyn Expert>,
    labeller: fn() -> Box<dyn ModeLabeller>,
}

/// All experts: the registry.
const EXPERTS: [ExpertKind; 10] = [
    avoid::EXPERT,
    block_push::EXPERT,
    cartpole::EXPERT,
    cylinder_push::EXPERT,
    kitchen::EXPERT,
    lift::EXPERT,
    pick_place::EXPERT,
    push_t::EXPERT,
    square::EXPERT,
    stack::EXPERT,
];

/// The expert of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn find(name: &str) -> imle_configs::Result<ExpertKind> {
    let known = EXPERTS.into_iter().find(|e| e.name == name);
    known.ok_or_else(|| InputError::unknown("expert", name, EXPERTS.map(|e| e.name)))
}

impl ExpertKind {
    /// Starts an episode in the world's present state; all choices come from `rng`. With a `mode` (index) it is that
    /// one that is shown, where the state allows it.
    pub fn start(self, world: &World, mode: Option<usize>, rng: ChaCha8Rng) -> Box<dyn Expert> {
        (self.start)(world, mode, rng)
    }

    /// A labeller for one trajectory.
    pub fn labeller(self) -> Box<dyn ModeLabeller> {
        (self.labeller)()
    }

    /// The modes there are; none for a task without.
    pub fn modes(self) -> &'static [&'static str] {
        self.modes
    }

    /// Index of the mode of that name.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn mode(self, name: &str) -> imle_configs::Result<usize> {
        let known = self.modes.iter().position(|m| *m == name);
        known.ok_or_else(|| InputError::unknown("mode", name, self.modes))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::demonstrate::{demonstrate, replay};
    use crate::task::Task;
    use std::sync::Arc;

    /// The task's expert shows each of its modes in episode `index`, the same again, and its actions alone solve it.
    pub(crate) fn every_mode_is_shown_and_labelled(task: &str, index: u64) {
        let task = Arc::new(Task::load(task).unwrap());
        for (mode, name) in task.expert().unwrap().modes().iter().enumerate() {
            let episode = demonstrate(&task, Some(mode), 0, index).unwrap();
            assert!(episode.success, "{name}");
            assert_eq!(episode.mode, *name);
            assert_eq!(episode.actions, demonstrate(&task, Some(mode), 0, index).unwrap().actions);
            assert!(replay(&task, &episode).unwrap().success());
        }
    }

    #[test]
    fn experts_without_modes_solve_their_tasks_and_replay_alike() {
        for name in ["cartpole", "cylinder_push"] {
            let task = Arc::new(Task::load(name).unwrap());
            for index in 0..2 {
                let episode = demonstrate(&task, None, 0, index).unwrap();
                assert!(episode.success && episode.mode.is_empty(), "{name} {index}");
                let mut last = vec![0.0; task.spec().observation.size()];
                let world = replay(&task, &episode).unwrap();
                world.observe(&mut last);
                assert!(world.success() && world.steps() == episode.len);
            }
        }
    }
}
