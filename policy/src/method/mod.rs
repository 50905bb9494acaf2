//! Ways to train a generator, by name: a new one is one file and one line in [`by_name`].
//!
//! A method is an objective over a batch and the sampler that goes with it; network, data, training loop, checkpoints
//! and [`crate::sampler`] are shared by all. A method of many passes (diffusion, flow) has all its conditioning made
//! once an observation, in [`Method::prepare`], and makes its passes in [`Method::generate`].

mod diffusion;
mod flow;
mod imle;
mod mean_flow;
mod objective;
mod prepared;
mod regression;
mod rows;
mod sampling;
mod schedule;
mod workers;

pub use objective::{Loss, LossContext, LossValue, Method, TensorBatch};
pub use prepared::Prepared;
pub use sampling::{Sampling, SamplingOverrides, Solver};
pub use schedule::{Betas, Prediction, Schedule, Variance};
pub use workers::NetworkPool;

use imle_configs::Error as ConfigError;

/// Names of all methods.
pub const NAMES: [&str; 5] = ["imle", "diffusion", "flow", "mean-flow", "regression"];

/// The method called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub fn by_name(name: &str) -> imle_configs::Result<&'static dyn Method> {
    Ok(match name {
        "imle" => &imle::Imle,
        "diffusion" => &diffusion::Diffusion,
        "flow" => &flow::Flow,
        "mean-flow" => &mean_flow::MeanFlow,
        "regression" => &regression::Regression,
        _ => return Err(ConfigError::unknown("method", name, NAMES)),
    })
}
