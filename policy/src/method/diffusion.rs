//! Denoising diffusion as Diffusion Policy uses it (arXiv 2303.04137): 100 steps, squared-cosine schedule, the noise
//! is predicted, predicted chunks are clipped to the data's range.
//!
//! ```text
//! x_k = √ᾱ_k a + √(1 − ᾱ_k) ε,   k uniform in 0…99        loss = mean (N(x_k, o, k) − ε)² over elements
//! ```
//!
//! Sampling goes from k = 99 down in equal strides: DDPM (arXiv 2006.11239, variance of the posterior) or DDIM with
//! η = 0 (arXiv 2010.02502). With 100 passes DDPM is what the authors run, with 10 DDIM is the honest latency.

use super::{
    Loss, LossContext, LossValue, Method, Prepared, Rows, Sampling, TensorBatch, latent_is_chunk, some_passes,
};
use crate::Result;
use crate::network::Network;
use imle_configs::Error as ConfigError;
use tch::{Kind, Tensor};

/// Steps of the forward process.
const STEPS: usize = 100;
/// Passes of a sample unless told.
const PASSES: usize = 10;
const SOLVERS: [&str; 2] = ["ddim", "ddpm"];

/// The method `diffusion`.
pub struct Diffusion;

/// ᾱ_k, the share of signal left in the variance after step k; 1 before the first.
fn signal(step: Option<usize>) -> f64 {
    let f = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
    let beta = |k: usize| (1.0 - f((k + 1) as f64 / STEPS as f64) / f(k as f64 / STEPS as f64)).min(0.999);
    step.map_or(1.0, |step| (0..=step).map(|k| 1.0 - beta(k)).product())
}

/// The steps of a sample, from noise to data.
fn steps(passes: usize) -> Vec<usize> {
    let stride = STEPS / passes.clamp(1, STEPS);
    (0..passes.min(STEPS)).rev().map(|i| i * stride).collect()
}

impl Method for Diffusion {
    fn name(&self) -> &'static str {
        "diffusion"
    }

    fn times(&self) -> usize {
        1
    }

    fn passes(&self, sampling: &Sampling) -> usize {
        if sampling.passes == 0 { PASSES } else { sampling.passes }
    }

    fn draws(&self, sampling: &Sampling) -> usize {
        if sampling.solver == "ddpm" { self.passes(sampling) } else { 1 }
    }

    fn check(&self, sampling: &Sampling, latent: usize) -> std::result::Result<(), ConfigError> {
        latent_is_chunk(latent)?;
        some_passes(sampling)?;
        if sampling.passes > STEPS {
            return Err(ConfigError::unexpected("sampling.passes", format!("at most {STEPS}"), sampling.passes));
        }
        match sampling.solver.as_str() {
            "" | "ddim" | "ddpm" => Ok(()),
            other => Err(ConfigError::unknown("solver", other, SOLVERS)),
        }
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        let Some(rows) = Rows::of(batch, context, 1)? else {
            return Ok(Loss::plain(LossValue::Empty));
        };
        let steps: Vec<usize> = rows.uniform.iter().map(|u| ((u * STEPS as f64) as usize).min(STEPS - 1)).collect();
        let column = |f: &dyn Fn(usize) -> f64| rows.column(&steps.iter().map(|k| f(*k)).collect::<Vec<_>>());
        let signals: Vec<f64> = (0..STEPS).map(|k| signal(Some(k))).collect();
        let keep = column(&|k| signals[k].sqrt())?.f_unsqueeze(2)?;
        let spoil = column(&|k| (1.0 - signals[k]).sqrt())?.f_unsqueeze(2)?;
        let x = rows.targets.f_mul(&keep)?.f_add(&rows.noise.f_mul(&spoil)?)?;
        let features = network.encode(&rows.observations)?;
        let conditioning = network.condition(&features, Some(&column(&|k| k as f64)?))?;
        let found = network.generate(&x, &conditioning)?.f_view_as(&rows.noise)?;
        let loss = found.f_sub(&rows.noise)?.f_square()?.f_mean(Kind::Float)?;
        Ok(Loss::plain(LossValue::Scalar(loss)))
    }

    fn prepare(&self, network: &dyn Network, observations: &Tensor, sampling: &Sampling) -> Result<Prepared> {
        let times: Vec<[f64; 1]> = steps(self.passes(sampling)).into_iter().map(|k| [k as f64]).collect();
        Prepared::of_times(network, observations, &times)
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, sampling: &Sampling) -> Result<Tensor> {
        let steps = steps(self.passes(sampling));
        let draws = z.f_chunk(self.draws(sampling) as i64, 2)?;
        let ancestral = draws.len() > 1;
        let mut x = draws[0].shallow_clone();
        let mut sizes = Vec::new();
        for (pass, step) in steps.iter().enumerate() {
            let noise = network.generate(&x, prepared.pass(pass)?)?;
            sizes = noise.size();
            let noise = noise.f_view_as(&x)?;
            let (now, then) = (signal(Some(*step)), signal(steps.get(pass + 1).copied()));
            let clean =
                x.f_sub(&noise.f_mul_scalar((1.0 - now).sqrt())?)?.f_div_scalar(now.sqrt())?.f_clamp(-1.0, 1.0)?;
            x = if ancestral {
                let (alpha, left) = (now / then, 1.0 - now);
                let mean = clean
                    .f_mul_scalar(then.sqrt() * (1.0 - alpha) / left)?
                    .f_add(&x.f_mul_scalar(alpha.sqrt() * (1.0 - then) / left)?)?;
                let deviation = ((1.0 - alpha) * (1.0 - then) / left).max(0.0).sqrt();
                match draws.get(pass + 1) {
                    Some(fresh) => mean.f_add(&fresh.f_mul_scalar(deviation)?)?,
                    None => mean,
                }
            } else {
                clean.f_mul_scalar(then.sqrt())?.f_add(&noise.f_mul_scalar((1.0 - then).sqrt())?)?
            };
        }
        Ok(x.f_contiguous()?.f_view(sizes.as_slice())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula of `diffusers`' `squaredcos_cap_v2` with 100 steps, evaluated in Python.
    #[test]
    fn the_schedule_is_the_squared_cosine() {
        for (k, expected) in
            [(0, 0.999_368_718), (1, 0.998_252_486), (50, 0.478_264_633), (98, 2.428_572_28e-4), (99, 2.428_572_28e-7)]
        {
            let found = signal(Some(k));
            assert!((found - expected).abs() < 1e-6 * expected, "{k}: {found} and {expected}");
        }
        assert_eq!(signal(None), 1.0);
    }

    #[test]
    fn strides_are_leading_as_in_diffusers() {
        assert_eq!(steps(10), [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
        assert_eq!(steps(3), [66, 33, 0]);
        assert_eq!(steps(100).len(), 100);
    }
}
