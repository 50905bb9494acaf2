//! Interface of a task for your own control loop: states in, observations and MuJoCo controls out.
//!
//! A `state` is MuJoCo's full integration state (`mjSTATE_INTEGRATION`), as `World::get_state` writes it. Without one,
//! [`Task::state_at`] makes it from positions and velocities. All functions may be called from several threads.

use super::control::ControlSteps;
use super::definition::Task;
use super::scratch::Scratch;
use crate::error::{Error, Result};
use crate::mujoco::simulation::Needs;
use imle_configs::Error as InputError;
use mujoco_rs::prelude::MjModel;

impl Task {
    /// Number of values of a full integration state.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn state_size(&self) -> Result<usize> {
        self.ask(|scratch| Ok(scratch.sim.state_size()))
    }

    /// Full integration state of positions `qpos` (nq), velocities `qvel` (nv) and controls `ctrl` (nu); all else is
    /// that of the reset's keyframe. Without controls the joints that actions move hold still.
    ///
    /// # Errors
    /// A bad input that names the argument of the wrong size.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let state = task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?;
    /// assert_eq!(state.len(), task.state_size()?);
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn state_at(&self, qpos: &[f64], qvel: &[f64], ctrl: Option<&[f64]>) -> Result<Vec<f64>> {
        self.ask(|Scratch { sim, control }| {
            self.reset().place(sim, control, qpos, qvel, ctrl)?;
            let mut state = vec![0.0; sim.state_size()];
            sim.get_state(&mut state).map_err(Error::Simulation)?;
            Ok(state)
        })
    }

    /// Observation (O,) of a state, without the noise of a mismatch or of randomisation.
    ///
    /// # Errors
    /// A state of the wrong size.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let observation = task.observe(&task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?)?;
    /// assert_eq!(observation.len(), task.spec().observation.size());
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn observe(&self, state: &[f64]) -> Result<Vec<f32>> {
        let mut out = vec![0.0; self.spec().observation.size()];
        self.observe_into(state, &mut out)?;
        Ok(out)
    }

    /// Writes the observation of a state to `out` (O,); see [`Task::observe`].
    ///
    /// # Errors
    /// A state or an `out` of the wrong size.
    pub fn observe_into(&self, state: &[f64], out: &mut [f32]) -> Result<()> {
        check_size("observation", self.spec().observation.size(), out.len())?;
        self.ask(|Scratch { sim, .. }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            sim.refresh(self.observation().needs()).map_err(Error::Simulation)?;
            self.observation().write(sim, out);
            Ok(())
        })
    }

    /// Where the point that actions move is in a state, world frame, m.
    ///
    /// # Errors
    /// A state of the wrong size.
    pub fn end_effector_in(&self, state: &[f64]) -> Result<[f64; 3]> {
        self.ask(|Scratch { sim, .. }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            sim.refresh(Needs::default()).map_err(Error::Simulation)?;
            Ok(self.end_effector().position(sim))
        })
    }

    /// MuJoCo controls (nu,) in which one control step of `action` (A,) from `state` ends, inverse kinematics and speed
    /// limits included. A world moves its targets there linearly over the control step; raw controls hold at once.
    /// Controls that the action does not command stay as they are. The pose of a mocap body is not among them.
    ///
    /// # Errors
    /// A bad input: an action or a state of the wrong size, or an action that is not finite.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let state = task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?;
    /// let controls = task.controls(&task.hold(&state)?, &state)?;
    /// assert_eq!(controls.len(), task.compiled_model().ffi().nu as usize);
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn controls(&self, action: &[f32], state: &[f64]) -> Result<Vec<f64>> {
        self.check_action(action)?;
        self.ask(|Scratch { sim, control }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            Ok(control.controls(sim, action))
        })
    }

    /// As [`controls`](Self::controls), for every physics step of the control step, with the poses of mocap bodies: set
    /// them and step, `substeps` times, and the state is a world's after `action`.
    ///
    /// # Errors
    /// As [`controls`](Self::controls).
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let state = task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?;
    /// let steps = task.control_steps(&task.hold(&state)?, &state)?;
    /// assert_eq!(steps.controls.len(), task.substeps() * task.compiled_model().ffi().nu as usize);
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn control_steps(&self, action: &[f32], state: &[f64]) -> Result<ControlSteps> {
        self.check_action(action)?;
        self.ask(|Scratch { sim, control }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            Ok(control.commands(sim, action, self.substeps()))
        })
    }

    fn check_action(&self, action: &[f32]) -> Result<()> {
        check_size("action", self.spec().action.size(), action.len())?;
        let bad = action.iter().find(|v| !v.is_finite());
        bad.map_or(Ok(()), |bad| Err(InputError::unexpected("action", "finite numbers", bad).into()))
    }

    /// Action (A,) that holds the targets of `state`: the command of a controller without a plan.
    ///
    /// # Errors
    /// A state of the wrong size.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let action = task.hold(&task.state_at(&[0.3, 0.0], &[0.0, 0.0], Some(&[0.2]))?)?;
    /// assert_eq!(action, [0.2]);
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn hold(&self, state: &[f64]) -> Result<Vec<f32>> {
        self.ask(|Scratch { sim, control }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            let mut out = vec![0.0; self.spec().action.size()];
            control.hold(sim, &mut out);
            Ok(out)
        })
    }

    /// The compiled model of the world in MuJoCo's binary format (MJB), meshes and textures included. A MuJoCo of the
    /// same version loads it.
    ///
    /// # Errors
    /// If MuJoCo cannot write it.
    ///
    /// ```
    /// use mujoco_rs::prelude::MjModel;
    ///
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let copy = MjModel::from_buffer(&task.compiled_model_bytes()?)?;
    /// assert_eq!(copy.ffi().nq, task.compiled_model().ffi().nq);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compiled_model_bytes(&self) -> Result<Vec<u8>> {
        bytes_of(self.compiled_model())
    }

    /// The planner's model in the same format.
    ///
    /// # Errors
    /// As [`compiled_model_bytes`](Self::compiled_model_bytes).
    pub fn planning_model_bytes(&self) -> Result<Vec<u8>> {
        bytes_of(self.planning_model())
    }

    pub(super) fn ask<T>(&self, question: impl FnOnce(&mut Scratch) -> Result<T>) -> Result<T> {
        self.scratch.with(self.compiled_model(), self.control(), question)
    }
}

