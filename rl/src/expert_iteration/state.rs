//! State of a run of expert iteration.

use super::settings::ExpertIterationSettings;
use crate::run::{Round, Run, State};
use crate::{error::Result, modes::Modes};
use imle_envs::rollout::RolloutEngine;
use imle_policy::{metrics::RunLog, targets::DemonstrationChunks};
use std::{path::PathBuf, sync::Arc};

/// Name of the algorithm.
pub const NAME: &str = "expert-iteration";
/// Folder of a round's solved episodes, a dataset.
pub(super) const EPISODES_FOLDER: &str = "episodes";
pub(super) const ELITES_FILE: &str = "elites.safetensors";

/// A run: its inputs, what it works with and its rounds so far.
pub(super) struct ExpertIteration<'a> {
    pub(super) settings: &'a ExpertIterationSettings,
    pub(super) run: &'a Run<'a>,
    pub(super) pool: rayon::ThreadPool,
    pub(super) engine: Arc<RolloutEngine>,
    pub(super) demonstrations: Option<DemonstrationChunks>,
    /// Made at the first evaluation.
    pub(super) modes: Option<Modes>,
    pub(super) state: State<ExpertIterationSettings>,
    pub(super) log: RunLog,
}

impl<'a> ExpertIteration<'a> {
    pub(super) fn begin(settings: &'a ExpertIterationSettings, run: &'a Run<'a>) -> Result<Self> {
        let state = State::begin(NAME, settings, run)?;
        let log = match state.rounds.last() {
            Some(last) if run.resume => RunLog::resume(run.out, last.env_steps)?,
            _ => RunLog::create(run.out)?,
        };
        let demonstrations = run.demonstration_windows()?;
        Ok(Self {
            settings,
            run,
            pool: imle_planner::threads::pool(run.threads)?,
            engine: Arc::new(RolloutEngine::new(run.task.clone(), run.threads)?),
            demonstrations,
            modes: None,
            state,
            log,
        })
    }

    /// The last round; a run that has none yet has done nothing.
    pub(super) fn last(&self) -> Round {
        let none = Round { success_ci95: [0.0, 1.0], ..Round::default() };
        self.state.rounds.last().cloned().unwrap_or(none)
    }

    pub(super) fn folder(&self, round: u64) -> PathBuf {
        self.run.out.join("rounds").join(format!("{round:03}"))
    }
}
