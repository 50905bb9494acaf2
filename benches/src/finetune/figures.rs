//! Results of the sweep over fine-tuning algorithms.

use super::cell::FinetuneCell;
use crate::episodes::Success;
use imle_cli::sweep::Record;
use imle_configs::{Result, renames};
use imle_rl::run::Round;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

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
    #[serde(default)]
    pub as_planned: Option<GeneratorFigures>,
    /// Curve of the run.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// Control steps and simulation steps at which the curve first reaches 90 %.
    #[serde(default)]
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
    #[serde(default)]
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
pub struct GeneratorFigures {
    /// Success.
    #[serde(flatten)]
    pub success: Success,
    /// Episodes of each mode: shown, solved.
    #[serde(default)]
    pub modes: BTreeMap<String, [usize; 2]>,
    /// Entropy of the modes of the solved episodes, nats.
    #[serde(default)]
    pub mode_entropy: Option<f64>,
    /// Jerk where chunks meet, rad/s³.
    #[serde(default)]
    pub boundary_jerk: Option<f64>,
    /// Success from start states that force each mode.
    #[serde(default)]
    pub forced: BTreeMap<String, Success>,
    /// Share of held-out demonstrations near a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Share of samples near a held-out demonstration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
}
