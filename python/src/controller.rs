//! A controller of one episode.

use crate::boundary::arrays::{array, finite, numbers};
use crate::boundary::failure::{raise, raise_planner, unexpected};
use crate::boundary::process::{check, check_physics, workers};
use crate::cost::PythonCost;
use crate::policy::PythonPolicy;
use crate::task::PythonTask;
use imle_configs::settings::overlaid;
use imle_envs::rollout::RolloutEngine;
use imle_planner::{Controller, ControllerBuilder, ControllerSettings, Plan};
use numpy::PyArrayDyn;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A controller, or nothing once it is closed.
#[pyclass(frozen, name = "Controller", module = "imle_planner._native")]
pub struct PythonController {
    open: Mutex<Option<Open>>,
}

/// An open controller.
pub struct Open {
    mpc: Controller,
    /// Whether a cost in Python scores the candidates.
    scored: bool,
    /// Time of the newest observed state, s.
    observed_at: Option<f64>,
    plan: Plan,
}

#[pymethods]
impl PythonController {
    /// Of a task, a generator, or both; `settings` is JSON of [`ControllerSettings`].
    #[new]
    #[pyo3(signature = (task, policy, settings, seed, threads=None, cost=None, sensors=false))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        task: Option<&PythonTask>,
        policy: Option<&PythonPolicy>,
        settings: &str,
        seed: u64,
        threads: Option<usize>,
        cost: Option<Py<PyAny>>,
        sensors: bool,
    ) -> PyResult<Self> {
        check_physics()?;
        let settings: ControllerSettings =
            overlaid(&ControllerSettings::default(), settings, "controller").map_err(raise)?;
        let generator = policy.map(|p| p.generator.clone());
        let workers = workers(threads)?;
        let task = task.map(|t| t.task.clone());
        let scored = cost.is_some();
        let built = py.detach(|| -> imle_planner::Result<_> {
            let builder = task.clone().map_or_else(ControllerBuilder::default, Controller::builder);
            let mut builder = builder.settings(&settings).seed(seed).workers(workers.clone());
            if let (Some(cost), Some(task)) = (cost, task) {
                let engine = Arc::new(RolloutEngine::new(task, workers.threads())?);
                builder = builder.simulator(PythonCost::new(engine.clone(), cost, sensors)).engine(engine);
            }
            if let Some(generator) = generator {
                builder = builder.policy(generator);
            }
            builder = with_demonstrations(builder, &settings)?;
            Ok(Open { mpc: builder.build()?, scored, observed_at: None, plan: Plan::default() })
        });
        Ok(Self { open: Mutex::new(Some(built.map_err(raise)?)) })
    }

    /// (T_obs, T_pred, T_act), and the sizes of observation, state and action.
    fn sizes(&self) -> PyResult<([usize; 3], [usize; 3])> {
        let open = self.open()?;
        let mpc = &one(&open)?.mpc;
        let h = mpc.horizons();
        let horizons = [h.observation, h.prediction, h.action];
        Ok((horizons, [mpc.observation_size(), mpc.state_size(), mpc.action_size()]))
    }

    /// Begins episode `episode`.
    fn reset(&self, episode: u64) -> PyResult<()> {
        let mut open = self.open()?;
        let open = one_mut(&mut open)?;
        open.observed_at = None;
        open.mpc.reset(episode);
        Ok(())
    }

    /// Observes, once a control step.
    #[pyo3(signature = (observation, state=None, pictures=None))]
    fn observe(
        &self,
        observation: Option<&Bound<'_, PyAny>>,
        state: Option<&Bound<'_, PyAny>>,
        pictures: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        check()?;
        let state = state.map(|s| numbers::<f64>(s, "state", "float64")).transpose()?;
        let state = state.as_ref().map(|s| s.values()).transpose()?;
        let mut open = self.open()?;
        one_mut(&mut open)?.observe(observation, state, pictures)
    }

    /// Observes, plans if a plan is due, and returns the action (A,).
    #[pyo3(signature = (observation, state, pictures=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        observation: Option<&Bound<'py, PyAny>>,
        state: Option<&Bound<'py, PyAny>>,
        pictures: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let mut guard = self.open()?;
        let open = one_mut(&mut guard)?;
        let state = state.map(|s| numbers::<f64>(s, "state", "float64")).transpose()?;
        let state = state.as_ref().map(|s| s.values()).transpose()?;
        open.observe(observation, state, pictures)?;
        if open.mpc.episode().due(open.mpc.horizons().action) {
            open.decide(py, state, None)?;
        }
        let action = open.mpc.next_action().to_vec();
        let size = action.len();
        array(py, action, &[size])
    }

    /// Plans from the state of the newest observation, which is looked at in the state unless it was observed.
    #[pyo3(signature = (state, observation=None, pictures=None, deadline=None))]
    fn plan<'py>(
        &self,
        py: Python<'py>,
        state: Option<&Bound<'py, PyAny>>,
        observation: Option<&Bound<'py, PyAny>>,
        pictures: Option<&Bound<'py, PyAny>>,
        deadline: Option<f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let deadline = match deadline {
            Some(s) if !(s > 0.0 && s <= 3600.0) => {
                return Err(unexpected("deadline", "above 0 and at most 3600 s", s));
            }
            some => some.map(|s| Instant::now() + Duration::from_secs_f64(s)),
        };
        let mut guard = self.open()?;
        let open = one_mut(&mut guard)?;
        let state = state.map(|s| numbers::<f64>(s, "state", "float64")).transpose()?;
        let state = state.as_ref().map(|s| s.values()).transpose()?;
        let known = state.and_then(|s| s.first()).is_some_and(|t| open.observed_at == Some(*t));
        if observation.is_some() || !(known || (state.is_none() && !open.mpc.episode().history().is_empty())) {
            open.observe(observation, state, pictures)?;
        }
        open.decide(py, state, deadline)?;
        open.told(py)
    }

    /// The action of this control step in the plan, (A,).
    fn next_action<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let open = self.open()?;
        let action = one(&open)?.mpc.next_action().to_vec();
        let size = action.len();
        array(py, action, &[size])
    }

    /// Frees everything; later calls are refused.
    fn close(&self) -> PyResult<()> {
        *self.open()? = None;
        Ok(())
    }
}

