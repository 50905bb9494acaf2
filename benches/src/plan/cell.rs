//! A cell of the sweep over proposals and planners, and its result.

use super::equal_time::Fit;
use super::parts::Question;
use crate::episodes::EpisodeFigures;
use imle_planner::evaluation::calibration::Calibration;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A measurement: the episodes of one task with one controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanCell {
    pub part: String,
    pub task: String,
    pub contender: String,
    /// Fingerprint of the generator's weights.
    pub checkpoint: String,
    /// The controller's flags.
    pub flags: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
    pub episodes: u32,
    pub seed: u64,
    #[serde(default, skip_serializing_if = "Question::is_success")]
    pub kind: Question,
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

/// Result of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanFigures {
    /// Episodes solved, a digit each: 1 if it was. Files from before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved: Option<String>,
    /// As many candidates as take as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_time: Option<Fit>,
    /// Calibration of what was predicted of plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Figures of the episodes.
    #[serde(flatten)]
    pub figures: EpisodeFigures,
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A cell of `lift` that the tests of tables and plots share.
    pub fn cell(part: &str, contender: &str) -> PlanCell {
        PlanCell {
            part: part.into(),
            task: "lift".into(),
            contender: contender.into(),
            checkpoint: String::new(),
            flags: String::new(),
            mismatch: None,
            episodes: 10,
            seed: 0,
            kind: Question::Success,
            folder: None,
        }
    }
}
