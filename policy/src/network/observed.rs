//! What a network sees: observation vectors, and pictures beside them.

use crate::Result;
use tch::Tensor;

/// Observation histories of B conditions on the device of a network.
#[derive(Debug)]
pub struct Observed {
    /// (B, T_obs · O), normalised, oldest first.
    pub values: Tensor,
    /// Pictures (B, T_obs, cameras, h, w, 3), f32, cropped and normalised ([`crate::vision::Preprocessor`]), for a
    /// network with encoders.
    pub pictures: Option<Tensor>,
}

impl Observed {
    /// The pictures, which a network with encoders must be given.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if there are none.
    pub(crate) fn pictures(&self) -> Result<&Tensor> {
        let none = || crate::Error::argument("Network::encode", "pictures", "those of the cameras", "none");
        self.pictures.as_ref().ok_or_else(none)
    }
}

impl From<Tensor> for Observed {
    /// Without pictures.
    fn from(values: Tensor) -> Self {
        Self { values, pictures: None }
    }
}
