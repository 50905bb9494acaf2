//! Start states that force a mode: the expert has begun in it and can no longer leave it without a detour.

use super::kind::ExpertKind;
use crate::error::{Error, Result};
use crate::world::World;
use imle_configs::Error as InputError;
use imle_configs::seed::{Purpose, stream};

/// Start states tried before a mode is given up.
const TRIES: u64 = 100;

/// Starts episode `index` of the stream (`seed`, `purpose`) in `world` such that it forces `mode` (an index of the
/// expert's): of the episode's draws of a start state the first is taken from which the expert solves the task in that
/// mode; then the expert acts until it is committed. The episode's steps are counted from there. Returns the last
/// `seen` observations until then, (seen, O), oldest first, the first repeated where there were fewer: to a policy that
/// sees several, one that is repeated is a robot at rest.
///
/// # Errors
/// A bad input, if no draw allows the mode.
pub fn reset_in_mode(
    world: &mut World,
    expert: ExpertKind,
    mode: usize,
    (seed, purpose, index): (u64, Purpose, u64),
    seen: usize,
) -> Result<Vec<f32>> {
    let mut action = vec![0.0; world.task().spec().action.size()];
    let mut state = vec![0.0; world.state_size()];
    let size = world.task().spec().observation.size();
    for draw in 0..TRIES {
        world.reset_draw(seed, purpose, index, draw)?;
        let mut actor = expert.start(world, Some(mode), stream(seed, Purpose::Expert, index, draw, 1));
        let mut labeller = expert.labeller();
        let mut committed = false;
        let mut history = vec![0.0; size];
        world.observe(&mut history);
        let mut history = history.repeat(seen);
        while !world.done() {
            if !committed && actor.committed() {
                world.get_state(&mut state)?;
                committed = true;
            }
            actor.act(world, &mut action);
            world.step(&action);
            if !committed {
                history.rotate_left(size);
                world.observe(&mut history[(seen - 1) * size..]);
            }
            labeller.observe(world);
        }
        if committed && world.success() && labeller.label() == Some(mode) {
            world.start_in(&state, seed, index)?;
            return Ok(history);
        }
    }
    let name = expert.modes().get(mode).copied().unwrap_or_default();
    let expected = format!("a start state of episode {index} from which the expert shows mode `{name}`");
    Err(Error::Input(InputError::unexpected("--mode", expected, format!("none in {TRIES} draws"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use std::sync::Arc;

    #[test]
    fn a_forced_start_is_one_of_its_mode_and_the_same_again() {
        let task = Arc::new(Task::load("stack").unwrap());
        let expert = task.expert().unwrap();
        for mode in 0..expert.modes().len() {
            let start = || {
                let mut world = World::new(task.clone()).unwrap();
                let seen = reset_in_mode(&mut world, expert, mode, (3, Purpose::Reset, 1), 2).unwrap();
                let (before, last) = seen.split_at(seen.len() / 2);
                let mut now = last.to_vec();
                world.observe(&mut now);
                assert!(last == now && before != last, "the expert was under way");
                let mut state = vec![0.0; world.state_size()];
                world.get_state(&mut state).unwrap();
                assert_eq!(world.steps(), 0);
                state
            };
            assert_eq!(start(), start());
        }
    }
}
