//! Charts as data: the script of the page draws them.

use super::reported::NamedCurve;
use serde::Serialize;

/// Shape of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChartKind {
    /// Points joined by lines.
    Line,
    /// Points alone.
    Scatter,
    /// A row a category, with a mark and its interval for each series.
    Rows,
    /// A row a category, whose parts are the series.
    Stack,
    /// Columns over a number.
    Columns,
}

/// Points drawn in one colour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ChartSeries {
    pub(super) name: String,
    /// Number of the colour: an input has the same everywhere.
    pub(super) colour: usize,
    /// x and y, or x, y and the ends of its interval; of rows x is the category's number.
    pub(super) points: Vec<Vec<f64>>,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) kind: ChartKind,
    /// Names of the axes.
    pub(super) x: String,
    pub(super) y: String,
    /// Whether values are percent, from 0 to 100.
    pub(super) percent: bool,
    /// Whether the line where both axes agree is drawn.
    pub(super) diagonal: bool,
    /// Whether the horizontal axis is logarithmic.
    pub(super) logarithmic: bool,
    pub(super) categories: Vec<String>,
    pub(super) series: Vec<ChartSeries>,
}

impl Chart {
    /// An empty chart.
    pub(super) fn new(title: impl Into<String>, kind: ChartKind, x: &str, y: &str) -> Self {
        Self {
            title: title.into(),
            kind,
            x: x.into(),
            y: y.into(),
            percent: false,
            diagonal: false,
            logarithmic: false,
            categories: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Adds a series.
    pub(super) fn add(&mut self, name: &str, colour: usize, points: &[Vec<f64>]) {
        let points = points.iter().map(|point| point.iter().map(|v| rounded(*v)).collect()).collect();
        self.series.push(ChartSeries { name: name.into(), colour, points });
    }

    /// Adds curves, each in a colour of its own.
    pub(super) fn add_all(&mut self, curves: &[NamedCurve]) {
        curves.iter().enumerate().for_each(|(i, curve)| self.add(&curve.key, i, &curve.points));
    }

    /// The index of a category, which is added if it is new.
    pub(super) fn category(&mut self, name: &str) -> f64 {
        let known = self.categories.iter().position(|c| c == name);
        known.unwrap_or_else(|| {
            self.categories.push(name.into());
            self.categories.len() - 1
        }) as f64
    }
}

/// Six digits that count: more are noise in a chart, and bytes in the file.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_numbered_and_numbers_are_short() {
        let mut chart = Chart::new("a", ChartKind::Rows, "", "");
        assert_eq!([chart.category("x"), chart.category("y"), chart.category("x")], [0.0, 1.0, 0.0]);
        chart.add("s", 0, &[vec![1.0 / 3.0, 1e9, 0.0]]);
        assert_eq!(chart.series[0].points, [[0.333333, 1e9, 0.0]]);
    }
}
