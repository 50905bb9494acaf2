//! Drawing an index with given probabilities.

use crate::error::{Error, Result};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Indices 0..n, uniform or in proportion to weights.
#[derive(Clone, Debug)]
pub(super) enum Draw {
    Uniform(usize),
    /// Running sums of the weights, last one the total.
    Weighted(Vec<f64>),
}

impl Draw {
    /// In proportion to `weights`: finite, not negative, not all 0.
    pub(super) fn weighted(operation: &'static str, weights: impl IntoIterator<Item = f64>) -> Result<Self> {
        let mut total = 0.0;
        let mut sums = Vec::new();
        for (index, weight) in weights.into_iter().enumerate() {
            if !(weight.is_finite() && weight >= 0.0) {
                let found = format!("{weight} at {index}");
                return Err(Error::argument(operation, "weights", "finite weights of at least 0", found));
            }
            total += weight;
            sums.push(total);
        }
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::argument(operation, "weights", "a finite sum above 0", total));
        }
        Ok(Self::Weighted(sums))
    }

    /// `count` indices by systematic sampling: index i comes ⌊count · p_i⌋ or ⌈count · p_i⌉ times, in expectation
    /// count · p_i, in ascending order.
    pub(super) fn systematic(&self, rng: &mut ChaCha8Rng, count: usize) -> impl Iterator<Item = usize> {
        let first: f64 = rng.random();
        (0..count).map(move |i| self.at((first + i as f64) / count as f64))
    }

    /// One index; an index of weight 0 is never drawn.
    pub(super) fn index(&self, rng: &mut ChaCha8Rng) -> usize {
        self.at(rng.random())
    }

    /// The index at `part` (0 to 1) of the total.
    fn at(&self, part: f64) -> usize {
        match self {
            Self::Uniform(n) => ((part * *n as f64) as usize).min(n - 1),
            Self::Weighted(sums) => {
                let total = sums.last().copied().unwrap_or(0.0);
                let point = part * total;
                // Rounding may put the point on the total itself: then the first index that reaches it.
                match sums.partition_point(|s| *s <= point) {
                    past if past == sums.len() => sums.partition_point(|s| *s < total),
                    index => index,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::seed::{Purpose, stream};

    #[test]
    fn weights_are_probabilities() {
        let draw = Draw::weighted("test", [0.0, 1.0, 0.0, 3.0, 0.0]).unwrap();
        let mut counts = [0usize; 5];
        let mut rng = stream(1, Purpose::Batch, 0, 0, 0);
        (0..8000).for_each(|_| counts[draw.index(&mut rng)] += 1);
        assert_eq!((counts[0], counts[2], counts[4]), (0, 0, 0));
        assert!((counts[3] as f64 / 8000.0 - 0.75).abs() < 0.02, "{counts:?}");
        let drawn: Vec<_> = draw.systematic(&mut rng, 8).collect();
        assert_eq!(drawn, [1, 1, 3, 3, 3, 3, 3, 3]);
        assert_eq!(Draw::Uniform(3).systematic(&mut rng, 3).collect::<Vec<_>>(), [0, 1, 2]);
        for bad in [vec![], vec![0.0], vec![1.0, -1.0], vec![f64::NAN]] {
            assert!(Draw::weighted("test", bad).is_err());
        }
    }
}
