//! A run of expert iteration: its state and its rounds.

use super::settings::ExpertIterationSettings;
use crate::run::{Observer, Round, Run, State, Throughput};
use crate::{error::Result, modes::Modes};
use imle_configs::Error as InputError;
use imle_configs::files::{self, FolderLock, JsonLines};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_policy::metrics::{METRICS_FILE, RunLog};
use imle_policy::{checkpoint::Checkpoint, targets::DemonstrationChunks};
use serde_json::json;
use std::{path::PathBuf, sync::Arc};

/// Name of the algorithm.
pub const NAME: &str = "expert-iteration";
/// Folder of a round's solved episodes, a dataset.
pub(super) const EPISODES_FOLDER: &str = "episodes";

/// Runs expert iteration; returns the rounds, the first of which is the generator as it came.
///
/// # Errors
/// A bad input; [`crate::error::Error::NothingLearned`]; [`imle_planner::Error::Interrupted`] when asked to stop, with
/// everything that was done kept for a resume.
pub fn run(settings: &ExpertIterationSettings, run: &Run<'_>, observer: &mut dyn Observer) -> Result<Vec<Round>> {
    settings.check()?;
    settings.training(run.checkpoint, run.seed).check()?;
    let mut algorithm = ExpertIteration::begin(settings, run)?;
    if algorithm.state.rounds.is_empty() {
        let before = algorithm.evaluate(0, run.checkpoint, observer)?;
        run.checkpoint.save(run.out)?;
        algorithm.end_round(before, observer)?;
    }
    while algorithm.last().env_steps < run.env_steps {
        algorithm.round(observer)?;
    }
    Ok(algorithm.state.rounds)
}

/// A run: its inputs, what it works with and its rounds so far.
pub(super) struct ExpertIteration<'a> {
    pub(super) settings: &'a ExpertIterationSettings,
    pub(super) run: &'a Run<'a>,
    /// The task, whose states the planner begins from.
    pub(super) task: Arc<Task>,
    pub(super) pool: rayon::ThreadPool,
    pub(super) engine: Arc<RolloutEngine>,
    pub(super) demonstrations: Option<DemonstrationChunks>,
    /// Made at the first evaluation.
    pub(super) modes: Option<Modes>,
    pub(super) state: State<ExpertIterationSettings>,
    pub(super) log: RunLog,
    pub(super) throughput: Throughput,
    _lock: FolderLock,
}

impl<'a> ExpertIteration<'a> {
    pub(super) fn begin(settings: &'a ExpertIterationSettings, run: &'a Run<'a>) -> Result<Self> {
        // What is refused is refused before anything is written.
        run.check_generator()?;
        let (expected, found) = ("edit, best-of-n or ppo where the simulator is not ours", NAME);
        let task =
            run.environment.task().ok_or_else(|| InputError::unexpected("--algorithm", expected, found))?.clone();
        let demonstrations = run.demonstration_windows()?;
        let pool = imle_planner::threads::pool(run.threads)?;
        let engine = Arc::new(RolloutEngine::new(task.clone(), run.threads)?);
        let (state, lock) = State::begin(NAME, settings, run)?;
        let env_steps = state.rounds.last().map_or(0, |r| r.env_steps);
        let mut log = RunLog::resume(run.out, state.log_lines, env_steps)?;
        log.describe("settings", &state.described(json!(settings)))?;
        let throughput = Throughput::after(env_steps);
        Ok(Self { settings, run, task, pool, engine, demonstrations, modes: None, state, log, throughput, _lock: lock })
    }

    /// The last round; a run that has none yet has done nothing.
    pub(super) fn last(&self) -> Round {
        let none = Round { success_ci95: [0.0, 1.0], ..Round::default() };
        self.state.rounds.last().cloned().unwrap_or(none)
    }

    pub(super) fn folder(&self, round: u64) -> PathBuf {
        self.run.out.join("rounds").join(format!("{round:03}"))
    }

    fn round(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let last = self.last();
        let round = last.round + 1;
        let folder = self.folder(round);
        files::create_folder(&folder)?;
        let current = if last.round == 0 {
            self.run.checkpoint.clone()
        } else {
            Checkpoint::load(&self.folder(last.round).join("generator"))?
        };

        let collected = self.collect(round, &current, observer)?;
        self.distil(round, &current, observer)?;
        let improved = Checkpoint::load(&folder.join("generator"))?;
        let mut evaluated = self.evaluate(round, &improved, observer)?;
        evaluated.figures.extend(collected.figures());
        let loss = JsonLines::read(&folder.join("generator").join(METRICS_FILE))?.last("train/loss");
        evaluated.figures.extend(loss.map(|loss| ("train/loss".to_string(), loss)));
        improved.save(self.run.out)?;
        let done = Round {
            round,
            env_steps: last.env_steps + collected.env_steps,
            simulation_steps: last.simulation_steps + collected.simulation_steps,
            gradient_steps: last.gradient_steps + self.settings.train_steps,
            collect_success_rate: Some(collected.success_rate),
            training_decisions: collected.training_decisions,
            ..evaluated
        };
        self.end_round(done, observer)
    }
}
