//! The interface that every network has: encode an observation, condition on it, generate chunks.

use super::conditioning::Conditioning;
use crate::error::{Error, Result};
use tch::Tensor;

/// A conditional generator of chunks. `B` conditions, `n` latents each; all tensors f32, actions normalised.
pub trait Network: Send {
    /// Features (B, F) of B observation histories. With pictures this is where the time goes: once an observation.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the shape does not fit or memory runs out.
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor>;

    /// B rows of conditioning from features (B, F) and, of a network built with times, those of the pass
    /// (B, times), in the units of the method.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning>;

    /// Chunks (B, n, T_pred, A), contiguous, from latents `z` (B, n, Z) under B rows of conditioning; Z is
    /// [`super::NetworkConfig::latent_size`].
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor>;
}

/// Observation histories of B conditions on the device of a network.
#[derive(Debug)]
pub struct ObservationTensors {
    /// (B, T_obs · O), normalised, oldest first.
    pub values: Tensor,
    /// Pictures (B, T_obs, cameras, h, w, 3), f32, cropped and normalised ([`crate::vision::Preprocessor`]), for a
    /// network with encoders.
    pub pictures: Option<Tensor>,
}

impl ObservationTensors {
    /// The pictures, which a network with encoders must be given.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if there are none.
    pub(crate) fn pictures(&self) -> Result<&Tensor> {
        let none = || Error::argument("Network::encode", "pictures", "those of the cameras", "none");
        self.pictures.as_ref().ok_or_else(none)
    }
}

impl From<Tensor> for ObservationTensors {
    /// Without pictures.
    fn from(values: Tensor) -> Self {
        Self { values, pictures: None }
    }
}
