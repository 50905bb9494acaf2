//! The fit of a linear prediction to demonstrations ([`Residual`] has the formulas), and their normalisers.

use super::{demonstrations::DemonstrationChunks, source::TargetSource};
use crate::error::{Error, Result};
use crate::normalizer::{ChunkFrame, Normalizers, Residual};

/// Regularisation, in normalised units squared: what hardly varies predicts nothing.
const RIDGE: f64 = 1e-4;
/// Least scale, normalised units: what varies less is noise that need not be learned exactly.
const LEAST_SCALE: f32 = 0.02;

impl Residual {
    /// The prediction and scales of `chunks` under `normalizers`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no window or a value is not finite.
    pub fn fit(chunks: &DemonstrationChunks, normalizers: &Normalizers) -> Result<Self> {
        let shape = chunks.shape();
        let (p, d, n) = (shape.observation, shape.chunk, chunks.len() as f64);
        let each = |visit: &mut dyn FnMut(&[f32], &[f32])| each_window(chunks, normalizers, visit);
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

    /// The hand's own place as the prediction, and the spread of `chunks` about it.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no window or a value is not finite.
    pub fn relative(chunks: &DemonstrationChunks, normalizers: &Normalizers, spread: Spread) -> Result<Self> {
        let shape = chunks.shape();
        let (p, d) = (shape.observation, shape.chunk);
        let o = p / chunks.horizons().observation;
        let a = d / chunks.horizons().prediction;
        // Mean distance, raw units, of every action from every value of the observation at the same step.
        let (mut apart, mut mean) = (vec![0.0f64; a * o], vec![0.0f64; a]);
        let mut deviation = vec![0.0f64; a];
        let (mut x, mut y) = (vec![0.0; p], vec![0.0; d]);
        let n = chunks.len() as f64;
        for index in 0..chunks.len() {
            chunks.window(index, &mut x, &mut y);
            for (m, y) in mean.iter_mut().zip(&y[..a]) {
                *m += f64::from(*y) / n;
            }
        }
        for index in 0..chunks.len() {
            chunks.window(index, &mut x, &mut y);
            for (j, y) in y[..a].iter().enumerate() {
                deviation[j] += (f64::from(*y) - mean[j]).abs() / n;
                for (k, x) in x[p - o..].iter().enumerate() {
                    apart[j * o + k] += f64::from((y - x).abs()) / n;
                }
            }
        }
        if chunks.is_empty() || !apart.iter().chain(&deviation).all(|v| v.is_finite()) {
            return Err(Error::argument("Residual::relative", "chunks", "finite observations and actions", "others"));
        }
        let mut weights = vec![0.0; d * (p + 1)];
        let unit = normalizers.action.scales();
        for (i, row) in weights.chunks_exact_mut(p + 1).enumerate() {
            let j = i % a;
            let nearest = (0..o).min_by(|k, l| apart[j * o + k].total_cmp(&apart[j * o + l]).then(k.cmp(l)));
            let Some(k) = nearest.filter(|k| apart[j * o + k] < NEAR * deviation[j]) else { continue };
            // o in raw units, then as a normalised action: n_a = w n_o + v.
            let mut ends = [vec![0.0; o], vec![0.0; o]];
            ends[1][k] = 1.0;
            ends.iter_mut().for_each(|e| normalizers.observation.denormalize(e));
            let mut places = [vec![0.0; a], vec![0.0; a]];
            for (place, end) in places.iter_mut().zip(&ends) {
                place[j] = end[k];
                normalizers.action.normalize(place);
            }
            if unit[j] == 0.0 {
                continue;
            }
            row[p - o + k] = places[1][j] - places[0][j];
            row[p] = places[0][j];
            if i < a {
                eprintln!("action {j}: relative to observation {k}: {} of {}", apart[j * o + k], deviation[j]);
            }
        }
        let mut residual = Self { weights, scale: vec![1.0; d] };
        let mut left: Vec<Vec<f32>> = vec![Vec::with_capacity(chunks.len()); d];
        each_window(chunks, normalizers, &mut |x, y| {
            let mut base = vec![0.0; d];
            residual.predict(x, &mut base);
            left.iter_mut().zip(y.iter().zip(&base)).for_each(|(all, (y, base))| all.push(y - base));
        });
        for (i, values) in left.iter_mut().enumerate() {
            let (center, half) = match spread {
                Spread::Quantiles => {
                    values.sort_by(f32::total_cmp);
                    let at = |part: f64| values[(part * (values.len() - 1) as f64).round() as usize];
                    let (low, high) = (at(0.01), at(0.99));
                    (0.5 * (low + high), 0.5 * (high - low))
                }
                Spread::Deviation => {
                    let count = values.len() as f64;
                    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
                    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / count;
                    (mean as f32, variance.sqrt() as f32)
                }
            };
            residual.weights[i * (p + 1) + p] += center;
            residual.scale[i] = half.max(LEAST_SCALE);
        }
        Ok(residual)
    }
}

/// Largest mean distance of an action from a hand's own value, beside its mean deviation.
const NEAR: f64 = 0.5;

/// The unit of what a network generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Half of the range from the first to the last percent.
    Quantiles,
    /// The standard deviation.
    Deviation,
}

fn each_window(chunks: &DemonstrationChunks, normalizers: &Normalizers, visit: &mut dyn FnMut(&[f32], &[f32])) {
    let shape = chunks.shape();
    let (mut x, mut y) = (vec![0.0; shape.observation], vec![0.0; shape.chunk]);
    for index in 0..chunks.len() {
        chunks.window(index, &mut x, &mut y);
        normalizers.observation.normalize(&mut x);
        normalizers.action.normalize(&mut y);
        visit(&x, &y);
    }
}

impl DemonstrationChunks {
    /// The ranges of the demonstrations; with `residual` the linear prediction of their chunks too.
    ///
    /// # Errors
    /// [`Error::Argument`] if a value is not finite.
    pub fn fit_normalizers(&self, frame: ChunkFrame, spread: Spread) -> Result<Normalizers> {
        let mut normalizers = self.normalizers()?;
        normalizers.residual = match frame {
            ChunkFrame::Absolute => None,
            ChunkFrame::Relative => Some(Box::new(Residual::relative(self, &normalizers, spread)?)),
            ChunkFrame::Residual => Some(Box::new(Residual::fit(self, &normalizers)?)),
        };
        Ok(normalizers)
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
