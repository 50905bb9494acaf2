//! A network that computes in bfloat16 between inputs and outputs in single precision.

use super::{Conditioning, Network};
use crate::Result;
use tch::{Kind, Tensor};

/// A network whose parameters are bfloat16.
pub(super) struct Reduced(pub(super) Box<dyn Network>);

impl Network for Reduced {
    fn encode(&self, observations: &Tensor) -> Result<Tensor> {
        self.0.encode(&observations.f_to_kind(Kind::BFloat16)?)
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.0.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        Ok(self.0.generate(&z.f_to_kind(Kind::BFloat16)?, conditioning)?.f_to_kind(Kind::Float)?)
    }
}
