//! The interface of every method: an objective over a batch, and the sampler that goes with it.

use super::sampling::{Sampling, latent_is_chunk};
use super::{prepared::Prepared, workers::NetworkPool};
use crate::error::Result;
use crate::network::{ChunkShape, Network, ObservationTensors};
use tch::Tensor;

/// A batch on the training device, normalised.
#[derive(Debug)]
pub struct TensorBatch<'a> {
    /// Observation histories, B of them.
    pub observations: ObservationTensors,
    /// Target chunks (B, K, T_pred · A); anything where `mask` is false.
    pub targets: Tensor,
    /// Which targets count, row-major (B, K).
    pub mask: &'a [bool],
}

/// Inputs of a loss beside network and batch.
pub struct LossContext<'a> {
    /// NetworkPool for what needs no gradient.
    pub workers: &'a NetworkPool<'a>,
    /// Seed of the run.
    pub seed: u64,
    /// Training step: with the seed it keys every draw.
    pub step: u64,
    /// Sizes of observation history and chunk.
    pub shape: ChunkShape,
    /// Values of a latent.
    pub latent: usize,
    /// Latents a state (m of RS-IMLE).
    pub samples: usize,
    /// Rejection distance of each state (B), per element, normalised units.
    pub epsilon: &'a [f64],
    /// Whether all states get the same latents.
    pub shared_latents: bool,
    /// Share of each state's candidates that are rejected: those nearest to a target.
    pub reject_share: f64,
    /// The way the checkpoint is sampled: of it diffusion's schedule.
    pub sampling: &'a Sampling,
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
    /// Share of each state's candidates within its rejection distance (B); empty for methods that reject none.
    pub within: Vec<f32>,
}

impl Loss {
    /// Of a method that rejects no candidates and has no figures of its own.
    pub(crate) fn plain(value: LossValue) -> Self {
        Self { value, parts: Vec::new(), within: Vec::new() }
    }
}

/// An objective and its sampler.
pub trait Method: Send + Sync {
    /// Number of times that its network gets in a pass: 0 for methods of one pass.
    fn times(&self) -> usize {
        0
    }

    /// Passes a chunk under `sampling`.
    fn passes(&self, _sampling: &Sampling) -> usize {
        1
    }

    /// Latents of normal values that a chunk is made from.
    fn draws(&self, _sampling: &Sampling) -> usize {
        1
    }

    /// Checks `sampling`, and the size of a latent, 0 for one shaped like the chunk.
    ///
    /// # Errors
    /// The key, what was expected and what was found.
    fn check(&self, sampling: &Sampling, latent: usize) -> imle_configs::Result<()> {
        if self.times() == 0 {
            sampling.without_solver()?;
            return sampling.one_pass();
        }
        latent_is_chunk(latent)?;
        sampling.without_solver()?;
        sampling.some_passes()
    }

    /// The loss of one batch; a pure function of its arguments.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss>;

    /// The conditioning of every pass, in their order, from the features (B, F) of observation histories.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn prepare(&self, network: &dyn Network, features: &Tensor, _sampling: &Sampling) -> Result<Prepared> {
        Ok(Prepared::of_one(network.condition(features, None)?))
    }

    /// Normalised chunks (B, n, T_pred, A) from latents (B, n, draws · Z) under B rows of what
    /// [`prepare`](Self::prepare) made.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, _sampling: &Sampling) -> Result<Tensor> {
        network.generate(z, prepared.pass(0)?)
    }
}
