//! What a network has to generate of a chunk: what is left of it beside a linear prediction from the observation.
//!
//! Actions are targets in space, and much of one is where the hand is already. With o the last frame of the normalised observation
//! history, y the normalised chunk, both of the demonstrations, each value of a chunk is predicted from one of an observation,
//! the one that explains most of its variance:
//!
//! ```text
//! b_j = w_j · o_{k(j)} + v_j                     least squares; k(j) = argmax cov(o_k, y_j)² / (var(o_k) + λ), λ = 1e-4
//! s_j = max |y_j − b_j|, at least 0.02           one scale for each value of a chunk
//! r   = (y − b) / s                              what the network learns, in [-1, 1] on the demonstrations
//! ```
//!
//! and a generated r becomes y = b + s ⊙ r. The first actions of a chunk, which are executed, vary least about their
//! prediction, so they are learned most exactly: an error of 2 % of s is a fraction of a millimetre where 2 % of the
//! range is a centimetre. With more than one predictor a value, few demonstrations make predictions that are wrong by far
//! beside them; with earlier frames among them, ones that go on as the demonstrator was going whatever is seen (the
//! copycat problem, Wen et al. 2020).

use crate::normalizer::Normalizers;
use crate::targets::DemonstrationChunks;
use crate::{Error, Result};
use imle_configs::Error as ConfigError;
use serde::{Deserialize, Serialize};

/// Regularisation, in normalised units squared: what hardly varies predicts nothing.
const RIDGE: f64 = 1e-4;
/// Least scale, normalised units: what varies less is noise that need not be learned exactly.
const LEAST_SCALE: f32 = 0.02;

/// A linear prediction of a chunk and the scales of the rest. Serialised into `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Weights of a history and of a 1 behind it, row-major (T_pred · A, T_obs · O + 1), normalised units.
    pub weights: Vec<f32>,
    /// s (T_pred · A), normalised units.
    pub scale: Vec<f32>,
}

impl Residual {
    /// The prediction and scales of `chunks` under `normalizers`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no window or a value is not finite.
    pub fn fit(chunks: &DemonstrationChunks, normalizers: &Normalizers) -> Result<Self> {
        use crate::targets::TargetSource;
        let shape = chunks.shape();
        let (p, d, n) = (shape.observation, shape.chunk, chunks.len() as f64);
        let each = |visit: &mut dyn FnMut(&[f32], &[f32])| {
            let (mut x, mut y) = (vec![0.0; p], vec![0.0; d]);
            for index in 0..chunks.len() {
                chunks.window(index, &mut x, &mut y);
                normalizers.observation.normalize(&mut x);
                normalizers.action.normalize(&mut y);
                visit(&x, &y);
            }
        };
        let (mut mean_x, mut mean_y) = (vec![0.0; p], vec![0.0; d]);
        each(&mut |x, y| {
            mean_x.iter_mut().zip(x).for_each(|(m, x)| *m += f64::from(*x) / n);
            mean_y.iter_mut().zip(y).for_each(|(m, y)| *m += f64::from(*y) / n);
        });
        let (mut variance, mut covariance) = (vec![0.0; p], vec![0.0; d * p]);
        each(&mut |x, y| {
            let off: Vec<f64> = x.iter().zip(&mean_x).map(|(x, m)| f64::from(*x) - m).collect();
            variance.iter_mut().zip(&off).for_each(|(v, x)| *v += x * x / n);
            for (row, (y, m)) in covariance.chunks_exact_mut(p).zip(y.iter().zip(&mean_y)) {
                let y = f64::from(*y) - m;
                row.iter_mut().zip(&off).for_each(|(c, x)| *c += x * y / n);
            }
        });
        if chunks.is_empty() || !mean_x.iter().chain(&mean_y).chain(&variance).all(|v| v.is_finite()) {
            return Err(Error::argument("Residual::fit", "chunks", "finite observations and actions", "others"));
        }
        let last = p - p / chunks.horizons().observation;
        let mut weights = vec![0.0; d * (p + 1)];
        for ((row, covariance), mean_y) in weights.chunks_exact_mut(p + 1).zip(covariance.chunks_exact(p)).zip(&mean_y)
        {
            let explained = |k: &usize| covariance[*k].powi(2) / (variance[*k] + RIDGE);
            let best = (last..p).max_by(|a, b| explained(a).total_cmp(&explained(b)).then(b.cmp(a)));
            let weight = |k: usize| covariance[k] / (variance[k] + RIDGE);
            row[p] = *mean_y as f32;
            if let Some(best) = best {
                row[best] = weight(best) as f32;
                row[p] = (mean_y - weight(best) * mean_x[best]) as f32;
            }
        }
        let mut residual = Self { weights, scale: vec![1.0; d] };
        let mut scale = vec![LEAST_SCALE; d];
        each(&mut |x, y| {
            let mut base = vec![0.0; d];
            residual.predict(x, &mut base);
            scale.iter_mut().zip(y.iter().zip(&base)).for_each(|(s, (y, base))| *s = s.max((y - base).abs()));
        });
        residual.scale = scale;
        Ok(residual)
    }

