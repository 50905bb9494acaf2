//! The conditioning of all passes of a sample, and Euler steps through them.

use crate::error::{Error, Result};
use crate::network::{Conditioning, Network};
use tch::Tensor;

/// The conditioning of every pass of B observations.
#[derive(Debug)]
pub struct Prepared {
    passes: Vec<Conditioning>,
}

impl Prepared {
    /// A single pass.
    pub(super) fn of_one(pass: Conditioning) -> Self {
        Self { passes: vec![pass] }
    }

    /// One pass for each of `times`, every row of a pass with the same times.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    pub(super) fn of_times<const K: usize>(
        network: &dyn Network,
        features: &Tensor,
        times: &[[f64; K]],
    ) -> Result<Self> {
        let rows = features.size2()?.0;
        let pass = |times: &[f64; K]| {
            let times = Tensor::f_from_slice(&times.map(|t| t as f32))?.f_to_device(features.device())?;
            network.condition(features, Some(&times.f_view([1, K as i64])?.f_expand([rows, K as i64], false)?))
        };
        Ok(Self { passes: times.iter().map(pass).collect::<Result<_>>()? })
    }

    /// The conditioning of pass `index`.
    pub(super) fn pass(&self, index: usize) -> Result<&Conditioning> {
        self.passes.get(index).ok_or_else(|| {
            Error::argument("Method::generate", "prepared", format!("a pass {index}"), self.passes.len().to_string())
        })
    }

    /// Another handle to the same tensors, for another worker.
    pub fn shallow_clone(&self) -> Self {
        Self { passes: self.passes.iter().map(Conditioning::shallow_clone).collect() }
    }
}

/// Goes from `z` along what the network says, `passes` times by `stride`.
pub(super) fn follow(
    network: &dyn Network,
    z: &Tensor,
    prepared: &Prepared,
    passes: usize,
    stride: f64,
) -> Result<Tensor> {
    let mut x = z.shallow_clone();
    let mut sizes = Vec::new();
    for pass in 0..passes {
        let velocity = network.generate(&x, prepared.pass(pass)?)?;
        sizes = velocity.size();
        x = x.f_add(&velocity.f_view_as(&x)?.f_mul_scalar(stride)?)?;
    }
    Ok(x.f_contiguous()?.f_view(sizes.as_slice())?)
}
