//! The interface of a family of networks, of which each has a name in [`super::registry`].

use super::{config::NetworkConfig, interface::Network, parameters::Builder, shape::ChunkShape};
use crate::error::Result;
use imle_configs::Error as ConfigError;
use std::{fmt::Display, ops::RangeInclusive};

/// A family of networks: its limits, its layers, its costs.
pub(crate) trait Architecture: Sync {
    /// Checks a configuration for chunks of `shape`.
    ///
    /// # Errors
    /// The first key that does not fit.
    fn check(&self, config: &NetworkConfig, shape: &ChunkShape) -> imle_configs::Result<()>;

    /// Builds the network. It takes its parameters from the builder in a fixed order: the same code declares and binds
    /// them.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn build(&self, config: &NetworkConfig, shape: &ChunkShape, builder: &mut Builder) -> Result<Box<dyn Network>>;

    /// Uses of the weight `name` in generating one chunk; 0 for weights of the conditioning.
    fn uses(&self, config: &NetworkConfig, shape: &ChunkShape, name: &str) -> usize;

    /// The default peak learning rate; `vision` says whether the network has encoders of pictures.
    fn learning_rate(&self, _vision: bool) -> f64 {
        5e-4
    }
}

/// Checks that what `key` of the configuration is to be `holds`.
pub(crate) fn require(holds: bool, key: &str, expected: impl Display, found: impl Display) -> imle_configs::Result<()> {
    ConfigError::ensure(holds, format_args!("network.{key}"), expected, found)
}

/// Checks that `value` lies in `range`.
pub(crate) fn in_range(key: &str, value: usize, range: RangeInclusive<usize>) -> imle_configs::Result<()> {
    require(range.contains(&value), key, format_args!("{} to {}", range.start(), range.end()), value)
}
