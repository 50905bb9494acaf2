//! The folder of a run: settings, summary, a line an episode, a line a decision, states.

use super::states;
use crate::failure::{Failure, Result};
use imle_configs::files;
use imle_planner::evaluation::{DecisionRecord, EpisodeResult, Outcome};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// Writes `config.json`, `decisions.jsonl`, `episodes.jsonl` and recorded states, and last `summary.json`, by which the
/// folder is a run.
///
/// # Errors
/// A file that cannot be written.
pub fn write(out: &Path, config: &Value, summary: &Value, outcome: &Outcome) -> Result<()> {
    let json = |value: &Value| serde_json::to_string_pretty(value).map_err(|e| Failure::Run(e.to_string()));
    files::write_text(&out.join("config.json"), &json(config)?)?;
    let reached =
        |e: &EpisodeResult| outcome.reported.iter().cloned().zip(e.reached.clone()).collect::<BTreeMap<_, _>>();
    let episode = |e: &EpisodeResult| {
        json!({
            "episode": e.episode, "success": e.success, "failure": e.failure, "steps": e.steps, "mode": e.mode,
            "lost": e.lost, "mean_cost": e.mean_cost, "reached": reached(e), "peak_velocity": e.actuation.peak_velocity,
            "peak_torque": e.actuation.peak_torque, "boundary_jerk": e.actuation.boundary_jerk,
            "inner_jerk": e.actuation.inner_jerk, "decisions": e.decisions.len(),
            "mode_switches": e.decisions.iter().filter(|r| r.switched).count(),
        })
    };
    let decision = |(e, i, r): (u64, usize, &DecisionRecord)| {
        json!({
            "episode": e, "decision": i, "source": outcome.sources.get(r.decision.source), "predicted": r.decision.predicted,
            "realised": r.realised, "switched": r.switched, "rollouts": r.decision.rollouts,
            "failed_rollouts": r.decision.failed, "censored_rollouts": r.decision.censored, "quality": r.decision.quality,
        })
    };
    let records = outcome.episodes.iter().flat_map(|e| e.decisions.iter().enumerate().map(|(i, r)| (e.episode, i, r)));
    let lines = |values: &mut dyn Iterator<Item = Value>| values.map(|v| v.to_string() + "\n").collect::<String>();
    files::write_text(&out.join("decisions.jsonl"), &lines(&mut records.map(decision)))?;
    files::write_text(&out.join("episodes.jsonl"), &lines(&mut outcome.episodes.iter().map(episode)))?;
    states::write(out, &outcome.episodes)?;
    Ok(files::write_text(&out.join("summary.json"), &json(summary)?)?)
}
