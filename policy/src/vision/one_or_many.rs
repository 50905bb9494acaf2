//! A setting that is one value for all, or a list with one for each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One value for all, or one for each. Its error names the keys, as serde does not behind a flattened struct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "neither one value for all nor a list with one for each (`crop`, `mean`, `std`)")]
pub enum OneOrMany<T> {
    /// One for all.
    One(T),
    /// One for each, in their order.
    Many(Vec<T>),
}

impl<T: Clone + PartialEq> OneOrMany<T> {
    /// The values of each, as one if they are equal.
    pub fn of(values: Vec<T>) -> Self {
        match values.first() {
            Some(first) if values.iter().all(|v| v == first) => Self::One(first.clone()),
            _ => Self::Many(values),
        }
    }

    /// The values that there are.
    pub fn values(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Whether it can be that of `count`.
    pub(super) fn fits(&self, count: usize) -> bool {
        matches!(self, Self::One(_)) || self.values().len() == count
    }

    /// That of number `index`, or the last.
    pub(super) fn at(&self, index: usize) -> Option<&T> {
        self.values().get(index).or(self.values().last())
    }
}
