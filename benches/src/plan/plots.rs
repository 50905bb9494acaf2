//! The plots of `planner bench plan`, as SVG: a part's contenders beside each other, success against N, and
//! calibration.

use super::cell::{PlanCell, PlanFigures};
use crate::chart::{self, Curve, SuccessRow};
use crate::publish::{Plot, grouped};
use imle_cli::failure::Result;

type PlanResult<'a> = (&'a PlanCell, &'a PlanFigures);

/// Plots by their file names, one a part and task; cells that are open are left out.
///
/// # Errors
/// [`imle_cli::failure::Failure::Run`] if one cannot be drawn.
pub fn all(cells: &[PlanCell], results: &[Option<PlanFigures>]) -> Result<Vec<Plot>> {
    let done = cells.iter().zip(results).filter_map(|(cell, result)| {
        Some(((cell.part.as_str(), cell.task.as_str(), cell.mismatch.as_deref()), (cell, result.as_ref()?)))
    });
    type Group<'a> = (&'a str, &'a str, Option<&'a str>);
    let draw = |((part, task, world), own): (Group<'_>, Vec<PlanResult<'_>>)| -> Result<Plot> {
        let [world, file] = world.map_or([String::new(), String::new()], |w| [format!(", {w} world"), format!("-{w}")]);
        let title = format!("{task}{world}: {part}");
        let svg = match part {
            "curve" => chart::curves(&title, "candidates a decision", true, &curves(&own))?,
            "calibration" => chart::calibration(&title, &calibration(&own))?,
            _ => chart::rows(&title, &rows(&own))?,
        };
        Ok((format!("{part}-{task}{file}.svg"), svg))
    };
    grouped(done).into_iter().map(draw).collect()
}

/// A row a contender; of those that were stopped early it says after how many episodes.
fn rows(own: &[PlanResult<'_>]) -> Vec<SuccessRow> {
    let row = |(cell, result): &PlanResult<'_>| {
        let success = &result.figures.success;
        let early = success.episodes < u64::from(cell.episodes);
        let note = if early { format!(" ({})", success.episodes) } else { String::new() };
        SuccessRow { name: format!("{}{note}", cell.contender), rate: success.bar() }
    };
    own.iter().map(row).collect()
}

/// A curve an optimizer: contenders are named `optimizer, N`.
fn curves(own: &[PlanResult<'_>]) -> Vec<Curve> {
    let points = own.iter().filter_map(|(cell, result)| {
        let (name, n) = cell.contender.rsplit_once(", ")?;
        Some((name, (n.parse().ok()?, result.figures.success.bar())))
    });
    grouped(points).into_iter().map(|(name, points)| Curve { name: name.into(), points }).collect()
}

/// A curve a contender: the observed share over the predicted probability, both in percent.
fn calibration(own: &[PlanResult<'_>]) -> Vec<Curve> {
    let curve = |(cell, result): &PlanResult<'_>| {
        let bins = result.calibration.as_ref()?.bins.iter();
        let point = |[low, rate, high]: [f64; 3]| [low, rate, high].map(|share| 100.0 * share);
        let points = bins.map(|bin| (100.0 * bin.told, point([bin.ci95[0], bin.observed, bin.ci95[1]]))).collect();
        Some(Curve { name: cell.contender.clone(), points })
    };
    own.iter().filter_map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::*;
    use serde_json::json;

    #[test]
    fn every_part_with_results_has_a_plot_of_its_contenders() {
        let read = |result: serde_json::Value| serde_json::from_value::<Option<PlanFigures>>(result).unwrap();
        let told =
            |rate: f64| read(json!({ "success_rate": rate, "success_ci95": [rate - 0.1, rate + 0.1], "episodes": 7 }));
        let bins = json!([{ "told": 0.25, "observed": 0.2, "ci95": [0.1, 0.3], "count": 9 }]);
        let calibrated = json!({ "success_rate": 0.5,
            "calibration": { "decisions": 9, "observed": 0.2, "brier": 0.1, "brier_base": 0.2, "bins": bins } });
        let cells = [
            cell("sources", "imle & noise, 16"),
            cell("curve", "cem, 8"),
            cell("curve", "cem, 64"),
            cell("calibration", "imle, 32"),
            cell("modes", "open"),
        ];
        let results = [told(0.5), told(0.4), told(0.8), read(calibrated), None];
        let plots = all(&cells, &results).unwrap();
        let names: Vec<&str> = plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sources-lift.svg", "curve-lift.svg", "calibration-lift.svg"]);
        assert!(plots[0].1.contains("imle &amp; noise, 16 (7)") && plots[1].1.contains("cem"));
        let of = |part: &str| -> Vec<PlanResult<'_>> {
            let done = cells.iter().zip(&results).filter_map(|(c, r)| Some((c, r.as_ref()?)));
            done.filter(|(c, _)| c.part == part).collect()
        };
        let curves = curves(&of("curve"));
        assert_eq!(curves[0].points.iter().map(|p| p.0).collect::<Vec<_>>(), [8.0, 64.0]);
        assert_eq!(calibration(&of("calibration"))[0].points[0].0, 25.0);
    }
}
