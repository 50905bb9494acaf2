//! The shapes, names and ranges of observations and actions: what a checkpoint, a dataset and a task agree on.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// One named part of an observation or action vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Unique name, e.g. `cube_a_position`.
    pub name: String,
    /// Number of consecutive values.
    pub size: usize,
}

/// The layout of a flat vector: its terms in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The terms, first to last.
    pub terms: Vec<Term>,
}

impl Layout {
    /// Total number of values.
    pub fn size(&self) -> usize {
        self.terms.iter().map(|t| t.size).sum()
    }

    /// One name a value: `term` or `term_0`, `term_1`…
    pub fn value_names(&self) -> Vec<String> {
        let name = |t: &Term| match t.size {
            1 => vec![t.name.clone()],
            n => (0..n).map(|i| format!("{}_{i}", t.name)).collect(),
        };
        self.terms.iter().flat_map(name).collect()
    }
}

/// What a policy sees and what it commands, for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The task's name.
    pub task: String,
    /// Control steps a second, in Hz.
    pub control_rate: f64,
    /// The observation vector.
    pub observation: Layout,
    /// The action vector.
    pub action: Layout,
}

impl Spec {
    /// Checks that data or a checkpoint made for `self` fits `other`; `place` names the file of `self`.
    ///
    /// # Errors
    /// [`Error::Unexpected`] naming the first thing that differs.
    pub fn check_matches(&self, other: &Spec, place: &str) -> Result<()> {
        if self.task != other.task {
            return Err(Error::unexpected(place, format!("task `{}`", other.task), format!("task `{}`", self.task)));
        }
        for (what, a, b) in
            [("observation", &self.observation, &other.observation), ("action", &self.action, &other.action)]
        {
            if a != b {
                let show = |l: &Layout| {
                    let terms: Vec<_> = l.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect();
                    format!("{} values ({})", l.size(), terms.join(" "))
                };
                return Err(Error::unexpected(format!("{place}: {what}"), show(b), show(a)));
            }
        }
        if (self.control_rate - other.control_rate).abs() > 1e-9 {
            return Err(Error::unexpected(
                format!("{place}: control_rate"),
                format!("{} Hz", other.control_rate),
                format!("{} Hz", self.control_rate),
            ));
        }
        Ok(())
    }
}

/// Horizons of a chunk policy, in control steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizons {
    /// Observations the policy sees (T_obs).
    pub observation: usize,
    /// Actions it generates (T_pred).
    pub prediction: usize,
    /// Actions executed before the next decision (T_act).
    pub action: usize,
}

impl Default for Horizons {
    /// The paper's: 2, 16, 8 (arXiv 2502.12371).
    fn default() -> Self {
        Self { observation: 2, prediction: 16, action: 8 }
    }
}