impl PythonController {
    fn open(&self) -> PyResult<MutexGuard<'_, Option<Open>>> {
        check()?;
        let line = "controller: expected one thread at a time, found two; give each its own";
        self.open.try_lock().map_err(|_| PyRuntimeError::new_err(line))
    }
}

/// The dataset that retrieval looks in, if the settings name one.
pub fn with_demonstrations(
    builder: ControllerBuilder,
    settings: &ControllerSettings,
) -> imle_planner::Result<ControllerBuilder> {
    let Some(folder) = &settings.demonstrations else { return Ok(builder) };
    let data =
        imle_data::read(folder).map_err(|e| imle_configs::Error::unexpected("demonstrations", "a dataset", e))?;
    Ok(builder.demonstrations(folder.display(), data.spec, data.episodes))
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("controller: expected an open one, found one that was closed")
}

fn one(open: &Option<Open>) -> PyResult<&Open> {
    open.as_ref().ok_or_else(closed)
}

fn one_mut(open: &mut Option<Open>) -> PyResult<&mut Open> {
    open.as_mut().ok_or_else(closed)
}

impl Open {
    /// Observes what is given, or else what the task sees in the state. Control steps between states that were looked
    /// at are counted by their times.
    fn observe(
        &mut self,
        observation: Option<&Bound<'_, PyAny>>,
        state: Option<&[f64]>,
        pictures: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let pictures = pictures.map(|p| numbers::<u8>(p, "pictures", "uint8")).transpose()?;
        let pictures = pictures.as_ref().map(|p| p.values()).transpose()?;
        let given = observation.map(|o| numbers::<f32>(o, "observation", "float32")).transpose()?;
        let looked = match (&given, state, self.mpc.task()) {
            (None, Some(state), Some(task)) => {
                let size = self.mpc.state_size();
                if state.len() != size {
                    return Err(unexpected("state", format!("({size},)"), format!("({},)", state.len())));
                }
                finite("state", state)?;
                task.observe(state).map_err(raise)?
            }
            (None, ..) => return Err(unexpected("observation", "an observation, or a state of a task", "neither")),
            _ => Vec::new(),
        };
        let values = given.as_ref().map_or(Ok(looked.as_slice()), |g| g.values())?;
        match pictures {
            Some(pictures) => self.mpc.observe_with(values, pictures),
            None => self.mpc.observe(values),
        }
        .map_err(raise)?;
        let now = state.and_then(|s| s.first()).copied();
        if let (Some(before), Some(now), Some(task)) = (self.observed_at, now, self.mpc.task()) {
            let steps = ((now - before) * task.spec().control_rate).round();
            // One of them is the observation itself.
            self.mpc.skip((steps.max(1.0) as usize).min(1 << 20) - 1);
        }
        self.observed_at = now;
        Ok(())
    }

    fn decide(&mut self, py: Python<'_>, state: Option<&[f64]>, deadline: Option<Instant>) -> PyResult<()> {
        if self.mpc.needs_state() {
            check_physics()?;
        }
        let (mpc, plan) = (&mut self.mpc, &mut self.plan);
        let state = state.unwrap_or_default();
        let planned = py.detach(|| match deadline {
            None => mpc.plan_into(plan, state),
            Some(deadline) => mpc.plan_by(state, deadline).map(|p| *plan = p),
        });
        planned.map_err(raise_planner)?;
        // A mistake in a cost is not to look like a robot that waits.
        if self.scored && self.plan.source().is_none() {
            return Err(unexpected("cost", "a finite cost of at least one candidate", "none"));
        }
        Ok(())
    }

    /// The plan as Python gets it.
    fn told<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let plan = &self.plan;
        let ([steps, size], [n, ..]) = (plan.shape(), plan.candidates_shape());
        let told = PyDict::new(py);
        told.set_item("actions", array(py, plan.actions().to_vec(), &[steps, size])?)?;
        told.set_item("candidates", array(py, plan.candidates().to_vec(), &[n, steps, size])?)?;
        told.set_item("costs", array(py, plan.costs().to_vec(), &[n])?)?;
        told.set_item("sources", plan.sources().collect::<Vec<_>>())?;
        told.set_item("source", plan.source())?;
        told.set_item("predicted_cost", plan.predicted_cost())?;
        let quality = plan.quality().map(|q| -> PyResult<_> {
            let quality = PyDict::new(py);
            quality.set_item("spread", q.spread)?;
            quality.set_item("beat_warm", q.beat_warm)?;
            quality.set_item("modes", q.modes)?;
            quality.set_item("improvable", q.improvable)?;
            Ok(quality)
        });
        told.set_item("quality", quality.transpose()?)?;
        told.set_item("rollouts", plan.rollouts())?;
        told.set_item("failed_rollouts", plan.failed_rollouts())?;
        told.set_item("physics_steps", plan.physics_steps())?;
        told.set_item("time", plan.plan_time().as_secs_f64())?;
        Ok(told)
    }
}
