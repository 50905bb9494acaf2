//! The observation renderer: pictures of the cameras of episodes in lockstep, for generators that see pictures.
//!
//! An OpenGL context stays in the thread that made it, while worlds are stepped on many: so worlds note their states,
//! and one renderer draws them before a decision, in a world of its own. The pictures are the same for any number of
//! threads.

use crate::error::Result;
use imle_envs::{render::Cameras, task::Task, world::World};
use std::sync::Arc;

/// Draws states of a task.
pub struct ObservationRenderer {
    cameras: Cameras,
    world: World,
}

impl ObservationRenderer {
    /// The cameras of `task`, if it is a task as a generator with pictures sees it ([`Task::seen_as`]).
    ///
    /// # Errors
    /// [`imle_envs::Error::Render`] if the machine has no EGL or OpenGL.
    pub fn new(task: &Arc<Task>) -> Result<Option<Self>> {
        if task.spec().pictures.is_none() {
            return Ok(None);
        }
        let world = World::new(task.clone())?;
        Ok(Some(Self { cameras: Cameras::new(&world)?, world }))
    }

    /// Bytes of the pictures of one state, (cameras, H, W, 3).
    pub fn bytes(&self) -> usize {
        self.cameras.bytes()
    }

    /// Writes the pictures of a full integration state of episode (seed, index).
    ///
    /// # Errors
    /// [`imle_envs::Error::Render`]; a state of another size.
    pub fn draw(&mut self, state: &[f64], (seed, index): (u64, u64), out: &mut [u8]) -> Result<()> {
        self.world.start_in(state, seed, index)?;
        Ok(self.cameras.draw([&mut self.world], out)?)
    }
}

/// The last T_obs pictures of one episode, and the states that are still to be drawn.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// (T_obs, cameras, H, W, 3), oldest first; empty before the first is drawn.
    pictures: Vec<u8>,
    /// Oldest first.
    waiting: Vec<Vec<f64>>,
}

impl History {
    /// Notes the present state of `world`; of more than `most` that wait the oldest will never be seen.
    pub(crate) fn note(&mut self, world: &World, most: usize) -> Result<()> {
        let mut state = if self.waiting.len() < most { Vec::new() } else { self.waiting.remove(0) };
        state.resize(world.state_size(), 0.0);
        world.get_state(&mut state)?;
        self.waiting.push(state);
        Ok(())
    }

    /// Draws what waits, and appends it to `kept`, if that is wanted; returns the last `steps` pictures, the first one
    /// repeated where the episode had not begun.
    pub(crate) fn draw(
        &mut self,
        renderer: &mut ObservationRenderer,
        episode: (u64, u64),
        steps: usize,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<&[u8]> {
        let bytes = renderer.bytes();
        let mut drawn = vec![0; bytes];
        for state in self.waiting.drain(..) {
            renderer.draw(&state, episode, &mut drawn)?;
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&drawn);
            }
            if self.pictures.is_empty() {
                self.pictures = drawn.repeat(steps);
            } else {
                self.pictures.copy_within(bytes.., 0);
                let newest = self.pictures.len() - bytes;
                self.pictures[newest..].copy_from_slice(&drawn);
            }
        }
        Ok(&self.pictures)
    }
}
