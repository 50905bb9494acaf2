//! A residual MLP over the whole flattened chunk, conditioned by FiLM: the network for processors.
//!
//! With D = T_pred · A and width W, all layer norms without learned parameters:
//!
//! ```text
//! s_i,b_i                                             FiLM of the observation (`film`), i = 0…blocks
//! h_0     = (1 + s_0) ⊙ W_in z + b_0
//! h_i     = h_(i-1) + V_i SiLU((1 + s_i) ⊙ LN(h_(i-1)) + b_i)
//! chunk   = W_out LN(h_blocks)
//!         = W_out ((1 + s) ⊙ LN(h_blocks) + b) + W_through ((1 + s') ⊙ W_in z + b')      with times: two more pairs
//! ```
//!
//! What diffusion and flow predict is nearly linear in the noisy chunk, by factors of the time; a norm takes the chunk's size away,
//! so that it needs a way past the last one.
//!
//! The first pair lets a state with one way to go close the latent off, which the residuals would carry to the output.
//! A U-Net over 16 steps costs as much as rolling its candidates out; this one leaves the time to the physics.

use super::film::Film;
use super::layers::Linear;
use super::parameters::{Builder, Initial};
use super::{ChunkShape, Conditioning, Network, NetworkConfig, Observed, in_range};
use crate::Result;
use tch::Tensor;

struct Mlp {
    width: i64,
    chunk: [i64; 2],
    film: Film,
    input: Linear,
    /// V_i, each (width, width), without bias: the next block's FiLM shift takes its place.
    blocks: Vec<Tensor>,
    output: Linear,
    /// W_through, of a network with times.
    through: Option<Linear>,
}

pub(super) fn check(c: &NetworkConfig, _: &ChunkShape) -> std::result::Result<(), (&'static str, String, String)> {
    in_range("width", c.width, 1..=8192)?;
    in_range("blocks", c.blocks, 1..=64)
}

pub(super) fn build(c: &NetworkConfig, shape: &ChunkShape, b: &mut Builder) -> Result<Box<dyn Network>> {
    let w = c.width;
    let timed = shape.times > 0;
    let film = Film::new(b, shape, w, c.blocks + 1 + if timed { 2 } else { 0 })?;
    let input = Linear::new(b, "input", c.latent_size(shape), w)?;
    let initial = Initial::Uniform(1.0 / (w as f32).sqrt());
    let blocks = (0..c.blocks).map(|i| b.next(format_args!("blocks.{i}.weight"), &[w, w], initial));
    let blocks = blocks.collect::<Result<_>>()?;
    let output = Linear::new(b, "output", w, shape.chunk())?;
    let through = if timed { Some(Linear::new(b, "through", w, shape.chunk())?) } else { None };
    let chunk = [shape.prediction as i64, shape.action as i64];
    Ok(Box::new(Mlp { width: w as i64, chunk, film, input, blocks, output, through }))
}

pub(super) fn uses(_: &NetworkConfig, _: &ChunkShape, name: &str) -> usize {
    usize::from(["input.", "blocks.", "output.", "through."].iter().any(|part| name.starts_with(part)))
}

impl Mlp {
    fn layer_norm(&self, h: &Tensor) -> Result<Tensor> {
        Ok(h.f_layer_norm([self.width], None::<&Tensor>, None::<&Tensor>, 1e-5, true)?)
    }
}

impl Network for Mlp {
    fn encode(&self, observed: &Observed) -> Result<Tensor> {
        self.film.encode(&observed.values)
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.film.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        let (b, n, latent) = z.size3()?;
        let [t, a] = self.chunk;
        let modulated = |h: &Tensor, pair: usize| -> Result<Tensor> {
            let (scale, shift) = conditioning.block(pair);
            let h = h.f_view([b, n, self.width])?;
            Ok(shift.f_unsqueeze(1)?.f_addcmul(&h, &scale.f_unsqueeze(1)?)?.f_view([b * n, self.width])?)
        };
        let input = self.input.forward(&z.f_reshape([b * n, latent])?)?;
        let mut h = modulated(&input, 0)?;
        for (i, weight) in self.blocks.iter().enumerate() {
            let u = modulated(&self.layer_norm(&h)?, i + 1)?.f_silu_()?;
            h = h.f_addmm(&u, &weight.f_transpose(0, 1)?)?;
        }
        let last = self.layer_norm(&h)?;
        let chunk = match &self.through {
            None => self.output.forward(&last)?,
            Some(through) => {
                let pair = self.blocks.len() + 1;
                let around = through.forward(&modulated(&input, pair + 1)?)?;
                self.output.forward(&modulated(&last, pair)?)?.f_add(&around)?
            }
        };
        Ok(chunk.f_view([b, n, t, a])?)
    }
}
