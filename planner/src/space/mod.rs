//! Spaces: what optimizers search in. One file each, registered by name in [`by_name`].
//!
//! A space writes a chunk as P parameters and back. All are scaled so that 1 is a large step: half the range of an action,
//! or the deviation of a latent.

mod chunk;
mod knots;
#[cfg(feature = "libtorch")]
mod latent;

use crate::decide::{Key, Situation};
use crate::error::Result;
pub use chunk::Chunk;
use imle_configs::Error as InputError;
pub use knots::{Interpolation, Knots};
#[cfg(feature = "libtorch")]
pub use latent::Latent;

/// Names of the spaces: `chunk`, all T·A values; `zero`, `linear`, `cubic`, a spline of few knots added to the best
/// proposal; `latent`, the latents of the generator.
pub const NAMES: [&str; 5] = ["chunk", "zero", "linear", "cubic", "latent"];

/// The proposals of one episode's decision.
#[derive(Clone, Copy, Debug)]
pub struct Proposals<'a> {
    /// Which decision of which episode.
    pub key: Key,
    /// Name and number of candidates of each source, in the order of the chunks.
    pub sources: &'a [(&'static str, usize)],
    /// Chunks, (N, T, A).
    pub chunks: &'a [f32],
}

/// What is to be written as chunks, for B episodes.
#[derive(Clone, Copy, Debug)]
pub struct Decode<'a> {
    /// What is known of the episodes.
    pub situation: &'a Situation<'a>,
    /// Parameters, (B, n, P).
    pub parameters: &'a [f32],
    /// The best proposal of each episode, (B, T, A), and its parameters, (B, P).
    pub around: &'a [f32],
    /// See `around`.
    pub around_parameters: &'a [f32],
}

/// Chunks as parameters and back.
pub trait Space: Send + Sync {
    /// Its name, one of [`NAMES`] or the user's own.
    fn name(&self) -> &'static str;
    /// P, parameters a chunk.
    fn size(&self) -> usize;
    /// Parameters a knot: the first so many belong to the first moment of a chunk, and so on. P where there is no order.
    fn dims(&self) -> usize;
    /// Writes the parameters of proposals, (N, P); NaN for those that have none.
    fn encode(&self, proposals: Proposals<'_>, out: &mut [f32]);
    /// Writes chunks, (B, n, T, A), within the range of the actions.
    ///
    /// # Errors
    /// If a generator fails.
    fn decode(&self, pool: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()>;
}

/// The range of the actions: what is half of it, and the middle.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Lowest value of each action dimension.
    pub low: Vec<f32>,
    /// Highest value of each action dimension.
    pub high: Vec<f32>,
}

impl Range {
    /// The range from `low` to `high`.
    pub fn new(low: &[f32], high: &[f32]) -> Self {
        Self { low: low.to_vec(), high: high.to_vec() }
    }

    /// Number of action dimensions.
    pub fn size(&self) -> usize {
        self.low.len()
    }

    /// Half the range of dimension `d`; 1 if it has none.
    pub fn half(&self, d: usize) -> f32 {
        let half = (self.high[d] - self.low[d]) / 2.0;
        if half > 0.0 { half } else { 1.0 }
    }

    /// `value` within the range of dimension `d`.
    pub fn clamp(&self, d: usize, value: f32) -> f32 {
        value.clamp(self.low[d], self.high[d])
    }
}

/// The space of that name for chunks of `steps` actions; `knots` are a spline's. `latent` needs a generator and is made by
/// [`Latent::new`].
///
/// # Errors
/// A bad input with the nearest names, or knots beyond the horizon.
pub fn by_name(name: &str, range: Range, steps: usize, knots: usize) -> imle_configs::Result<Box<dyn Space>> {
    let interpolation = match name {
        "chunk" => return Ok(Box::new(Chunk::new(range, steps))),
        "zero" => Interpolation::Zero,
        "linear" => Interpolation::Linear,
        "cubic" => Interpolation::Cubic,
        _ => return Err(InputError::unknown("space", name, NAMES)),
    };
    Ok(Box::new(Knots::new(interpolation, range, steps, knots)?))
}
