//! The built-in sources by name.

use imle_configs::named;
use serde::{Deserialize, Serialize};

/// A built-in source of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ProposalSource {
    /// Draws of the generator, of whatever method: `imle`.
    Policy,
    /// The last plan, shifted to the present: `warm`.
    LastPlan,
    /// Gaussian noise around the last plan: `noise`.
    Noise,
    /// Chunks of the nearest demonstrations: `retrieval`.
    Retrieval,
    /// Draws of the generator with noise added: `imle+noise`.
    NoisyPolicy,
    /// Chunks of the nearest demonstrations with noise added: `retrieval+noise`.
    NoisyRetrieval,
}

named!(
    ProposalSource,
    "proposal",
    [
        Policy => "imle",
        LastPlan => "warm",
        Noise => "noise",
        Retrieval => "retrieval",
        NoisyPolicy => "imle+noise",
        NoisyRetrieval => "retrieval+noise",
    ]
);
