//! The table of success on tasks.

use super::cell::TaskCell;
use crate::episodes::{EpisodeFigures, Success};
use crate::publish::distinct;
use imle_cli::table::Table;

/// A row a task and world, a column a controller; where the planner solved fewer than the generator alone, the row says
/// so.
pub fn table(cells: &[TaskCell], results: &[Option<EpisodeFigures>]) -> Table {
    let controllers = distinct(cells.iter().map(TaskCell::controller));
    let title = |controller: &(&str, Option<&str>, u32)| match *controller {
        ("none", None, _) => "generator alone".to_string(),
        ("none", Some(choice), n) => format!("generator alone, {choice} of {n}"),
        (optimizer, _, n) => format!("{optimizer}, N = {n}"),
    };
    let mut columns = ["task", "world", "episodes"].map(str::to_string).to_vec();
    columns.extend(controllers.iter().map(title));
    columns.push(String::new());
    let mut table = Table::new("", &columns);
    for row in distinct(cells.iter().map(TaskCell::row)) {
        let of = |controller: &(&str, Option<&str>, u32)| {
            let same = |c: &TaskCell| c.row() == row && c.controller() == *controller;
            let result = cells.iter().position(same).and_then(|i| results[i].as_ref());
            result.map(|figures| &figures.success)
        };
        let alone = of(&("none", None, 1)).map_or(f64::NEG_INFINITY, |s| s.success_rate);
        let planned = controllers.iter().filter(|c| c.0 != "none").filter_map(|c| Some(of(c)?.success_rate));
        let worse = planned.fold(f64::INFINITY, f64::min) < alone;
        let mut line = vec![row.task.into(), row.mismatch.unwrap_or("as planned").into(), row.episodes.to_string()];
        line.extend(controllers.iter().map(|c| of(c).map_or("open".into(), Success::text)));
        line.push(if worse { "planned is worse".into() } else { String::new() });
        table.rows.push(line);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cell(world: Option<&str>, optimizer: &str) -> TaskCell {
        TaskCell {
            task: "lift".into(),
            checkpoint: String::new(),
            mismatch: world.map(str::to_string),
            optimizer: optimizer.into(),
            choice: None,
            candidates: if optimizer == "none" { 1 } else { 32 },
            episodes: 10,
            seed: 0,
            folder: None,
        }
    }

    #[test]
    fn the_table_shows_open_cells_and_where_the_planner_is_worse() {
        let cells: Vec<TaskCell> =
            [None, Some("heavy")].into_iter().flat_map(|w| [cell(w, "none"), cell(w, "predictive-sampling")]).collect();
        let result =
            |rate: f64| serde_json::from_value(json!({ "success_rate": rate, "success_ci95": [0.1, 0.9] })).unwrap();
        let lines = table(&cells, &[result(0.5), result(0.4), result(0.5), None]).lines();
        assert_eq!(lines[0], "| task | world | episodes | generator alone | predictive-sampling, N = 32 |  |");
        assert_eq!(
            lines[2],
            "| lift | as planned | 10 | 50.0 % [10.0, 90.0] | 40.0 % [10.0, 90.0] | planned is worse |"
        );
        assert_eq!(lines[3], "| lift | heavy | 10 | 50.0 % [10.0, 90.0] | open |  |");
        assert_eq!((lines.len(), lines[4].as_str()), (5, ""));
    }
}
