//! Episodes: of our own tasks, as `planner run` runs them, and of environments that Python steps.

use crate::boundary::background::{self, Stop};
use crate::boundary::failure::{raise, raise_planner, unexpected};
use crate::boundary::process::{check, check_physics};
use crate::controller::with_demonstrations;
use crate::cost::PythonCost;
use crate::episodes::environment::environment;
use crate::policy::PythonPolicy;
use crate::task::PythonTask;
use imle_configs::episode::Episode;
use imle_configs::seed::Purpose;
use imle_configs::settings::overlaid;
use imle_configs::{files, spec::Horizons, spec::Spec};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_planner::decide::Decide;
use imle_planner::evaluation::{EvaluationSettings, Outcome, Progress, Report, evaluate as run};
use imle_planner::{Controller, ControllerBuilder, ControllerSettings, threads};
use imle_policy::{device::DeviceChoice, policy::Policy};
use imle_rl::online::edit::edited::EditedGenerator;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which episodes, and what is kept of them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Wanted {
    episodes: usize,
    first: u64,
    seed: u64,
    lockstep: usize,
    threads: Option<usize>,
    /// Folder for a dataset, and whether only solved episodes belong there.
    record: Option<PathBuf>,
    only_solved: bool,
    /// Folder of the run whose edits act.
    edits: Option<PathBuf>,
}

impl Wanted {
    fn pool(&self) -> PyResult<rayon::ThreadPool> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        threads::pool(self.threads.unwrap_or(cores)).map_err(raise)
    }

    /// Decider of the episodes: the edited generator of a run, or what `builder` makes.
    fn decider(
        &self,
        builder: ControllerBuilder,
        pool: &rayon::ThreadPool,
    ) -> PyResult<(Box<dyn Decide + Send>, Horizons)> {
        let Some(run) = &self.edits else {
            let (decider, horizons) = builder.decider().map_err(raise)?;
            return Ok((Box::new(decider), horizons));
        };
        let device = DeviceChoice::default().open().map_err(raise)?;
        let edited = EditedGenerator::load(run, self.seed, pool.current_num_threads(), device).map_err(raise)?;
        let horizons = edited.horizons();
        Ok((Box::new(edited), horizons))
    }

    fn settings(&self, horizons: Horizons) -> EvaluationSettings {
        EvaluationSettings {
            lockstep: self.lockstep,
            first: self.first,
            keep_actions: self.record.is_some(),
            purpose: if self.record.is_some() { Purpose::Demonstration } else { Purpose::Reset },
            ..EvaluationSettings::held_out(self.episodes, self.seed, horizons)
        }
    }

    /// Writes the dataset, if one is wanted; returns the report and a record an episode, as JSON.
    fn told(&self, spec: &Spec, outcome: Outcome) -> PyResult<(String, String)> {
        let report = json!(Report::new(&outcome, spec.control_rate));
        let episodes: Vec<_> = outcome
            .episodes
            .iter()
            .map(|e| {
                json!({
                    "episode": e.episode, "success": e.success, "lost": e.lost, "terminated": e.terminated,
                    "steps": e.steps, "return": e.total_reward, "best_reward": e.best_reward, "mean_cost": e.mean_cost, "mode": e.mode,
                    "failure": e.failure,
                })
            })
            .collect();
        if let Some(folder) = &self.record {
            self.write(folder, spec, outcome)?;
        }
        Ok((report.to_string(), json!(episodes).to_string()))
    }

    fn write(&self, folder: &Path, spec: &Spec, outcome: Outcome) -> PyResult<()> {
        let kept = outcome.episodes.into_iter().filter(|e| e.success || !self.only_solved);
        let episodes: Vec<Episode> = kept
            .filter(|e| e.steps > 0 && e.failure.is_none())
            .map(|e| Episode {
                observations: e.observations,
                actions: e.actions,
                success: e.success,
                seed: self.seed,
                index: e.episode,
                mode: e.mode.unwrap_or_default().into(),
                len: e.steps,
                ..Episode::default()
            })
            .collect();
        if episodes.is_empty() {
            return Err(raise(imle_cli::failure::Failure::Run("no episode was solved; nothing was recorded".into())));
        }
        imle_data::write(folder, &Spec { pictures: None, ..spec.clone() }, &episodes).map_err(raise)
    }
}

