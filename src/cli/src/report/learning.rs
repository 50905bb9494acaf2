//! Reading trainings and fine-tunings: their logs, settings and evaluations.

use super::commands::{quoted, set};
use super::reported::{NamedCurve, Reported, SolvedShare, number};
use crate::failure::Result;
use imle_configs::files::{self, JsonLines};
use imle_configs::{Error as InputError, renames};
use imle_policy::metrics::{METRICS_FILE, flattened};
use imle_policy::train::{STATE_FOLDER, TrainSettings};
use imle_rl::run::Round;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Most points of a curve.
const MOST_POINTS: usize = 300;
/// Success of the generator alone on held-out episodes.
pub(super) const EVALUATED: &str = "eval/success_rate";

/// Reads the training in `folder`.
pub(super) fn training(folder: &Path, one: &mut Reported) -> Result<()> {
    let log = log(folder, one)?;
    let evaluated = |line: &serde_json::Map<String, Value>| {
        let number = |key: &str| line.get(key)?.as_f64();
        Some((number("step")?, SolvedShare::at(number(EVALUATED)?, number("eval/episodes")? as u64)))
    };
    let evaluations: Vec<(f64, SolvedShare)> = log.lines.iter().filter_map(evaluated).collect();
    one.success = evaluations.last().map(|(_, share)| *share);
    put_evaluations(one, &evaluations);
    let place = folder.join(STATE_FOLDER).join("state.json");
    let state = if place.exists() { json(&place)? } else { Value::Null };
    let checkpoint = folder.join("config.json");
    // A training that was killed before its first checkpoint has none.
    let config = if checkpoint.exists() { json(&checkpoint)? } else { state["config"].clone() };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let provenance = &config["provenance"];
    let facts = [
        ("task", &config["spec"]["task"]),
        ("method", &config["method"]),
        ("network", &config["network"]["kind"]),
        ("data", &provenance["data"]),
        ("steps", &provenance["steps"]),
        ("seed", &provenance["seed"]),
        ("version", &config["version"]),
    ];
    for (label, value) in facts.into_iter().filter(|(_, value)| !value.is_null()) {
        one.fact(label, text(value));
    }
    for (key, label) in [("train/loss", "last loss"), ("time/steps_per_second", "training steps a second")] {
        if let Some(value) = log.last(key) {
            one.cost(label, number(value));
        }
    }
    one.settings = flattened(&state["settings"]);
    one.commands = vec![repeat_training(one, &state["settings"], &config, folder)];
    Ok(())
}

/// `planner train` or `distill`, with the data by the name that they had.
fn repeat_training(one: &mut Reported, settings: &Value, config: &Value, folder: &Path) -> String {
    let data = config["provenance"]["data"].as_str().unwrap_or_default();
    let name = data.split(':').next().unwrap_or_default();
    let steps = settings["steps"].as_u64().map_or(String::new(), |n| format!(" --steps {n}"));
    let seed = settings["seed"].as_u64().map_or(String::new(), |n| format!(" --seed {n}"));
    let out = format!("{}-again", folder.display());
    let defaults = TrainSettings { evaluate_every: 5000, ..TrainSettings::default() };
    let mut left_out = vec!["steps", "seed", "method"];
    let beginning = match data.contains(" samples a state of ") {
        true => {
            left_out.extend(["samples", "evaluate_every"]);
            let samples = settings["samples"].as_u64().unwrap_or_default();
            format!("distill --teacher TEACHER --samples {samples}")
        }
        false => format!("train --method {}", settings["method"].as_str().unwrap_or("imle")),
    };
    if settings.is_null() {
        one.notes.push(format!("{STATE_FOLDER}: missing, so the settings of the training are not known"));
    }
    let words = set(settings, &json!(defaults), &left_out);
    format!("planner {beginning} --data {}{steps}{seed}{words} --out {}", quoted(name), quoted(&out))
}

/// Reads the fine-tuning in `folder`.
pub(super) fn fine_tuning(folder: &Path, one: &mut Reported) -> Result<()> {
    log(folder, one)?;
    let place = folder.join("state.json");
    let mut state = json(&place)?;
    let name = place.display().to_string();
    for round in state.get_mut("rounds").and_then(Value::as_array_mut).into_iter().flatten() {
        renames::update_record(round, &Round::default(), &name)?;
    }
    let episodes = state["settings"]["evaluation_episodes"].as_u64().unwrap_or(0);
    let rounds = state["rounds"].as_array().cloned().unwrap_or_default();
    let evaluated = |round: &Value| {
        let rate = round["success_rate"].as_f64()?;
        Some((round["env_steps"].as_f64()?, SolvedShare::at(rate, episodes)))
    };
    let evaluations: Vec<(f64, SolvedShare)> = rounds.iter().filter_map(evaluated).collect();
    one.success = evaluations.last().map(|(_, share)| *share);
    put_evaluations(one, &evaluations);
    let word = |value: &Value| value.as_str().unwrap_or("none").to_string();
    one.fact("algorithm", word(&state["algorithm"]));
    for key in ["task", "mismatch", "reward", "checkpoint", "demonstrations"] {
        if !state["inputs"][key].is_null() {
            one.fact(key, word(&state["inputs"][key]));
        }
    }
    if let Some((_, first)) = evaluations.first() {
        one.fact("before", first.text());
    }
    let last = rounds.last().cloned().unwrap_or_default();
    let figures = [
        ("env_steps", "control steps in the world"),
        ("simulation_steps", "physics steps of rollouts"),
        ("gradient_steps", "training steps"),
    ];
    for (key, label) in figures {
        if let Some(value) = last[key].as_f64() {
            one.cost(label, number(value));
        }
    }
    let kept = ["algorithm", "seed", "inputs", "settings"].map(|key| (key.to_string(), state[key].clone()));
    one.settings = flattened(&Value::Object(kept.into_iter().collect()));
    one.commands = vec![repeat_fine_tuning(&state, &last, folder)];
    Ok(())
}

