//! Reading a run's folder.

use super::commands;
use super::reported::{Reported, SolvedShare, WorstEpisode, number};
use crate::args::controller::ControllerArgs;
use crate::failure::Result;
use imle_configs::files::{self, JsonLines};
use imle_configs::{Error as InputError, renames};
use imle_policy::metrics::flattened;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Episodes that are shown.
const WORST: usize = 3;
/// Most points of a chart of decisions.
const MOST_POINTS: usize = 400;

/// Reads the run in `folder`; what is damaged is noted.
pub(super) fn read(folder: &Path, run: &mut Reported) -> Result<()> {
    let [summary, config] = ["summary.json", "config.json"].map(|name| json_file(folder, name, run));
    let (mut summary, mut config) = (summary?, config?);
    let place = |name: &str| folder.join(name).display().to_string();
    renames::update_record(&mut summary, &json!({ "optimizer": "" }), &place("summary.json"))?;
    renames::update_record(&mut config, &ControllerArgs::default(), &place("config.json"))?;
    let mut lines = |name: &str| -> Result<Vec<Map<String, Value>>> {
        let read = JsonLines::read(&folder.join(name))?;
        run.damaged(name, read.damaged);
        Ok(read.lines)
    };
    let (episodes, decisions) = (lines("episodes.jsonl")?, lines("decisions.jsonl")?);
    let known = summary["episodes"].as_u64().zip(summary["success_rate"].as_f64());
    let solved = episodes.iter().filter(|e| e.get("success") == Some(&Value::Bool(true))).count();
    let share = known.map_or_else(
        || SolvedShare::of(solved as u64, episodes.len() as u64),
        |(episodes, rate)| SolvedShare::at(rate, episodes),
    );
    run.success = Some(share);
    of_summary(run, &summary, &config);
    of_decisions(run, &summary, &decisions);
    let command = commands::run(&config);
    run.worst = worst(&episodes, &command);
    let text = |key: &str| config[key].as_str().map(str::to_string);
    run.world = text("task").map(|task| (task, text("mismatch")));
    run.settings = flattened(&config);
    run.commands = vec![command];
    Ok(())
}

/// The object in a file; an empty one if it is missing or damaged, which is noted.
fn json_file(folder: &Path, name: &str, run: &mut Reported) -> Result<Value> {
    let path = folder.join(name);
    if !path.exists() {
        run.notes.push(format!("{name}: missing, the run was stopped or is of another version"));
        return Ok(json!({}));
    }
    match serde_json::from_str::<Value>(&files::read_text(&path)?) {
        Ok(value @ Value::Object(_)) => return Ok(value),
        Ok(other) => run.notes.push(InputError::unexpected(name, "a JSON object", other).to_string()),
        Err(e) => run.notes.push(InputError::unexpected(name, "JSON", e).to_string()),
    }
    Ok(json!({}))
}

