//! A cost that is written in Python: called once a wave on the states of all rollouts, which stay in Rust.

use crate::boundary::arrays::array;
use imle_envs::rollout::{ChunkBatch, RolloutEngine, Trace, TraceFields};
use imle_planner::rollout::{Candidates, Score, Simulator};
use numpy::{PyArrayDyn, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex, PoisonError};

/// Rollouts in MuJoCo, scored in Python.
pub struct PythonCost {
    engine: Arc<RolloutEngine>,
    cost: Py<PyAny>,
    sensors: bool,
    kept: Mutex<Trace>,
}

impl PythonCost {
    /// Rollouts of `engine`; `cost` takes a dictionary of arrays and returns costs (N, T) or (N,).
    pub fn new(engine: Arc<RolloutEngine>, cost: Py<PyAny>, sensors: bool) -> Self {
        Self { engine, cost, sensors, kept: Mutex::default() }
    }

    fn costs(&self, py: Python<'_>, trace: &Trace, batch: Candidates<'_>, n: usize) -> PyResult<Vec<f64>> {
        let (model, t) = (self.engine.task().planning_model().ffi(), batch.steps);
        let all = PyDict::new(py);
        let sized = |values: &[f64], inner: &[usize]| array(py, values.to_vec(), &[&[n, t], inner].concat());
        let [nq, nv, nsite, nbody] = [model.nq, model.nv, model.nsite, model.nbody].map(|n| n as usize);
        all.set_item("qpos", sized(&trace.qpos, &[nq])?)?;
        all.set_item("qvel", sized(&trace.qvel, &[nv])?)?;
        if self.sensors {
            all.set_item("sensordata", sized(&trace.sensors, &[model.nsensordata as usize])?)?;
        }
        all.set_item("site_xpos", sized(&trace.sites, &[nsite, 3])?)?;
        all.set_item("xpos", sized(&trace.bodies, &[nbody, 3])?)?;
        all.set_item("actions", array(py, batch.chunks.to_vec(), &[n, t, self.action_size()])?)?;
        let costs = self.cost.bind(py).call1((all,))?;
        let numbers = py.import("numpy")?.call_method1("asarray", (costs, "float64"))?;
        let numbers = numbers.cast_into::<PyArrayDyn<f64>>().map_err(PyErr::from)?.to_owned_array();
        let found = numbers.shape();
        if found != [n] && found != [n, t] {
            let expected = format!("costs ({n}, {t}) or ({n},)");
            return Err(crate::boundary::failure::unexpected("cost", expected, crate::boundary::arrays::shape(found)));
        }
        Ok(numbers.into_iter().collect())
    }
}

impl Simulator for PythonCost {
    fn state_size(&self) -> usize {
        self.engine.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.engine.task().action_bounds().range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, batch: Candidates<'_>, out: &mut [Score]) -> imle_planner::Result<()> {
        let Candidates { states, chunks, steps, executed, limits, .. } = batch;
        let mut trace = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fields = TraceFields { sensors: self.sensors };
        self.engine.trace(
            pool,
            ChunkBatch { states, chunks, steps, executed, limits },
            out.len(),
            fields,
            &mut trace,
        )?;
        let costs = Python::attach(|py| self.costs(py, &trace, batch, out.len()));
        let costs = costs.map_err(|raised| imle_planner::Error::Environment(Box::new(raised)))?;
        let each = costs.len() / out.len().max(1);
        let physics_steps = (steps * self.engine.task().planning_substeps()) as u32;
        let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len().max(1) as f64;
        for (score, costs) in out.iter_mut().zip(costs.chunks_exact(each.max(1))) {
            let cost = mean(costs);
            *score = if cost.is_finite() {
                let executed_cost = mean(&costs[..executed.clamp(1, each)]);
                Score { executed_cost, final_cost: costs[each - 1], physics_steps, ..Score::of(cost) }
            } else {
                Score { physics_steps, ..Score::default() }
            };
        }
        Ok(())
    }
}
