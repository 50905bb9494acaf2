//! The tables of `planner bench plan`: a part each, a row a task and contender.

use super::Cell;
use crate::output::success;
use serde_json::Value;

/// Markdown, a table a part, in the cells' order.
pub fn all(cells: &[Cell], results: &[Option<Value>]) -> Vec<String> {
    let mut parts: Vec<&str> = Vec::new();
    for cell in cells {
        if !parts.contains(&cell.part.as_str()) {
            parts.push(&cell.part);
        }
    }
    let mut lines = Vec::new();
    for part in parts {
        lines.push(format!("### {part}\n"));
        lines.push(
            "| task | world | contender | solved | episodes | mean cost | physics steps a decision | ms a decision and episode | \
             switches | jerk where chunks meet |"
                .into(),
        );
        lines.push("|---|---|---|---|---|---|---|---|---|---|".into());
        let own = cells.iter().zip(results).filter(|(c, _)| c.part == part);
        lines.extend(own.map(|(cell, result)| row(cell, result.as_ref())));
        lines.push(String::new());
    }
    lines
}

fn row(cell: &Cell, result: Option<&Value>) -> String {
    let world = cell.mismatch.as_deref().unwrap_or("as planned");
    let head = format!("| {} | {world} | {} |", cell.task, cell.contender);
    let Some(r) = result else { return format!("{head} open | {} | | | | | |", cell.episodes) };
    let figure = |key: &str| r[key].as_f64().unwrap_or(f64::NAN);
    let batch = figure("plan_batch").max(1.0);
    format!(
        "{head} {} | {} | {:.3} | {:.0} | {:.1} | {:.2} | {:.0} |",
        success(r),
        cell.episodes,
        figure("mean_cost"),
        figure("physics_steps") / figure("decisions").max(1.0),
        r["plan_ms"]["p50"].as_f64().unwrap_or(f64::NAN) / batch,
        figure("mode_switches"),
        figure("boundary_jerk")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_have_tables_of_their_own_and_open_cells_are_told() {
        let cell = |part: &str| Cell {
            part: part.into(),
            task: "lift".into(),
            contender: "imle, 16".into(),
            checkpoint: String::new(),
            flags: String::new(),
            mismatch: None,
            episodes: 10,
            seed: 0,
            folder: None,
        };
        let result = json!({
            "success_rate": 0.5, "success_ci95": [0.2, 0.8], "mean_cost": 1.0, "physics_steps": 100, "decisions": 10,
            "plan_ms": { "p50": 8.0 }, "plan_batch": 4, "mode_switches": 0.5, "boundary_jerk": 3.0,
        });
        let lines = all(&[cell("a"), cell("b")], &[Some(result), None]);
        assert_eq!(lines.iter().filter(|l| l.starts_with("###")).count(), 2);
        assert_eq!(
            lines[3],
            "| lift | as planned | imle, 16 | 50.0 % [20.0, 80.0] | 10 | 1.000 | 10 | 2.0 | 0.50 | 3 |"
        );
        assert!(lines.iter().any(|l| l.contains("| open | 10 |")));
    }
}
