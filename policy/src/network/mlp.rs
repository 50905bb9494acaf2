//! A residual MLP over the whole flattened chunk, conditioned by FiLM: the network for processors.
//!
//! With D = T_pred · A and width W, all layer norms without learned parameters:
//!
//! ```text
//! s_i,b_i                                             FiLM of the observation (`film`), i = 0…blocks
//! h_0     = (1 + s_0) ⊙ W_in z + b_0
//! h_i     = h_(i-1) + V_i SiLU((1 + s_i) ⊙ LN(h_(i-1)) + b_i)
//! chunk   = W_out LN(h_blocks)
//! ```
//!
//! The first pair lets a state with one way to go close the latent off, which the residuals would carry to the output.
//! A U-Net over 16 steps costs as much as rolling its candidates out; this one leaves the time to the physics.

use super::architecture::{Architecture, in_range};
use super::interface::{Network, ObservationTensors};
use super::layers::{Linear, layer_norm};
use super::parameters::{Builder, Initial};
use super::{conditioning::Conditioning, config::NetworkConfig, film::Film, shape::ChunkShape};
use crate::error::Result;
use tch::Tensor;

/// The architecture `mlp`.
pub(super) struct MlpArchitecture;

impl Architecture for MlpArchitecture {
    fn check(&self, c: &NetworkConfig, _: &ChunkShape) -> imle_configs::Result<()> {
        in_range("width", c.width, 1..=8192)?;
        in_range("blocks", c.blocks, 1..=64)
    }

    fn build(&self, c: &NetworkConfig, shape: &ChunkShape, b: &mut Builder) -> Result<Box<dyn Network>> {
        let w = c.width;
        let film = Film::new(b, shape, w, c.blocks + 1)?;
        let input = Linear::new(b, "input", c.latent_size(shape), w)?;
        let initial = Initial::Uniform(1.0 / (w as f32).sqrt());
        let blocks = (0..c.blocks).map(|i| b.next(format_args!("blocks.{i}.weight"), &[w, w], initial));
        let blocks = blocks.collect::<Result<_>>()?;
        let output = Linear::new(b, "output", w, shape.chunk())?;
        let chunk = [shape.prediction as i64, shape.action as i64];
        Ok(Box::new(Mlp { width: w as i64, chunk, film, input, blocks, output }))
    }

    fn uses(&self, _: &NetworkConfig, _: &ChunkShape, name: &str) -> usize {
        usize::from(["input.", "blocks.", "output."].iter().any(|part| name.starts_with(part)))
    }

    /// An MLP without encoders learns in 6000 steps at this rate what it does not in 20 000 at 5e-4
    /// (docs/experiments/claims/ablations.md).
    fn learning_rate(&self, vision: bool) -> f64 {
        if vision { 5e-4 } else { 4e-3 }
    }
}

struct Mlp {
    width: i64,
    chunk: [i64; 2],
    film: Film,
    input: Linear,
    /// V_i, each (width, width), without bias: the next block's FiLM shift takes its place.
    blocks: Vec<Tensor>,
    output: Linear,
}

impl Network for Mlp {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        self.film.encode(&observations.values)
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.film.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        let (b, n, latent) = z.size3()?;
        let [t, a] = self.chunk;
        let h = self.input.forward(&z.f_reshape([b * n, latent])?)?.f_view([b, n, self.width])?;
        let (scale, shift) = conditioning.block(0);
        let mut h = shift.f_unsqueeze(1)?.f_addcmul(&h, &scale.f_unsqueeze(1)?)?.f_view([b * n, self.width])?;
        for (i, weight) in self.blocks.iter().enumerate() {
            let (scale, shift) = conditioning.block(i + 1);
            let normed = layer_norm(&h, self.width)?.f_view([b, n, self.width])?;
            let mut u = shift.f_unsqueeze(1)?.f_addcmul(&normed, &scale.f_unsqueeze(1)?)?;
            let u = u.f_silu_()?.f_view([b * n, self.width])?;
            h = h.f_addmm(&u, &weight.f_transpose(0, 1)?)?;
        }
        Ok(self.output.forward(&layer_norm(&h, self.width)?)?.f_view([b, n, t, a])?)
    }
}
