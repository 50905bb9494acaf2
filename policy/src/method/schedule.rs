//! Noise schedules of diffusion, with the names and the arithmetic of the public `diffusers` schedulers.
//!
//! ```text
//! β_k from the schedule,   ᾱ_k = Π_(i ≤ k) (1 − β_i)        x_k = √ᾱ_k a + √(1 − ᾱ_k) ε
//! ```
//!
//! All of it is in f32 where theirs is, so that a chain of passes gives what theirs gives: at both ends of a schedule
//! 1 − ᾱ in f32 differs from its exact value by up to 1e-4 of itself.

use imle_configs::Error as ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The course of β from the first step to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Betas {
    /// Squared cosine (Nichol and Dhariwal 2021), each at most 0.999; `beta_start` and `beta_end` are not used.
    #[default]
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
    /// In equal strides from `beta_start` to `beta_end`.
    Linear,
    /// √β in equal strides.
    ScaledLinear,
}

/// The network's prediction from x_k = √ᾱ a + √(1 − ᾱ) ε.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prediction {
    /// The noise ε.
    #[default]
    Epsilon,
    /// The chunk a.
    Sample,
}

/// The noise that a pass of DDPM adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Variance {
    /// The variance of the posterior of x_(k−1) given x_k and a.
    #[default]
    FixedSmall,
    /// β_k.
    FixedLarge,
}

/// The forward process of a diffusion, and what its network predicts: fixed by the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Schedule {
    /// Steps of the forward process.
    pub steps: usize,
    /// Course of β: `squaredcos_cap_v2`, `linear`, `scaled_linear`.
    pub betas: Betas,
    /// First β of `linear` and `scaled_linear`.
    pub beta_start: f64,
    /// Last β of `linear` and `scaled_linear`.
    pub beta_end: f64,
    /// Prediction of the network: `epsilon`, `sample`.
    pub prediction: Prediction,
    /// Predicted chunks are clipped to ± this, in normalised units; 0 for never.
    pub clip: f64,
    /// Noise of DDPM's passes: `fixed_small`, `fixed_large`.
    pub variance: Variance,
}

impl Default for Schedule {
    /// Diffusion Policy's (arXiv 2303.04137).
    fn default() -> Self {
        Self {
            steps: 100,
            betas: Betas::SquaredCosine,
            beta_start: 1e-4,
            beta_end: 0.02,
            prediction: Prediction::Epsilon,
            clip: 1.0,
            variance: Variance::FixedSmall,
        }
    }
}

/// Most steps of a forward process.
const MOST_STEPS: usize = 1000;

impl Schedule {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        let place = |key: &str| format!("sampling.schedule.{key}");
        ConfigError::ensure((1..=MOST_STEPS).contains(&self.steps), place("steps"), "1 to 1000", self.steps)?;
        for (key, beta) in [("beta_start", self.beta_start), ("beta_end", self.beta_end)] {
            ConfigError::ensure(beta > 0.0 && beta < 1.0, place(key), "between 0 and 1", beta)?;
        }
        let clips = self.clip.is_finite() && self.clip >= 0.0;
        ConfigError::ensure(clips, place("clip"), "a number of at least 0", self.clip)
    }

    /// ᾱ_k of every step k.
    pub fn signals(&self) -> Vec<f32> {
        let n = self.steps;
        let cosine = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        // As torch.linspace: from both ends towards the middle.
        let linear = |k: usize, from: f64, to: f64| {
            let (from, to) = (from as f32, to as f32);
            let stride = (to - from) / (n.max(2) - 1) as f32;
            if k < n / 2 || n == 1 { stride.mul_add(k as f32, from) } else { stride.mul_add(-((n - 1 - k) as f32), to) }
        };
        let beta = |k: usize| match self.betas {
            Betas::SquaredCosine => {
                let [now, then] = [k, k + 1].map(|k| cosine(k as f64 / n as f64));
                (1.0 - then / now).min(0.999) as f32
            }
            Betas::Linear => linear(k, self.beta_start, self.beta_end),
            Betas::ScaledLinear => linear(k, self.beta_start.sqrt(), self.beta_end.sqrt()).powi(2),
        };
        let product = |product: &mut f64, k: usize| {
            *product *= f64::from(1.0 - beta(k));
            Some(*product as f32)
        };
        (0..n).scan(1.0, product).collect()
    }

    /// The steps of a sample with `passes`, from noise to data, in equal strides (`leading`).
    pub fn visited(&self, passes: usize) -> Vec<usize> {
        let stride = self.steps / passes.clamp(1, self.steps);
        (0..passes.min(self.steps)).rev().map(|i| i * stride).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `alphas_cumprod` of `diffusers` 0.35's `DDPMScheduler`, printed by `benches/peers/import.py . --schedules`.
    #[test]
    fn signals_are_those_of_diffusers() {
        let schedule = |betas| Schedule { betas, ..Schedule::default() };
        for (betas, expected) in
            [(Betas::SquaredCosine, SQUARED_COSINE), (Betas::Linear, LINEAR), (Betas::ScaledLinear, SCALED_LINEAR)]
        {
            let signals = schedule(betas).signals();
            for (k, expected) in [0, 1, 50, 98, 99].into_iter().zip(expected) {
                let found = signals[k];
                assert!(
                    (found - expected).abs() <= 2.0 * f32::EPSILON * expected,
                    "{betas:?} {k}: {found}, {expected}"
                );
            }
        }
    }

    const SQUARED_COSINE: [f32; 5] = [0.999_368_7, 0.998_252_5, 0.478_264_57, 0.000_242_857_2, 2.428_540_7e-7];
    const LINEAR: [f32; 5] = [0.999_9, 0.999_599_04, 0.769_291_3, 0.370_982_92, 0.363_563_24];
    const SCALED_LINEAR: [f32; 5] = [0.999_9, 0.999_771_65, 0.891_545_06, 0.494_479_45, 0.484_589_87];

    #[test]
    fn strides_are_leading_as_in_diffusers() {
        let schedule = Schedule::default();
        assert_eq!(schedule.visited(10), [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
        assert_eq!(schedule.visited(3), [66, 33, 0]);
        assert_eq!(schedule.visited(100).len(), 100);
    }

    #[test]
    fn numbers_are_checked() {
        let text = |s: Schedule| s.check().unwrap_err().to_string();
        assert!(
            text(Schedule { steps: 0, ..Default::default() }).starts_with("sampling.schedule.steps: expected 1 to")
        );
        assert!(text(Schedule { beta_end: 1.0, ..Default::default() }).contains("schedule.beta_end"));
        assert!(text(Schedule { clip: f64::NAN, ..Default::default() }).contains("schedule.clip"));
    }
}
