//! Methods by name: a new one is one file and one line in [`by_name`].

use super::diffusion::Diffusion;
use super::flow::Flow;
use super::imle::Imle;
use super::mean_flow::MeanFlow;
use super::objective::Method;
use super::regression::Regression;
use imle_configs::Error as ConfigError;

/// Names of all methods.
pub const NAMES: [&str; 5] = ["imle", "diffusion", "flow", "mean-flow", "regression"];

/// The method called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub fn by_name(name: &str) -> std::result::Result<&'static dyn Method, ConfigError> {
    match name {
        "imle" => Ok(&Imle),
        "diffusion" => Ok(&Diffusion),
        "flow" => Ok(&Flow),
        "mean-flow" => Ok(&MeanFlow),
        "regression" => Ok(&Regression),
        _ => Err(ConfigError::unknown("method", name, NAMES)),
    }
}
