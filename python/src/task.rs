//! A task: what is observed, what is done, and the model behind it.

use crate::boundary::arrays::{array, numbers, shape};
use crate::boundary::failure::{raise, unexpected};
use crate::boundary::process::{check_physics, workers};
use imle_configs::ends::Ends;
use imle_configs::score::Score;
use imle_configs::{Error as ConfigError, embedded, seed::Purpose, workers::Workers};
use imle_envs::experts::forced::reset_in_mode;
use imle_envs::render::Framing;
use imle_envs::rollout::{ChunkBatch, RolloutEngine, Trace, TraceFields};
use imle_envs::task::{Assessment, Task};
use imle_envs::world::World;
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, OnceLock};

type Floats<'py> = Bound<'py, PyArrayDyn<f32>>;
type Doubles<'py> = Bound<'py, PyArrayDyn<f64>>;
/// Cost, its terms, the rung (index, count), solved, lost.
type Assessed = (f64, Vec<f64>, Option<(usize, usize)>, bool, bool);
/// Where a camera looks, from how far, azimuth and elevation in degrees.
type View = ([f64; 3], f64, f64, f64);

/// A loaded task.
#[pyclass(frozen, name = "Task", module = "imle_planner._native")]
pub struct PythonTask {
    pub task: Arc<Task>,
    engine: OnceLock<RolloutEngine>,
}

/// Names of the built-in tasks.
#[pyfunction]
pub fn task_names() -> Vec<&'static str> {
    embedded::task_names()
}

#[pymethods]
impl PythonTask {
    /// A built-in task by its name, or the task of a TOML file.
    #[staticmethod]
    fn load(py: Python<'_>, name: &str) -> PyResult<Self> {
        check_physics()?;
        // In this process, as Python's own MuJoCo would compile it.
        let task = py.detach(|| Task::load(name)).map_err(raise)?;
        Ok(Self::new(task))
    }

    /// Spec, limits and rates as JSON.
    fn description(&self) -> PyResult<String> {
        let task = &self.task;
        let (low, high) = task.action_bounds().range();
        let cameras: Vec<_> = task.cameras().iter().map(|c| (c.name.clone(), c.size())).collect();
        let model = task.compiled_model().ffi();
        let told = serde_json::json!({
            "spec": task.spec(), "description": task.description(), "max_steps": task.max_steps(),
            "substeps": task.substeps(), "action_low": low, "action_high": high, "cameras": cameras,
            "nq": model.nq, "nv": model.nv, "nu": model.nu,
            "execute": task.horizons(imle_configs::spec::Horizons::default()).action, "cost_terms": task.cost_terms(),
            "hold_steps": task.hold_steps(), "modes": task.expert().map(|e| e.modes()),
        });
        Ok(told.to_string())
    }

    /// Length of a state.
    #[getter]
    fn state_size(&self) -> PyResult<usize> {
        self.task.state_size().map_err(raise)
    }

