//! The content of a report, of one input of whatever kind.

use crate::output::{percent, percent_within};
use imle_planner::evaluation::report::wilson95;
use serde::Serialize;
use std::path::Path;

/// A share of episodes that were solved, with its 95 % Wilson interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct SolvedShare {
    pub(super) solved: u64,
    pub(super) episodes: u64,
    pub(super) rate: f64,
    pub(super) interval: [f64; 2],
}

impl SolvedShare {
    /// Of `episodes`, those that were `solved`.
    pub(super) fn of(solved: u64, episodes: u64) -> Self {
        let rate = solved as f64 / episodes.max(1) as f64;
        Self { solved, episodes, rate, interval: wilson95(solved as usize, episodes as usize) }
    }

    /// The share of `episodes` that `rate` is.
    pub(super) fn at(rate: f64, episodes: u64) -> Self {
        Self::of((rate.clamp(0.0, 1.0) * episodes as f64).round() as u64, episodes)
    }

    /// `x` and the share with its interval, in percent: a point of a chart.
    pub(super) fn point(&self, x: f64) -> Vec<f64> {
        let [low, high] = self.interval;
        vec![x, 100.0 * self.rate, 100.0 * low, 100.0 * high]
    }

    /// `72.0 % [64.1, 78.8]`
    pub(super) fn text(&self) -> String {
        if self.episodes == 0 { percent(self.rate) } else { percent_within(self.rate, self.interval) }
    }
}

/// Something that went up and down: points of x and y, or x, y and its interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct NamedCurve {
    pub(super) key: String,
    pub(super) points: Vec<Vec<f64>>,
}

/// An episode that went badly.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct WorstEpisode {
    pub(super) episode: u64,
    pub(super) outcome: String,
    pub(super) mode: String,
    pub(super) cost: Option<f64>,
    pub(super) command: String,
    /// An MP4 file in base64.
    pub(super) clip: Option<String>,
}

/// Cells of a sweep that are compared with each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CellGroup {
    pub(super) title: String,
    pub(super) rows: Vec<(String, SolvedShare)>,
    /// Success over what was spent, in percent.
    pub(super) curves: Vec<NamedCurve>,
    /// Observed over predicted shares, in percent.
    pub(super) calibration: Vec<NamedCurve>,
}

/// An input of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reported {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) kind: &'static str,
    /// Short facts: label and value.
    pub(super) facts: Vec<(String, String)>,
    pub(super) success: Option<SolvedShare>,
    pub(super) modes: Vec<(String, SolvedShare)>,
    /// Figures of a log over its steps.
    pub(super) curves: Vec<NamedCurve>,
    /// Cost and time: column and value.
    pub(super) costs: Vec<(String, String)>,
    /// Quantiles of the time of a decision: percent and ms.
    pub(super) plan_ms: Vec<(f64, f64)>,
    /// Share of the decisions whose plan came from each source.
    pub(super) sources: Vec<(String, f64)>,
    /// Predicted and realised cost of decisions.
    pub(super) calibration: Vec<Vec<f64>>,
    pub(super) worst: Vec<WorstEpisode>,
    /// The task and the mismatch with which the worst episodes are drawn.
    pub(super) world: Option<(String, Option<String>)>,
    pub(super) groups: Vec<CellGroup>,
    /// Episodes of a dataset by mode, and their lengths in control steps.
    pub(super) shown_modes: Vec<(String, u64)>,
    pub(super) lengths: Vec<usize>,
    /// Values of a dataset: name, least, most, mean, standard deviation.
    pub(super) ranges: Vec<[String; 5]>,
    /// Settings by their dotted keys.
    pub(super) settings: Vec<(String, String)>,
    pub(super) commands: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl Reported {
    /// Adds a fact.
    pub(super) fn fact(&mut self, label: &str, value: impl Into<String>) {
        self.facts.push((label.into(), value.into()));
    }

    /// Adds a figure of cost and time.
    pub(super) fn cost(&mut self, label: &str, value: impl Into<String>) {
        self.costs.push((label.into(), value.into()));
    }

    /// Notes lines of `file` that could not be read.
    pub(super) fn damaged(&mut self, file: &str, lines: usize) {
        if lines > 0 {
            let are = if lines == 1 { "1 line is" } else { &format!("{lines} lines are") };
            self.notes.push(format!("{file}: {are} cut short and left out"));
        }
    }
}

/// Names each input by the end of its path, with more of it where two would be called the same.
pub(super) fn name_apart(all: &mut [Reported]) {
    let ending = |path: &str, parts: usize| {
        let parts_of: Vec<_> = Path::new(path).components().map(|c| c.as_os_str().to_string_lossy()).collect();
        parts_of[parts_of.len().saturating_sub(parts)..].join("/")
    };
    for i in 0..all.len() {
        let name = (1..12).map(|parts| ending(&all[i].path, parts)).enumerate().find(|(more, name)| {
            let alike = |(j, other): (usize, &Reported)| j != i && ending(&other.path, more + 1) == *name;
            !all.iter().enumerate().any(alike)
        });
        all[i].name = name.map_or_else(|| format!("{} ({})", all[i].path, i + 1), |(_, name)| name);
    }
}

/// A number as people write it: counts whole, others with three or four digits, large ones in thousands.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".into(),
        count if count < 1e4 && count.fract() == 0.0 => format!("{value:.0}"),
        large if large >= 1e6 => format!("{:.2} M", value / 1e6),
        large if large >= 1e4 => format!("{:.1} k", value / 1e3),
        hundred if hundred >= 100.0 => format!("{value:.0}"),
        one if one >= 1.0 => format!("{value:.2}"),
        small if small >= 1e-3 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_by_as_much_of_their_path_as_tells_them_apart() {
        let of = |path: &str| Reported { path: path.into(), ..Reported::default() };
        let mut all = ["runs/a", "runs/b", "other/b", "runs/b"].map(of);
        name_apart(&mut all);
        let names = all.map(|one| one.name);
        assert_eq!(names, ["a", "runs/b (2)", "other/b", "runs/b (4)"]);
    }

    #[test]
    fn numbers_are_short() {
        let all = [0.0, 80.0, 0.01234, 3.21678, 123.456, 65_000.0, 95_436_800.0, 1e-5, f64::NAN].map(number);
        assert_eq!(all, ["0", "80", "0.0123", "3.22", "123", "65.0 k", "95.44 M", "1.00e-5", "–"]);
    }
}
