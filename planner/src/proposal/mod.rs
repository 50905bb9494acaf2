//! Sources of candidates: one file each, registered by name in [`NAMES`].

#[cfg(feature = "libtorch")]
mod generator;
mod noise;
#[cfg(feature = "libtorch")]
mod retrieval;
mod warm;

use crate::decide::Situation;
use crate::error::Result;
#[cfg(feature = "libtorch")]
pub use generator::Generator;
#[cfg(feature = "libtorch")]
pub use generator::{latent_keys, observations};
pub use noise::{Noise, Noisy};
#[cfg(feature = "libtorch")]
pub use retrieval::Retrieval;
pub use warm::Warm;

/// Names of the sources: `imle`, the generator of a checkpoint, of whatever method; `warm`, the last plan shifted; `noise`,
/// Gaussian around it; `retrieval`, what the nearest demonstrations did; and two of them with noise added.
pub const NAMES: [&str; 6] = ["imle", "warm", "noise", "retrieval", "imle+noise", "retrieval+noise"];

/// Proposes candidate chunks.
pub trait Proposal: Send + Sync {
    /// Its name, one of [`NAMES`] or the user's own.
    fn name(&self) -> &'static str;
    /// Most candidates that make sense an episode: 1 for a source without randomness.
    fn most(&self) -> usize {
        usize::MAX
    }
    /// Whether it has something to propose for episode `index` of the batch; what it writes is not chosen otherwise.
    fn offers(&self, situation: &Situation<'_>, index: usize) -> bool {
        let _ = (situation, index);
        true
    }
    /// Writes `count` candidates for each of the B episodes, (B, count, T_pred, A).
    ///
    /// # Errors
    /// If the source fails as a whole.
    fn propose(&self, pool: &rayon::ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32])
    -> Result<()>;
}

/// How N candidates are shared out: each source without randomness gets its one, the others equal parts, the first
/// of them what is left over.
pub fn share_out(sources: &[Box<dyn Proposal + '_>], candidates: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = vec![0; sources.len()];
    let mut left = candidates;
    for (count, source) in counts.iter_mut().zip(sources) {
        if source.most() < usize::MAX {
            *count = source.most().min(left);
            left -= *count;
        }
    }
    let random: Vec<usize> = (0..sources.len()).filter(|i| sources[*i].most() == usize::MAX).collect();
    for (k, i) in random.iter().enumerate() {
        counts[*i] = left / random.len() + usize::from(k < left % random.len());
    }
    counts
}
