//! A network behind encoders of pictures: their features join the observation, then any network goes on.
//!
//! ```text
//! f_t,c = encoder_c(picture of camera c at step t)           one encoder a camera, or one for all
//! o'_t  = (o_t, f_t,1, …, f_t,C)                             the observation of step t for the network behind
//! ```
//!
//! The order within a step is LeRobot's: the state, then the cameras.

use super::interface::{Network, ObservationTensors};
use super::{conditioning::Conditioning, parameters::Builder};
use crate::error::Result;
use crate::vision::{encoder::Encoder, shape::VisionShape};
use tch::Tensor;

/// A network behind encoders of pictures.
pub(super) struct VisionNetwork {
    body: Box<dyn Network>,
    /// One a camera, or a single one.
    encoders: Vec<Encoder>,
    shape: VisionShape,
}

impl VisionNetwork {
    pub(super) fn new(body: Box<dyn Network>, shape: &VisionShape, b: &mut Builder) -> Result<Self> {
        let count = if shape.shared { 1 } else { shape.cameras };
        let encoders = (0..count).map(|i| Encoder::new(shape, &format!("vision.{i}"), b)).collect::<Result<_>>()?;
        Ok(Self { body, encoders, shape: *shape })
    }

    /// Features (B, T_obs, F) of the pictures of a camera.
    fn features(&self, pictures: &Tensor, camera: usize) -> Result<Tensor> {
        let of_camera = pictures.f_select(2, camera as i64)?.f_flatten(0, 1)?;
        let encoder = &self.encoders[camera.min(self.encoders.len() - 1)];
        let features = encoder.encode(&of_camera)?;
        Ok(features.f_view([-1, self.shape.steps as i64, self.shape.features as i64])?)
    }
}

impl Network for VisionNetwork {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        let pictures = observations.pictures()?;
        let b = pictures.size6()?.0;
        let mut parts = vec![observations.values.f_view([b, self.shape.steps as i64, -1])?];
        for camera in 0..self.shape.cameras {
            parts.push(self.features(pictures, camera)?.f_to_kind(observations.values.kind())?);
        }
        self.body.encode(&Tensor::f_cat(&parts, 2)?.f_view([b, -1])?.into())
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.body.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        self.body.generate(z, conditioning)
    }
}