/// `planner finetune`; what it began from is known by its checksums alone.
fn repeat_fine_tuning(state: &Value, last: &Value, folder: &Path) -> String {
    let algorithm = state["algorithm"].as_str().unwrap_or_default();
    let defaults = crate::training::finetune::resolved(algorithm, &[]).unwrap_or_default();
    // Sections of other algorithms are never read.
    let own = |key: &String| defaults.get(key).is_some();
    let settings = state["settings"].as_object().cloned().unwrap_or_default();
    let settings: serde_json::Map<String, Value> = settings.into_iter().filter(|(key, _)| own(key)).collect();
    let flag = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        if value.is_null() { String::new() } else { format!(" --{name} {}", quoted(&text)) }
    };
    let inputs = &state["inputs"];
    let data = inputs["demonstrations"].as_str().is_some_and(|text| !text.starts_with("0 "));
    format!(
        "planner finetune --algorithm {algorithm}{}{}{} --checkpoint CHECKPOINT{}{}{}{} --out {}",
        flag("task", &inputs["task"]),
        flag("mismatch", &inputs["mismatch"]),
        flag("reward", &inputs["reward"]),
        if data { " --data DATASET" } else { "" },
        flag("env-steps", &last["env_steps"]),
        flag("seed", &state["seed"]),
        set(&Value::Object(settings), &defaults, &[]),
        quoted(&format!("{}-again", folder.display()))
    )
}

/// A JSON file, with or without its checksum.
fn json(path: &Path) -> Result<Value> {
    let refused = |e| InputError::unexpected(path.display(), "JSON", e);
    Ok(serde_json::from_str(&files::read_text(path)?).map_err(refused)?)
}

/// The log, with a curve a figure.
fn log(folder: &Path, one: &mut Reported) -> Result<JsonLines> {
    let log = JsonLines::read(&folder.join(METRICS_FILE))?;
    one.damaged(METRICS_FILE, log.damaged);
    if log.lines.is_empty() {
        one.notes.push(format!("{METRICS_FILE}: nothing is logged, so there are no curves"));
    }
    let mut curves: BTreeMap<&str, Vec<Vec<f64>>> = BTreeMap::new();
    for line in &log.lines {
        let Some(step) = line.get("step").and_then(Value::as_f64) else { continue };
        for (key, value) in line.iter().filter(|(key, _)| *key != "step") {
            if let Some(value) = value.as_f64() {
                curves.entry(key).or_default().push(vec![step, value]);
            }
        }
    }
    // A figure that stays 0 shows nothing.
    curves.retain(|_, points| points.iter().any(|p| p[1] != 0.0));
    one.curves = curves.into_iter().map(|(key, points)| NamedCurve { key: key.into(), points: thin(points) }).collect();
    Ok(log)
}

/// Every n-th point, and the last.
fn thin(points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let (step, last) = (points.len().div_ceil(MOST_POINTS).max(1), points.len().saturating_sub(1));
    points.into_iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, point)| point).collect()
}

/// The curve of success, in percent with its intervals, in place of that of the log.
fn put_evaluations(one: &mut Reported, evaluations: &[(f64, SolvedShare)]) {
    one.curves.retain(|curve| curve.key != EVALUATED && curve.key != "eval/episodes");
    let points: Vec<_> = evaluations.iter().map(|(step, share)| share.point(*step)).collect();
    if !points.is_empty() {
        one.curves.push(NamedCurve { key: EVALUATED.into(), points: thin(points) });
    }
}

#[cfg(test)]
mod tests {
    use super::thin;

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_end() {
        let of = |n: usize| (0..n).map(|i| vec![i as f64, 0.0]).collect::<Vec<_>>();
        assert_eq!(thin(of(300)), of(300));
        let thinned = thin(of(1000));
        assert!(thinned.len() <= 301 && thinned.last() == of(1000).last() && thinned[1][0] == 4.0);
    }
}
