//! Choosing one of N chunks without a planner, by name: a new way is one file and one line in [`by_name`].

mod consistent;
mod typical;

pub use consistent::Consistent;
pub use typical::Typical;

use crate::{Error, Result};
use imle_configs::Error as ConfigError;

/// Names of the ways to choose; `first` draws one chunk and takes it.
pub const NAMES: [&str; 3] = ["first", "consistent", "typical"];

/// Which decision of which episode this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replan {
    /// Seed of the run.
    pub seed: u64,
    /// Episode index.
    pub episode: u64,
    /// 0 for the episode's first decision, then 1, 2…
    pub index: u64,
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Cloud<'a> {
    /// Chunks, row-major (N, T_pred, A).
    pub chunks: &'a [f32],
    /// T_pred.
    pub prediction: usize,
    /// The previous chunk from its first unexecuted action on (at most T_pred actions); empty at an episode's first
    /// decision.
    pub tail: &'a [f32],
    /// What one unit of each action dimension weighs (A values); `Normalizer::scales` makes it normalised units.
    pub scales: &'a [f32],
}

impl Cloud<'_> {
    /// Values of a chunk.
    fn size(&self) -> usize {
        self.prediction * self.scales.len()
    }

    /// Number of chunks, N.
    fn count(&self) -> usize {
        self.chunks.len() / self.size().max(1)
    }

    /// The chunk of that index.
    fn chunk(&self, index: usize) -> &[f32] {
        &self.chunks[index * self.size()..][..self.size()]
    }

    /// Distance of two rows of actions over the shorter of them: root mean square, weighted.
    fn distance(&self, a: &[f32], b: &[f32]) -> f64 {
        let n = a.len().min(b.len()).max(1) as f64;
        let weighted = a.iter().zip(b).zip(self.scales.iter().cycle());
        (weighted.map(|((a, b), s)| f64::from((a - b) * s).powi(2)).sum::<f64>() / n).sqrt()
    }

    fn check(&self) -> Result<()> {
        let bad = |what, expected: String, found: usize| {
            Err(Error::argument("Choice::choose", what, expected, format!("{found} values")))
        };
        let (size, action) = (self.size(), self.scales.len());
        if size == 0 || self.chunks.is_empty() || !self.chunks.len().is_multiple_of(size) {
            return bad(
                "chunks",
                format!("at least one chunk of {} × {action} values", self.prediction),
                self.chunks.len(),
            );
        }
        if self.tail.len() > size || !self.tail.len().is_multiple_of(action) {
            return bad("tail", format!("at most {} actions of {action} values", self.prediction), self.tail.len());
        }
        Ok(())
    }
}

/// A way to choose.
pub trait Choice: Send + Sync {
    /// The index of the chosen chunk.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are no chunks or the sizes do not fit.
    fn choose(&self, cloud: Cloud<'_>, replan: Replan) -> Result<usize>;
}

/// The way called `name`; nothing for `first`. `resample_every` is that of [`Consistent`].
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub fn by_name(name: &str, resample_every: u64) -> std::result::Result<Option<Box<dyn Choice>>, ConfigError> {
    match name {
        "first" => Ok(None),
        "consistent" => Ok(Some(Box::new(Consistent { resample_every }))),
        "typical" => Ok(Some(Box::new(Typical))),
        _ => Err(ConfigError::unknown("choice", name, NAMES)),
    }
}
