//! The numbers that a network computes in.

use imle_configs::{Error as ConfigError, Result, by_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use tch::Kind;

/// The numbers that a network computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// bfloat16, 8 significant bits: about twice as fast for large networks on processors and GPUs that have it.
    Bf16,
}

impl FromStr for Precision {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self> {
        by_name("precision", name, &[("f32", Self::F32), ("bf16", Self::Bf16)])
    }
}

impl Precision {
    /// The libtorch type.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}
