//! The tables of `planner bench plan`: a part each, a row a task and contender.

use super::cell::{PlanCell, PlanFigures};
use super::paired::{Pairs, pairs};
use crate::publish::{distinct, table};

const COLUMNS: &str = "task | world | contender | N | solved | episodes | beside the first, of the same episodes | \
    mean cost | physics steps a decision | ms a decision and episode | switches | jerk where chunks meet";

/// Markdown, a table a part, in the cells' order.
pub fn all(cells: &[PlanCell], results: &[Option<PlanFigures>]) -> Vec<String> {
    let row = |(cell, result): (&PlanCell, &Option<PlanFigures>)| {
        let world = cell.mismatch.as_deref().unwrap_or("as planned");
        let of = [cell.task.clone(), world.into(), cell.contender.clone()];
        let figures = match result {
            Some(result) => figures(cell, result, pairs(cell, result, cells, results)),
            None => ["", "open", &cell.episodes.to_string(), "", "", "", "", "", ""].map(str::to_string),
        };
        of.into_iter().chain(figures).collect()
    };
    let part = |part: &str| {
        let own = cells.iter().zip(results).filter(|(cell, _)| cell.part == part);
        table(part, COLUMNS, own.map(row)).lines()
    };
    distinct(cells.iter().map(|c| c.part.as_str())).into_iter().flat_map(part).collect()
}

fn figures(cell: &PlanCell, result: &PlanFigures, pairs: Option<Pairs>) -> [String; 9] {
    let r = &result.figures;
    let count = |value: Option<u64>| value.map_or(f64::NAN, |n| n as f64);
    let figure = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let (decisions, batch) = (count(r.decisions).max(1.0), count(r.plan_batch).max(1.0));
    let run = r.success.episodes;
    let of = if run < u64::from(cell.episodes) { format!(" of {}", cell.episodes) } else { String::new() };
    [
        format!("{:.0}", count(r.rollouts) / decisions),
        r.success.text(),
        format!("{run}{of}"),
        pairs.map(|p| beside(&p)).unwrap_or_default(),
        format!("{:.3}", figure(r.mean_cost)),
        format!("{:.0}", count(r.physics_steps) / decisions),
        format!("{:.1}", figure(r.plan_ms.map(|ms| ms.p50)) / batch),
        format!("{:.2}", figure(r.mode_switches)),
        format!("{:.0}", figure(r.boundary_jerk)),
    ]
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
    use super::super::cell::tests::cell;
    use super::*;
    use serde_json::json;

    /// A result of a file without `solved`, as older versions wrote it.
    fn result() -> PlanFigures {
        serde_json::from_value(json!({
            "success_rate": 0.5, "success_ci95": [0.2, 0.8], "episodes": 10, "mean_cost": 1.0, "physics_steps": 100, "decisions": 10,
            "rollouts": 160, "plan_ms": { "p50": 8.0, "p95": 9.0 }, "plan_batch": 4, "mode_switches": 0.5, "boundary_jerk": 3.0,
        }))
        .unwrap()
    }

    #[test]
    fn parts_have_tables_of_their_own_and_open_cells_are_told() {
        let lines = all(&[cell("a", "imle, 16"), cell("b", "imle, 16")], &[Some(result()), None]);
        assert_eq!(lines.iter().filter(|l| l.starts_with("###")).count(), 2);
        assert_eq!(
            lines[4],
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
            result.solved = Some(solved.into());
            result.figures.success.episodes = solved.len() as u64;
            Some(result)
        };
        let cells = [cell("own", "first"), cell("own", "second"), cell("own", "third")];
        let lines = all(&cells, &[told("1111111101"), told("0000000"), Some(result())]);
        assert!(lines[4].contains("| 10 |  | 1.000"), "{}", lines[4]);
        assert!(lines[5].contains("| 7 of 10 | −100.0 [−100.0, −3"), "{}", lines[5]);
        assert!(lines[5].contains("p = 0.016"), "{}", lines[5]);
        assert!(lines[6].contains("| 10 |  | 1.000"), "{}", lines[6]);
    }
}
