//! The registry of algorithms.

use imle_configs::Error as InputError;

/// Names of the algorithms.
pub const NAMES: [&str; 1] = ["expert-iteration"];

/// A fine-tuning algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// [`crate::expert_iteration`].
    ExpertIteration,
}

/// The algorithm of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn by_name(name: &str) -> imle_configs::Result<Algorithm> {
    match name {
        "expert-iteration" => Ok(Algorithm::ExpertIteration),
        _ => Err(InputError::unknown("algorithm", name, NAMES)),
    }
}
