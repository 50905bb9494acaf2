//! The report: a table a part, and the curves.

use super::super::chart::{self, Curve};
use super::Cell;
use crate::failure::Result;
use crate::output::success;
use imle_planner::report::wilson95;
use imle_rl::ladder::CANDIDATES_FOR_95;
use serde_json::Value;

/// Cells of one kind, which differ by their seeds.
struct Kind<'a> {
    cell: &'a Cell,
    results: Vec<&'a Value>,
}

fn kinds(done: &[(Cell, Value)]) -> Vec<Kind<'_>> {
    let mut all: Vec<Kind<'_>> = Vec::new();
    for (cell, result) in done {
        let same = |k: &&mut Kind<'_>| Cell { seed: cell.seed, ..k.cell.clone() } == *cell;
        match all.iter_mut().find(same) {
            Some(kind) => kind.results.push(result),
            None => all.push(Kind { cell, results: vec![result] }),
        }
    }
    all
}

fn number(value: &Value, path: &str) -> Option<f64> {
    value.pointer(path)?.as_f64()
}

impl Kind<'_> {
    fn mean(&self, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.results.iter().filter_map(|r| of(r)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Episodes of all seeds as if of one generator: (rate, interval).
    fn pooled(&self, key: &str) -> Option<(f64, [f64; 2])> {
        let (mut solved, mut all) = (0.0, 0.0);
        for result in &self.results {
            let n = number(result, &format!("/{key}/episodes"))?;
            solved += n * number(result, &format!("/{key}/success_rate"))?;
            all += n;
        }
        Some((solved / all, wilson95(solved.round() as usize, all as usize)))
    }

    fn told(&self, key: &str) -> String {
        self.pooled(key)
            .map_or("".into(), |(rate, ci)| success(&serde_json::json!({ "success_rate": rate, "success_ci95": ci })))
    }

    /// After as a share of before.
    fn kept(&self, key: &str) -> Option<f64> {
        let of = |when: &str| self.mean(|r| number(r, &format!("/{when}/{key}")));
        Some(of("after")? / of("before").filter(|x| *x > 0.0)?)
    }

    /// The forced mode whose success fell most, and by how many points.
    fn worst_mode(&self) -> Option<(String, f64)> {
        let modes = self.results.first()?.pointer("/before/forced")?.as_object()?;
        let change = |mode: &String| {
            let of = |when: &str| self.mean(|r| number(r, &format!("/{when}/forced/{mode}/success_rate")));
            Some((mode.clone(), 100.0 * (of("after")? - of("before")?)))
        };
        modes.keys().filter_map(change).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How few candidates the planner needs for 95 % before and after, of the first seed; `-` where none sufficed, nothing where none
    /// were tried.
    fn candidates(&self) -> Option<String> {
        let rounds = self.results.first()?["rounds"].as_array()?;
        let of = |round: &Value| {
            let figures = round["figures"].as_object()?;
            let tried = figures.keys().any(|key| key.starts_with("planned/"));
            tried.then(|| figures.get(CANDIDATES_FOR_95).map_or("-".into(), Value::to_string))
        };
        Some(format!("{} to {}", of(rounds.first()?)?, of(rounds.last()?)?))
    }

    /// Of what the mismatch took away, the share that came back.
    fn closed(&self) -> Option<f64> {
        let of = |when: &str| self.mean(|r| number(r, &format!("/{when}/success_rate")));
        let (whole, before, after) = (of("as_planned")?, of("before")?, of("after")?);
        (whole > before).then(|| (after - before) / (whole - before))
    }
}

/// Thousands and millions.
fn short(count: f64) -> String {
    match count {
        c if c >= 1e9 => format!("{:.1} G", c / 1e9),
        c if c >= 1e6 => format!("{:.1} M", c / 1e6),
        c => format!("{:.0} k", c / 1e3),
    }
}

/// The tables, as Markdown.
pub fn all(done: &[(Cell, Value)]) -> Vec<String> {
    let kinds = kinds(done);
    let mut parts: Vec<&str> = Vec::new();
    for kind in &kinds {
        if !parts.contains(&kind.cell.part.as_str()) {
            parts.push(&kind.cell.part);
        }
    }
    let mut lines = Vec::new();
    for part in parts {
        lines.extend([
            format!("### {part}"),
            String::new(),
            "| task | base | world | algorithm | seeds | before | after | control steps | simulation steps | control steps to 90 % | \
             minutes | recall kept | entropy kept | worst forced mode | gap closed | candidates for 95 % |"
                .into(),
            format!("|{}", "---|".repeat(16)),
        ]);
        for kind in kinds.iter().filter(|k| k.cell.part == part) {
            let cell = kind.cell;
            let share = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.2}"));
            let settings =
                if cell.settings.is_empty() { String::new() } else { format!(", {}", cell.settings.join(" ")) };
            let reached = kind.results.iter().filter(|r| !r["to_90"].is_null()).count();
            let to_90 = match kind.mean(|r| number(r, "/to_90/0")) {
                Some(steps) if reached == kind.results.len() => short(steps),
                Some(steps) => format!("{} ({reached} of {})", short(steps), kind.results.len()),
                None => "not reached".into(),
            };
            let count = |key: &str| kind.mean(|r| number(r, key)).map_or(String::new(), short);
            lines.push(format!(
                "| {} | {} | {} | {}{settings} | {} | {} | {} | {} | {} | {to_90} | {} | {} | {} | {} | {} | {} |",
                cell.task,
                cell.base,
                cell.mismatch.as_deref().unwrap_or("as planned"),
                cell.algorithm,
                kind.results.len(),
                kind.told("before"),
                kind.told("after"),
                count("/env_steps"),
                count("/simulation_steps"),
                kind.mean(|r| number(r, "/train_s")).map_or(String::new(), |s| format!("{:.0}", s / 60.0)),
                share(kind.kept("recall")),
                share(kind.kept("mode_entropy")),
                kind.worst_mode().map_or(String::new(), |(mode, points)| format!("{mode} {points:+.0}")),
                kind.closed().map_or(String::new(), |x| format!("{:.0} %", 100.0 * x)),
                kind.candidates().unwrap_or_default(),
            ));
        }
        lines.push(String::new());
    }
    lines
}

/// Success over control steps, a plot a part and task.
///
/// # Errors
/// [`crate::failure::Failure::Run`] if one cannot be drawn.
pub fn plots(done: &[(Cell, Value)]) -> Result<Vec<(String, String)>> {
    let kinds = kinds(done);
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for kind in kinds.iter().filter(|k| k.cell.mismatch.is_none()) {
        let group = (kind.cell.part.as_str(), kind.cell.task.as_str());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let draw = |(part, task): (&str, &str)| -> Result<(String, String)> {
        let of = kinds.iter().filter(|k| (k.cell.part.as_str(), k.cell.task.as_str()) == (part, task));
        let of: Vec<_> = of.collect();
        let cells: Vec<&Cell> = of.iter().map(|kind| kind.cell).collect();
        let curves: Vec<Curve> = of.iter().flat_map(|kind| curves(kind, &name_among(&cells, kind.cell))).collect();
        let title = format!("{task}, {part}: the generator alone");
        Ok((format!("{part}-{task}.svg"), chart::curves(&title, "thousand control steps", false, &curves)?))
    };
    groups.into_iter().map(draw).collect()
}

/// The algorithm of `cell`; with its settings, and its control steps, where others of `cells` are called the same without.
fn name_among(cells: &[&Cell], cell: &Cell) -> String {
    let settings = [std::slice::from_ref(&cell.algorithm), &cell.settings].concat().join(" ");
    let alike: Vec<_> = cells.iter().filter(|other| other.algorithm == cell.algorithm).collect();
    match (alike.len(), alike.iter().filter(|other| other.settings == cell.settings).count()) {
        (..=1, _) => cell.algorithm.clone(),
        (_, ..=1) => settings,
        _ => format!("{settings}, {}", short(cell.env_steps as f64)),
    }
}

/// A curve a seed of what is called `name`.
fn curves(kind: &Kind<'_>, name: &str) -> Vec<Curve> {
    let many = kind.results.len() > 1;
    let curve = |(seed, result): (usize, &&Value)| {
        let point = |round: &Value| {
            let rate =
                [number(round, "/success_ci95/0")?, number(round, "/success_rate")?, number(round, "/success_ci95/1")?];
            Some((number(round, "/env_steps")? / 1e3, rate.map(|x| 100.0 * x)))
        };
        let name = if many { format!("{name}, {seed}") } else { name.to_string() };
        Curve { name, points: result["rounds"].as_array().into_iter().flatten().filter_map(point).collect() }
    };
    kind.results.iter().enumerate().map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::super::bases::Strength;
    use super::*;
    use serde_json::json;

    fn cell(seed: u64, mismatch: Option<&str>) -> Cell {
        Cell {
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

    fn judged(rate: f64, recall: f64, left: f64) -> Value {
        json!({ "success_rate": rate, "episodes": 100, "recall": recall, "mode_entropy": 0.5,
            "forced": { "left": { "success_rate": left }, "right": { "success_rate": 0.9 } } })
    }

    #[test]
    fn seeds_are_pooled_and_what_was_kept_is_told() {
        let result = |after: f64, to_90: Value| {
            json!({ "before": judged(0.5, 0.8, 0.6), "after": judged(after, 0.72, 0.4), "as_planned": judged(0.9, 0.8, 0.6),
                "to_90": to_90, "env_steps": 1000, "simulation_steps": 2_000_000, "train_s": 120.0,
                "rounds": [{ "env_steps": 0, "success_rate": 0.5, "success_ci95": [0.4, 0.6] }] })
        };
        let done = [(cell(0, None), result(0.6, json!([700.0, 1e6]))), (cell(1, None), result(0.8, Value::Null))];
        let lines = all(&done);
        let row = lines.iter().find(|l| l.starts_with("| square")).unwrap();
        assert!(row.contains("| 2 | 50.0 % [43.1, 56.9] | 70.0 % [63.3, 75.9] |"), "{row}");
        assert!(row.contains("| 1 k (1 of 2) | 2 | 0.90 | 1.00 | left -20 | 50 % |"), "{row}");
        let plots = plots(&done).unwrap();
        assert!(plots.len() == 1 && plots[0].0 == "strong-square.svg" && plots[0].1.contains("ppo, 1"));
    }

    #[test]
    fn curves_of_one_algorithm_are_named_apart() {
        let of = |settings: &[&str], env_steps: u64| Cell {
            settings: settings.iter().map(ToString::to_string).collect(),
            env_steps,
            ..cell(0, None)
        };
        let cells = [of(&[], 30_000), of(&[], 60_000), of(&["ppo.sigma=0.2"], 30_000)];
        let all: Vec<&Cell> = cells.iter().collect();
        let names: Vec<String> = cells.iter().map(|c| name_among(&all, c)).collect();
        assert_eq!(names, ["ppo, 30 k", "ppo, 60 k", "ppo ppo.sigma=0.2"]);
        assert_eq!(name_among(&all[2..], all[2]), "ppo");
    }
}
