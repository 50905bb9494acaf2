//! Reading results of sweeps, of `planner bench` and of `python -m imle_planner.bench`: whatever has a success rate.

use super::commands::quoted;
use super::reported::{CellGroup, NamedCurve, Reported, SolvedShare};
use crate::failure::{Failure, Result};
use imle_configs::files::JsonLines;
use imle_policy::metrics::flattened;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Cells of a group: their settings by key, and their results.
type Cells = Vec<(BTreeMap<String, String>, Value)>;

/// Reads the results in the file at `path`; the last line of a cell counts.
pub(super) fn read(path: &Path, sweep: &mut Reported) -> Result<()> {
    let read = JsonLines::read(path)?;
    sweep.damaged(&path.file_name().unwrap_or_default().to_string_lossy(), read.damaged);
    let mut found: Vec<(Value, Value)> = Vec::new();
    let mut versions = Vec::new();
    for mut line in read.lines {
        versions.extend(line.get("version").and_then(Value::as_str).map(str::to_string));
        let (Some(cell), Some(result)) = (line.remove("cell"), line.remove("result")) else { continue };
        match found.iter_mut().find(|(known, _)| *known == cell) {
            Some((_, known)) => *known = result,
            None => found.push((cell, result)),
        }
    }
    let Some((first, _)) = found.first() else {
        return Err(Failure::Input(format!("{}: expected results of a sweep, found no whole line", path.display())));
    };
    sweep.commands = vec![command(first, path)];
    sweep.fact("cells", found.len().to_string());
    let mut groups: Vec<(String, Cells)> = Vec::new();
    for (cell, result) in found {
        let title = ["suite", "task", "part", "mismatch"].iter().filter_map(|key| cell[key].as_str());
        let title = title.collect::<Vec<_>>().join(", ");
        let one = (flattened(&cell).into_iter().collect(), result);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, cells)) => cells.push(one),
            None => groups.push((title, vec![one])),
        }
    }
    sweep.groups = groups.into_iter().map(|(title, cells)| group(title, &cells)).collect();
    let shown = sweep.groups.iter().filter(|g| !g.rows.is_empty() || !g.curves.is_empty()).count();
    if shown < sweep.groups.len() {
        let hidden: Vec<&str> = sweep.groups.iter().filter(|g| g.rows.is_empty()).map(|g| g.title.as_str()).collect();
        sweep.notes.push(format!("no success rate in the cells of {}", hidden.join("; ")));
    }
    let shares = sweep.groups.iter().map(|g| g.rows.len()).sum::<usize>();
    sweep.fact("success rates", shares.to_string());
    let versions: BTreeSet<String> = versions.into_iter().collect();
    if !versions.is_empty() {
        sweep.fact("version", versions.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

/// The command that goes on with the sweep of `cell`, by the keys that its suite has.
fn command(cell: &Value, path: &Path) -> String {
    let file = quoted(&path.display().to_string());
    if let Some(suite) = cell["suite"].as_str() {
        return format!("python -m imle_planner.bench {} --results {file} --report", quoted(suite));
    }
    let has = |key: &str| cell.get(key).is_some();
    let suites = [("contender", "plan"), ("algorithm", "finetune"), ("demos", "claims")];
    let suite = suites.iter().find(|(key, _)| has(key)).map_or("tasks", |(_, suite)| suite);
    format!("planner bench {suite} --results {file} --report")
}

fn group(title: String, cells: &Cells) -> CellGroup {
    let mut group = CellGroup { title, ..CellGroup::default() };
    for (name, (_, result)) in names(cells).into_iter().zip(cells) {
        let called = |more: &str| match (name.is_empty(), more.is_empty()) {
            (_, true) => name.clone(),
            (true, _) => more.to_string(),
            _ => format!("{name}: {more}"),
        };
        group.rows.extend(shares(result).into_iter().map(|(more, share)| (called(&more), share)));
        let points = curve(result);
        if points.len() > 1 {
            group.curves.push(NamedCurve { key: called(""), points });
        }
        let bins = result["calibration"]["bins"].as_array();
        let bin = |bin: &Value| {
            let at = [&bin["told"], &bin["observed"], &bin["ci95"][0], &bin["ci95"][1]];
            at.into_iter().map(|v| v.as_f64().map(|share| 100.0 * share)).collect::<Option<Vec<f64>>>()
        };
        if let Some(points) = bins.map(|bins| bins.iter().filter_map(bin).collect()) {
            group.calibration.push(NamedCurve { key: called(""), points });
        }
    }
    group
}

/// Names of cells: the settings in which they differ.
fn names(cells: &Cells) -> Vec<String> {
    // Fingerprints and what stands in the title tell people nothing.
    let told =
        |key: &str| !["checkpoint", "data", "settings", "flags", "suite", "task", "part", "mismatch"].contains(&key);
    let mut keys: Vec<&String> = cells.iter().flat_map(|(cell, _)| cell.keys()).filter(|key| told(key)).collect();
    keys.sort();
    keys.dedup();
    let words = ["contender", "algorithm", "method", "optimizer", "network"];
    keys.sort_by_key(|key| words.iter().position(|w| w == key).unwrap_or(words.len()));
    keys.retain(|key| cells.iter().any(|(cell, _)| cell.get(*key) != cells[0].0.get(*key)));
    let name = |cell: &BTreeMap<String, String>| {
        let parts = keys.iter().filter_map(|key| {
            let value = cell.get(*key).filter(|v| *v != "null")?;
            let number = value.parse::<f64>().is_ok() || value.starts_with('[');
            let key = key.rsplit('.').next().unwrap_or(key).replace('_', " ");
            Some(if number { format!("{key} {value}") } else { value.clone() })
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    cells.iter().map(|(cell, _)| name(cell)).collect()
}

/// Success of a cell, by what more there is to say of it.
fn shares(result: &Value) -> Vec<(String, SolvedShare)> {
    let of = |value: &Value, more: String| {
        let episodes = value["episodes"].as_u64().unwrap_or(0);
        let solved = value["solved"].as_u64().map(|solved| SolvedShare::of(solved, episodes));
        let rated = || {
            let rate = value["success_rate"].as_f64()?;
            let within = |i: usize| value["success_ci95"][i].as_f64();
            let interval = [within(0).unwrap_or(rate), within(1).unwrap_or(rate)];
            Some(SolvedShare { rate, interval, ..SolvedShare::at(rate, episodes) })
        };
        Some((more, solved.or_else(rated)?))
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let list = |key: &str| result[key].as_array().into_iter().flatten();
    let number = |value: &Value, key: &str| value[key].as_f64().map_or(String::new(), |n| format!("{key} {n}"));
    let all = [of(result, String::new())]
        .into_iter()
        .chain(["before", "after"].map(|key| of(&result[key], key.to_string())))
        .chain(list("entries").map(|e| of(&e["report"], text(&e["name"]))))
        .chain(list("tried").map(|t| of(t, format!("{} {}", text(&t["sampler"]), number(t, "learning_rate")))))
        .chain(list("final").map(|f| of(f, number(f, "execute"))));
    all.flatten().collect()
}

/// Success in the course of a cell, in percent, over thousand steps.
fn curve(result: &Value) -> Vec<Vec<f64>> {
    let list = |key: &str| result[key].as_array().into_iter().flatten();
    let round = |round: &Value| {
        let at = [&round["success_rate"], &round["success_ci95"][0], &round["success_ci95"][1]];
        let shares = at.into_iter().map(|v| v.as_f64().map(|share| 100.0 * share));
        let steps = round["env_steps"].as_f64().map(|steps| steps / 1e3);
        [steps].into_iter().chain(shares).collect::<Option<Vec<f64>>>()
    };
    let point = |point: &Value| Some(vec![point[0].as_f64()? / 1e3, 100.0 * point[2].as_f64()?]);
    list("rounds").filter_map(round).chain(list("curve").filter_map(point)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_lines(lines: &[Value]) -> Reported {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        std::fs::write(&path, lines.iter().map(|l| format!("{l}\n")).collect::<String>() + "{\"cell\":{\"ta").unwrap();
        let mut sweep = Reported::default();
        read(&path, &mut sweep).unwrap();
        sweep
    }

    #[test]
    fn cells_are_named_by_what_differs_and_the_last_line_of_one_counts() {
        let line = |n: u32, rate: f64| {
            let cell = json!({ "task": "lift", "optimizer": "cem", "candidates": n, "seed": 0, "checkpoint": "ab" });
            json!({ "cell": cell, "result": { "success_rate": rate, "success_ci95": [0.1, 0.9], "episodes": 10 } })
        };
        let sweep = read_lines(&[line(8, 0.1), line(32, 0.5), line(8, 0.3)]);
        let rows = &sweep.groups[0].rows;
        let told: Vec<(&str, f64)> = rows.iter().map(|(name, share)| (name.as_str(), share.rate)).collect();
        assert_eq!(told, [("candidates 8", 0.3), ("candidates 32", 0.5)]);
        assert_eq!((rows[0].1.solved, rows[0].1.interval), (3, [0.1, 0.9]));
        assert_eq!(sweep.notes, ["r.jsonl: 1 line is cut short and left out"]);
        assert!(sweep.commands[0].starts_with("planner bench tasks --results "));
    }

    #[test]
    fn every_suite_s_results_are_found() {
        let share = json!({ "success_rate": 0.5, "success_ci95": [0.2, 0.8], "episodes": 10 });
        let names = |result: Value| shares(&result).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(json!({ "before": share, "after": share, "rounds": [] })), ["before", "after"]);
        assert_eq!(names(json!({ "entries": [{ "name": "ddim-10", "report": share }] })), ["ddim-10"]);
        assert_eq!(names(json!({ "final": [{ "execute": 8, "solved": 3, "episodes": 4 }] })), ["execute 8"]);
        assert_eq!(names(json!({ "latency_1": {} })), [""; 0]);
        let rounds = json!({ "rounds": [{ "env_steps": 2000, "success_rate": 0.5, "success_ci95": [0.2, 0.8] }] });
        assert_eq!(curve(&rounds), [[2.0, 50.0, 20.0, 80.0]]);
        assert_eq!(curve(&json!({ "curve": [[400, 0.3, 0.25]] })), [[0.4, 25.0]]);
    }
}