fn of_summary(run: &mut Reported, summary: &Value, config: &Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let known = |key: &str| [&config[key], &summary[key]].into_iter().find(|v| !v.is_null()).map(text);
    for key in ["task", "checkpoint", "optimizer", "candidates", "mode", "mismatch"] {
        if let Some(value) = known(key) {
            run.fact(key, value);
        }
    }
    for (mode, counts) in summary["modes"].as_object().into_iter().flatten() {
        if let (Some(shown), Some(solved)) = (counts[0].as_u64(), counts[1].as_u64()) {
            run.modes.push((mode.clone(), SolvedShare::of(solved, shown)));
        }
    }
    let figures = [
        ("mean_cost", "mean cost a control step"),
        ("mean_steps_to_success", "control steps to success"),
        ("time_to_success_s", "seconds to success"),
        ("predicted_cost", "predicted cost"),
        ("realised_cost", "realised cost"),
        ("prediction_error", "error of the prediction"),
        ("decisions", "decisions"),
        ("rollouts", "rollouts"),
        ("failed_rollouts", "failed rollouts"),
        ("physics_steps", "physics steps"),
        ("mode_switches", "changes of course an episode"),
        ("peak_velocity", "peak speed, share of the limit"),
        ("peak_torque", "peak force, share of the limit"),
        ("boundary_jerk", "jerk where chunks meet"),
        ("inner_jerk", "jerk inside chunks"),
        ("wall_s", "wall-clock time, s"),
    ];
    for (key, label) in figures {
        if let Some(value) = summary[key].as_f64() {
            run.cost(label, number(value));
        }
    }
    let plan = &summary["plan_ms"];
    let batch = summary["plan_batch"].as_u64().unwrap_or(1);
    let each = if batch > 1 { format!(", {batch} episodes at a time") } else { String::new() };
    for (key, label) in [("p50", "decision, median"), ("p95", "decision, 95th percentile")] {
        if let Some(ms) = plan[key].as_f64() {
            run.cost(label, format!("{} ms{each}", number(ms)));
        }
    }
    if let Some(ms) = plan["p50"].as_f64() {
        run.fact("decision", format!("{} ms (median{each})", number(ms)));
    }
    let quantiles: Vec<f64> = plan["quantiles"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let step = 100.0 / quantiles.len().saturating_sub(1).max(1) as f64;
    run.plan_ms = quantiles.iter().enumerate().map(|(i, ms)| (i as f64 * step, *ms)).collect();
    if run.plan_ms.is_empty() {
        let two = [(50.0, &plan["p50"]), (95.0, &plan["p95"])];
        run.plan_ms = two.into_iter().filter_map(|(percent, ms)| Some((percent, ms.as_f64()?))).collect();
    }
}

fn of_decisions(run: &mut Reported, summary: &Value, decisions: &[Map<String, Value>]) {
    let shares = summary["winners"].as_object().into_iter().flatten();
    run.sources = shares.filter_map(|(name, share)| Some((name.clone(), share.as_f64()?))).collect();
    if run.sources.is_empty() {
        let names = decisions.iter().filter_map(|d| d.get("source")?.as_str());
        let mut counts = std::collections::BTreeMap::<&str, f64>::new();
        names.for_each(|name| *counts.entry(name).or_default() += 1.0 / decisions.len() as f64);
        run.sources = counts.into_iter().map(|(name, share)| (name.to_string(), share)).collect();
    }
    let pair = |d: &Map<String, Value>| Some(vec![d.get("predicted")?.as_f64()?, d.get("realised")?.as_f64()?]);
    let pairs: Vec<Vec<f64>> = decisions.iter().filter_map(pair).collect();
    run.calibration = pairs.iter().step_by(pairs.len().div_ceil(MOST_POINTS).max(1)).cloned().collect();
}

/// Those that were not solved, the costliest first, then the longest of the others.
fn worst(episodes: &[Map<String, Value>], command: &str) -> Vec<WorstEpisode> {
    let number = |e: &Map<String, Value>, key: &str| e.get(key).and_then(Value::as_f64);
    let is = |e: &Map<String, Value>, key: &str| e.get(key) == Some(&Value::Bool(true));
    let badness = |e: &Map<String, Value>| {
        let by = if is(e, "success") { "steps" } else { "mean_cost" };
        (!is(e, "success"), number(e, by).unwrap_or(f64::MAX))
    };
    let mut order: Vec<&Map<String, Value>> = episodes.iter().collect();
    order.sort_by(|a, b| badness(b).partial_cmp(&badness(a)).unwrap_or(std::cmp::Ordering::Equal));
    let of = |e: &&Map<String, Value>| {
        let episode = e.get("episode").and_then(Value::as_u64)?;
        let steps = number(e, "steps").unwrap_or(0.0);
        let outcome = match e.get("failure").and_then(Value::as_str) {
            Some(why) => format!("the simulation failed: {why}"),
            None if is(e, "success") => format!("solved after {steps} control steps"),
            None if is(e, "lost") => format!("lost after {steps} control steps"),
            None => format!("not solved in {steps} control steps"),
        };
        let mode = e.get("mode").and_then(Value::as_str).unwrap_or_default().to_string();
        let again = commands::one_episode(command, episode);
        Some(WorstEpisode { episode, outcome, mode, cost: number(e, "mean_cost"), command: again, clip: None })
    };
    order.iter().filter_map(of).take(WORST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_were_not_solved_and_cost_most_or_took_longest() {
        let lines = [
            json!({ "episode": 0, "success": true, "steps": 50, "mean_cost": 9.0 }),
            json!({ "episode": 1, "success": false, "steps": 99, "mean_cost": 2.0, "lost": true }),
            json!({ "episode": 2, "success": true, "steps": 70, "mean_cost": 1.0 }),
            json!({ "episode": 3, "success": false, "steps": 99, "mean_cost": 3.0, "mode": "left" }),
        ];
        let lines: Vec<Map<String, Value>> = lines.iter().filter_map(|l| l.as_object().cloned()).collect();
        let found = worst(&lines, "planner run --task stack --episodes 4");
        assert_eq!(found.iter().map(|w| w.episode).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!((found[0].mode.as_str(), found[0].outcome.as_str()), ("left", "not solved in 99 control steps"));
        assert_eq!(found[1].outcome, "lost after 99 control steps");
        assert!(found[0].command.contains("--first 3 --episodes 1"));
    }
}
