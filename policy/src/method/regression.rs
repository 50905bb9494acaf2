//! Regression: the mean of the targets. The control that cannot keep two modes apart.
//!
//! loss = mean (G(o) − a)² over elements; one pass, the latent is not used.

use super::objective::{Loss, LossContext, Method, TensorBatch};
use super::{prepared::Prepared, rows::squared_error, sampling::Sampling};
use crate::{error::Result, network::Network};
use tch::{Kind, Tensor};

/// The method `regression`.
pub struct Regression;

impl Method for Regression {
    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        squared_error(batch, context, 0, |rows| {
            let conditioning = network.condition(&rows.features(network, batch)?, None)?;
            let latent = context.latent as i64;
            let z = Tensor::f_zeros([rows.len() as i64, 1, latent], (Kind::Float, rows.targets.device()))?;
            let chunks = network.generate(&z, &conditioning)?.f_view_as(&rows.targets)?;
            Ok([chunks, rows.targets.shallow_clone()])
        })
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, _: &Sampling) -> Result<Tensor> {
        network.generate(&z.f_zeros_like()?, prepared.pass(0)?)
    }
}
