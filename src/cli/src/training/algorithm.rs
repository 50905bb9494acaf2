//! A fine-tuning algorithm with its settings, as the program's flags or a caller in Python give them.

use crate::failure::Result;
use imle_configs::settings;
use imle_rl::expert_iteration::{self, ExpertIterationSettings};
use imle_rl::online::{algorithm::Algorithm, settings::OnlineSettings, training_loop};
use imle_rl::registry::{self, FineTuning};
use imle_rl::run::{self, Observer, Round, Run};
use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// Settings as they are given, beside defaults.
#[derive(Clone, Debug)]
pub enum GivenSettings {
    /// A TOML file, if any, and `key=value` words, which win.
    Words(Option<PathBuf>, Vec<String>),
    /// A JSON object.
    Json(String),
}

impl GivenSettings {
    fn over<S: DeserializeOwned>(&self, known: &impl Serialize) -> Result<S> {
        Ok(match self {
            Self::Words(file, words) => settings::load(known, file.as_deref(), words)?,
            Self::Json(text) => settings::overlaid(known, text, "settings")?,
        })
    }
}

/// An algorithm with its settings.
pub enum ChosenAlgorithm {
    /// Rounds of planning and imitation.
    ExpertIteration(ExpertIterationSettings),
    /// One that learns online, by its name.
    Online(&'static str, Box<dyn Algorithm>, OnlineSettings),
}

impl ChosenAlgorithm {
    /// The algorithm `name`, or that of the run in the folder `resumed`, or else `default`; with what `given` says
    /// beside its defaults, or beside the settings of that run.
    ///
    /// # Errors
    /// An unknown algorithm or setting; no run in `resumed`; what `given` returns.
    pub fn new(
        name: Option<&str>,
        default: &str,
        resumed: Option<&Path>,
        given: impl FnOnce(&FineTuning) -> Result<GivenSettings>,
    ) -> Result<Self> {
        let saved = resumed.map(run::saved_algorithm).transpose()?;
        let found = registry::by_name(name.or(saved.as_deref()).unwrap_or(default))?;
        let given = given(&found)?;
        Ok(match found {
            FineTuning::ExpertIteration => {
                let known = resumed.map(run::saved_settings).transpose()?;
                Self::ExpertIteration(given.over(&known.unwrap_or_else(ExpertIterationSettings::default))?)
            }
            FineTuning::Online(name, algorithm) => {
                let known: Option<OnlineSettings> = resumed.map(run::saved_settings).transpose()?;
                let settings = given.over(&known.unwrap_or_else(|| algorithm.defaults()).read_by(name)?)?;
                Self::Online(name, algorithm, settings)
            }
        })
    }

    /// Name of the algorithm.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExpertIteration(_) => expert_iteration::NAME,
            Self::Online(name, ..) => name,
        }
    }

    /// Held-out episodes of each round.
    pub fn evaluation_episodes(&self) -> usize {
        match self {
            Self::ExpertIteration(settings) => settings.evaluation_episodes,
            Self::Online(_, _, settings) => settings.evaluation_episodes,
        }
    }

    /// Runs it; returns the rounds, the first of which is the generator as it came.
    ///
    /// # Errors
    /// A bad input; what goes wrong in learning; [`imle_planner::Error::Interrupted`] if `observer` stops it.
    pub fn run(&mut self, run: &Run<'_>, observer: &mut dyn Observer) -> imle_rl::Result<Vec<Round>> {
        match self {
            Self::ExpertIteration(settings) => expert_iteration::run(settings, run, observer),
            Self::Online(name, algorithm, settings) => {
                training_loop::run(name, algorithm.as_mut(), settings, run, observer)
            }
        }
    }
}
