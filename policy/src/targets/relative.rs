//! The base of relative chunks: where the hand is.
//!
//! Actions are targets, and much of one is where the hand is already. Of each action's dimension, the base is the value
//! of the newest observation that is nearest to it on the demonstrations, in the same units and with weight 1: the
//! robot's own position, joint or gripper. A dimension without one near has none (a velocity, say, or a force).
//!
//! ```text
//! k(a)  = argmin mean |a_0 − o_k|            kept if that is below half of the mean deviation of a_0
//! b_ta  = o_k(a) + c_ta                      c_ta and s_ta: centre and unit of y_ta − o_k(a), by `Spread`
//! r     = (y − b) / s                        what the network learns
//! ```
//!
//! Noise on the observation moves the base too, and the target stays: so the network learns to come back.

use super::demonstrations::DemonstrationChunks;
use super::source::TargetSource;
use crate::error::{Error, Result};
use crate::normalizer::{ChunkFrame, Normalizers, Residual};

/// Least unit, normalised units: what varies less is noise that need not be learned exactly.
pub(super) const LEAST_SCALE: f32 = 0.02;
/// Largest mean distance of an action from the robot's own value, beside the action's mean deviation.
const NEAR: f64 = 0.5;

/// The centre and unit of what a network generates beside a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// The middle and half of the range from the first to the last percent of the demonstrations.
    Quantiles,
    /// Mean and standard deviation: chunks are like the noise that diffusion and flow make them from.
    Deviation,
}

impl Spread {
    /// Centre and unit of `values`, which are sorted.
    fn of(self, values: &mut [f32]) -> (f32, f32) {
        match self {
            Self::Quantiles => {
                values.sort_by(f32::total_cmp);
                let at = |part: f64| values[(part * (values.len() - 1) as f64).round() as usize];
                let (low, high) = (at(0.01), at(0.99));
                (0.5 * (low + high), 0.5 * (high - low))
            }
            Self::Deviation => {
                let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
                let square = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>();
                (mean as f32, (square / values.len() as f64).sqrt() as f32)
            }
        }
    }
}

impl Residual {
    /// The robot's own place as the base, and the spread of `chunks` about it under `normalizers`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no window or a value is not finite.
    pub fn relative(chunks: &DemonstrationChunks, normalizers: &Normalizers, spread: Spread) -> Result<Self> {
        let (shape, horizons) = (chunks.shape(), chunks.horizons());
        let (p, d) = (shape.observation, shape.chunk);
        let (o, a) = (p / horizons.observation.max(1), d / horizons.prediction.max(1));
        let own = own_values(chunks.observations(), chunks.actions(), o, a);
        let mut weights = vec![0.0; d * (p + 1)];
        for (row, own) in weights.chunks_exact_mut(p + 1).zip(own.iter().cycle().enumerate().map(|(i, k)| (i % a, *k)))
        {
            let (j, Some(k)) = own else { continue };
            // Both are affine: the normalised action at the places where the normalised value is 0 and 1.
            let [zero, one] = [0.0, 1.0].map(|value| {
                let (mut seen, mut action) = (vec![0.0; o], vec![0.0; a]);
                seen[k] = value;
                normalizers.observation.denormalize(&mut seen);
                action[j] = seen[k];
                normalizers.action.normalize(&mut action);
                action[j]
            });
            (row[p - o + k], row[p]) = (one - zero, zero);
        }
        let mut residual = Self { weights, scale: vec![1.0; d] };
        let mut left: Vec<Vec<f32>> = vec![Vec::with_capacity(chunks.len()); d];
        let mut base = vec![0.0; d];
        chunks.each_normalized(normalizers, &mut |x, y| {
            residual.predict(x, &mut base);
            left.iter_mut().zip(y.iter().zip(&base)).for_each(|(all, (y, base))| all.push(y - base));
        });
        if chunks.is_empty() || !left.iter().flatten().all(|v| v.is_finite()) {
            return Err(Error::argument("Residual::relative", "chunks", "finite observations and actions", "others"));
        }
        for ((row, scale), values) in residual.weights.chunks_exact_mut(p + 1).zip(&mut residual.scale).zip(&mut left) {
            let (center, unit) = spread.of(values);
            row[p] += center;
            *scale = unit.max(LEAST_SCALE);
        }
        Ok(residual)
    }
}

