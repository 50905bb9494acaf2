//! The tables of `planner bench finetune`: a part each, a row a kind of cell.

use super::cell::FinetuneResult;
use super::kinds::{SeedGroup, kinds, short};
use crate::publish::{grouped, table};

const COLUMNS: &str = "task | base | world | algorithm | seeds | before | after | control steps | simulation steps | \
    control steps to 90 % | minutes | recall kept | entropy kept | worst forced mode | gap closed | candidates for 95 %";

/// The tables, as Markdown.
pub fn all(done: &[FinetuneResult]) -> Vec<String> {
    let kinds = kinds(done);
    let parts = grouped(kinds.iter().map(|kind| (kind.cell.part.as_str(), row(kind))));
    parts.into_iter().flat_map(|(part, rows)| table(part, COLUMNS, rows).lines()).collect()
}

fn row(kind: &SeedGroup<'_>) -> Vec<String> {
    let cell = kind.cell;
    let share = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.2}"));
    let reached = kind.results.iter().filter(|r| r.to_90.is_some()).count();
    let to_90 = match kind.mean(|r| Some(r.to_90?[0])) {
        Some(steps) if reached == kind.results.len() => short(steps),
        Some(steps) => format!("{} ({reached} of {})", short(steps), kind.results.len()),
        None => "not reached".into(),
    };
    let algorithm = match cell.settings.is_empty() {
        true => cell.algorithm.clone(),
        false => format!("{}, {}", cell.algorithm, cell.settings.join(" ")),
    };
    vec![
        cell.task.clone(),
        cell.base.to_string(),
        cell.mismatch.clone().unwrap_or("as planned".into()),
        algorithm,
        kind.results.len().to_string(),
        kind.pooled(|r| &r.before),
        kind.pooled(|r| &r.after),
        kind.mean(|r| Some(r.env_steps as f64)).map_or(String::new(), short),
        kind.mean(|r| Some(r.simulation_steps as f64)).map_or(String::new(), short),
        to_90,
        kind.mean(|r| r.train_s).map_or(String::new(), |s| format!("{:.0}", s / 60.0)),
        share(kind.kept(|figures| figures.recall)),
        share(kind.kept(|figures| figures.mode_entropy)),
        kind.worst_mode().map_or(String::new(), |(mode, points)| format!("{mode} {points:+.0}")),
        kind.closed().map_or(String::new(), |x| format!("{:.0} %", 100.0 * x)),
        kind.candidates().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::super::cell::{FinetuneCell, FinetuneFigures, GeneratorFigures};
    use super::super::plots;
    use super::*;
    use serde_json::json;

    fn judged(rate: f64, recall: f64, left: f64) -> GeneratorFigures {
        let figures = json!({ "success_rate": rate, "episodes": 100, "recall": recall, "mode_entropy": 0.5,
            "forced": { "left": { "success_rate": left }, "right": { "success_rate": 0.9 } } });
        serde_json::from_value(figures).unwrap()
    }

    #[test]
    fn seeds_are_pooled_and_what_was_kept_is_told() {
        let start = imle_rl::run::Round { success_rate: 0.5, success_ci95: [0.4, 0.6], ..Default::default() };
        let result = |after: f64, to_90: Option<[f64; 2]>| FinetuneFigures {
            before: judged(0.5, 0.8, 0.6),
            after: judged(after, 0.72, 0.4),
            as_planned: Some(judged(0.9, 0.8, 0.6)),
            to_90,
            env_steps: 1000,
            simulation_steps: 2_000_000,
            train_s: Some(120.0),
            rounds: vec![start.clone()],
            ..FinetuneFigures::default()
        };
        let done: [(FinetuneCell, FinetuneFigures); 2] =
            [(cell(0, None), result(0.6, Some([700.0, 1e6]))), (cell(1, None), result(0.8, None))];
        let lines = all(&done);
        let row = lines.iter().find(|l| l.starts_with("| square")).unwrap();
        assert!(row.contains("| 2 | 50.0 % [43.1, 56.9] | 70.0 % [63.3, 75.9] |"), "{row}");
        assert!(row.contains("| 1 k (1 of 2) | 2 | 0.90 | 1.00 | left -20 | 50 % |"), "{row}");
        let plots = plots::all(&done).unwrap();
        assert!(plots.len() == 1 && plots[0].0 == "strong-square.svg" && plots[0].1.contains("ppo, 1"));
        // A result is read back as it was written.
        let text = serde_json::to_string(&done[0].1).unwrap();
        assert_eq!(serde_json::from_str::<FinetuneFigures>(&text).unwrap(), done[0].1);
    }
}
