//! Settings of critics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[critic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CriticSettings {
    /// Members of the ensemble, at least 2.
    pub members: usize,
    /// Units of a layer.
    pub width: usize,
    /// Values at the beginning, as a share of the range of returns: where rewards are rare, what was never seen must not
    /// look better than what was.
    pub initial: f64,
    /// Learning rate of AdamW.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// Decisions a step.
    pub batch_size: usize,
    /// Share of the way that the slow copy goes to the critic each step.
    pub follow: f64,
    /// Candidates of the generator for the value of the next state.
    pub target_candidates: usize,
    /// Steps for every decision collected.
    pub steps_per_decision: f64,
    /// The generator is not changed by a critic whose rank correlation with the returns of the last decisions, which it
    /// had not learned from, is below this.
    pub least_rank_correlation: f64,
    /// A critic whose values are on average further above the returns than this share of their range, or not finite,
    /// has diverged: critic and generator go back to those before the last iteration learned.
    pub most_above: f64,
}

impl Default for CriticSettings {
    fn default() -> Self {
        Self {
            members: 4,
            width: 256,
            initial: 0.05,
            learning_rate: 5e-4,
            weight_decay: 1e-2,
            batch_size: 128,
            follow: 0.005,
            target_candidates: 4,
            steps_per_decision: 1.0,
            least_rank_correlation: 0.1,
            most_above: 0.5,
        }
    }
}
