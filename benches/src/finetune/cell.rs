//! A cell of the sweep over fine-tuning algorithms.

use imle_cli::sweep::Record;
use imle_cli::training::finetune;
use imle_configs::{Result, renames};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

impl Record for FinetuneCell {
    fn update(record: &mut Value, _place: &str) -> Result<()> {
        let algorithm = record["algorithm"].as_str().unwrap_or_default().to_string();
        for word in record.get_mut("settings").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(today) = word.as_str().map(|word| setting_of_today(&algorithm, word)) {
                *word = today.into();
            }
        }
        Ok(())
    }
}

/// A word of `--set` under today's name of its setting; as it is, if the algorithm is gone.
pub fn setting_of_today(algorithm: &str, word: &str) -> String {
    let today = || {
        let (key, value) = word.split_once('=')?;
        let known = finetune::resolved(algorithm, &[]).ok()?;
        Some(format!("{}={value}", renames::setting(key, &known).ok()?))
    };
    today().unwrap_or_else(|| word.into())
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
