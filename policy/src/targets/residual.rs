//! The fit of a linear prediction to demonstrations ([`Residual`] has the formulas).

use super::{demonstrations::DemonstrationChunks, relative::LEAST_SCALE, source::TargetSource};
use crate::error::{Error, Result};
use crate::normalizer::{Normalizers, Residual};

/// Regularisation, in normalised units squared: what hardly varies predicts nothing.
const RIDGE: f64 = 1e-4;

impl Residual {
    /// The prediction and scales of `chunks` under `normalizers`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no window or a value is not finite.
    pub fn fit(chunks: &DemonstrationChunks, normalizers: &Normalizers) -> Result<Self> {
        let shape = chunks.shape();
        let (p, d, n) = (shape.observation, shape.chunk, chunks.len() as f64);
        let each = |visit: &mut dyn FnMut(&[f32], &[f32])| chunks.each_normalized(normalizers, visit);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::spec;
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
