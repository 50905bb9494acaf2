//! Draws of the latents of a decision's candidates, by name.
//!
//! | name | latent i of a decision |
//! |---|---|
//! | `independent` | standard normal, each from its own stream |
//! | `antithetic` | 2k as above, 2k + 1 its negative: the mean of every pair is 0 |
//! | `low-discrepancy` | point i of a scrambled Sobol sequence (Owen 1998; Burley 2020), a scrambling a decision, mapped by the inverse of the normal distribution |
//!
//! Each latent alone is standard normal under all three, and latent i is the same for any number of candidates.

use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_configs::{Error as ConfigError, Result, by_name};
use rand::RngCore;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use std::str::FromStr;

/// Most values of a latent drawn with low discrepancy: the dimensions of the Sobol sequence.
const MOST_DIMENSIONS: usize = sobol_burley::NUM_DIMENSIONS as usize;
/// Points of the Sobol sequence; later latents are independent.
const MOST_POINTS: u64 = 1 << 16;

/// The decision that a set of candidates is for: it keys their latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LatentKey {
    /// Seed of the run.
    pub seed: u64,
    /// Episode index.
    pub episode: u64,
    /// Control step within the episode.
    pub step: u64,
}

/// A way to draw the latents of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Latents {
    /// Each from its own stream.
    #[default]
    Independent,
    /// In pairs of opposite sign.
    Antithetic,
    /// Spread evenly.
    LowDiscrepancy,
}

impl FromStr for Latents {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self> {
        let (independent, antithetic) = (Self::Independent, Self::Antithetic);
        let known =
            [("independent", independent), ("antithetic", antithetic), ("low-discrepancy", Self::LowDiscrepancy)];
        by_name("latents", name, &known)
    }
}

impl Latents {
    /// Checks that latents of `size` values can be drawn so.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] for one too long.
    pub fn check(self, size: usize) -> Result<()> {
        let expected = format_args!("latents of at most {MOST_DIMENSIONS} values for low-discrepancy");
        let fits = self != Self::LowDiscrepancy || size <= MOST_DIMENSIONS;
        ConfigError::ensure(fits, "sampling.latents", expected, size)
    }

    /// Fills `z` with latent `i` of the decision `key`.
    pub fn draw(self, key: LatentKey, i: u64, z: &mut [f32]) {
        let own = |i: u64| stream(key.seed, Purpose::Latent, key.episode, key.step, i);
        match self {
            Self::Antithetic if i % 2 == 1 => {
                fill_normal(&mut own(i - 1), z);
                z.iter_mut().for_each(|x| *x = -*x);
            }
            Self::LowDiscrepancy if i < MOST_POINTS => {
                let scrambling = own(0).next_u32();
                let normal = Normal::standard();
                for (dimension, x) in z.iter_mut().enumerate() {
                    let uniform = sobol_burley::sample(i as u32, dimension as u32, scrambling);
                    // A point lies anywhere in a cell of 2^-24: its middle keeps the normal value finite.
                    *x = normal.inverse_cdf(f64::from(uniform) + 0.5 / f64::from(1 << 24)) as f32;
                }
            }
            _ => fill_normal(&mut own(i), z),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Latents; 3] = [Latents::Independent, Latents::Antithetic, Latents::LowDiscrepancy];

    fn drawn(latents: Latents, episode: u64, n: u64) -> Vec<[f32; 6]> {
        let key = LatentKey { seed: 3, episode, step: 2 };
        let latent = |i| {
            let mut z = [0.0; 6];
            latents.draw(key, i, &mut z);
            z
        };
        (0..n).map(latent).collect()
    }

    #[test]
    fn every_latent_alone_is_standard_normal() {
        for latents in ALL {
            // The same latent over many decisions: what its own distribution is.
            for i in [0, 1, 5] {
                let values: Vec<f64> =
                    (0..4000).map(|episode| f64::from(drawn(latents, episode, i + 1)[i as usize][4])).collect();
                let mean = values.iter().sum::<f64>() / 4000.0;
                let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
                assert!(mean.abs() < 0.07 && (variance - 1.0).abs() < 0.1, "{latents:?} {i}: {mean} {variance}");
            }
        }
    }

    #[test]
    fn pairs_are_opposite_and_points_are_spread_evenly() {
        let pairs = drawn(Latents::Antithetic, 0, 8);
        assert!(pairs.chunks(2).all(|p| p[0].iter().zip(&p[1]).all(|(a, b)| *a == -b)));
        assert_ne!(pairs[0], pairs[2]);
        // Of 32 points every 32nd part of the normal distribution holds one, in every dimension.
        let normal = Normal::standard();
        let even = drawn(Latents::LowDiscrepancy, 0, 32);
        for dimension in 0..6 {
            let mut cells: Vec<usize> =
                even.iter().map(|z| (normal.cdf(f64::from(z[dimension])) * 32.0) as usize).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..32).collect::<Vec<_>>());
        }
        assert_ne!(even[0], drawn(Latents::LowDiscrepancy, 1, 1)[0]);
    }

    #[test]
    fn a_latent_too_long_for_the_sequence_is_refused() {
        assert!(ALL.iter().all(|l| l.check(MOST_DIMENSIONS).is_ok()));
        let text = Latents::LowDiscrepancy.check(MOST_DIMENSIONS + 1).unwrap_err().to_string();
        assert!(text.contains("sampling.latents") && text.contains("257"), "{text}");
    }
}
