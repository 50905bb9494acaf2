//! A cell of the sweep over proposals and planners, and its result.

use super::equal_time::Fit;
use super::parts::Question;
use crate::episodes::EpisodeFigures;
use imle_cli::sweep::Record;
use imle_configs::{Result, renames};
use imle_planner::evaluation::calibration::Calibration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

impl Record for PlanFigures {}

impl Record for PlanCell {
    fn update(record: &mut Value, _place: &str) -> Result<()> {
        let mut rewrite = |at: &str, today: fn(&str) -> String| {
            if let Some(Value::String(text)) = record.pointer_mut(at) {
                *text = today(text);
            }
        };
        rewrite("/part", |part| renames::name(part).into());
        rewrite("/flags", renames::flags);
        rewrite("/kind/equal_time/with", renames::flags);
        // A contender of the user's own is called by its flags.
        rewrite("/contender", |name| match name.starts_with("--") {
            true => renames::flags(name),
            false => renames::name(name).into(),
        });
        Ok(())
    }
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
