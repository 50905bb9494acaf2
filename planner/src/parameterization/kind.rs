//! The built-in parameterizations by name.

use imle_configs::Error as InputError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A built-in parameterization of chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum ParameterizationKind {
    /// All T · A values: `chunk`.
    Chunk,
    /// A spline of few knots, constant between them, added to the best proposal: `zero`.
    Zero,
    /// The same with lines between the knots: `linear`.
    #[default]
    Linear,
    /// The same with cubics: `cubic`.
    Cubic,
    /// The latents of the generator: `latent`.
    Latent,
}

impl ParameterizationKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Chunk, Self::Zero, Self::Linear, Self::Cubic, Self::Latent];

    /// Name in flags, files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Zero => "zero",
            Self::Linear => "linear",
            Self::Cubic => "cubic",
            Self::Latent => "latent",
        }
    }
}

impl FromStr for ParameterizationKind {
    type Err = InputError;

    fn from_str(name: &str) -> imle_configs::Result<Self> {
        let found = Self::ALL.into_iter().find(|s| s.name() == name);
        found.ok_or_else(|| InputError::unknown("parameterization", name, Self::ALL.map(Self::name)))
    }
}

impl TryFrom<String> for ParameterizationKind {
    type Error = InputError;

    fn try_from(name: String) -> imle_configs::Result<Self> {
        name.parse()
    }
}

impl From<ParameterizationKind> for &'static str {
    fn from(kind: ParameterizationKind) -> Self {
        kind.name()
    }
}

impl fmt::Display for ParameterizationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
