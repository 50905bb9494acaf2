//! Vectors of values from columns: which columns an observation or an action is made of.

use crate::layout::naming;
use crate::table::Batch;
use imle_configs::spec::Layout;
use imle_configs::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Range;

/// Values a frame that a vector's column may have.
const MOST_VALUES: usize = 1 << 20;
/// Names of types of numbers, as numpy has them, without their bits.
const KINDS: [&str; 7] = ["float", "int", "uint", "bool", "double", "single", "half"];
/// LeRobot's beginning of the names of observations.
const PREFIX: &str = "observation.";

/// A column of numbers, or some of its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) column: String,
    /// Values a frame of the column.
    pub(crate) width: usize,
    /// Those that are taken.
    pub(crate) values: Range<usize>,
    /// Names of all values of the column, where the dataset has them.
    names: Option<Vec<String>>,
}

impl Part {
    /// All of the column of a feature of numbers; `None` for features of another kind.
    ///
    /// # Errors
    /// [`Error::Unexpected`] about its shape, at `place`.
    pub(crate) fn of_feature(name: &str, feature: &Value, place: &str) -> Option<Result<Self>> {
        let dtype = feature["dtype"].as_str().unwrap_or_default();
        if !KINDS.contains(&dtype.trim_end_matches(|c: char| c.is_ascii_digit())) {
            return None;
        }
        let sizes = feature["shape"].as_array().map(|sizes| {
            let size = |s: &Value| s.as_u64().and_then(|s| usize::try_from(s).ok());
            sizes.iter().try_fold(1, |all: usize, s| all.checked_mul(size(s)?))
        });
        let width = sizes.flatten().filter(|width| (1..=MOST_VALUES).contains(width));
        let expected = format!("a shape of 1 to {MOST_VALUES} values, like [7]");
        let width = width.ok_or_else(|| Error::unexpected(format!("{place}.shape"), expected, &feature["shape"]));
        let names = feature.get("names").and_then(names);
        Some(width.map(|width| Self { column: name.to_string(), width, values: 0..width, names }))
    }

    /// The same column, these values.
    pub(crate) fn only(&self, values: Range<usize>) -> Self {
        Self { values, ..self.clone() }
    }
}

/// The columns of a vector, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vector(pub(crate) Vec<Part>);

impl Vector {
    /// Number of values.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|part| part.values.len()).sum()
    }

    /// The columns, each once.
    pub(crate) fn columns(&self) -> BTreeSet<&str> {
        self.0.iter().map(|part| part.column.as_str()).collect()
    }

    /// Terms by the names of the values; by the columns where these have none, or two are alike.
    pub(crate) fn layout(&self) -> Layout {
        let of = |named: bool, prefix: &str| {
            let of_part = |part: &Part| {
                let Range { start, end } = part.values;
                let column = part.column.strip_prefix(prefix).unwrap_or(&part.column);
                let alone = self.0.iter().filter(|other| other.column == part.column).count() == 1;
                let term = if alone { column.into() } else { format!("{column}_{start}_{end}") };
                let names = part.names.as_ref().filter(|names| named && names.len() == part.width);
                naming::layout(names.map(|names| &names[start..end]), end - start, &term).terms
            };
            Layout { terms: self.0.iter().flat_map(of_part).collect() }
        };
        let distinct = |layout: &Layout| {
            let mut seen = BTreeSet::new();
            layout.terms.iter().all(|term| seen.insert(&term.name))
        };
        // `state` may stand beside `observation.state`.
        [of(true, PREFIX), of(false, PREFIX)].into_iter().find(distinct).unwrap_or_else(|| of(false, ""))
    }

    /// The vectors of some rows, (rows, size). `at` says where a row lies.
    pub(crate) fn of(&self, batch: &Batch, at: &dyn Fn(usize) -> String) -> Result<Vec<f32>> {
        let columns = self.0.iter().map(|p| batch.vectors(&p.column, p.width, at)).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::with_capacity(batch.len() * self.size());
        for row in 0..batch.len() {
            for (part, values) in self.0.iter().zip(&columns) {
                rows.extend_from_slice(&values[row * part.width..][part.values.clone()]);
            }
        }
        Ok(rows)
    }
}

/// Names of values in the forms LeRobot's datasets have them: a list; lists by kind (`{"motors": […]}`);
/// or positions by name.
fn names(value: &Value) -> Option<Vec<String>> {
    let strings = |v: &Value| v.as_array()?.iter().map(|s| s.as_str().map(String::from)).collect::<Option<Vec<_>>>();
    let Some(map) = value.as_object() else { return strings(value) };
    if let Some(lists) = map.values().map(strings).collect::<Option<Vec<_>>>() {
        return Some(lists.concat());
    }
    let mut places = map.iter().map(|(k, v)| Some((v.as_u64()?, k.clone()))).collect::<Option<Vec<_>>>()?;
    places.sort();
    Some(places.into_iter().map(|(_, name)| name).collect())
}