/// The value of an observation of `o` that is each of `a` actions' own, if there is one: by the `observations` (n, O) and
/// `actions` (n, A) of n control steps.
pub fn own_values(observations: &[f32], actions: &[f32], o: usize, a: usize) -> Vec<Option<usize>> {
    let frames = || observations.chunks_exact(o).zip(actions.chunks_exact(a));
    let n = frames().len().max(1) as f64;
    let mean_of = |j: usize, value: &dyn Fn(&[f32]) -> f64| {
        frames().map(|(x, y)| value(x) - f64::from(y[j])).map(f64::abs).sum::<f64>() / n
    };
    let own = |j: usize| {
        let mean = frames().map(|(_, y)| f64::from(y[j])).sum::<f64>() / n;
        let apart: Vec<f64> = (0..o).map(|k| mean_of(j, &|x| f64::from(x[k]))).collect();
        let nearest = (0..o).min_by(|k, l| apart[*k].total_cmp(&apart[*l]));
        nearest.filter(|k| apart[*k] < NEAR * mean_of(j, &|_| mean))
    };
    (0..a).map(own).collect()
}

impl DemonstrationChunks {
    /// The ranges of the demonstrations, and the base that `frame` takes off their chunks.
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

    /// Observations: a thing that is far, the hand, a constant. Actions: a target near the hand, and a velocity.
    fn chunks() -> DemonstrationChunks {
        let hand = |t: usize| (0.1 * t as f32).sin() * 40.0 + 100.0;
        let episode = Episode {
            len: 80,
            observations: (0..80).flat_map(|t| [hand(t) * 1.5 + 30.0, hand(t), 7.0]).collect(),
            actions: (0..80).flat_map(|t| [hand(t + 1) + 2.0, if t % 2 == 0 { 5.0 } else { -5.0 }]).collect(),
            ..Episode::default()
        };
        let horizons = Horizons { observation: 2, prediction: 4, action: 1 };
        DemonstrationChunks::new(&spec(3, 2), horizons, &[episode]).unwrap()
    }

    #[test]
    fn the_base_is_the_robots_own_place_and_a_velocity_has_none() {
        let chunks = chunks();
        assert_eq!(own_values(chunks.observations(), chunks.actions(), 3, 2), [Some(1), None]);
        for spread in [Spread::Quantiles, Spread::Deviation] {
            let normalizers = chunks.fit_normalizers(ChunkFrame::Relative, spread).unwrap();
            let residual = normalizers.residual.as_ref().unwrap();
            residual.check(6, 8, "test").unwrap();
            let mut seen = vec![0.0, 90.0, 7.0, 0.0, 110.0, 7.0];
            normalizers.observation.normalize(&mut seen);
            let mut base = vec![0.0; 8];
            residual.predict(&seen, &mut base);
            let moved = |by: f32| {
                let mut seen = vec![0.0, 90.0, 7.0, 0.0, 110.0 + by, 7.0];
                normalizers.observation.normalize(&mut seen);
                let mut base = vec![0.0; 8];
                residual.predict(&seen, &mut base);
                normalizers.action.denormalize(&mut base);
                base
            };
            // With weight 1: the base moves with the hand. The velocity's stays in the middle of the data.
            let (here, there) = (moved(0.0), moved(3.0));
            assert!((there[0] - here[0] - 3.0).abs() < 1e-3 && (here[0] - 112.0).abs() < 4.0, "{here:?} {there:?}");
            assert!(here[1].abs() < 0.2 && there[1] == here[1], "{here:?}");
            // Later steps of a chunk are further from where the hand was.
            assert!(residual.scale[6] > 1.5 * residual.scale[0], "{:?}", residual.scale);
        }
    }

    #[test]
    fn the_unit_is_the_spread_about_the_base() {
        let mut values: Vec<f32> = (0..=100).map(|i| i as f32).collect();
        assert_eq!(Spread::Quantiles.of(&mut values), (50.0, 49.0));
        let (mean, deviation) = Spread::Deviation.of(&mut [1.0, 3.0, 1.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6);
    }
}
