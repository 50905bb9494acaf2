//! Backbones by name: a new one is one file and one line in [`by_name`].

use super::{backbone::BackboneFamily, conv::ConvFamily, resnet::ResNet18};
use imle_configs::Error as ConfigError;

/// Names of all backbones.
pub const NAMES: [&str; 2] = ["resnet18", "conv"];

/// The backbone called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static dyn BackboneFamily, ConfigError> {
    match name {
        "resnet18" => Ok(&ResNet18),
        "conv" => Ok(&ConvFamily),
        _ => Err(ConfigError::unknown("vision encoder", name, NAMES)),
    }
}
