//! Ways to train a generator, by name: a new one is one file and one line in [`by_name`].
//!
//! A method is an objective over a batch and the sampler that goes with it; the loop in [`crate::train`], the
//! checkpoints and [`crate::sampler`] are shared by all. A method that needs more than one forward pass an
//! observation (diffusion, flow) makes its passes in [`Method::generate`].

mod imle;
mod workers;

pub use workers::Workers;

use crate::Result;
use crate::network::{ChunkShape, Conditioning, Network};
use imle_configs::Error as ConfigError;
use tch::Tensor;

/// Names of all methods.
pub const NAMES: [&str; 1] = ["imle"];

/// The method called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub fn by_name(name: &str) -> std::result::Result<&'static dyn Method, ConfigError> {
    match name {
        "imle" => Ok(&imle::Imle),
        _ => Err(ConfigError::unknown("method", name, NAMES)),
    }
}

/// A batch on the training device, normalised.
#[derive(Debug)]
pub struct TensorBatch<'a> {
    /// Observation histories (B, T_obs · O).
    pub observations: Tensor,
    /// Target chunks (B, K, T_pred · A); anything where `mask` is false.
    pub targets: Tensor,
    /// Which targets count, row-major (B, K).
    pub mask: &'a [bool],
}

/// What a loss may depend on beside network and batch.
pub struct LossContext<'a> {
    /// Where to do what needs no gradient.
    pub workers: &'a Workers<'a>,
    /// Seed of the run.
    pub seed: u64,
    /// Training step: with the seed it keys every draw.
    pub step: u64,
    /// Sizes of observation history and chunk.
    pub shape: ChunkShape,
    /// Latents a state (m of RS-IMLE).
    pub samples: usize,
    /// Rejection radius per element, normalised units.
    pub epsilon: f64,
}

/// A loss, or why there is none; the step is then skipped.
#[derive(Debug)]
pub enum LossValue {
    /// A scalar with gradient.
    Scalar(Tensor),
    /// Nothing in the batch was left to learn from.
    Empty,
    /// Something on the way to it was not finite.
    NotFinite,
}

/// The loss of a batch, with figures for the log.
#[derive(Debug)]
pub struct Loss {
    /// The loss itself.
    pub value: LossValue,
    /// Figures for the log, `train/…` names without the prefix.
    pub parts: Vec<(&'static str, f64)>,
}

/// An objective and its sampler.
pub trait Method: Send + Sync {
    /// The name in settings and checkpoints.
    fn name(&self) -> &'static str;

    /// The loss of one batch; a pure function of its arguments.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss>;

    /// Normalised chunks (B, n, T_pred, A) from latents (B, n, T_pred, A) under B rows of conditioning.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn generate(&self, network: &dyn Network, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor>;
}
