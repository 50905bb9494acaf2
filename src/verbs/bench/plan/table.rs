//! The tables of `planner bench plan`: a part each, a row a task and contender.

use super::paired::Pairs;
use super::{Cell, reference};
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
            "| task | world | contender | N | solved | episodes | beside the first, of the same episodes | mean cost | \
             physics steps a decision | ms a decision and episode | switches | jerk where chunks meet |"
                .into(),
        );
        lines.push("|---|---|---|---|---|---|---|---|---|---|---|---|".into());
        for (cell, result) in cells.iter().zip(results).filter(|(c, _)| c.part == part) {
            let head = head(cell);
            lines.push(match result {
                Some(result) => {
                    let pairs = reference::pairs(cell, result, cells, results);
                    format!("{head} {}", figures(cell, result, pairs))
                }
                None => format!("{head} | open | {} | | | | | | |", cell.episodes),
            });
        }
        lines.push(String::new());
    }
    lines
}

fn head(cell: &Cell) -> String {
    let world = cell.mismatch.as_deref().unwrap_or("as planned");
    format!("| {} | {world} | {} |", cell.task, cell.contender)
}

fn figures(cell: &Cell, r: &Value, pairs: Option<Pairs>) -> String {
    let figure = |key: &str| r[key].as_f64().unwrap_or(f64::NAN);
    let (decisions, batch) = (figure("decisions").max(1.0), figure("plan_batch").max(1.0));
    let run = r["episodes"].as_u64().unwrap_or(u64::from(cell.episodes));
    let of = if run < u64::from(cell.episodes) { format!(" of {}", cell.episodes) } else { String::new() };
    format!(
        "{:.0} | {} | {run}{of} | {} | {:.3} | {:.0} | {:.1} | {:.2} | {:.0} |",
        figure("rollouts") / decisions,
        success(r),
        pairs.map(|p| beside(&p)).unwrap_or_default(),
        figure("mean_cost"),
        figure("physics_steps") / decisions,
        r["plan_ms"]["p50"].as_f64().unwrap_or(f64::NAN) / batch,
        figure("mode_switches"),
        figure("boundary_jerk")
    )
}

/// `−12.0 [−19.5, −4.1], p = 0.004`: the difference to the reference in percentage points.
fn beside(pairs: &Pairs) -> String {
    let [low, high] = pairs.interval95();
    let [d, low, high] = [pairs.difference(), low, high].map(|x| format!("{:+.1}", 100.0 * x).replace('-', "−"));
    let p = pairs.p_value();
    let p = if p < 0.001 { "p < 0.001".to_string() } else { format!("p = {p:.3}") };
    format!("{d} [{low}, {high}], {p}")
}

#[cfg(test)]
mod tests {
    use super::super::parts::Kind;
    use super::*;
    use serde_json::json;

    fn cell(part: &str, contender: &str) -> Cell {
        Cell {
            part: part.into(),
            task: "lift".into(),
            contender: contender.into(),
            checkpoint: String::new(),
            flags: String::new(),
            mismatch: None,
            episodes: 10,
            seed: 0,
            kind: Kind::Success,
            folder: None,
        }
    }

    /// A result of a file from before `solved` was told.
    fn result() -> Value {
        json!({
            "success_rate": 0.5, "success_ci95": [0.2, 0.8], "mean_cost": 1.0, "physics_steps": 100, "decisions": 10,
            "rollouts": 160, "plan_ms": { "p50": 8.0 }, "plan_batch": 4, "mode_switches": 0.5, "boundary_jerk": 3.0,
        })
    }

    #[test]
    fn parts_have_tables_of_their_own_and_open_cells_are_told() {
        let lines = all(&[cell("a", "imle, 16"), cell("b", "imle, 16")], &[Some(result()), None]);
        assert_eq!(lines.iter().filter(|l| l.starts_with("###")).count(), 2);
        assert_eq!(
            lines[3],
            "| lift | as planned | imle, 16 | 16 | 50.0 % [20.0, 80.0] | 10 |  | 1.000 | 10 | 2.0 | 0.50 | 3 |"
        );
        assert!(lines.iter().any(|l| l.contains("| open | 10 |")));
        let columns = |l: &&String| l.matches('|').count();
        assert!(lines.iter().filter(|l| l.starts_with('|')).map(|l| columns(&l)).all(|n| n == 13), "{lines:#?}");
    }

    #[test]
    fn a_stopped_cell_tells_its_episodes_and_stands_beside_the_same_ones_of_the_reference() {
        let told = |solved: &str| {
            let mut result = result();
            (result["solved"], result["episodes"]) = (solved.into(), solved.len().into());
            Some(result)
        };
        let cells = [cell("own", "first"), cell("own", "second"), cell("own", "third")];
        let lines = all(&cells, &[told("1111111101"), told("0000000"), Some(result())]);
        assert!(lines[3].contains("| 10 |  | 1.000"), "{}", lines[3]);
        assert!(lines[4].contains("| 7 of 10 | −100.0 [−100.0, −3"), "{}", lines[4]);
        assert!(lines[4].contains("p = 0.016"), "{}", lines[4]);
        assert!(lines[5].contains("| 10 |  | 1.000"), "{}", lines[5]);
    }
}
