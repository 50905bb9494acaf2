//! The frame of the chunks that a network generates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The frame of the chunks that a network generates. `relative` and `residual` have a [`Residual`](super::Residual).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChunkFrame {
    /// The whole chunk.
    #[default]
    Absolute,
    /// The chunk beside the place of the hand.
    Relative,
    /// The chunk beside a linear prediction.
    Residual,
}
