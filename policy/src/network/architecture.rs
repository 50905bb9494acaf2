//! The interface of a family of networks, of which each has a name in [`super::registry`].

use super::config::NetworkConfig;
use super::interface::Network;
use super::parameters::Builder;
use super::shape::ChunkShape;
use crate::error::Result;
use std::ops::RangeInclusive;

/// A family of networks: its limits, its layers, its costs.
pub(crate) trait Architecture: Sync {
    /// Checks a configuration for chunks of `shape`.
    ///
    /// # Errors
    /// The first key that does not fit.
    fn check(&self, config: &NetworkConfig, shape: &ChunkShape) -> std::result::Result<(), Misfit>;

    /// Builds the network. It takes its parameters from the builder in a fixed order: the same code declares and binds
    /// them.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn build(&self, config: &NetworkConfig, shape: &ChunkShape, builder: &mut Builder) -> Result<Box<dyn Network>>;

    /// Uses of the weight `name` in generating one chunk; 0 for weights of the conditioning.
    fn uses(&self, config: &NetworkConfig, shape: &ChunkShape, name: &str) -> usize;

    /// The default peak learning rate; `vision` says whether the network has encoders of pictures.
    fn learning_rate(&self, vision: bool) -> f64 {
        let _ = vision;
        5e-4
    }
}

/// A setting of a network that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) key: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Misfit {
    pub(crate) fn new(key: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self { key, expected: expected.to_string(), found: found.to_string() }
    }
}

/// Checks that `value` lies in `range`.
///
/// # Errors
/// The misfit of `key`.
pub(crate) fn in_range(
    key: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
) -> std::result::Result<(), Misfit> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(Misfit::new(key, format!("{} to {}", range.start(), range.end()), value)),
    }
}
