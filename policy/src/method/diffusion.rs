//! Denoising diffusion as Diffusion Policy uses it (arXiv 2303.04137): by default 100 steps, squared-cosine schedule,
//! the noise is predicted, predicted chunks are clipped to the data's range ([`Schedule`](super::Schedule)).
//!
//! ```text
//! x_k = √ᾱ_k a + √(1 − ᾱ_k) ε,   k uniform in 0…99        loss = mean (N(x_k, o, k) − ε)² over elements
//! ```
//!
//! Sampling goes from k = 99 down in equal strides: DDPM (arXiv 2006.11239, variance of the posterior) or DDIM with
//! η = 0 (arXiv 2010.02502). With 100 passes DDPM is what the authors run, with 10 DDIM is the honest latency.

use super::objective::{Loss, LossContext, Method, TensorBatch};
use super::sampling::{Sampling, Solver, latent_is_chunk};
use super::schedule::{Prediction, Variance};
use super::{prepared::Prepared, rows::squared_error};
use crate::{error::Result, network::Network};
use imle_configs::Error as ConfigError;
use tch::Tensor;

/// Default passes of a sample.
const PASSES: usize = 10;

/// The method `diffusion`.
pub struct Diffusion;

impl Method for Diffusion {
    fn times(&self) -> usize {
        1
    }

    fn passes(&self, sampling: &Sampling) -> usize {
        if sampling.passes == 0 { PASSES.min(sampling.schedule.steps) } else { sampling.passes }
    }

    fn draws(&self, sampling: &Sampling) -> usize {
        if sampling.solver == Solver::Ddpm { self.passes(sampling) } else { 1 }
    }

    fn check(&self, sampling: &Sampling, latent: usize) -> imle_configs::Result<()> {
        latent_is_chunk(latent)?;
        sampling.some_passes()?;
        sampling.schedule.check()?;
        let (passes, steps) = (sampling.passes, sampling.schedule.steps);
        ConfigError::ensure(passes <= steps, "sampling.passes", format_args!("at most {steps}"), passes)
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        let schedule = &context.sampling.schedule;
        let n = schedule.steps;
        squared_error(batch, context, 1, |rows| {
            let steps: Vec<usize> = rows.uniform.iter().map(|u| ((u * n as f64) as usize).min(n - 1)).collect();
            let column = |f: &dyn Fn(usize) -> f64| rows.column(&steps.iter().map(|k| f(*k)).collect::<Vec<_>>());
            let signals: Vec<f64> = schedule.signals().into_iter().map(f64::from).collect();
            let keep = column(&|k| signals[k].sqrt())?.f_unsqueeze(2)?;
            let spoil = column(&|k| (1.0 - signals[k]).sqrt())?.f_unsqueeze(2)?;
            let x = rows.targets.f_mul(&keep)?.f_add(&rows.noise.f_mul(&spoil)?)?;
            let features = rows.features(network, batch)?;
            let conditioning = network.condition(&features, Some(&column(&|k| k as f64)?))?;
            let wanted = match schedule.prediction {
                Prediction::Epsilon => &rows.noise,
                Prediction::Sample => &rows.targets,
            };
            Ok([network.generate(&x, &conditioning)?.f_view_as(wanted)?, wanted.shallow_clone()])
        })
    }

    fn prepare(&self, network: &dyn Network, features: &Tensor, sampling: &Sampling) -> Result<Prepared> {
        let steps = sampling.schedule.visited(self.passes(sampling));
        let times: Vec<[f64; 1]> = steps.into_iter().map(|k| [k as f64]).collect();
        Prepared::of_times(network, features, &times)
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, sampling: &Sampling) -> Result<Tensor> {
        let schedule = &sampling.schedule;
        let signals = schedule.signals();
        let steps = schedule.visited(self.passes(sampling));
        let draws = z.f_chunk(self.draws(sampling) as i64, 2)?;
        let ancestral = draws.len() > 1;
        let mut x = draws[0].shallow_clone();
        let mut sizes = Vec::new();
        for (pass, step) in steps.iter().enumerate() {
            let found = network.generate(&x, prepared.pass(pass)?)?;
            sizes = found.size();
            let found = found.f_view_as(&x)?;
            let (now, then) = (signals[*step], steps.get(pass + 1).map_or(1.0, |k| signals[*k]));
            let (clean, noise) = split(&x, &found, now, schedule.prediction)?;
            let clean = if schedule.clip > 0.0 { clean.f_clamp(-schedule.clip, schedule.clip)? } else { clean };
            x = if ancestral {
                let (alpha, left) = (now / then, 1.0 - now);
                let beta = 1.0 - alpha;
                let mean = scaled(&clean, then.sqrt() * beta / left)?
                    .f_add(&scaled(&x, alpha.sqrt() * (1.0 - then) / left)?)?;
                let variance = match schedule.variance {
                    Variance::FixedSmall => ((1.0 - then) / left * beta).max(1e-20),
                    Variance::FixedLarge => beta,
                };
                match draws.get(pass + 1) {
                    Some(fresh) => mean.f_add(&scaled(fresh, variance.sqrt())?)?,
                    None => mean,
                }
            } else {
                scaled(&clean, then.sqrt())?.f_add(&scaled(&noise, (1.0 - then).sqrt())?)?
            };
        }
        Ok(x.f_contiguous()?.f_view(sizes.as_slice())?)
    }
}

fn scaled(x: &Tensor, factor: f32) -> Result<Tensor> {
    Ok(x.f_mul_scalar(f64::from(factor))?)
}

/// The chunk and the noise of which `x` is made, as the network's answer `found` has it; ᾱ is `signal`.
fn split(x: &Tensor, found: &Tensor, signal: f32, prediction: Prediction) -> Result<(Tensor, Tensor)> {
    let (keep, spoil) = (signal.sqrt(), (1.0 - signal).sqrt());
    Ok(match prediction {
        Prediction::Epsilon => {
            let clean = x.f_sub(&scaled(found, spoil)?)?.f_div_scalar(f64::from(keep))?;
            (clean, found.shallow_clone())
        }
        Prediction::Sample => {
            let noise = x.f_sub(&scaled(found, keep)?)?.f_div_scalar(f64::from(spoil))?;
            (found.shallow_clone(), noise)
        }
    })
}