    /// Checks what was read from a file, for histories of `observation` and chunks of `chunk` values.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming `place`.
    pub fn check(&self, observation: usize, chunk: usize, place: &str) -> std::result::Result<(), ConfigError> {
        let wanted = [chunk * (observation + 1), chunk];
        if [self.weights.len(), self.scale.len()] != wanted {
            let found = format!("{} and {}", self.weights.len(), self.scale.len());
            return Err(ConfigError::unexpected(
                place,
                format!("{} weights and {} scales", wanted[0], wanted[1]),
                found,
            ));
        }
        let finite = self.weights.iter().all(|w| w.is_finite());
        match self.scale.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            None if finite => Ok(()),
            bad => {
                let found = bad.map_or("a weight that is not".into(), ToString::to_string);
                Err(ConfigError::unexpected(place, "finite weights and scales above 0", found))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TargetSource;
    use crate::toy::spec;
    use imle_configs::episode::Episode;
    use imle_configs::spec::Horizons;

    /// Actions that are the position and a small sine: the line is predicted, the sine is left.
    #[test]
    fn the_linear_part_is_taken_away_and_given_back() {
        let position: Vec<f32> = (0..60).map(|t| 3.0 + 0.5 * t as f32).collect();
        let actions: Vec<f32> = position.iter().map(|x| x + 0.8 * (4.0 * x).sin()).collect();
        let episode = Episode { len: 60, observations: position, actions, ..Episode::default() };
        let horizons = Horizons { observation: 2, prediction: 3, action: 1 };
        let chunks = DemonstrationChunks::new(&spec(1, 1), horizons, &[episode]).unwrap();
        let normalizers = chunks.normalizers().unwrap();
        let residual = Residual::fit(&chunks, &normalizers).unwrap();
        residual.check(2, 3, "test").unwrap();
        // A wave of ±0.8 in a range of ±15 beside the prediction; the first action's is the smallest.
        assert!(residual.scale[0] < 0.08 && residual.scale[0] < residual.scale[2], "{:?}", residual.scale);
        let (mut x, mut y, mut base) = ([0.0; 2], [0.0; 3], [0.0; 3]);
        for index in 0..chunks.len() {
            chunks.window(index, &mut x, &mut y);
            normalizers.observation.normalize(&mut x);
            normalizers.action.normalize(&mut y);
            residual.predict(&x, &mut base);
            let mut left = y;
            residual.remove(&base, &mut left);
            assert!(left.iter().all(|r| r.abs() <= 1.0 + 1e-5));
            residual.restore(&base, &mut left);
            assert!(left.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-5));
        }
        assert_eq!(chunks.shape().chunk, 3);
        assert!(residual.check(2, 4, "test").unwrap_err().to_string().contains("12 weights and 4 scales"));
        assert!(Residual { scale: vec![0.0; 3], ..residual }.check(2, 3, "test").is_err());
    }
}
