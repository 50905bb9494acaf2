//! The built-in parameterizations by name.

use imle_configs::named;
use serde::{Deserialize, Serialize};

/// A built-in parameterization of chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

named!(
    ParameterizationKind,
    "parameterization",
    [Chunk => "chunk", Zero => "zero", Linear => "linear", Cubic => "cubic", Latent => "latent"]
);
