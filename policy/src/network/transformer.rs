//! A small transformer over the steps of a chunk, conditioned as a diffusion transformer is (Peebles, Xie 2023, DiT,
//! with scale and shift and without gates): attention lets a step look at the others, which the MLP does by weight.
//!
//! With T tokens of width W, one a step, all layer norms without learned parameters:
//!
//! ```text
//! s_j,b_j                                                    FiLM of the observation (`film`), two pairs a block
//! h_0     = W_in z + position                                 the latent's values of each step
//! h'      = h + attention((1 + s_1) ⊙ LN(h) + b_1)            `heads` heads over the T tokens
//! h       = h' + V_2 SiLU(V_1 ((1 + s_2) ⊙ LN(h') + b_2))     4 W hidden units
//! chunk   = W_out LN(h)
//! ```

use super::architecture::{Architecture, in_range, require};
use super::interface::{Network, ObservationTensors};
use super::layers::{Linear, as_chunks, layer_norm};
use super::parameters::{Builder, Initial};
use super::{conditioning::Conditioning, config::NetworkConfig, film::Film, shape::ChunkShape};
use crate::error::Result;
use tch::Tensor;

/// The architecture `transformer`.
pub(super) struct TransformerArchitecture;

impl Architecture for TransformerArchitecture {
    fn check(&self, c: &NetworkConfig, _: &ChunkShape) -> imle_configs::Result<()> {
        in_range("width", c.width, 1..=8192)?;
        in_range("blocks", c.blocks, 1..=64)?;
        in_range("heads", c.heads, 1..=64)?;
        let expected = format_args!("a divisor of the width, {}", c.width);
        require(c.width.is_multiple_of(c.heads), "heads", expected, c.heads)
    }

    fn build(&self, c: &NetworkConfig, shape: &ChunkShape, b: &mut Builder) -> Result<Box<dyn Network>> {
        let w = c.width;
        let latent = (c.latent > 0).then(|| Linear::new(b, "latent", c.latent, shape.chunk())).transpose()?;
        let film = Film::new(b, shape, w, 2 * c.blocks)?;
        let input = Linear::new(b, "input", shape.action, w)?;
        let position = b.next(format_args!("position"), &[shape.prediction, w], Initial::Uniform(0.1))?;
        let mut blocks = Vec::with_capacity(c.blocks);
        for i in 0..c.blocks {
            let mut linear = |name, inputs, outputs| Linear::new(b, &format!("blocks.{i}.{name}"), inputs, outputs);
            let (project, join) = (linear("project", w, 3 * w)?, linear("join", w, w)?);
            let (widen, narrow) = (linear("widen", w, 4 * w)?, linear("narrow", 4 * w, w)?);
            blocks.push(Block { project, join, widen, narrow });
        }
        let output = Linear::new(b, "output", w, shape.action)?;
        let chunk = [shape.prediction as i64, shape.action as i64];
        let (width, heads) = (w as i64, c.heads as i64);
        Ok(Box::new(Transformer { width, heads, chunk, latent, film, input, position, blocks, output }))
    }

    fn uses(&self, _: &NetworkConfig, shape: &ChunkShape, name: &str) -> usize {
        match name.split('.').next() {
            Some("latent") => 1,
            Some("input" | "blocks" | "output") => shape.prediction,
            _ => 0,
        }
    }
}

struct Block {
    project: Linear,
    join: Linear,
    widen: Linear,
    narrow: Linear,
}

struct Transformer {
    width: i64,
    heads: i64,
    chunk: [i64; 2],
    latent: Option<Linear>,
    film: Film,
    input: Linear,
    /// (T, W)
    position: Tensor,
    blocks: Vec<Block>,
    output: Linear,
}

impl Transformer {
    /// (1 + s) ⊙ LN(h) + b for tokens `h` (B · n, T, W) under B rows of (1 + s, b).
    fn modulated(&self, h: &Tensor, (scale, shift): (&Tensor, &Tensor)) -> Result<Tensor> {
        let rows = scale.size2()?.0;
        let normed = layer_norm(h, self.width)?.f_view([rows, -1, self.width])?;
        let moved = shift.f_unsqueeze(1)?.f_addcmul(&normed, &scale.f_unsqueeze(1)?)?;
        Ok(moved.f_view_as(h)?)
    }

    fn attention(&self, block: &Block, x: &Tensor) -> Result<Tensor> {
        let (r, t, w) = x.size3()?;
        let parts =
            block.project.forward(x)?.f_view([r, t, 3, self.heads, w / self.heads])?.f_permute([2, 0, 3, 1, 4])?;
        let part = |i: i64| parts.f_select(0, i);
        let (q, k, v, mask) = (part(0)?, part(1)?, part(2)?, None::<&Tensor>);
        let seen = Tensor::f_scaled_dot_product_attention(&q, &k, &v, mask, 0.0, false, None, false)?;
        block.join.forward(&seen.f_transpose(1, 2)?.f_reshape([r, t, w])?)
    }
}

impl Network for Transformer {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        self.film.encode(&observations.values)
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.film.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        let (b, n, _) = z.size3()?;
        let [t, a] = self.chunk;
        let z = as_chunks(z, self.latent.as_ref(), self.chunk)?;
        let mut h = self.input.forward(&z)?.f_add(&self.position)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let seen = self.attention(block, &self.modulated(&h, conditioning.block(2 * i))?)?;
            h = h.f_add(&seen)?;
            let wide = block.widen.forward(&self.modulated(&h, conditioning.block(2 * i + 1))?)?.f_silu()?;
            h = h.f_add(&block.narrow.forward(&wide)?)?;
        }
        Ok(self.output.forward(&layer_norm(&h, self.width)?)?.f_view([b, n, t, a])?)
    }
}