fn bytes_of(model: &MjModel) -> Result<Vec<u8>> {
    let mut bytes = vec![0; model.size()];
    model.save_to_buffer(&mut bytes).map_err(|e| Error::Simulation(e.to_string()))?;
    Ok(bytes)
}

/// Checks the size of an argument.
fn check_size(name: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(InputError::unexpected(name, format!("{expected} values"), found).into())
}

#[cfg(test)]
mod tests {
    use crate::mujoco::simulation::Simulation;
    use crate::task::Task;
    use crate::task::control::ControlSteps;
    use crate::world::World;
    use imle_configs::seed::{Purpose, stream};
    use rand::Rng;
    use std::sync::Arc;

    fn state(world: &World) -> Vec<f64> {
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).unwrap();
        state
    }

    /// The state after `steps` from `begun`, as who has the model alone simulates it.
    fn replayed(task: &Task, begun: &[f64], steps: &ControlSteps) -> Vec<f64> {
        let mut sim = Simulation::new(task.compiled_model().clone()).unwrap();
        sim.set_state(begun).unwrap();
        for step in 0..task.substeps() {
            let row = |values: &[f64], size: usize| values[step * size..][..size].to_vec();
            let data = sim.data_mut();
            let (nu, nmocap) = (data.ctrl().len(), data.mocap_pos().len());
            data.ctrl_mut().copy_from_slice(&row(&steps.controls, nu));
            let to = data.mocap_pos_mut().as_flattened_mut();
            to.copy_from_slice(&row(&steps.mocap_positions, 3 * nmocap));
            let to = data.mocap_quat_mut().as_flattened_mut();
            to.copy_from_slice(&row(&steps.mocap_quaternions, 4 * nmocap));
            sim.step().unwrap();
        }
        let mut state = vec![0.0; sim.state_size()];
        sim.get_state(&mut state).unwrap();
        state
    }

    /// Observations, controls and held actions of a state are those of a world in it, step by step, in every task.
    #[test]
    fn answers_are_those_of_a_world() {
        for name in imle_configs::embedded::task_names() {
            let task = Arc::new(Task::load(name).unwrap());
            let mut world = World::new(task.clone()).unwrap();
            world.reset(1, Purpose::Reset, 0).unwrap();
            let mut seen = vec![0.0; task.spec().observation.size()];
            let mut held = vec![0.0; task.action_bounds().size()];
            let mut rng = stream(1, Purpose::Bench, 0, 0, 0);
            let (low, high) = task.action_bounds().range();
            for _ in 0..6 {
                let before = state(&world);
                world.observe(&mut seen);
                world.hold(&mut held);
                assert_eq!(task.observe(&before).unwrap(), seen, "{name}");
                assert_eq!(task.hold(&before).unwrap(), held, "{name}");
                let action: Vec<f32> = (0..low.len()).map(|i| rng.random_range(low[i]..=high[i])).collect();
                let controls = task.controls(&action, &before).unwrap();
                let steps = task.control_steps(&action, &before).unwrap();
                let commanded = replayed(&task, &before, &steps);
                world.step(&action);
                assert_eq!(world.simulation().data().ctrl(), controls, "{name}");
                assert_eq!(state(&world), commanded, "{name}");
            }
        }
    }

    #[test]
    fn a_state_from_positions_is_that_of_a_world_started_there() {
        let task = Arc::new(Task::load("stack").unwrap());
        let mut world = World::new(task.clone()).unwrap();
        world.reset(3, Purpose::Reset, 0).unwrap();
        let data = world.simulation().data();
        let (qpos, qvel, ctrl) = (data.qpos().to_vec(), data.qvel().to_vec(), data.ctrl().to_vec());
        for ctrl in [Some(&ctrl[..]), None] {
            world.start_at(&qpos, &qvel, ctrl, 3, 0).unwrap();
            assert_eq!(task.state_at(&qpos, &qvel, ctrl).unwrap(), state(&world));
        }
    }

    #[test]
    fn sizes_and_numbers_that_do_not_fit_are_refused() {
        let task = Task::load("cartpole").unwrap();
        let state = task.state_at(&[0.0, 0.1], &[0.0, 0.0], None).unwrap();
        let message = |e: crate::Error| e.to_string();
        assert_eq!(message(task.controls(&[0.0, 1.0], &state).unwrap_err()), "action: expected 1 values, found 2");
        assert!(message(task.controls(&[f32::NAN], &state).unwrap_err()).contains("finite"));
        assert!(task.observe(&state[1..]).is_err());
        assert!(task.observe_into(&state, &mut [0.0]).is_err());
        assert!(task.hold(&state[1..]).is_err());
        assert_eq!(message(task.state_at(&[0.0], &[0.0, 0.0], None).unwrap_err()), "qpos: expected 2 values, found 1");
    }

    /// Several threads get the answers of one, and a mismatched task answers for its own model.
    #[test]
    fn threads_share_a_task() {
        let task = Task::load("push_t").unwrap();
        let mut world = World::new(Arc::new(task.clone())).unwrap();
        world.reset(1, Purpose::Reset, 0).unwrap();
        let state = state(&world);
        let alone = task.observe(&state).unwrap();
        let all: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| task.observe(&state).unwrap())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(all.iter().all(|seen| *seen == alone));
    }
}
