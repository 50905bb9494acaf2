//! A network that computes in bfloat16 between inputs and outputs in single precision.

use super::conditioning::Conditioning;
use super::interface::{Network, ObservationTensors};
use crate::error::Result;
use tch::{Kind, Tensor};

/// A network whose parameters are bfloat16.
pub(super) struct Bf16Network(pub(super) Box<dyn Network>);

impl Network for Bf16Network {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        let pictures = observations.pictures.as_ref().map(|p| p.f_to_kind(Kind::BFloat16)).transpose()?;
        self.0.encode(&ObservationTensors { values: observations.values.f_to_kind(Kind::BFloat16)?, pictures })
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.0.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        Ok(self.0.generate(&z.f_to_kind(Kind::BFloat16)?, conditioning)?.f_to_kind(Kind::Float)?)
    }
}
