//! Episodes of our own tasks, as `planner run` runs them.

use crate::background::{self, Stop};
use crate::failure::raise;
use crate::policy::Policy;
use crate::process::check_physics;
use crate::settings::overlaid;
use crate::task::Task;
use imle_cli::episodes::recording;
use imle_cli::failure::Result;
use imle_configs::seed::Purpose;
use imle_envs::{rollout::RolloutEngine, task::Task as Loaded};
use imle_planner::evaluation::{EvaluationSettings, Outcome, Progress, Report, evaluate as run};
use imle_planner::{Controller, ControllerSettings, threads};
use imle_policy::policy::Policy as Generator;
use pyo3::prelude::*;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Which episodes, and what is kept of them.
struct Episodes {
    count: usize,
    first: u64,
    seed: u64,
    lockstep: usize,
    threads: Option<usize>,
    record: Option<PathBuf>,
}

/// Runs episodes; `progress` gets (done, all, solved). Returns the report and a record an episode, as JSON.
#[pyfunction]
#[pyo3(signature = (task, policy, settings, episodes, first, seed, lockstep, threads, record, progress))]
#[allow(clippy::too_many_arguments)]
pub fn evaluate(
    py: Python<'_>,
    task: &Task,
    policy: Option<&Policy>,
    settings: &str,
    episodes: usize,
    first: u64,
    seed: u64,
    lockstep: usize,
    threads: Option<usize>,
    record: Option<PathBuf>,
    progress: &Bound<'_, PyAny>,
) -> PyResult<(String, String)> {
    check_physics()?;
    let settings: ControllerSettings =
        overlaid(&ControllerSettings::default(), settings, "controller").map_err(raise)?;
    let (task, policy) = (task.task.clone(), policy.map(|p| p.generator.clone()));
    let wanted = Episodes { count: episodes, first, seed, lockstep, threads, record };
    let done = background::run(
        py,
        move |stop, tell| outcome(task, policy, &settings, &wanted, &mut Watch { stop, tell }),
        |(done, all, solved): (usize, usize, usize)| progress.call1((done, all, solved)).map(drop),
    )?;
    done.map_err(raise)
}

fn outcome(
    task: Arc<Loaded>,
    policy: Option<Generator>,
    settings: &ControllerSettings,
    wanted: &Episodes,
    watch: &mut dyn Progress,
) -> Result<(String, String)> {
    let seen = policy.as_ref().map(|p| p.spec()).filter(|s| s.pictures.is_some());
    let task = match seen {
        Some(seen) => Arc::new(Arc::unwrap_or_clone(task).seen_as(seen, "policy")?),
        None => task,
    };
    if let Some(record) = &wanted.record {
        imle_configs::files::ensure_absent(record)?;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pool = threads::pool(wanted.threads.unwrap_or(cores))?;
    let engine = Arc::new(RolloutEngine::new(task.clone(), pool.current_num_threads())?);
    let builder = Controller::builder(task.clone()).settings(settings).seed(wanted.seed).engine(engine);
    let builder = if let Some(policy) = policy { builder.policy(policy) } else { builder };
    let (mut decider, horizons) = builder.decider()?;
    let held_out = EvaluationSettings {
        lockstep: wanted.lockstep,
        first: wanted.first,
        keep_actions: wanted.record.is_some(),
        purpose: if wanted.record.is_some() { Purpose::Demonstration } else { Purpose::Reset },
        ..EvaluationSettings::held_out(wanted.count, wanted.seed, horizons)
    };
    let outcome: Outcome = run(&task, &mut decider, &held_out, &pool, watch)?;
    if let Some(record) = &wanted.record {
        recording::write(record, wanted.seed, &task, &outcome)?;
    }
    let report = Report::new(&outcome, task.spec().control_rate);
    let episodes: Vec<_> = outcome
        .episodes
        .iter()
        .map(|e| {
            json!({
                "episode": e.episode, "success": e.success, "lost": e.lost, "steps": e.steps, "mean_cost": e.mean_cost,
                "mode": e.mode, "failure": e.failure,
            })
        })
        .collect();
    Ok((json!(report).to_string(), json!(episodes).to_string()))
}

/// Progress for the thread that has the interpreter.
pub struct Watch<'a> {
    stop: Stop,
    tell: &'a dyn Fn((usize, usize, usize)),
}

impl Progress for Watch<'_> {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        (self.tell)((done, total, solved));
        !self.stop.asked()
    }
}
