//! Normalisation of a vector, dimension by dimension: min-max of the data to [-1, 1], surviving dimensions that do not
//! vary, or the affine map that a policy trained elsewhere was made with.
//!
//! ```text
//! n = (x − center) / scale + offset          x = center + (n − offset) · scale
//! ```
//!
//! Of data in [lo, hi], center = (lo + hi) / 2, scale = (hi − lo) / 2 and offset = 0. A dimension with
//! hi − lo ≤ [`CONSTANT_RANGE`] · max(1, |center|) counts as constant: its scale is 0, it is normalised to the offset
//! and denormalised to the center, so that no solver noise is blown up to full range. Values outside the data's range
//! are extrapolated, not clamped.

use crate::error::{Error, Result};
use imle_configs::Error as ConfigError;
use serde::{Deserialize, Serialize};

/// The range, relative to max(1, |mid|), up to which a dimension counts as constant.
pub const CONSTANT_RANGE: f32 = 1e-4;

/// The normalisation of a vector's dimensions. Serialised into `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`min` and `max`, or `maps` of `center`, `scale` and `offset`, of every dimension")]
#[non_exhaustive]
pub enum Normalizer {
    /// The range of the data, to [-1, 1].
    Range {
        /// Smallest value a dimension.
        min: Vec<f32>,
        /// Largest value a dimension.
        max: Vec<f32>,
    },
    /// Any affine maps.
    Affine {
        /// One a dimension.
        maps: Vec<AffineMap>,
    },
}

/// The map of one dimension: n = (x − center) / scale + offset.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AffineMap {
    /// The value that maps to the offset.
    pub center: f32,
    /// The difference that maps to 1; 0 for a constant dimension.
    pub scale: f32,
    /// The normalised value of the center.
    pub offset: f32,
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
            let (dimension, row) = (at % size, at / size);
            return bad("finite values".into(), format!("{} in dimension {dimension} of row {row}", rows[at]));
        }
        let (mut min, mut max) = (rows[..size].to_vec(), rows[..size].to_vec());
        for row in rows.chunks_exact(size) {
            for ((lo, hi), x) in min.iter_mut().zip(&mut max).zip(row) {
                *lo = lo.min(*x);
                *hi = hi.max(*x);
            }
        }
        Ok(Self::Range { min, max })
    }

    /// Number of dimensions.
    pub fn size(&self) -> usize {
        match self {
            Self::Range { min, .. } => min.len(),
            Self::Affine { maps } => maps.len(),
        }
    }

    /// Checks what was read from a file: `size` dimensions, finite, min ≤ max, scale ≥ 0.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming `place`.
    pub fn check(&self, size: usize, place: &str) -> imle_configs::Result<()> {
        match self {
            Self::Range { min, max } => {
                let (fits, found) = (min.len() == size && max.len() == size, [min.len(), max.len()]);
                let found = format_args!("{} minima and {} maxima", found[0], found[1]);
                ConfigError::ensure(fits, place, format_args!("{size} minima and maxima"), found)?;
                for (d, (lo, hi)) in min.iter().zip(max).enumerate() {
                    let fits = lo.is_finite() && hi.is_finite() && lo <= hi;
                    ConfigError::ensure(
                        fits,
                        format_args!("{place}: dimension {d}"),
                        "finite min ≤ max",
                        format_args!("[{lo}, {hi}]"),
                    )?;
                }
            }
            Self::Affine { maps } => {
                ConfigError::ensure(maps.len() == size, place, format_args!("{size} maps"), maps.len())?;
                for (d, map) in maps.iter().enumerate() {
                    let fits = [map.center, map.scale, map.offset].iter().all(|x| x.is_finite()) && map.scale >= 0.0;
                    let expected = "finite numbers, the scale at least 0";
                    ConfigError::ensure(
                        fits,
                        format_args!("{place}: dimension {d}"),
                        expected,
                        format_args!("{map:?}"),
                    )?;
                }
            }
        }
        Ok(())
    }

    /// The map of dimension `d`.
    fn map(&self, d: usize) -> AffineMap {
        match self {
            Self::Range { min, max } => {
                let (lo, hi) = (min[d], max[d]);
                // Halved before adding: the sum of two large values of one sign would overflow.
                let (mid, half) = (lo * 0.5 + hi * 0.5, hi * 0.5 - lo * 0.5);
                let constant = half <= 0.5 * CONSTANT_RANGE * mid.abs().max(1.0);
                AffineMap { center: mid, scale: if constant { 0.0 } else { half }, offset: 0.0 }
            }
            Self::Affine { maps } => maps[d],
        }
    }

    fn maps(&self) -> Vec<AffineMap> {
        (0..self.size()).map(|d| self.map(d)).collect()
    }

    /// One unit of each dimension in normalised units: 2 / (max − min), 0 for a constant dimension.
    pub fn scales(&self) -> Vec<f32> {
        let inverse = |map: &AffineMap| if map.scale == 0.0 { 0.0 } else { 1.0 / map.scale };
        self.maps().iter().map(inverse).collect()
    }

    /// Normalises `values` in place: any number of rows of [`size`](Self::size) values; a rest is left as it is.
    pub fn normalize(&self, values: &mut [f32]) {
        let maps = self.maps();
        for row in values.chunks_exact_mut(maps.len().max(1)) {
            for (x, map) in row.iter_mut().zip(&maps) {
                *x = if map.scale == 0.0 { map.offset } else { (*x - map.center) / map.scale + map.offset };
            }
        }
    }

    /// The inverse of [`normalize`](Self::normalize), in place.
    pub fn denormalize(&self, values: &mut [f32]) {
        let maps = self.maps();
        for row in values.chunks_exact_mut(maps.len().max(1)) {
            for (x, map) in row.iter_mut().zip(&maps) {
                *x = map.center + (*x - map.offset) * map.scale;
            }
        }
    }
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
    fn any_affine_map_and_one_of_no_scale() {
        let map = |center: f32, scale: f32| format!(r#"{{"center": {center}, "scale": {scale}, "offset": -1}}"#);
        let read = |maps: &[String]| serde_json::from_str(&format!(r#"{{"maps": [{}]}}"#, maps.join(", ")));
        let n: Normalizer = read(&[map(2.0, 0.5), map(5.0, 0.0)]).unwrap();
        n.check(2, "here").unwrap();
        let mut x = [2.0, 5.0, 3.0, 7.0];
        n.normalize(&mut x);
        assert_eq!(x, [-1.0, -1.0, 1.0, -1.0]);
        n.denormalize(&mut x);
        assert_eq!(x, [2.0, 5.0, 3.0, 5.0]);
        assert_eq!(n.scales(), [2.0, 0.0]);
        let text = |n: &Normalizer| n.check(1, "n").unwrap_err().to_string();
        let negative = text(&read(&[map(0.0, -1.0)]).unwrap());
        assert!(negative.contains("n: dimension 0: expected finite numbers, the scale at least 0"), "{negative}");
        assert!(text(&n).contains("n: expected 1 maps, found 2"), "{}", text(&n));
        let odd = Normalizer::Range { min: vec![0.0, 1.0], max: vec![1.0] };
        assert!(text(&odd).contains("found 2 minima and 1 maxima"));
        let unknown = serde_json::from_str::<Normalizer>(r#"{"mean": [0.0]}"#).unwrap_err().to_string();
        assert!(unknown.contains("`min` and `max`, or `maps`"), "{unknown}");
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
                let Normalizer::Range { min, max } = &n else { unreachable!() };
                let scale = min[d].abs().max(max[d].abs()).max(1.0);
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
