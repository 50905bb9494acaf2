//! The sections of charts that a report has, for whatever its inputs bring.

use super::chart::{Chart, ChartKind};
use super::learning::EVALUATED;
use super::reported::Reported;
use serde::Serialize;

/// Charts under one heading.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ChartSection {
    pub(super) title: String,
    /// A line on reading the charts.
    pub(super) text: &'static str,
    pub(super) charts: Vec<Chart>,
    /// Charts that are shown on demand.
    pub(super) more: Vec<Chart>,
}

/// Charts of a section that are shown at once.
const SHOWN: usize = 6;
/// Figures of a log that people look at first.
const FIRST: [&str; 12] = [
    EVALUATED,
    "train/loss",
    "rollout/success_rate",
    "rollout/ep_rew_mean",
    "modes/recall",
    "time/fps",
    "time/steps_per_second",
    "rollout/ep_len_mean",
    "eval/mean_reward",
    "eval/mean_cost",
    "modes/entropy",
    "critic/rank_correlation",
];

/// The sections; those without a chart are left out.
pub(super) fn all(inputs: &[Reported]) -> Vec<ChartSection> {
    let of = |title: &str, text, charts: Vec<Chart>| {
        let mut charts: Vec<Chart> =
            charts.into_iter().filter(|c| c.series.iter().any(|s| !s.points.is_empty())).collect();
        let more = charts.split_off(charts.len().min(SHOWN));
        ChartSection { title: title.into(), text, charts, more }
    };
    let mut sections = vec![
        of(
            "Success",
            "Share of held-out episodes that were solved; bars are 95 % Wilson intervals.",
            vec![success(inputs)],
        ),
        of("Success by mode", "A mode is one of several ways to solve the task.", vec![modes(inputs)]),
        of("Training curves", "Over training steps.", curves(inputs, "training", "training step")),
        of("Fine-tuning curves", "Over control steps in the world.", curves(inputs, "fine-tuning", "control step")),
    ];
    for sweep in inputs.iter().filter(|one| !one.groups.is_empty()) {
        let title = format!("Sweep {}", sweep.name);
        sections.push(of(&title, "A chart a task and part; bars are 95 % Wilson intervals.", groups(sweep)));
    }
    sections.extend([
        of("Time of a decision", "The share of decisions that took at most so long.", vec![times(inputs)]),
        of("Where plans came from", "The share of decisions whose plan came from each source.", vec![sources(inputs)]),
        of(
            "Predicted and realised cost",
            "A point a decision. On the line the planner's model was right; above it the world was costlier.",
            vec![calibration(inputs)],
        ),
        of("Datasets", "Episodes by mode, and their lengths.", datasets(inputs)),
    ]);
    sections.retain(|section| !section.charts.is_empty());
    sections
}

fn success(inputs: &[Reported]) -> Chart {
    let mut chart = Chart::new("", ChartKind::Rows, "solved, %", "");
    chart.percent = true;
    for (colour, one) in inputs.iter().enumerate().filter(|(_, one)| one.kind != "dataset") {
        if let Some(share) = &one.success {
            let row = chart.category(&one.name);
            chart.add(&one.name, colour, &[share.point(row)]);
        }
    }
    chart
}

fn modes(inputs: &[Reported]) -> Chart {
    let mut chart = Chart::new("", ChartKind::Rows, "solved, %", "");
    chart.percent = true;
    // A mode that no episode shows says nothing.
    for (colour, one) in inputs.iter().enumerate().filter(|(_, one)| one.modes.iter().any(|(mode, _)| mode != "none")) {
        let points: Vec<_> = one.modes.iter().map(|(mode, share)| share.point(chart.category(mode))).collect();
        chart.add(&one.name, colour, &points);
    }
    chart
}

