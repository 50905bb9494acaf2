//! Statistics of features: per episode and over the dataset.
//!
//! Mean and standard deviation are the population's, in f64; quantiles are exact, interpolated linearly between
//! neighbours (numpy's default), where LeRobot's own writer estimates them from histograms.

use crate::layout::features::{Feature, Kind, Placed};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, Field};
use imle_configs::spec::Spec;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Names of the statistics, in the order of [`Stats::values`]; `count` comes after `std`.
pub(crate) const NAMES: [&str; 9] = ["min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"];
const QUANTILES: [f64; 5] = [0.01, 0.10, 0.50, 0.90, 0.99];
/// The statistics that keep the type of the values.
const TYPED: [&str; 2] = ["min", "max"];

/// Statistics of one feature over some frames.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stats {
    /// (statistic, value), in the order of [`NAMES`].
    values: Vec<Vec<f64>>,
    /// Number of frames.
    count: usize,
}

/// Statistics of `feature` over all frames of `episodes`.
pub(crate) fn of<'a>(feature: &Feature, spec: &Spec, episodes: impl Iterator<Item = Placed<'a>> + Clone) -> Stats {
    let mut stats = Stats { values: vec![Vec::new(); NAMES.len()], count: 0 };
    let mut column = Vec::new();
    for i in 0..feature.size(spec) {
        column.clear();
        for placed in episodes.clone() {
            column.extend((0..placed.episode.len).map(|t| (feature.value)(&placed, t, i)));
        }
        stats.count = column.len();
        for (kept, value) in stats.values.iter_mut().zip(of_values(&mut column)) {
            kept.push(value);
        }
    }
    stats
}

/// The nine statistics of a series, which is sorted on the way; zeros if it is empty.
pub(crate) fn of_values(values: &mut [f64]) -> [f64; 9] {
    values.sort_unstable_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return [0.0; 9] };
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let [q01, q10, q50, q90, q99] = QUANTILES.map(|q| quantile(values, q));
    [min, max, mean, variance.sqrt(), q01, q10, q50, q90, q99]
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    quantile_of(sorted.len(), q, |i| sorted[i])
}

/// The quantile of `len` sorted values.
fn quantile_of(len: usize, q: f64, value: impl Fn(usize) -> f64) -> f64 {
    let at = q * (len - 1) as f64;
    let below = at.floor() as usize;
    let (low, high) = (value(below), value((below + 1).min(len - 1)));
    low + (high - low) * (at - below as f64)
}

/// [`of_values`] of a series in which the value i occurs `counts[i]` times.
pub(crate) fn of_counts(counts: &[u64; 256]) -> [f64; 9] {
    let count = counts.iter().sum::<u64>();
    let sorted = |rank: usize| {
        let mut before = 0;
        let reached = |n: &u64| {
            before += *n;
            before > rank as u64
        };
        counts.iter().position(reached).unwrap_or(255) as f64
    };
    let Some(last) = (count as usize).checked_sub(1) else { return [0.0; 9] };
    let mean_of = |f: &dyn Fn(f64) -> f64| {
        counts.iter().enumerate().map(|(i, n)| f(i as f64) * *n as f64).sum::<f64>() / count as f64
    };
    let mean = mean_of(&|v| v);
    let variance = mean_of(&|v| (v - mean) * (v - mean));
    let [q01, q10, q50, q90, q99] = QUANTILES.map(|q| quantile_of(count as usize, q, sorted));
    [sorted(0), sorted(last), mean, variance.sqrt(), q01, q10, q50, q90, q99]
}

impl Stats {
    /// As `stats.json` holds it.
    pub(crate) fn to_json(&self, kind: Kind) -> Value {
        let mut map = Map::new();
        for (name, values) in NAMES.iter().zip(&self.values) {
            let typed = |v: &f64| match kind {
                Kind::Int if TYPED.contains(name) => json!(*v as i64),
                Kind::Bool if TYPED.contains(name) => json!(*v != 0.0),
                _ => json!(v),
            };
            map.insert((*name).to_string(), values.iter().map(typed).collect());
        }
        map.insert("count".to_string(), json!([self.count]));
        Value::Object(map)
    }
}

/// The columns `stats/FEATURE/…` of the episodes table: one row for each of `episodes`.
pub(crate) fn columns(feature: &Feature, episodes: &[Stats]) -> Result<Vec<(Field, ArrayRef)>, ArrowError> {
    let mut columns = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let values = || episodes.iter().flat_map(|s| s.values[at].iter().copied());
        let array: ArrayRef = match feature.kind {
            Kind::Int if TYPED.contains(name) => Arc::new(values().map(|v| v as i64).collect::<Int64Array>()),
            Kind::Bool if TYPED.contains(name) => Arc::new(values().map(|v| Some(v != 0.0)).collect::<BooleanArray>()),
            _ => Arc::new(values().collect::<Float64Array>()),
        };
        columns.push(list_column(feature, name, episodes.iter().map(|s| s.values[at].len()), array)?);
        if *name == "std" {
            let counts: ArrayRef = Arc::new(episodes.iter().map(|s| s.count as i64).collect::<Int64Array>());
            columns.push(list_column(feature, "count", episodes.iter().map(|_| 1), counts)?);
        }
    }
    Ok(columns)
}

fn list_column(
    feature: &Feature,
    name: &str,
    lengths: impl ExactSizeIterator<Item = usize>,
    values: ArrayRef,
) -> Result<(Field, ArrayRef), ArrowError> {
    let element = crate::layout::features::element(values.data_type().clone());
    let list = ListArray::try_new(element, OffsetBuffer::from_lengths(lengths), values, None)?;
    let list: ArrayRef = Arc::new(list);
    Ok((Field::new(format!("stats/{}/{name}", feature.name), list.data_type().clone(), true), list))
}
