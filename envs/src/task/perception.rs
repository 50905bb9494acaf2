//! Observations with sensor errors: the true state with the poses of objects moved by noise.

use super::definition::Task;
use crate::error::{Error, Result};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::mismatch::{Mismatch, ObjectJoint, object_joints};
use imle_configs::seed::{Purpose, stream};

/// A second simulation that holds the perceived state.
#[derive(Debug)]
pub struct Perception {
    sim: Simulation,
    mismatch: Mismatch,
    joints: Vec<ObjectJoint>,
    needs: Needs,
    state: Vec<f64>,
    seed: u64,
    episode: u64,
}

impl Perception {
    /// Perceives worlds of `task`.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(task: &Task) -> Result<Self> {
        let sim = Simulation::new(task.compiled_model().clone()).map_err(Error::Simulation)?;
        let (joints, state) = (object_joints(task.compiled_model()), vec![0.0; sim.state_size()]);
        // Sensors report what the perceived state would give.
        let needs = Needs { velocities: true, ..task.observation().needs() };
        Ok(Self { sim, mismatch: Mismatch::default(), joints, needs, state, seed: 0, episode: 0 })
    }

    /// Starts an episode: the noise is of `mismatch`'s deviations and that of (`seed`, `episode`).
    pub fn begin(&mut self, mismatch: Mismatch, seed: u64, episode: u64) {
        (self.mismatch, self.seed, self.episode) = (mismatch, seed, episode);
    }

    /// Perceives `real` at control step `step`.
    ///
    /// # Errors
    /// MuJoCo's message.
    pub fn look(&mut self, real: &Simulation, step: usize) -> std::result::Result<(), String> {
        real.get_state(&mut self.state)?;
        self.sim.set_state(&self.state)?;
        let mut rng = stream(self.seed, Purpose::Mismatch, self.episode, step as u64, 0);
        for joint in &self.joints {
            joint.disturb(&self.mismatch, self.sim.data_mut().qpos_mut(), &mut rng);
        }
        self.sim.refresh(self.needs)
    }

    /// The perceived state.
    pub fn simulation(&self) -> &Simulation {
        &self.sim
    }
}
