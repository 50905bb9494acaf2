//! Episodes of a task, stepped together: what the Gymnasium environments are made of.

use crate::boundary::arrays::{array, finite, numbers, shape};
use crate::boundary::failure::{raise, unexpected};
use crate::boundary::process::{check_physics, workers};
use crate::task::PythonTask;
use imle_configs::{seed::Purpose, workers::Workers};
use imle_envs::render::{Cameras, Renderer};
use imle_envs::task::Task;
use imle_envs::task::reward::{End, Reward};
use imle_envs::world::World;
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rayon::prelude::*;
use std::sync::Arc;

/// Discount of a control step in the reward of kind `cost`, that of fine-tuning's settings.
const DISCOUNT: f64 = 0.99;

/// Result of a control step of one copy.
struct Stepped {
    row: usize,
    seen: Vec<f32>,
    reward: f64,
    solved: bool,
    lost: bool,
    /// Whether the episode is over otherwise: out of steps, or the simulation failed.
    over: bool,
    failure: Option<String>,
}

impl Stepped {
    /// Of `world`, whose cost before was `cost`.
    fn of(row: usize, world: &World, cost: &mut f64, reward: Reward, size: usize) -> Self {
        let (solved, lost, before) = (world.success(), world.lost(), *cost);
        let end = if solved { Some(End::Solved) } else { lost.then_some(End::Lost) };
        *cost = world.cost();
        let mut seen = vec![0.0; size];
        world.observe(&mut seen);
        Self {
            row,
            seen,
            reward: reward.of(before, *cost, end, DISCOUNT),
            solved,
            lost,
            over: world.done() && !solved && !lost,
            failure: world.failure().map(str::to_string),
        }
    }
}

/// Copies of one task. Pictures are drawn by the thread that made them.
#[pyclass(unsendable, module = "imle_planner._native")]
pub struct Worlds {
    task: Arc<Task>,
    worlds: Vec<World>,
    costs: Vec<f64>,
    workers: Workers,
    cameras: Option<Cameras>,
    renderer: Option<Renderer>,
}

#[pymethods]
impl Worlds {
    /// `count` copies, in need of a reset.
    #[new]
    fn new(task: &PythonTask, count: usize) -> PyResult<Self> {
        check_physics()?;
        let task = task.task.clone();
        let worlds = (0..count).map(|_| World::new(task.clone())).collect::<Result<_, _>>().map_err(raise)?;
        let workers = workers(None)?;
        Ok(Self { task, worlds, costs: vec![0.0; count], workers, cameras: None, renderer: None })
    }

