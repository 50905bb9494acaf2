//! Normalisation of observations and actions, and the linear prediction taken off a chunk.

mod range;
mod residual;
mod set;

pub use range::{AffineMap, CONSTANT_RANGE, Normalizer};
pub use residual::Residual;
pub use set::Normalizers;
