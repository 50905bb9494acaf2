//! The frame of the chunks that a network generates.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The frame of the chunks that a network generates. `relative` and `residual` have a [`Residual`](super::Residual).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
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

impl<'de> Deserialize<'de> for ChunkFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "absolute, relative or residual")]
        enum Any {
            Name(Name),
            Old(bool),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Name {
            Absolute,
            Relative,
            Residual,
        }
        Ok(match Any::deserialize(deserializer)? {
            Any::Name(Name::Absolute) | Any::Old(false) => Self::Absolute,
            Any::Name(Name::Relative) => Self::Relative,
            Any::Name(Name::Residual) | Any::Old(true) => Self::Residual,
        })
    }
}
