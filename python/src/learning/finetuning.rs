//! Fine-tuning of a generator, in a task or in an environment that Python steps.

use crate::boundary::failure::{raise, raise_planner, unexpected};
use crate::boundary::process::{check, check_physics};
use crate::episodes::environment::environment;
use crate::policy::PythonPolicy;
use crate::task::PythonTask;
use imle_cli::training::algorithm::{ChosenAlgorithm, GivenSettings};
use imle_cli::training::dataset;
use imle_planner::evaluation::Environment;
use imle_policy::device::DeviceChoice;
use imle_rl::run::{Observer, Round, Run};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use std::cell::RefCell;
use std::path::PathBuf;

/// Settings and inputs of a fine-tuning.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct FineTuningRequest {
    algorithm: String,
    /// JSON of its settings.
    settings: String,
    env_steps: u64,
    seed: u64,
    out: PathBuf,
    resume: bool,
    device: String,
    threads: Option<usize>,
    /// Dataset of demonstrations, and how many of its episodes.
    data: Option<PathBuf>,
    episodes: Option<u32>,
}

/// Fine-tunes `policy` in `task`, or in `copies` of an environment ([`environment`](crate::episodes::environment)).
/// `progress` gets (phase, done, total, message), and of a round ("round", its JSON); returns JSON of all rounds.
#[pyfunction]
pub fn finetune(
    py: Python<'_>,
    policy: &PythonPolicy,
    task: Option<&PythonTask>,
    copies: Option<&Bound<'_, PyAny>>,
    about: Option<&Bound<'_, PyDict>>,
    wanted: FineTuningRequest,
    progress: &Bound<'_, PyAny>,
) -> PyResult<String> {
    let checkpoint = policy.generator.checkpoint();
    let place: Box<dyn Environment> = match (task, copies, about) {
        (Some(task), ..) => {
            check_physics()?;
            Box::new(task.task.clone())
        }
        (None, Some(copies), Some(about)) => {
            check()?;
            Box::new(environment(copies, about, checkpoint.spec())?)
        }
        _ => return Err(unexpected("env", "a task or copies of an environment", "none")),
    };
    let expected = "a policy that sees the state";
    if checkpoint.spec().pictures.is_some() {
        return Err(unexpected("policy", expected, "one that sees pictures"));
    }
    let device = wanted.device.parse::<DeviceChoice>().and_then(DeviceChoice::open).map_err(raise)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let read = |folder| dataset::read(folder, wanted.episodes);
    let shown = wanted.data.as_deref().map(read).transpose().map_err(raise)?;
    if let Some(shown) = &shown {
        checkpoint.check_matches(&shown.spec, "data").map_err(raise)?;
    }
    let run = Run {
        environment: place.as_ref(),
        checkpoint,
        demonstrations: shown.as_ref().map_or(&[], |shown| &shown.episodes),
        pictures: None,
        env_steps: wanted.env_steps,
        seed: wanted.seed,
        out: &wanted.out,
        resume: wanted.resume,
        device,
        threads: wanted.threads.unwrap_or(cores),
    };
    let given = GivenSettings::Json(wanted.settings);
    let resumed = wanted.resume.then_some(&*wanted.out);
    let mut chosen =
        ChosenAlgorithm::new(Some(&wanted.algorithm), &wanted.algorithm, resumed, |_| Ok(given)).map_err(raise)?;
    let mut watch = Watch { progress: progress.clone().unbind(), raised: RefCell::new(None) };
    // What the pools set as libtorch's default for threads to come.
    let threads = tch::get_num_threads();
    let done = py.detach(|| chosen.run(&run, &mut watch));
    tch::set_num_threads(threads);
    if let Some(raised) = watch.raised.into_inner() {
        return Err(raised);
    }
    match done {
        Ok(rounds) => Ok(json!(rounds).to_string()),
        Err(imle_rl::Error::Planner(error)) => Err(raise_planner(error)),
        Err(error) => Err(raise(error)),
    }
}

/// Follows a run in Python. What is raised there, Ctrl-C too, stops it.
struct Watch {
    progress: Py<PyAny>,
    raised: RefCell<Option<PyErr>>,
}

impl Watch {
    fn tell(&self, call: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<()>) {
        let told = Python::attach(|py| {
            py.check_signals()?;
            call(py, self.progress.bind(py))
        });
        if let Err(error) = told {
            self.raised.borrow_mut().get_or_insert(error);
        }
    }
}

impl Observer for Watch {
    fn phase(&mut self, _: u64, phase: &'static str, done: u64, total: u64, message: &str) {
        self.tell(|_, progress| progress.call1((phase, done, total, message)).map(drop));
    }

    fn round(&mut self, round: &Round) {
        let told = json!(round).to_string();
        self.tell(|_, progress| progress.call1(("round", round.env_steps, 0, told)).map(drop));
    }

    fn warn(&mut self, message: &str) {
        self.tell(|_, progress| progress.call1(("warning", 0, 0, message)).map(drop));
    }

    fn should_stop(&self) -> bool {
        self.tell(|_, _| Ok(()));
        self.raised.borrow().is_some()
    }
}
