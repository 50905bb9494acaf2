//! Normalisation of observations and actions, and the linear prediction taken off a chunk.

mod frame;
mod range;
mod residual;

pub use frame::ChunkFrame;
pub use range::{AffineMap, CONSTANT_RANGE, Normalizer};
pub use residual::Residual;

use serde::{Deserialize, Serialize};

/// The maps between physical units and those of a policy's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalizers {
    /// Of one observation (O dimensions), used for each of the T_obs in a history.
    pub observation: Normalizer,
    /// Of one action (A dimensions), used for each of the T_pred in a chunk.
    pub action: Normalizer,
    /// The linear prediction, to which the network adds the rest; without it the network generates the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Box<Residual>>,
}
