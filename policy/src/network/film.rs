//! FiLM from an observation, and from the times of a pass if there are any: what MLP and transformer share.
//!
//! ```text
//! e       = W2 SiLU(W1 o)                             once an observation, W / 2 values
//! c       = SiLU(e)      or, with times, SiLU(e + W4 SiLU(W3 sinusoids))
//! s_i,b_i = rows of W_film c                          `pairs` of W values each
//! ```

use super::layers::{Linear, sinusoidal};
use super::{conditioning::Conditioning, parameters::Builder, shape::ChunkShape};
use crate::error::Result;
use tch::Tensor;

/// Sinusoids of a time.
const SINUSOIDS: usize = 64;

/// Encoder and FiLM of a network of `width` units.
pub(super) struct Film {
    encoder: [Linear; 2],
    time: Option<[Linear; 2]>,
    film: Linear,
    pairs: i64,
    width: i64,
}

impl Film {
    pub(super) fn new(b: &mut Builder, shape: &ChunkShape, width: usize, pairs: usize) -> Result<Self> {
        // Half the width between encoder and FiLM: at full width FiLM would hold most of the network's weights.
        let features = width.div_ceil(2);
        let encoder =
            [Linear::new(b, "encoder.0", shape.observation, width)?, Linear::new(b, "encoder.1", width, features)?];
        let time = || -> Result<_> {
            let first = Linear::new(b, "time.0", shape.times * SINUSOIDS, features)?;
            Ok([first, Linear::new(b, "time.1", features, features)?])
        };
        let time = (shape.times > 0).then(time).transpose()?;
        let film = Linear::new(b, "film", features, pairs * 2 * width)?;
        Ok(Self { encoder, time, film, pairs: pairs as i64, width: width as i64 })
    }

    /// Features (B, W / 2) of observation histories (B, O).
    pub(super) fn encode(&self, observations: &Tensor) -> Result<Tensor> {
        self.encoder[1].forward(&self.encoder[0].forward(observations)?.f_silu()?)
    }

    /// `pairs` of (1 + s, b), each (B, W).
    pub(super) fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        let c = match (&self.time, times) {
            (Some([first, second]), Some(times)) => {
                let time =
                    first.forward(&sinusoidal(times, SINUSOIDS as i64)?.f_to_kind(features.kind())?)?.f_silu()?;
                features.f_add(&second.forward(&time)?)?.f_silu()?
            }
            _ => features.f_silu()?,
        };
        let film = self.film.forward(&c)?.f_view([-1, self.pairs, 2, self.width])?;
        let pair = |i: i64| -> Result<(Tensor, Tensor)> {
            let pair = film.f_select(1, i)?;
            Ok((pair.f_select(1, 0)?.f_add_scalar(1.0)?, pair.f_select(1, 1)?))
        };
        Ok(Conditioning::new((0..self.pairs).map(pair).collect::<Result<_>>()?))
    }
}
