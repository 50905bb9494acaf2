//! Mean flow (Geng et al. 2025, arXiv 2505.13447): the average velocity between two times is learned, so that one pass
//! goes all the way.
//!
//! ```text
//! x_t = (1 − t) a + t ε,  v = ε − a,  r ≤ t                   (time runs from data to noise, as in the paper)
//! u* = v − (t − r) d/dt U(x_t, r, t)                          d/dt along (v, 0, 1), without gradient
//! loss = mean (U(x_t, r, t) − u*)² over elements
//! x_r = x_t − (t − r) U(x_t, r, t)                            in `passes` equal strides from t = 1, one by default
//! ```
//!
//! Three rows in four have r = t and learn the velocity itself. Two things differ from the paper's choice for images,
//! measured on the two-mode toy of [`crate::train`]'s tests (shares 0.7 and 0.3 in the data, one pass): times are
//! uniform, since of logistic-normal ones hardly any come near t = 1, from where the one pass starts (0.28 and 0.19
//! near the modes, against 0.62 and 0.19); and the loss has no adaptive weight, which in few dimensions makes it one of
//! modes in place of means (0.77 and 0.00). The total derivative is a central difference: libtorch's bindings have no
//! forward mode, and the target needs no gradient.

use super::objective::{Loss, LossContext, Method, TensorBatch};
use super::prepared::{Prepared, follow};
use super::{flow::TIME_SCALE, rows::squared_error, sampling::Sampling};
use crate::{error::Result, network::Network};
use tch::Tensor;

/// Share of rows with r < t.
const APART: f64 = 0.25;
/// Half-width of the central difference in t.
const STEP: f64 = 1e-3;

/// The method `mean-flow`.
pub struct MeanFlow;

/// The inputs of the time embedding: t and t − r.
fn times(r: f64, t: f64) -> [f64; 2] {
    [TIME_SCALE * t, TIME_SCALE * (t - r)]
}

impl Method for MeanFlow {
    fn times(&self) -> usize {
        2
    }

    fn passes(&self, sampling: &Sampling) -> usize {
        sampling.passes.max(1)
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        squared_error(batch, context, 3, |rows| {
            let span = |u: &[f64]| if u[2] < APART { [u[0].min(u[1]), u[0].max(u[1])] } else { [u[0]; 2] };
            let spans: Vec<[f64; 2]> = rows.uniform.chunks_exact(3).map(span).collect();
            let column = |f: &dyn Fn(&[f64; 2]) -> f64| -> Result<Tensor> {
                Ok(rows.column(&spans.iter().map(f).collect::<Vec<_>>())?.f_unsqueeze(2)?)
            };
            let velocity = rows.noise.f_sub(&rows.targets)?;
            let x = rows.targets.f_add(&velocity.f_mul(&column(&|s| s[1])?)?)?;
            let features = rows.features(network, batch)?;
            let average = |shift: f64| -> Result<Tensor> {
                let columns: Vec<f64> = spans.iter().flat_map(|[r, t]| times(*r, t + shift)).collect();
                let conditioning = network.condition(&features, Some(&rows.column(&columns)?))?;
                let moved = x.f_add(&velocity.f_mul_scalar(shift)?)?;
                Ok(network.generate(&moved, &conditioning)?.f_view_as(&velocity)?)
            };
            let slope = tch::no_grad(|| -> Result<Tensor> {
                Ok(average(STEP)?.f_sub(&average(-STEP)?)?.f_div_scalar(2.0 * STEP)?)
            })?;
            let target = velocity.f_sub(&slope.f_mul(&column(&|[r, t]| t - r)?)?)?;
            Ok([average(0.0)?, target])
        })
    }

    fn prepare(&self, network: &dyn Network, features: &Tensor, sampling: &Sampling) -> Result<Prepared> {
        let passes = self.passes(sampling) as f64;
        let from = |i: usize| 1.0 - i as f64 / passes;
        let all: Vec<[f64; 2]> = (0..self.passes(sampling)).map(|i| times(from(i + 1), from(i))).collect();
        Prepared::of_times(network, features, &all)
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, sampling: &Sampling) -> Result<Tensor> {
        let passes = self.passes(sampling);
        follow(network, z, prepared, passes, -1.0 / passes as f64)
    }
}
