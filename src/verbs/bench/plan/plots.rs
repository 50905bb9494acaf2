//! The plots of `planner bench plan`, as SVG: a part's contenders beside each other, success against N, and calibration.

use super::super::chart::{self, Curve, Row};
use super::Cell;
use crate::failure::Result;
use serde_json::Value;

/// Plots by their file names, one a part and task; cells that are open are left out.
///
/// # Errors
/// [`crate::failure::Failure::Run`] if one cannot be drawn.
pub fn all(cells: &[Cell], results: &[Option<Value>]) -> Result<Vec<(String, String)>> {
    let done: Vec<(&Cell, &Value)> = cells.iter().zip(results).filter_map(|(c, r)| Some((c, r.as_ref()?))).collect();
    let mut groups: Vec<(&str, &str, Option<&str>)> = Vec::new();
    for (cell, _) in &done {
        let group = of(cell);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let draw = |group: (&str, &str, Option<&str>)| -> Result<(String, String)> {
        let own: Vec<(&Cell, &Value)> = done.iter().filter(|(cell, _)| of(cell) == group).copied().collect();
        let (part, task, world) = group;
        let [world, file] = world.map_or([String::new(), String::new()], |w| [format!(", {w} world"), format!("-{w}")]);
        let title = format!("{task}{world}: {part}");
        let svg = match part {
            "curve" => chart::curves(&title, "candidates a decision", true, &curves(&own))?,
            "calibration" => chart::calibration(&title, &calibration(&own))?,
            _ => chart::rows(&title, &rows(&own))?,
        };
        Ok((format!("{part}-{task}{file}.svg"), svg))
    };
    groups.into_iter().map(draw).collect()
}

fn of(cell: &Cell) -> (&str, &str, Option<&str>) {
    (&cell.part, &cell.task, cell.mismatch.as_deref())
}

/// Low end, rate and high end of the Wilson interval, in percent.
fn success(result: &Value) -> Option<[f64; 3]> {
    let number = |key: &str| result.pointer(key)?.as_f64().map(|x| 100.0 * x);
    Some([number("/success_ci95/0")?, number("/success_rate")?, number("/success_ci95/1")?])
}

/// A row a contender; of those that were stopped early it says after how many episodes.
fn rows(own: &[(&Cell, &Value)]) -> Vec<Row> {
    let row = |(cell, result): &(&Cell, &Value)| {
        let run = result["episodes"].as_u64().filter(|n| *n < u64::from(cell.episodes));
        let note = run.map_or(String::new(), |n| format!(" ({n})"));
        Some(Row { name: format!("{}{note}", cell.contender), rate: success(result)? })
    };
    own.iter().filter_map(row).collect()
}

/// A curve a planner: contenders are named `planner, N`.
fn curves(own: &[(&Cell, &Value)]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (cell, result) in own {
        let Some((name, n)) = cell.contender.rsplit_once(", ") else { continue };
        let (Ok(n), Some(rate)) = (n.parse::<f64>(), success(result)) else { continue };
        match curves.iter_mut().find(|c| c.name == name) {
            Some(curve) => curve.points.push((n, rate)),
            None => curves.push(Curve { name: name.into(), points: vec![(n, rate)] }),
        }
    }
    curves
}

/// A curve a contender: what happened over what was told, both in percent.
fn calibration(own: &[(&Cell, &Value)]) -> Vec<Curve> {
    let point = |bin: &Value| {
        let number = |key: &str| bin.pointer(key)?.as_f64().map(|x| 100.0 * x);
        Some((number("/told")?, [number("/ci95/0")?, number("/observed")?, number("/ci95/1")?]))
    };
    let curve = |(cell, result): &(&Cell, &Value)| {
        let points: Vec<_> = result.pointer("/calibration/bins")?.as_array()?.iter().filter_map(point).collect();
        Some(Curve { name: cell.contender.clone(), points })
    };
    own.iter().filter_map(curve).collect()
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

    #[test]
    fn every_part_with_results_has_a_plot_of_its_contenders() {
        let told =
            |rate: f64| Some(json!({ "success_rate": rate, "success_ci95": [rate - 0.1, rate + 0.1], "episodes": 7 }));
        let bins = json!([{ "told": 0.25, "observed": 0.2, "ci95": [0.1, 0.3], "count": 9 }]);
        let cells = [
            cell("sources", "imle & noise, 16"),
            cell("curve", "cem, 8"),
            cell("curve", "cem, 64"),
            cell("calibration", "imle, 32"),
            cell("modes", "open"),
        ];
        let results = [told(0.5), told(0.4), told(0.8), Some(json!({ "calibration": { "bins": bins } })), None];
        let plots = all(&cells, &results).unwrap();
        let names: Vec<&str> = plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sources-lift.svg", "curve-lift.svg", "calibration-lift.svg"]);
        assert!(plots[0].1.contains("imle &amp; noise, 16 (7)") && plots[1].1.contains("cem"));
        let of = |part: &str| -> Vec<(&Cell, &Value)> {
            let done = cells.iter().zip(&results).filter_map(|(c, r)| Some((c, r.as_ref()?)));
            done.filter(|(c, _)| c.part == part).collect()
        };
        let curves = curves(&of("curve"));
        assert_eq!(curves[0].points.iter().map(|p| p.0).collect::<Vec<_>>(), [8.0, 64.0]);
        assert_eq!(calibration(&of("calibration"))[0].points[0].0, 25.0);
    }
}
