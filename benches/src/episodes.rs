//! Figures of held-out episodes, as the files of results hold them.

use imle_cli::failure::{Failure, Result};
use imle_cli::output::percent_within;
use imle_cli::sweep::Record;
use imle_planner::evaluation::report::Report;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Success over episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Success {
    /// Share solved.
    pub success_rate: f64,
    /// The 95 % Wilson interval.
    #[serde(default)]
    pub success_ci95: [f64; 2],
    /// Number of episodes.
    #[serde(default)]
    pub episodes: u64,
}

impl Success {
    /// That of `report`.
    pub fn of(report: &Report) -> Self {
        let Report { success_rate, success_ci95, episodes, .. } = *report;
        Self { success_rate, success_ci95, episodes: episodes as u64 }
    }

    /// `97.5 % [94.3, 98.9]`.
    pub fn text(&self) -> String {
        percent_within(self.success_rate, self.success_ci95)
    }

    /// Low end, rate and high end, in percent.
    pub fn bar(&self) -> [f64; 3] {
        [self.success_ci95[0], self.success_rate, self.success_ci95[1]].map(|share| 100.0 * share)
    }
}

impl Record for EpisodeFigures {}

/// Figures of an evaluation that a report of a sweep reads; all others are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpisodeFigures {
    /// Success.
    #[serde(flatten)]
    pub success: Success,
    /// Mean cost of the states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<f64>,
    /// Physics steps of the planner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physics_steps: Option<u64>,
    /// Decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<u64>,
    /// Rollouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<u64>,
    /// Most episodes that one decision was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_batch: Option<u64>,
    /// Time of a decision, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_ms: Option<DecisionTime>,
    /// Decisions an episode whose plan left the course of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_switches: Option<f64>,
    /// Jerk where chunks meet, rad/s³.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary_jerk: Option<f64>,
    /// Episodes of each mode: shown, solved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modes: BTreeMap<String, [u64; 2]>,
    /// Entropy of the modes of the solved episodes, nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_entropy: Option<f64>,
    /// Other figures.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Time of a decision, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionTime {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

impl EpisodeFigures {
    /// The figures of `report`.
    ///
    /// # Errors
    /// [`Failure::Run`] if they cannot be kept as JSON.
    pub fn of(report: &Report) -> Result<Self> {
        let kept = serde_json::to_value(report).and_then(serde_json::from_value);
        kept.map_err(|e| Failure::Run(format!("the figures of the episodes: {e}")))
    }
}
