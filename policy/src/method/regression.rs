//! Regression: the mean of the targets. The control that cannot keep two modes apart.
//!
//! loss = mean (G(o) − a)² over elements; one pass, the latent is not used.

use super::objective::{Loss, LossContext, LossValue, Method, TensorBatch};
use super::prepared::Prepared;
use super::rows::Rows;
use super::sampling::Sampling;
use crate::error::Result;
use crate::network::Network;
use tch::{Kind, Tensor};

/// The method `regression`.
pub struct Regression;

impl Method for Regression {
    fn name(&self) -> &'static str {
        "regression"
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        let Some(rows) = Rows::of(batch, context, 0)? else {
            return Ok(Loss::plain(LossValue::Empty));
        };
        let conditioning = network.condition(&rows.features(network, batch)?, None)?;
        let latent = context.latent as i64;
        let z = Tensor::f_zeros([rows.len() as i64, 1, latent], (Kind::Float, rows.targets.device()))?;
        let chunks = network.generate(&z, &conditioning)?.f_view_as(&rows.targets)?;
        let loss = chunks.f_sub(&rows.targets)?.f_square()?.f_mean(Kind::Float)?;
        Ok(Loss::plain(LossValue::Scalar(loss)))
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, _: &Sampling) -> Result<Tensor> {
        network.generate(&z.f_zeros_like()?, prepared.pass(0)?)
    }
}
