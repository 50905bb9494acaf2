//! Registry of the experts: the script of each name.

use super::expert::{Expert, ModeLabeller, Script};
use super::kind::ExpertKind;
use super::{avoid, block_push, cartpole, cylinder_push, kitchen, lift, pick_place, push_t, square, stack};
use crate::world::World;
use imle_configs::Error as InputError;
use rand_chacha::ChaCha8Rng;

impl ExpertKind {
    fn script(self) -> Script {
        match self {
            Self::Avoid => avoid::EXPERT,
            Self::BlockPush => block_push::EXPERT,
            Self::Cartpole => cartpole::EXPERT,
            Self::CylinderPush => cylinder_push::EXPERT,
            Self::Kitchen => kitchen::EXPERT,
            Self::Lift => lift::EXPERT,
            Self::PickPlace => pick_place::EXPERT,
            Self::PushT => push_t::EXPERT,
            Self::Square => square::EXPERT,
            Self::Stack => stack::EXPERT,
        }
    }

    /// Starts an episode in the world's present state; all choices come from `rng`. The expert shows the `mode` (an
    /// index of [`ExpertKind::modes`]), where one is given and the state allows it.
    pub fn start(self, world: &World, mode: Option<usize>, rng: ChaCha8Rng) -> Box<dyn Expert> {
        (self.script().start)(world, mode, rng)
    }

    /// A labeller for one trajectory.
    pub fn labeller(self) -> Box<dyn ModeLabeller> {
        (self.script().labeller)()
    }

    /// Names of the modes; none for a task without.
    pub fn modes(self) -> &'static [&'static str] {
        self.script().modes
    }

    /// Index of the mode of that name.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn mode(self, name: &str) -> imle_configs::Result<usize> {
        let known = self.modes().iter().position(|m| *m == name);
        known.ok_or_else(|| InputError::unknown("mode", name, self.modes()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::experts::demonstrate::{demonstrate, replay};
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
