//! Min-max normalisation to [-1, 1], one range a dimension, surviving dimensions that do not vary.
//!
//! For dimension d with data in [lo, hi]: n = (x − mid) · 2 / (hi − lo) with mid = (lo + hi) / 2, inverted as
//! x = mid + n · (hi − lo) / 2. A dimension with hi − lo ≤ [`CONSTANT_RANGE`] · max(1, |mid|) counts as constant:
//! it is normalised to 0 and denormalised to mid, so that no solver noise is blown up to full range. Values
//! outside the data's range are extrapolated, not clamped.

use crate::residual::Residual;
use crate::{Error, Result};
use imle_configs::Error as ConfigError;
use serde::{Deserialize, Serialize};

/// The range, relative to max(1, |mid|), up to which a dimension counts as constant.
pub const CONSTANT_RANGE: f32 = 1e-4;

/// Ranges of a vector's dimensions. Serialised into `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalizer {
    /// Smallest value a dimension.
    pub min: Vec<f32>,
    /// Largest value a dimension.
    pub max: Vec<f32>,
}

impl Normalizer {
    /// The ranges of `rows`, row-major (n, `size`).
    ///
    /// # Errors
    /// [`Error::Argument`] if there are no rows, the length is no multiple of `size`, or a value is not finite.
    pub fn fit(rows: &[f32], size: usize) -> Result<Self> {
        let bad = |expected: String, found: String| Err(Error::argument("Normalizer::fit", "rows", expected, found));
        if size == 0 || rows.is_empty() || !rows.len().is_multiple_of(size) {
            return bad(format!("at least one row of {size} values"), format!("{} values", rows.len()));
        }
        if let Some(at) = rows.iter().position(|x| !x.is_finite()) {
            return bad(
                "finite values".into(),
                format!("{} in dimension {} of row {}", rows[at], at % size, at / size),
            );
        }
        let mut fitted = Self { min: rows[..size].to_vec(), max: rows[..size].to_vec() };
        for row in rows.chunks_exact(size) {
            for ((lo, hi), x) in fitted.min.iter_mut().zip(&mut fitted.max).zip(row) {
                *lo = lo.min(*x);
                *hi = hi.max(*x);
            }
        }
        Ok(fitted)
    }

    /// Number of dimensions.
    pub fn size(&self) -> usize {
        self.min.len()
    }

    /// Checks what was read from a file: `size` dimensions, finite, min ≤ max.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming `place`.
    pub fn check(&self, size: usize, place: &str) -> std::result::Result<(), ConfigError> {
        if self.min.len() != size || self.max.len() != size {
            let found = format!("{} minima and {} maxima", self.min.len(), self.max.len());
            return Err(ConfigError::unexpected(place, format!("{size} minima and maxima"), found));
        }
        for (d, (lo, hi)) in self.min.iter().zip(&self.max).enumerate() {
            if !(lo.is_finite() && hi.is_finite() && lo <= hi) {
                let place = format!("{place}: dimension {d}");
                return Err(ConfigError::unexpected(place, "finite min ≤ max", format!("[{lo}, {hi}]")));
            }
        }
        Ok(())
    }

    /// Middle and half range of dimension `d`; half range 0 for a constant one.
    fn mid_and_half(&self, d: usize) -> (f32, f32) {
        let (lo, hi) = (self.min[d], self.max[d]);
        // Halved before adding: the sum of two large values of one sign would overflow.
        let (mid, half) = (lo * 0.5 + hi * 0.5, hi * 0.5 - lo * 0.5);
        let constant = half <= 0.5 * CONSTANT_RANGE * mid.abs().max(1.0);
        (mid, if constant { 0.0 } else { half })
    }

    /// What one unit of each dimension is in normalised units: 2 / (max − min), 0 for a constant dimension.
    pub fn scales(&self) -> Vec<f32> {
        let inverse = |d| match self.mid_and_half(d).1 {
            0.0 => 0.0,
            half => 1.0 / half,
        };
        (0..self.size()).map(inverse).collect()
    }

