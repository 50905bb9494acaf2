//! A world: one simulation of a task in which actions are executed.

use crate::error::{Error, Result};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::Task;
use crate::task::control::Control;
use crate::task::mismatch::Mismatch;
use crate::task::perception::Perception;
use crate::task::randomize::Randomize;
use imle_configs::seed::{Purpose, stream};
use std::collections::VecDeque;
use std::sync::Arc;

/// A task in motion.
#[derive(Debug)]
pub struct World {
    task: Arc<Task>,
    sim: Simulation,
    control: Control,
    values: Vec<f64>,
    solved_for: usize,
    steps: usize,
    failed: Option<String>,
    lost: bool,
    /// Perceived state, in a world whose sensors err.
    perception: Option<Perception>,
    /// Draw of the task's `randomize` for this episode.
    drawn: Option<Mismatch>,
    /// Actions on their way, in a world that acts late.
    late: VecDeque<Vec<f32>>,
    /// Seed and index of the episode.
    episode: (u64, u64),
}

impl World {
    /// A world of `task`, in need of a reset.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(task: Arc<Task>) -> Result<Self> {
        let sim = Simulation::new(task.compiled_model().clone()).map_err(Error::Simulation)?;
        let control = task.control().clone();
        let values = vec![0.0; task.quantities().len()];
        let noisy =
            task.mismatch().is_some_and(Mismatch::is_noisy) || task.randomize().is_some_and(Randomize::is_noisy);
        let perception = noisy.then(|| Perception::new(&task)).transpose()?;
        let (solved_for, steps, failed, lost, late) = (0, 0, None, false, VecDeque::new());
        let (drawn, episode) = (None, (0, 0));
        Ok(Self { task, sim, control, values, solved_for, steps, failed, lost, perception, drawn, late, episode })
    }

    /// Starts episode `index` of the stream (`seed`, `purpose`): the same start state for the same three.
    ///
    /// # Errors
    /// If MuJoCo gives up on the start state.
    pub fn reset(&mut self, seed: u64, purpose: Purpose, index: u64) -> Result<()> {
        self.reset_draw(seed, purpose, index, 0)
    }

    /// As [`World::reset`], with the `draw`th start state of that episode.
    pub(crate) fn reset_draw(&mut self, seed: u64, purpose: Purpose, index: u64, draw: u64) -> Result<()> {
        self.vary(seed, index)?;
        let mut rng = stream(seed, purpose, index, draw, 0);
        self.task.reset().apply(&mut self.sim, &self.control, &mut rng).map_err(Error::Simulation)?;
        self.begin(seed, index)
    }

    /// Starts an episode in a state that was recorded.
    ///
    /// # Errors
    /// If `state` has the wrong size.
    pub fn start_in(&mut self, state: &[f64], seed: u64, index: u64) -> Result<()> {
        self.vary(seed, index)?;
        self.sim.set_state(state).map_err(Error::Simulation)?;
        self.begin(seed, index)
    }

    /// Draws how the world differs in this episode, if the task's file says so.
    fn vary(&mut self, seed: u64, index: u64) -> Result<()> {
        let Some(randomize) = self.task.randomize() else { return Ok(()) };
        let (model, drawn) = randomize.draw(self.task.compiled_model(), seed, index).map_err(Error::Simulation)?;
        self.sim = Simulation::new(Arc::new(model)).map_err(Error::Simulation)?;
        self.drawn = Some(drawn);
        Ok(())
    }

    /// Starts an episode where only positions `qpos` (nq values) and velocities `qvel` (nv values) are known; all else
    /// is that of the reset's keyframe. Without controls `ctrl` (nu values) the joints that actions move hold still.
    ///
    /// # Errors
    /// A bad input that names the argument of the wrong size.
    pub fn start_at(&mut self, qpos: &[f64], qvel: &[f64], ctrl: Option<&[f64]>, seed: u64, index: u64) -> Result<()> {
        self.vary(seed, index)?;
        self.task.reset().place(&mut self.sim, &self.control, qpos, qvel, ctrl)?;
        self.begin(seed, index)
    }

    pub(crate) fn begin(&mut self, seed: u64, index: u64) -> Result<()> {
        (self.steps, self.solved_for, self.failed, self.lost) = (0, 0, None, false);
        self.episode = (seed, index);
        self.late.clear();
        let mut held = vec![0.0; self.task.spec().action.size()];
        self.control.hold(&self.sim, &mut held);
        let (named, drawn) = (self.task.mismatch(), self.drawn.as_ref());
        let both = || named.into_iter().chain(drawn);
        let delay = both().map(|m| m.delay).sum();
        self.late.extend(std::iter::repeat_n(held, delay));
        if let Some(perception) = &mut self.perception {
            // Independent noises add up in their squares.
            let position = both().map(|m| m.noise_position).fold(0.0, f64::hypot);
            let angle = both().map(|m| m.noise_angle).fold(0.0, f64::hypot);
            perception.begin(
                Mismatch { noise_position: position, noise_angle: angle, ..Mismatch::default() },
                seed,
                index,
            );
        }
        self.refresh().map_err(Error::Simulation)
    }

    /// Executes `action` (action size values) for one control step. A failed simulation stays failed until reset.
    pub fn step(&mut self, action: &[f32]) {
        if self.failed.is_some() {
            return;
        }
        self.steps += 1;
        let done = match self.late.pop_front() {
            None => self.control.execute(&mut self.sim, action, self.task.substeps()),
            Some(mut earlier) => {
                let done = self.control.execute(&mut self.sim, &earlier, self.task.substeps());
                earlier.copy_from_slice(action);
                self.late.push_back(earlier);
                done
            }
        };
        match done.and_then(|()| self.refresh()) {
            Ok(()) => {
                self.lost |= self.task.lost(&self.values);
                self.solved_for = if self.task.solved(&self.values) { self.solved_for + 1 } else { 0 };
            }
            Err(reason) => {
                self.solved_for = 0;
                self.failed = Some(reason);
            }
        }
    }

    fn refresh(&mut self) -> std::result::Result<(), String> {
        self.sim.refresh(self.task.needs())?;
        self.task.quantities().evaluate(&self.sim, &mut self.values);
        match &mut self.perception {
            Some(perception) => perception.look(&self.sim, self.steps),
            None => Ok(()),
        }
    }

    /// The simulation as it is perceived: the true one, unless the world's sensors err.
    fn perceived(&self) -> &Simulation {
        self.perception.as_ref().map_or(&self.sim, Perception::simulation)
    }

    /// Writes the observation (observation size values).
    pub fn observe(&self, out: &mut [f32]) {
        self.task.observation().write(self.perceived(), out);
        if let Some(randomize) = self.task.randomize() {
            randomize.disturb(self.episode.0, self.episode.1, self.steps, out);
        }
    }

    /// Copies the full integration state as it is perceived: what a planner starts from.
    ///
    /// # Errors
    /// If `out` has the wrong size.
    pub fn perceived_state(&self, out: &mut [f64]) -> Result<()> {
        self.perceived().get_state(out).map_err(Error::Simulation)
    }

    /// Lets the servos that actions move hold the present pose.
    pub(crate) fn stand_still(&mut self) -> Result<()> {
        self.control.stand_still(&mut self.sim).map_err(Error::Simulation)
    }

    /// Writes the action that holds the present pose (action size values).
    pub fn hold(&self, out: &mut [f32]) {
        self.control.hold(&self.sim, out);
    }

    /// Whether the solved state has lasted as long as the task asks.
    pub fn success(&self) -> bool {
        !self.lost && self.solved_for > 0 && self.solved_for >= self.task.hold_steps()
    }

    /// Why the simulation failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Whether the task has been lost in this episode, as its file's `failure` says.
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// Cost of the present state.
    pub fn cost(&self) -> f64 {
        if self.lost { self.task.failure_cost() } else { self.task.cost().value(&self.values) }
    }

    /// Values of the task's quantities, in the order of their names.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Control steps since the reset.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the episode is over: solved, lost, failed, or out of steps.
    pub fn done(&self) -> bool {
        self.success() || self.lost || self.failed.is_some() || self.steps >= self.task.max_steps()
    }

    /// Counts `steps` control steps as done, of an episode that was begun in its middle.
    pub fn set_steps(&mut self, steps: usize) {
        self.steps = steps;
    }

    /// The task.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Seed and index of the episode.
    pub fn episode(&self) -> (u64, u64) {
        self.episode
    }

    /// The simulation, to look at.
    pub fn simulation(&self) -> &Simulation {
        &self.sim
    }

    /// The simulation, to draw or to disturb.
    pub fn simulation_mut(&mut self) -> &mut Simulation {
        &mut self.sim
    }

    /// Puts the world into a full integration state, e.g. one recorded earlier in the episode; the counts of steps
    /// and of solved steps go on from where they are.
    ///
    /// # Errors
    /// If `state` has the wrong size.
    pub fn set_state(&mut self, state: &[f64]) -> Result<()> {
        self.sim.set_state(state).map_err(Error::Simulation)?;
        self.refresh().map_err(Error::Simulation)
    }

    /// Puts the bodies between where two full integration states have them, `share` (0 to 1) of the way: a picture to
    /// look at, not a state to go on from.
    ///
    /// # Errors
    /// If a state has the wrong size.
    pub fn set_between(&mut self, from: &[f64], to: &[f64], share: f64) -> Result<()> {
        self.set_state(to)?;
        let after = self.sim.data().qpos().to_vec();
        self.set_state(from)?;
        let mut qpos = self.sim.data().qpos().to_vec();
        let way = self.sim.model().differentiate_pos(1.0, &qpos, &after);
        self.sim.model().integrate_pos(&mut qpos, &way, share);
        self.sim.data_mut().qpos_mut().copy_from_slice(&qpos);
        self.sim.refresh(Needs::default()).map_err(Error::Simulation)
    }

    /// Copies the full integration state.
    ///
    /// # Errors
    /// If `out` has the wrong size.
    pub fn get_state(&self, out: &mut [f64]) -> Result<()> {
        self.sim.get_state(out).map_err(Error::Simulation)
    }

    /// Size of the full integration state.
    pub fn state_size(&self) -> usize {
        self.sim.state_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions and velocities with the controls are the whole of a start state; without them the arm holds still.
    #[test]
    fn a_start_from_positions_is_the_start_state() {
        let mut world = World::new(Arc::new(Task::load("stack").unwrap())).unwrap();
        world.reset(3, Purpose::Reset, 0).unwrap();
        let state = |world: &World| {
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state).unwrap();
            state
        };
        let begun = state(&world);
        let data = world.simulation().data();
        let (qpos, qvel, ctrl) = (data.qpos().to_vec(), data.qvel().to_vec(), data.ctrl().to_vec());
        world.reset(4, Purpose::Reset, 1).unwrap();
        world.start_at(&qpos, &qvel, Some(&ctrl), 3, 0).unwrap();
        assert_eq!(state(&world), begun);
        world.start_at(&qpos, &qvel, None, 3, 0).unwrap();
        let held = world.simulation().data().ctrl();
        assert!(ctrl.iter().zip(held).all(|(a, b)| (a - b).abs() < 1e-9), "{ctrl:?} {held:?}");
        let message = world.start_at(&qpos[1..], &qvel, None, 3, 0).unwrap_err().to_string();
        assert_eq!(message, format!("qpos: expected {} values, found {}", qpos.len(), qpos.len() - 1));
    }
}