/// Runs episodes of a task; `progress` gets (done, all, solved). Returns the report and a record an episode, as JSON.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "keywords in Python")]
pub fn evaluate(
    py: Python<'_>,
    task: &PythonTask,
    policy: Option<&PythonPolicy>,
    cost: Option<Py<PyAny>>,
    sensors: bool,
    settings: &str,
    wanted: Wanted,
    progress: &Bound<'_, PyAny>,
) -> PyResult<(String, String)> {
    check_physics()?;
    let settings: ControllerSettings =
        overlaid(&ControllerSettings::default(), settings, "controller").map_err(raise)?;
    let (task, policy) = (task.task.clone(), policy.map(|p| p.generator.clone()));
    background::run(
        py,
        move |stop, tell| outcome(task, policy, cost.map(|c| (c, sensors)), &settings, &wanted, Watch { stop, tell }),
        |(done, all, solved): (usize, usize, usize)| progress.call1((done, all, solved)).map(drop),
    )?
}

fn outcome(
    task: Arc<Task>,
    policy: Option<Policy>,
    cost: Option<(Py<PyAny>, bool)>,
    settings: &ControllerSettings,
    wanted: &Wanted,
    mut watch: Watch<'_>,
) -> PyResult<(String, String)> {
    let seen = policy.as_ref().map(|p| p.spec()).filter(|s| s.pictures.is_some());
    let task = match seen {
        Some(seen) => Arc::new(Arc::unwrap_or_clone(task).seen_as(seen, "policy").map_err(raise)?),
        None => task,
    };
    wanted.record.as_deref().map_or(Ok(()), files::ensure_absent).map_err(raise)?;
    let pool = wanted.pool()?;
    let engine = Arc::new(RolloutEngine::new(task.clone(), pool.current_num_threads()).map_err(raise)?);
    let builder = Controller::builder(task.clone()).settings(settings).seed(wanted.seed);
    let builder = match cost {
        Some((cost, sensors)) => builder.simulator(PythonCost::new(engine.clone(), cost, sensors)).engine(engine),
        None => builder.engine(engine),
    };
    let builder = if let Some(policy) = policy { builder.policy(policy) } else { builder };
    let builder = with_demonstrations(builder, settings).map_err(raise)?;
    let (mut decider, horizons) = wanted.decider(builder, &pool)?;
    let outcome = run(&task, decider.as_mut(), &wanted.settings(horizons), &pool, &mut watch).map_err(raise_planner)?;
    wanted.told(task.spec(), outcome)
}

/// Progress for the thread that has the interpreter.
struct Watch<'a> {
    stop: Stop,
    tell: &'a dyn Fn((usize, usize, usize)),
}

impl Progress for Watch<'_> {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        (self.tell)((done, total, solved));
        !self.stop.asked()
    }
}

/// As [`evaluate`], of a policy alone in copies of an environment that Python steps
/// ([`environment`](crate::episodes::environment)).
#[pyfunction]
pub fn evaluate_environment(
    py: Python<'_>,
    policy: &PythonPolicy,
    copies: &Bound<'_, PyAny>,
    about: &Bound<'_, PyDict>,
    settings: &str,
    wanted: Wanted,
    progress: &Bound<'_, PyAny>,
) -> PyResult<(String, String)> {
    check()?;
    let settings: ControllerSettings =
        overlaid(&ControllerSettings::default(), settings, "controller").map_err(raise)?;
    if !settings.is_policy_only() {
        return Err(unexpected("optimizer", "none in an environment without a model to plan in", settings.optimizer));
    }
    wanted.record.as_deref().map_or(Ok(()), files::ensure_absent).map_err(raise)?;
    let generator = policy.generator.clone();
    let spec = generator.spec().clone();
    let environment = environment(copies, about, &spec)?;
    let pool = wanted.pool()?;
    let builder = ControllerBuilder::default().settings(&settings).policy(generator).policy_only();
    let (mut decider, horizons) = wanted.decider(builder.seed(wanted.seed), &pool)?;
    let mut told = Told { progress: progress.clone().unbind(), raised: None };
    let done = py.detach(|| run(&environment, decider.as_mut(), &wanted.settings(horizons), &pool, &mut told));
    if let Some(raised) = told.raised {
        return Err(raised);
    }
    wanted.told(&spec, done.map_err(raise_planner)?)
}

/// Progress where the interpreter is anyhow.
struct Told {
    progress: Py<PyAny>,
    raised: Option<PyErr>,
}

impl Progress for Told {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        let called = Python::attach(|py| self.progress.call1(py, (done, total, solved)).map(drop));
        self.raised = called.err();
        self.raised.is_none()
    }
}