    /// Normalises `values` in place: any number of rows of [`size`](Self::size) values; a rest is left as it is.
    pub fn normalize(&self, values: &mut [f32]) {
        let affine: Vec<_> = (0..self.size()).map(|d| self.mid_and_half(d)).collect();
        for row in values.chunks_exact_mut(self.size().max(1)) {
            for (x, (mid, half)) in row.iter_mut().zip(&affine) {
                *x = if *half == 0.0 { 0.0 } else { (*x - mid) / half };
            }
        }
    }

    /// The inverse of [`normalize`](Self::normalize), in place.
    pub fn denormalize(&self, values: &mut [f32]) {
        let affine: Vec<_> = (0..self.size()).map(|d| self.mid_and_half(d)).collect();
        for row in values.chunks_exact_mut(self.size().max(1)) {
            for (x, (mid, half)) in row.iter_mut().zip(&affine) {
                *x = mid + *x * half;
            }
        }
    }
}

/// What stands between a policy's network and the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalizers {
    /// Of one observation (O dimensions), used for each of the T_obs in a history.
    pub observation: Normalizer,
    /// Of one action (A dimensions), used for each of the T_pred in a chunk.
    pub action: Normalizer,
    /// What of a normalised chunk the network generates; the whole if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Box<Residual>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_dimension_becomes_zero_and_comes_back() {
        let rows = [3.0, 1.0, 3.000_001, 2.0, 2.999_999, 3.0];
        let n = Normalizer::fit(&rows, 2).unwrap();
        let mut x = rows;
        n.normalize(&mut x);
        assert_eq!(x, [0.0, -1.0, 0.0, 0.0, 0.0, 1.0]);
        n.denormalize(&mut x);
        assert!((x[0] - 3.0).abs() < 1e-5 && (x[4] - 3.0).abs() < 1e-5);
        assert_eq!(n.scales(), [0.0, 1.0]);
    }

    #[test]
    fn bad_rows_are_refused() {
        assert!(Normalizer::fit(&[], 2).is_err());
        assert!(Normalizer::fit(&[1.0, 2.0, 3.0], 2).is_err());
        let text = Normalizer::fit(&[1.0, 2.0, 3.0, f32::NAN], 2).unwrap_err().to_string();
        assert!(text.contains("dimension 1 of row 1"), "{text}");
    }

    proptest! {
        #[test]
        fn within_range_and_back(
            rows in prop::collection::vec(prop::collection::vec(-1e6f32..1e6, 3), 1..20),
            spread in prop::sample::select(vec![0.0f32, 1e-7, 1e-3, 1.0]),
        ) {
            let flat: Vec<f32> = rows.iter().flat_map(|r| [r[0], r[1] * 1e-6, 7.0 + r[2] * 1e-6 * spread]).collect();
            let n = Normalizer::fit(&flat, 3).unwrap();
            let mut x = flat.clone();
            n.normalize(&mut x);
            prop_assert!(x.iter().all(|v| v.is_finite() && v.abs() <= 1.0 + 1e-3));
            n.denormalize(&mut x);
            for (d, (a, b)) in flat.iter().zip(&x).enumerate() {
                let d = d % 3;
                let scale = n.min[d].abs().max(n.max[d].abs()).max(1.0);
                prop_assert!((a - b).abs() <= CONSTANT_RANGE * scale, "{a} came back as {b}");
            }
        }

        #[test]
        fn survives_json(rows in prop::collection::vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 4)) {
            let n = Normalizer::fit(&rows, 2).unwrap();
            let back: Normalizer = serde_json::from_str(&serde_json::to_string(&n).unwrap()).unwrap();
            prop_assert_eq!(&n, &back);
            let mut x = rows.clone();
            n.normalize(&mut x);
            prop_assert!(x.iter().all(|v| v.is_finite()));
        }
    }
}