/// A chart a figure of the logs of one kind, those that people look at first in front.
fn curves(inputs: &[Reported], kind: &str, step: &str) -> Vec<Chart> {
    let own: Vec<(usize, &Reported)> = inputs.iter().enumerate().filter(|(_, one)| one.kind == kind).collect();
    let mut keys: Vec<&str> = own.iter().flat_map(|(_, one)| &one.curves).map(|curve| curve.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    let chart = |key: &str| {
        let percent = key == EVALUATED;
        let mut chart = Chart::new(key, ChartKind::Line, step, if percent { "solved, %" } else { "" });
        chart.percent = percent;
        for (colour, one) in &own {
            if let Some(curve) = one.curves.iter().find(|curve| curve.key == key) {
                chart.add(&one.name, *colour, &curve.points);
            }
        }
        chart
    };
    keys.into_iter().map(chart).collect()
}

fn groups(sweep: &Reported) -> Vec<Chart> {
    let mut charts = Vec::new();
    for group in &sweep.groups {
        let mut rows = Chart::new(&group.title, ChartKind::Rows, "solved, %", "");
        rows.percent = true;
        let points: Vec<_> = group.rows.iter().map(|(name, share)| share.point(rows.category(name))).collect();
        rows.add(&group.title, 0, &points);
        let title = format!("{}: in its course", group.title);
        let mut curves = Chart::new(title, ChartKind::Line, "thousand steps", "solved, %");
        curves.percent = true;
        curves.add_all(&group.curves);
        let title = format!("{}: calibration", group.title);
        let mut calibration = Chart::new(title, ChartKind::Line, "predicted, %", "observed, %");
        (calibration.percent, calibration.diagonal) = (true, true);
        calibration.add_all(&group.calibration);
        charts.extend([rows, curves, calibration]);
    }
    charts
}

fn times(inputs: &[Reported]) -> Chart {
    let mut chart = Chart::new("", ChartKind::Line, "ms", "decisions, %");
    (chart.percent, chart.logarithmic) = (true, true);
    for (colour, one) in inputs.iter().enumerate() {
        let points: Vec<_> =
            one.plan_ms.iter().filter(|(_, ms)| *ms > 0.0).map(|(share, ms)| vec![*ms, *share]).collect();
        if !points.is_empty() {
            chart.add(&one.name, colour, &points);
        }
    }
    chart
}

/// The first colour of sources, which are not those of inputs.
const SOURCE_COLOURS: usize = 4;

fn sources(inputs: &[Reported]) -> Chart {
    let mut chart = Chart::new("", ChartKind::Stack, "decisions, %", "");
    chart.percent = true;
    let own: Vec<&Reported> = inputs.iter().filter(|one| !one.sources.is_empty()).collect();
    let mut names: Vec<&str> = own.iter().flat_map(|one| &one.sources).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (colour, name) in names.into_iter().enumerate() {
        let share = |one: &Reported| one.sources.iter().find(|(n, _)| n == name).map_or(0.0, |(_, share)| *share);
        let points: Vec<_> = own.iter().map(|one| vec![chart.category(&one.name), 100.0 * share(one)]).collect();
        chart.add(name, colour + SOURCE_COLOURS, &points);
    }
    chart
}

fn calibration(inputs: &[Reported]) -> Chart {
    let mut chart = Chart::new("", ChartKind::Scatter, "predicted cost", "realised cost");
    chart.diagonal = true;
    for (colour, one) in inputs.iter().enumerate().filter(|(_, one)| !one.calibration.is_empty()) {
        chart.add(&one.name, colour, &one.calibration);
    }
    chart
}

/// Columns of a histogram.
const COLUMNS: usize = 24;

fn datasets(inputs: &[Reported]) -> Vec<Chart> {
    let own: Vec<(usize, &Reported)> = inputs.iter().enumerate().filter(|(_, one)| one.kind == "dataset").collect();
    let mut modes = Chart::new("Episodes by mode", ChartKind::Stack, "episodes", "");
    let mut lengths = Chart::new("Lengths of episodes", ChartKind::Columns, "control steps", "episodes");
    let longest = own.iter().flat_map(|(_, one)| &one.lengths).max().copied().unwrap_or(0);
    let width = (longest + 1).div_ceil(COLUMNS).max(1);
    let mut names: Vec<&str> =
        own.iter().flat_map(|(_, one)| &one.shown_modes).map(|(mode, _)| mode.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (colour, name) in names.into_iter().enumerate() {
        let count = |one: &Reported| one.shown_modes.iter().find(|(mode, _)| mode == name).map_or(0, |(_, n)| *n);
        let points: Vec<_> = own.iter().map(|(_, one)| vec![modes.category(&one.name), count(one) as f64]).collect();
        modes.add(name, colour, &points);
    }
    for (colour, one) in &own {
        let mut counts = vec![0.0; longest / width + 1];
        one.lengths.iter().for_each(|length| counts[length / width] += 1.0);
        let middle = |i: usize| (i * width) as f64 + (width - 1) as f64 / 2.0;
        let points: Vec<_> = counts.iter().enumerate().map(|(i, n)| vec![middle(i), *n]).collect();
        lengths.add(&one.name, *colour, &points);
    }
    vec![modes, lengths]
}

#[cfg(test)]
mod tests {
    use super::super::reported::{NamedCurve, SolvedShare};
    use super::*;

    #[test]
    fn an_input_has_one_colour_and_empty_sections_are_left_out() {
        let curve = |key: &str| NamedCurve { key: key.into(), points: vec![vec![0.0, 1.0]] };
        let training = |name: &str, keys: &[&str]| Reported {
            name: name.into(),
            kind: "training",
            success: Some(SolvedShare::of(3, 4)),
            curves: keys.iter().map(|key| curve(key)).collect(),
            ..Reported::default()
        };
        let sections = all(&[training("a", &["train/x", "train/loss"]), training("b", &["train/loss", EVALUATED])]);
        let titles: Vec<&str> = sections.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["Success", "Training curves"]);
        let charts = &sections[1].charts;
        assert_eq!(charts.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(), [EVALUATED, "train/loss", "train/x"]);
        assert_eq!(charts[0].series[0].colour, 1);
        assert_eq!(sections[0].charts[0].series[1].points, [vec![1.0, 75.0, 30.0642, 95.4413]]);
    }

    #[test]
    fn lengths_are_counted_in_columns() {
        let one = Reported { kind: "dataset", lengths: vec![1, 2, 2, 100], ..Reported::default() };
        let points = &datasets(&[one])[1].series[0].points;
        assert_eq!(points.iter().map(|p| p[1]).sum::<f64>(), 4.0);
        assert_eq!(points[0][1], 3.0);
    }
}