    /// Start state of episode `index` of a seed, as the program's; with `mode` one that forces it.
    #[pyo3(signature = (seed, index, mode=None))]
    fn start_state<'py>(&self, py: Python<'py>, seed: u64, index: u64, mode: Option<&str>) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let mut world = World::new(self.task.clone()).map_err(raise)?;
        match (mode, self.task.expert()) {
            (None, _) => world.reset(seed, Purpose::Reset, index).map_err(raise)?,
            (Some(name), Some(expert)) => {
                let mode = expert.modes().iter().position(|m| *m == name);
                let mode = mode.ok_or_else(|| raise(ConfigError::unknown("mode", name, expert.modes())))?;
                py.detach(|| reset_in_mode(&mut world, expert, mode, (seed, Purpose::Reset, index), 1))
                    .map_err(raise)?;
            }
            (Some(name), None) => return Err(unexpected("mode", "none: the task has no expert", name)),
        }
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).map_err(raise)?;
        let size = state.len();
        array(py, state, &[size])
    }

    /// State in which a recorded episode of a dataset began: that of its seed and index, as far as its first observation
    /// does not say otherwise.
    fn recorded_start<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        index: u64,
        observation: &Bound<'py, PyAny>,
    ) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let seen = numbers::<f32>(observation, "observation", "float32")?;
        let mut world = World::new(self.task.clone()).map_err(raise)?;
        world.reset(seed, Purpose::Demonstration, index).map_err(raise)?;
        world.reconstruct(seen.values()?).map_err(raise)?;
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).map_err(raise)?;
        let size = state.len();
        array(py, state, &[size])
    }

    /// State of positions, velocities and controls.
    #[pyo3(signature = (qpos, qvel, ctrl=None))]
    fn state_at<'py>(
        &self,
        py: Python<'py>,
        qpos: &Bound<'py, PyAny>,
        qvel: &Bound<'py, PyAny>,
        ctrl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let read = |value, name| numbers::<f64>(value, name, "float64");
        let (qpos, qvel) = (read(qpos, "qpos")?, read(qvel, "qvel")?);
        let ctrl = ctrl.map(|c| read(c, "ctrl")).transpose()?;
        let ctrl = ctrl.as_ref().map(|c| c.values()).transpose()?;
        let state = self.task.state_at(qpos.values()?, qvel.values()?, ctrl).map_err(raise)?;
        let size = state.len();
        array(py, state, &[size])
    }

    /// Cost of a state, its terms, its rung (index, count), solved, lost.
    fn assess(&self, state: &Bound<'_, PyAny>) -> PyResult<Assessed> {
        check_physics()?;
        let Assessment { cost, terms, rung, solved, lost } = self.task.assess(&self.state(state)?).map_err(raise)?;
        Ok((cost, terms, rung, solved, lost))
    }

    /// The same task, with the weights of its cost's terms multiplied.
    fn with_cost_factors(&self, factors: Vec<f64>) -> PyResult<Self> {
        let task = (*self.task).clone().with_cost_factors(&factors).map_err(raise)?;
        Ok(Self::new(task))
    }

    /// Paths (N, T, 3) of the point that actions move, m, along the rollouts of chunks (N, T, A) from a state in the
    /// planner's model; not a number where a rollout failed.
    fn paths<'py>(
        &self,
        py: Python<'py>,
        state: &Bound<'py, PyAny>,
        chunks: &Bound<'py, PyAny>,
    ) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let (state, given) = (self.state(state)?, numbers::<f32>(chunks, "chunks", "float32")?);
        let size = self.task.spec().action.size();
        let (count, steps) = match *given.shape() {
            [count, steps, found] if found == size && steps > 0 => (count, steps),
            _ => return Err(unexpected("chunks", format!("(N, T, {size})"), shape(given.shape()))),
        };
        let (chunks, workers) = (given.values()?, workers(None)?);
        let mut trace = Trace::default();
        py.detach(|| {
            let engine = self.engine(&workers)?;
            let batch = ChunkBatch { states: &state, chunks, steps, executed: steps, limits: Default::default() };
            engine.trace(workers.pool(), batch, count, TraceFields::default(), &mut trace)
        })
        .map_err(raise)?;
        let (point, model) = (self.task.end_effector(), self.task.planning_model());
        let paths = (0..count * steps).flat_map(|row| trace.position(point, model, row)).collect();
        array(py, paths, &[count, steps, 3])
    }

    /// The point that actions move in a state, m.
    fn hand(&self, state: &Bound<'_, PyAny>) -> PyResult<[f64; 3]> {
        check_physics()?;
        self.task.end_effector_in(&self.state(state)?).map_err(raise)
    }

    /// A camera that frames what moves in a state, for pictures of this size: where it looks, from how far, azimuth and
    /// elevation in degrees; nothing where nothing moves.
    fn framing(&self, state: &Bound<'_, PyAny>, width: usize, height: usize) -> PyResult<Option<View>> {
        check_physics()?;
        let mut world = World::new(self.task.clone()).map_err(raise)?;
        world.start_in(&self.state(state)?, 0, 0).map_err(raise)?;
        let mut framing = Framing::new(&self.task, (width, height), 0.0);
        framing.include(world.simulation());
        Ok(framing.camera().map(|c| (c.lookat, c.distance, c.azimuth, c.elevation)))
    }

    /// Contribution of each term to the cost after every one of the actions (T, A) from a state in the planner's model,
    /// (T, terms); not a number from where the rollout failed on.
    fn predicted_terms<'py>(
        &self,
        py: Python<'py>,
        state: &Bound<'py, PyAny>,
        actions: &Bound<'py, PyAny>,
    ) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let (state, given) = (self.state(state)?, numbers::<f32>(actions, "actions", "float32")?);
        let size = self.task.spec().action.size();
        let steps = match *given.shape() {
            [steps, found] if found == size => steps,
            _ => return Err(unexpected("actions", format!("(T, {size})"), shape(given.shape()))),
        };
        let (actions, workers, terms) = (given.values()?, workers(None)?, self.task.cost_terms().len());
        let mut values = vec![f64::NAN; steps * terms];
        py.detach(|| -> imle_envs::Result<()> {
            let engine = self.engine(&workers)?;
            let mut before = state;
            for (action, row) in actions.chunks_exact(size).zip(values.chunks_exact_mut(terms.max(1))) {
                let (mut score, mut after) = ([Score::default()], vec![0.0; before.len()]);
                let batch =
                    ChunkBatch { states: &before, chunks: action, steps: 1, executed: 1, limits: Default::default() };
                let ends = Ends { states: &mut after, histories: &mut [] };
                engine.run_to(workers.pool(), batch, &mut score, ends)?;
                if score[0].failed {
                    break;
                }
                row.copy_from_slice(&self.task.assess(&after)?.terms);
                before = after;
            }
            Ok(())
        })
        .map_err(raise)?;
        array(py, values, &[steps, terms])
    }

    /// Observation (O,) of a state.
    fn observe<'py>(&self, py: Python<'py>, state: &Bound<'py, PyAny>) -> PyResult<Floats<'py>> {
        check_physics()?;
        let state = self.state(state)?;
        let seen = self.task.observe(&state).map_err(raise)?;
        let size = seen.len();
        array(py, seen, &[size])
    }

    /// Controls (nu,) at the end of a control step of an action from a state.
    fn controls<'py>(
        &self,
        py: Python<'py>,
        action: &Bound<'py, PyAny>,
        state: &Bound<'py, PyAny>,
    ) -> PyResult<Doubles<'py>> {
        check_physics()?;
        let action = numbers::<f32>(action, "action", "float32")?;
        let controls = self.task.controls(action.values()?, &self.state(state)?).map_err(raise)?;
        let size = controls.len();
        array(py, controls, &[size])
    }

    /// Controls (substeps, nu), and the poses (substeps, nmocap, 3) and (substeps, nmocap, 4) of mocap bodies, of every
    /// physics step.
    fn control_steps<'py>(
        &self,
        py: Python<'py>,
        action: &Bound<'py, PyAny>,
        state: &Bound<'py, PyAny>,
    ) -> PyResult<(Doubles<'py>, Doubles<'py>, Doubles<'py>)> {
        check_physics()?;
        let action = numbers::<f32>(action, "action", "float32")?;
        let steps = self.task.control_steps(action.values()?, &self.state(state)?).map_err(raise)?;
        let rows = self.task.substeps();
        let columns = |values: &[f64], size: usize| values.len() / rows / size;
        let bodies = columns(&steps.mocap_positions, 3);
        let controls = columns(&steps.controls, 1);
        Ok((
            array(py, steps.controls, &[rows, controls])?,
            array(py, steps.mocap_positions, &[rows, bodies, 3])?,
            array(py, steps.mocap_quaternions, &[rows, bodies, 4])?,
        ))
    }

    /// Action (A,) that holds a state.
    fn hold<'py>(&self, py: Python<'py>, state: &Bound<'py, PyAny>) -> PyResult<Floats<'py>> {
        check_physics()?;
        let held = self.task.hold(&self.state(state)?).map_err(raise)?;
        let size = held.len();
        array(py, held, &[size])
    }

    /// The compiled model of the world, or the planner's, as MJB.
    fn model_bytes<'py>(&self, py: Python<'py>, planning: bool) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = if planning { self.task.planning_model_bytes() } else { self.task.compiled_model_bytes() };
        Ok(PyBytes::new(py, &bytes.map_err(raise)?))
    }
}

impl PythonTask {
    /// A task that has rolled out nothing yet.
    fn new(task: Task) -> Self {
        Self { task: Arc::new(task), engine: OnceLock::new() }
    }

    /// The engine of its rollouts, made once.
    fn engine(&self, workers: &Workers) -> imle_envs::Result<&RolloutEngine> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let made = RolloutEngine::new(self.task.clone(), workers.threads())?;
        Ok(self.engine.get_or_init(|| made))
    }

    /// A state of the right size.
    pub fn state(&self, state: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
        let state = numbers::<f64>(state, "state", "float64")?;
        let size = self.state_size()?;
        if state.shape() != [size] {
            let expected = format!("({size},), the full physics state of the task's model");
            return Err(unexpected("state", expected, shape(state.shape())));
        }
        Ok(state.values()?.to_vec())
    }
}
