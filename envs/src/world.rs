//! A world: one simulation of a task in which actions are executed.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::native::Simulation;
use crate::task::Task;
use imle_configs::seed::{Purpose, stream};
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
}

impl World {
    /// A world of `task`, in need of a reset.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(task: Arc<Task>) -> Result<Self> {
        let sim = Simulation::new(task.model().clone()).map_err(Error::Simulation)?;
        let control = task.control().clone();
        let values = vec![0.0; task.quantities().len()];
        Ok(Self { task, sim, control, values, solved_for: 0, steps: 0, failed: None })
    }

    /// Starts episode `index` of the stream (`seed`, `purpose`): the same start state for the same three.
    pub fn reset(&mut self, seed: u64, purpose: Purpose, index: u64) {
        let mut rng = stream(seed, purpose, index, 0, 0);
        self.task.reset().apply(&mut self.sim, &self.control, &mut rng);
        self.steps = 0;
        self.solved_for = 0;
        self.failed = None;
        self.evaluate();
    }

    /// Executes `action` (action size values) for one control step. A failed simulation stays failed until reset.
    pub fn step(&mut self, action: &[f32]) {
        if self.failed.is_some() {
            return;
        }
        self.steps += 1;
        match self.control.execute(&mut self.sim, action, self.task.substeps()) {
            Ok(()) => {
                self.refresh();
                self.solved_for = if self.task.solved(&self.values) { self.solved_for + 1 } else { 0 };
            }
            Err(reason) => {
                self.solved_for = 0;
                self.failed = Some(reason);
            }
        }
    }

    fn refresh(&mut self) {
        self.sim.refresh(self.task.quantities().need_velocities());
        self.evaluate();
    }

    fn evaluate(&mut self) {
        self.task.quantities().evaluate(&self.sim, &mut self.values);
    }

    /// Writes the observation (observation size values).
    pub fn observe(&self, out: &mut [f32]) {
        self.task.observation().write(&self.sim, out);
    }

    /// Writes the action that holds the present pose (action size values).
    pub fn hold(&self, out: &mut [f32]) {
        self.control.hold(&self.sim, out);
    }

    /// Whether the solved state has lasted as long as the task asks.
    pub fn success(&self) -> bool {
        self.solved_for > 0 && self.solved_for >= self.task.hold_steps()
    }

    /// Why the simulation failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Cost of the present state.
    pub fn cost(&self) -> f64 {
        self.task.cost().value(&self.values)
    }

    /// Values of the task's quantities, in the order of their names.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Control steps since the reset.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the episode is over: solved, failed, or out of steps.
    pub fn done(&self) -> bool {
        self.success() || self.failed.is_some() || self.steps >= self.task.max_steps()
    }

    /// The task.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
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
        self.refresh();
        Ok(())
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
