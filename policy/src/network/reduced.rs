//! A network that computes in bfloat16 between inputs and outputs in single precision.

use super::{Conditioning, Network, Observed};
use crate::Result;
use tch::{Kind, Tensor};

/// A network whose parameters are bfloat16.
pub(super) struct Reduced(pub(super) Box<dyn Network>);

impl Network for Reduced {
    fn encode(&self, observed: &Observed) -> Result<Tensor> {
        let pictures = observed.pictures.as_ref().map(|p| p.f_to_kind(Kind::BFloat16)).transpose()?;
        self.0.encode(&Observed { values: observed.values.f_to_kind(Kind::BFloat16)?, pictures })
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.0.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        Ok(self.0.generate(&z.f_to_kind(Kind::BFloat16)?, conditioning)?.f_to_kind(Kind::Float)?)
    }
}
