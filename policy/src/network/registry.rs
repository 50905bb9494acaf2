//! Networks by name: a new one is one file and one line in [`by_name`].

use super::unet::UnetArchitecture;
use super::{architecture::Architecture, mlp::MlpArchitecture, transformer::TransformerArchitecture};
use imle_configs::Error as ConfigError;

/// Names of all networks.
pub const NAMES: [&str; 3] = ["mlp", "transformer", "unet"];

/// The architecture called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub(crate) fn by_name(name: &str) -> std::result::Result<&'static dyn Architecture, ConfigError> {
    match name {
        "mlp" => Ok(&MlpArchitecture),
        "transformer" => Ok(&TransformerArchitecture),
        "unet" => Ok(&UnetArchitecture),
        _ => Err(ConfigError::unknown("network", name, NAMES)),
    }
}
