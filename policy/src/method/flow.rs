//! Flow matching along straight lines (arXiv 2210.02747, 2209.03003): the velocity from noise to data is learned and
//! followed by Euler steps.
//!
//! ```text
//! x_t = (1 − t) z + t a,   t uniform in [0, 1)        loss = mean (V(x_t, o, t) − (a − z))² over elements
//! x_(t + h) = x_t + h V(x_t, o, t),   h = 1 / passes, from x_0 = z
//! ```

use super::objective::{Loss, LossContext, Method, TensorBatch};
use super::prepared::{Prepared, follow};
use super::{rows::squared_error, sampling::Sampling};
use crate::{error::Result, network::Network};
use tch::Tensor;

/// Default passes of a sample.
const PASSES: usize = 8;
/// Factor of a time before its embedding, whose range is that of diffusion's steps.
pub(super) const TIME_SCALE: f64 = 100.0;

/// The method `flow`.
pub struct Flow;

impl Method for Flow {
    fn times(&self) -> usize {
        1
    }

    fn passes(&self, sampling: &Sampling) -> usize {
        if sampling.passes == 0 { PASSES } else { sampling.passes }
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        squared_error(batch, context, 1, |rows| {
            let times = rows.column(&rows.uniform)?;
            let velocity = rows.targets.f_sub(&rows.noise)?;
            let x = rows.noise.f_add(&velocity.f_mul(&times.f_unsqueeze(2)?)?)?;
            let features = rows.features(network, batch)?;
            let conditioning = network.condition(&features, Some(&times.f_mul_scalar(TIME_SCALE)?))?;
            Ok([network.generate(&x, &conditioning)?.f_view_as(&velocity)?, velocity])
        })
    }

    fn prepare(&self, network: &dyn Network, features: &Tensor, sampling: &Sampling) -> Result<Prepared> {
        let passes = self.passes(sampling);
        let times: Vec<[f64; 1]> = (0..passes).map(|i| [TIME_SCALE * i as f64 / passes as f64]).collect();
        Prepared::of_times(network, features, &times)
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, sampling: &Sampling) -> Result<Tensor> {
        let passes = self.passes(sampling);
        follow(network, z, prepared, passes, 1.0 / passes as f64)
    }
}
