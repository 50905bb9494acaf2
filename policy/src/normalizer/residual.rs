//! Linear prediction of a chunk from the observation; the network generates what is left beside it.
//!
//! Actions are targets in space, and much of one is where the hand is already. With o the last frame of the normalised
//! observation history, y the normalised chunk, both of the demonstrations, each value of a chunk is predicted from one
//! of an observation, the one that explains most of its variance:
//!
//! ```text
//! b_j = w_j · o_{k(j)} + v_j                     least squares; k(j) = argmax cov(o_k, y_j)² / (var(o_k) + λ), λ = 1e-4
//! s_j = max |y_j − b_j|, at least 0.02           one scale for each value of a chunk
//! r   = (y − b) / s                              what the network learns, in [-1, 1] on the demonstrations
//! ```
//!
//! and a generated r becomes y = b + s ⊙ r. The first actions of a chunk, which are executed, vary least about their
//! prediction, so they are learned most exactly: an error of 2 % of s is a fraction of a millimetre where 2 % of the
//! range is a centimetre. With more than one predictor a value, few demonstrations make predictions that are wrong by
//! far beside them; with earlier frames among them, ones that go on as the demonstrator was going whatever is seen (the
//! copycat problem, Wen et al. 2020).

use imle_configs::Error as ConfigError;
use serde::{Deserialize, Serialize};

/// A linear prediction of a chunk and the scales of the rest. Serialised into `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Weights of a history and of a 1 behind it, row-major (T_pred · A, T_obs · O + 1), normalised units.
    pub weights: Vec<f32>,
    /// s (T_pred · A), normalised units.
    pub scale: Vec<f32>,
}

impl Residual {
    /// Checks what was read from a file, for histories of `observation` and chunks of `chunk` values.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming `place`.
    pub fn check(&self, observation: usize, chunk: usize, place: &str) -> imle_configs::Result<()> {
        let (weights, scales) = (chunk * (observation + 1), chunk);
        let found = format!("{} and {}", self.weights.len(), self.scale.len());
        let fits = self.weights.len() == weights && self.scale.len() == scales;
        ConfigError::ensure(fits, place, format_args!("{weights} weights and {scales} scales"), found)?;
        let finite = self.weights.iter().all(|w| w.is_finite());
        let bad = self.scale.iter().find(|s| !(s.is_finite() && **s > 0.0));
        let found = bad.map_or("a weight that is not".into(), ToString::to_string);
        ConfigError::ensure(finite && bad.is_none(), place, "finite weights and scales above 0", found)
    }

    /// Writes the prediction from one normalised `observation` history to `base` (T_pred · A).
    pub fn predict(&self, observation: &[f32], base: &mut [f32]) {
        for (out, row) in base.iter_mut().zip(self.weights.chunks_exact(observation.len() + 1)) {
            let products = row.iter().zip(observation.iter().chain([&1.0])).map(|(w, x)| w * x);
            *out = products.sum();
        }
    }

    /// Normalised `chunks` (any number of rows) to what is left of them beside `base`, in place.
    pub fn remove(&self, base: &[f32], chunks: &mut [f32]) {
        for row in chunks.chunks_exact_mut(base.len()) {
            row.iter_mut().zip(base.iter().zip(&self.scale)).for_each(|(x, (base, s))| *x = (*x - base) / s);
        }
    }

    /// The inverse of [`remove`](Self::remove), in place.
    pub fn restore(&self, base: &[f32], chunks: &mut [f32]) {
        for row in chunks.chunks_exact_mut(base.len()) {
            row.iter_mut().zip(base.iter().zip(&self.scale)).for_each(|(x, (base, s))| *x = base + s * *x);
        }
    }
}
