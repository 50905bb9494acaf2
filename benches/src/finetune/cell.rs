//! A cell of the sweep over fine-tuning algorithms, and its result.

use crate::episodes::Success;
use imle_cli::sweep::Record;
use imle_cli::training::finetune;
use imle_configs::{Result, renames};
use imle_rl::run::Round;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Quality of a generator before it is fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Solves 50 to 80 % (`push_t` 30 to 60 %; `cylinder_push` more, and less in other worlds).
    Strong,
    /// Solves 30 % at most.
    Weak,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
        })
    }
}

/// A measurement: one run of an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneCell {
    pub part: String,
    pub task: String,
    pub base: Strength,
    pub algorithm: String,
    /// Settings other than the defaults, as words of `--set`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
    pub env_steps: u64,
    pub episodes: u32,
    pub seed: u64,
}

impl Record for FinetuneCell {
    fn update(record: &mut Value, _place: &str) -> Result<()> {
        let algorithm = record["algorithm"].as_str().unwrap_or_default().to_string();
        for word in record.get_mut("settings").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(today) = word.as_str().map(|word| setting_of_today(&algorithm, word)) {
                *word = today.into();
            }
        }
        Ok(())
    }
}

/// A word of `--set` under today's name of its setting; as it is, if the algorithm is gone.
pub fn setting_of_today(algorithm: &str, word: &str) -> String {
    let today = || {
        let (key, value) = word.split_once('=')?;
        let known = finetune::resolved(algorithm, &[]).ok()?;
        Some(format!("{}={value}", renames::setting(key, &known).ok()?))
    };
    today().unwrap_or_else(|| word.into())
}

/// A cell with its result.
pub type FinetuneResult = (FinetuneCell, FinetuneFigures);

/// Result of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinetuneFigures {
    /// The base.
    pub before: GeneratorFigures,
    /// The fine-tuned generator.
    pub after: GeneratorFigures,
    /// The base in the world without mismatch, where the cell has one.
    pub as_planned: Option<GeneratorFigures>,
    /// Curve of the run.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// Control steps and simulation steps at which the curve first reaches 90 %.
    pub to_90: Option<[f64; 2]>,
    /// Control steps.
    #[serde(default)]
    pub env_steps: u64,
    /// Simulation steps.
    #[serde(default)]
    pub simulation_steps: u64,
    /// Gradient steps.
    #[serde(default)]
    pub gradient_steps: u64,
    /// Episodes a point of the curve.
    #[serde(default)]
    pub curve_episodes: usize,
    /// Time of the run, s; none of a run that was stopped meanwhile.
    pub train_s: Option<f64>,
}

impl Record for FinetuneFigures {
    fn update(record: &mut Value, place: &str) -> Result<()> {
        let rounds = record.get_mut("rounds").and_then(Value::as_array_mut);
        rounds.into_iter().flatten().try_for_each(|round| renames::update_record(round, &Round::default(), place))
    }
}

/// Figures of a generator alone in held-out episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorFigures {
    /// Success.
    #[serde(flatten)]
    pub success: Success,
    /// Episodes of each mode: shown, solved.
    pub modes: BTreeMap<String, [usize; 2]>,
    /// Entropy of the modes of the solved episodes, nats.
    pub mode_entropy: Option<f64>,
    /// Jerk where chunks meet, rad/s³.
    pub boundary_jerk: Option<f64>,
    /// Success from start states that force each mode.
    pub forced: BTreeMap<String, Success>,
    /// Share of held-out demonstrations near a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Share of samples near a held-out demonstration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A cell of `square` that the tests of tables and plots share.
    pub fn cell(seed: u64, mismatch: Option<&str>) -> FinetuneCell {
        FinetuneCell {
            part: "strong".into(),
            task: "square".into(),
            base: Strength::Strong,
            algorithm: "ppo".into(),
            settings: vec!["ppo.sigma=0.1".into()],
            mismatch: mismatch.map(str::to_string),
            env_steps: 1000,
            episodes: 100,
            seed,
        }
    }
}
