//! Parameterizations: what optimizers search in.
//!
//! A parameterization writes a chunk as P parameters and back. All are scaled so that 1 is a large step: half the range
//! of an action, or the deviation of a latent.

mod chunk;
pub(crate) mod kind;
mod knots;
#[cfg(feature = "libtorch")]
mod latent;
mod registry;
pub(crate) mod representation;

pub use chunk::Chunk;
pub use imle_configs::bounds::ActionBounds;
pub use kind::ParameterizationKind;
pub use knots::{Interpolation, Knots};
#[cfg(feature = "libtorch")]
pub use latent::Latent;
pub use registry::of_kind;
pub use representation::{Decode, Parameterization, ProposedChunks};
