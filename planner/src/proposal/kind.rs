//! The built-in sources by name.

use imle_configs::Error as InputError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A built-in source of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
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

impl ProposalSource {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Policy, Self::LastPlan, Self::Noise, Self::Retrieval, Self::NoisyPolicy, Self::NoisyRetrieval];

    /// Name in flags, files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "imle",
            Self::LastPlan => "warm",
            Self::Noise => "noise",
            Self::Retrieval => "retrieval",
            Self::NoisyPolicy => "imle+noise",
            Self::NoisyRetrieval => "retrieval+noise",
        }
    }
}

impl FromStr for ProposalSource {
    type Err = InputError;

    fn from_str(name: &str) -> imle_configs::Result<Self> {
        let found = Self::ALL.into_iter().find(|s| s.name() == name);
        found.ok_or_else(|| InputError::unknown("proposal", name, Self::ALL.map(Self::name)))
    }
}

impl TryFrom<String> for ProposalSource {
    type Error = InputError;

    fn try_from(name: String) -> imle_configs::Result<Self> {
        name.parse()
    }
}

impl From<ProposalSource> for &'static str {
    fn from(source: ProposalSource) -> Self {
        source.name()
    }
}

impl fmt::Display for ProposalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