    /// Begins episodes of `seed` in the copies `which`; returns their observations (n, O).
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        which: Vec<usize>,
        seed: u64,
        episodes: Vec<u64>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        check_physics()?;
        for (slot, episode) in which.iter().zip(&episodes) {
            self.world(*slot)?.reset(seed, Purpose::Reset, *episode).map_err(raise)?;
        }
        self.begun(py, &which)
    }

    /// Begins an episode in a full state of the model.
    fn start_in<'py>(
        &mut self,
        py: Python<'py>,
        which: usize,
        state: &Bound<'py, PyAny>,
        seed: u64,
        episode: u64,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        check_physics()?;
        let state = numbers::<f64>(state, "state", "float64")?;
        let size = self.world(which)?.state_size();
        if state.shape() != [size] {
            return Err(unexpected("state", shape(&[size]), shape(state.shape())));
        }
        finite("state", state.values()?)?;
        self.world(which)?.start_in(state.values()?, seed, episode).map_err(raise)?;
        self.begun(py, &[which])
    }

    /// A control step of the copies `which`: observations (n, O), rewards, solved, lost, out of steps (n,), and the
    /// reasons of failed simulations.
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        which: Vec<usize>,
        actions: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        check_physics()?;
        let actions = numbers::<f32>(actions, "action", "float32")?;
        let (size, n) = (self.task.spec().action.size(), which.len());
        if actions.shape() != [n, size] {
            return Err(unexpected("action", shape(&[n, size]), shape(actions.shape())));
        }
        finite("action", actions.values()?)?;
        let mut place = vec![None; self.worlds.len()];
        for (row, slot) in which.iter().enumerate() {
            *place.get_mut(*slot).ok_or_else(|| self.none(*slot))? = Some(row);
        }
        let (values, seen_size) = (actions.values()?, self.task.spec().observation.size());
        let (reward, workers, worlds, costs) = (self.task.reward(), &self.workers, &mut self.worlds, &mut self.costs);
        let mut stepped: Vec<Stepped> = py.detach(|| {
            let step = |(slot, (world, cost)): (usize, (&mut World, &mut f64))| {
                let row = place[slot]?;
                world.step(&values[row * size..][..size]);
                Some(Stepped::of(row, world, cost, reward, seen_size))
            };
            match n {
                1 => worlds.iter_mut().zip(costs).enumerate().filter_map(step).collect(),
                _ => workers.install(|| {
                    worlds.par_iter_mut().zip(costs).with_max_len(1).enumerate().filter_map(step).collect()
                }),
            }
        });
        stepped.sort_by_key(|s| s.row);
        let seen = stepped.iter().flat_map(|s| &s.seen).copied().collect();
        let observations = array(py, seen, &[n, seen_size])?;
        let rewards: Vec<f64> = stepped.iter().map(|s| s.reward).collect();
        let [solved, lost, over] = [|s: &Stepped| s.solved, |s: &Stepped| s.lost, |s: &Stepped| s.over]
            .map(|part: fn(&Stepped) -> bool| stepped.iter().map(part).collect::<Vec<_>>());
        let failures: Vec<Option<String>> = stepped.into_iter().map(|s| s.failure).collect();
        let booleans = |values: Vec<bool>| array(py, values, &[n]);
        let (solved, lost, over) = (booleans(solved)?, booleans(lost)?, booleans(over)?);
        (observations, array(py, rewards, &[n])?, solved, lost, over, failures).into_pyobject(py)
    }

    /// Costs of the present states, one a copy.
    fn costs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        array(py, self.costs.clone(), &[self.costs.len()])
    }

    /// Full state of a copy.
    fn state<'py>(&self, py: Python<'py>, which: usize) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let world = self.worlds.get(which).ok_or_else(|| self.none(which))?;
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).map_err(raise)?;
        let size = state.len();
        array(py, state, &[size])
    }

    /// Pictures of the task's cameras of the copies `which`, one array (n, H, W, 3) a camera.
    fn pictures<'py>(&mut self, py: Python<'py>, which: Vec<usize>) -> PyResult<Bound<'py, PyDict>> {
        if self.cameras.is_none() {
            let world = self.worlds.first().ok_or_else(|| self.none(0))?;
            self.cameras = Some(Cameras::new(world).map_err(raise)?);
        }
        let Some(cameras) = &mut self.cameras else { return Ok(PyDict::new(py)) };
        let bytes = cameras.bytes();
        let mut drawn = vec![0; which.len() * bytes];
        for (row, slot) in which.iter().enumerate() {
            let out = &mut drawn[row * bytes..][..bytes];
            let world =
                self.worlds.get_mut(*slot).ok_or_else(|| unexpected("environment", "one that is there", slot))?;
            cameras.draw([world], out).map_err(raise)?;
        }
        let (all, mut from) = (PyDict::new(py), 0);
        for camera in cameras.cameras() {
            let [width, height] = camera.size();
            let size = width * height * 3;
            let rows = drawn.chunks_exact(bytes).flat_map(|row| &row[from..][..size]).copied().collect();
            all.set_item(&camera.name, array::<u8>(py, rows, &[which.len(), height, width, 3])?)?;
            from += size;
        }
        Ok(all)
    }

    /// The picture (H, W, 3) that a video shows of a copy.
    fn render<'py>(&mut self, py: Python<'py>, which: usize) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
        let none = self.none(which);
        let world = self.worlds.get_mut(which).ok_or(none)?;
        let renderer = match self.renderer.take() {
            Some(renderer) => renderer,
            None => Renderer::new(world).map_err(raise)?,
        };
        let renderer = self.renderer.insert(renderer);
        let (width, height) = renderer.size();
        array(py, renderer.draw(world).map_err(raise)?, &[height, width, 3])
    }
}

impl Worlds {
    fn none(&self, slot: usize) -> PyErr {
        unexpected("environment", format!("0 to {}", self.worlds.len().saturating_sub(1)), slot)
    }

    fn world(&mut self, slot: usize) -> PyResult<&mut World> {
        let none = self.none(slot);
        self.worlds.get_mut(slot).ok_or(none)
    }

    fn begun<'py>(&mut self, py: Python<'py>, which: &[usize]) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        for slot in which {
            self.costs[*slot] = self.worlds[*slot].cost();
        }
        self.seen(py, which)
    }

    fn seen<'py>(&self, py: Python<'py>, which: &[usize]) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let size = self.task.spec().observation.size();
        let mut out = vec![0.0; which.len() * size];
        for (slot, row) in which.iter().zip(out.chunks_exact_mut(size.max(1))) {
            self.worlds[*slot].observe(row);
        }
        array(py, out, &[which.len(), size])
    }
}
