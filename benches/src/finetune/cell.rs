//! A cell of the sweep over fine-tuning algorithms.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Quality of a generator before it is fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Solves 50 to 80 % (`push_t` 30 to 60 %; `cylinder_push` more, and less in other worlds).
    Strong,
    /// Solves 30 % at most.
    Weak,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
        })
    }
}

/// A measurement: one run of an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneCell {
    pub part: String,
    pub task: String,
    pub base: Strength,
    pub algorithm: String,
    /// Settings other than the defaults, as words of `--set`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
    pub env_steps: u64,
    pub episodes: u32,
    pub seed: u64,
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A cell of `square` that the tests of tables and plots share.
    pub fn cell(seed: u64, mismatch: Option<&str>) -> FinetuneCell {
        FinetuneCell {
            part: "strong".into(),
            task: "square".into(),
            base: Strength::Strong,
            algorithm: "ppo".into(),
            settings: vec!["ppo.sigma=0.1".into()],
            mismatch: mismatch.map(str::to_string),
            env_steps: 1000,
            episodes: 100,
            seed,
        }
    }
}
