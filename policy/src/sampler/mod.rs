//! Candidates from a trained generator, the same bits at any thread count.
//!
//! Latent i of a decision depends on (seed, episode, step, i) alone ([`Latents`]). On a processor libtorch's
//! results depend on its thread count and on the number of rows of a batch; therefore every worker runs one libtorch
//! thread, each observation is encoded alone (one row), and its candidates are generated in micro-batches of
//! [`micro_batch`] rows, the last one padded with zeros; one decision of one micro-batch is drawn on the calling
//! thread. Neither the other observations nor the number of workers can then be seen in the result, and N only in the
//! last bits: through the rows that it chooses, one for N = 1. On CUDA everything is one batch, repeatable for the same
//! B and N.
//!
//! Many decisions of one chunk each, of episodes in lock-step, share passes: [`Sampler::sample_lockstep`].

mod draw;
pub(crate) mod latents;
mod lockstep;

pub use draw::{Observations, Sampler, micro_batch};
pub use latents::{LatentKey, Latents};
