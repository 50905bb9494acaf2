//! The generator as a learner sees it: chunks as functions of histories and latents, with gradient, normalised.

use super::settings::ActorSettings;
use imle_configs::Error as InputError;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_policy::train::{TrainSettings, Trainer};
use imle_policy::{Result, checkpoint::Checkpoint, network::Network};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Steps of a training without end, so that the learning rate stays where it is.
const ENDLESS: u64 = 1 << 40;
const WARMUP: u64 = 100;

/// A generator that learns.
pub struct Actor {
    /// Training state.
    pub trainer: Trainer,
    /// Map from the network's output to chunks.
    pub maps: Maps,
    /// Z, values of a latent.
    pub latent: usize,
    temperature: f64,
}

/// Map from a network's output to chunks.
pub struct Maps {
    /// Linear prediction of a chunk and scales of the rest, (T_pred · A, T_obs · O + 1) and (T_pred · A,).
    residual: Option<(Tensor, Tensor)>,
    executed: usize,
}

impl Actor {
    /// From `checkpoint`, of which `executed` = T_act · A values of each chunk are executed; what [`Trainer::save`] wrote
    /// to the folder `saved`, if it is given.
    ///
    /// # Errors
    /// A bad input: a generator of more than one pass, or one that sees pictures; a file that does not fit.
    pub fn new(
        settings: &ActorSettings,
        checkpoint: &Checkpoint,
        executed: usize,
        threads: usize,
        seed: u64,
        saved: Option<&Path>,
        device: Device,
    ) -> Result<Self> {
        check(checkpoint)?;
        let training = training(settings, checkpoint, threads, seed);
        let trainer = match saved {
            None => Trainer::from_checkpoint(&training, checkpoint, "fine-tuning", device)?,
            Some(folder) => Trainer::resume(&training, folder, device)?,
        };
        let config = checkpoint.config();
        let (shape, latent) = (config.shape(), config.network.latent_size(&config.shape()));
        let residual = match &config.normalizers.residual {
            None => None,
            Some(r) => Some((
                Tensor::f_from_slice(&r.weights)?.f_view([shape.chunk() as i64, -1])?.f_to_device(device)?,
                Tensor::f_from_slice(&r.scale)?.f_to_device(device)?,
            )),
        };
        let maps = Maps { residual, executed };
        Ok(Self { trainer, maps, latent, temperature: config.sampling.temperature })
    }

    /// Latents (b, n, Z) of the stream of (seed, draw).
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn latents(&self, (seed, draw): (u64, u64), b: usize, n: usize, device: Device) -> Result<Tensor> {
        let z = normal((seed, Purpose::TrainLatent, draw), &[b, n, self.latent], device)?;
        Ok(if self.temperature == 1.0 { z } else { z.f_mul_scalar(self.temperature)? })
    }
}

impl Maps {
    /// Chunks (B, n, T_pred · A) from histories (B, T_obs · O) and latents (B, n, Z).
    ///
    /// # Errors
    /// libtorch's, if the sizes do not fit.
    pub fn chunks(&self, network: &dyn Network, histories: &Tensor, z: &Tensor) -> Result<Tensor> {
        let features = network.encode(&histories.shallow_clone().into())?;
        let (b, n, _) = z.size3()?;
        let chunks = network.generate(z, &network.condition(&features, None)?)?.f_view([b, n, -1])?;
        let Some((weights, scale)) = &self.residual else { return Ok(chunks) };
        let ones = histories.f_ones_like()?.f_narrow(1, 0, 1)?;
        let base = Tensor::f_cat(&[histories, &ones], 1)?.f_matmul(&weights.f_transpose(0, 1)?)?;
        Ok(base.f_unsqueeze(1)?.f_add(&chunks.f_mul(scale)?)?)
    }

    /// The executed part of them, (B, n, T_act · A).
    ///
    /// # Errors
    /// As [`chunks`](Self::chunks).
    pub fn executed(&self, network: &dyn Network, histories: &Tensor, z: &Tensor) -> Result<Tensor> {
        Ok(self.chunks(network, histories, z)?.f_narrow(2, 0, self.executed as i64)?)
    }
}

/// Standard normal values of `shape`, of the stream of (seed, purpose, draw).
///
/// # Errors
/// libtorch's, if memory runs out.
pub fn normal((seed, purpose, draw): (u64, Purpose, u64), shape: &[usize], device: Device) -> Result<Tensor> {
    let mut values = vec![0.0; shape.iter().product()];
    // Far from the steps of a training, which count from 0.
    fill_normal(&mut stream(seed, purpose, 0, draw, 1), &mut values);
    let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?.f_to_device(device)?)
}

/// PPO's clipped objective (Schulman et al. 2017) as a loss: −mean min(ρ A, clip(ρ, 1 ± `clip`) A), with the ratio ρ of
/// the mean log-probability over the last dimension of actions `taken` under normal distributions of deviation `sigma`
/// about `now` and `then` (DPPO, arXiv 2409.00588), which must be broadcast to the shape of `taken`; `advantages` have
/// it without the last.
///
/// # Errors
/// libtorch's, if the sizes do not fit.
pub fn clipped(
    now: &Tensor,
    then: &Tensor,
    taken: &Tensor,
    advantages: &Tensor,
    sigma: f64,
    clip: f64,
) -> Result<(Tensor, Tensor)> {
    let ratio = ratio(now, then, taken, sigma)?;
    let bound = ratio.f_clamp(1.0 - clip, 1.0 + clip)?;
    let gain = ratio.f_mul(advantages)?.f_minimum(&bound.f_mul(advantages)?)?;
    Ok((gain.f_mean(Kind::Float)?.f_neg()?, ratio))
}

/// The ratio ρ of [`clipped`].
///
/// # Errors
/// libtorch's, if the sizes do not fit.
fn ratio(now: &Tensor, then: &Tensor, taken: &Tensor, sigma: f64) -> Result<Tensor> {
    let far = |mean: &Tensor| taken.f_sub(mean)?.f_square();
    let difference = far(then)?.f_sub(&far(now)?)?;
    let mean = difference.f_mean_dim([-1i64].as_slice(), false, Kind::Float)?;
    Ok(mean.f_div_scalar(2.0 * sigma * sigma)?.f_exp()?)
}

fn check(checkpoint: &Checkpoint) -> imle_configs::Result<()> {
    let config = checkpoint.config();
    let (one_pass, found) = (config.method == "imle", format!("one of {}", config.method));
    let expected = "a generator of method imle (planner distill makes one), or --algorithm expert-iteration";
    InputError::ensure(one_pass, "--checkpoint", expected, found)?;
    let expected = "a generator that sees the state, or --algorithm expert-iteration";
    InputError::ensure(config.spec.pictures.is_none(), "--checkpoint", expected, "one that sees pictures")
}

fn training(settings: &ActorSettings, checkpoint: &Checkpoint, threads: usize, seed: u64) -> TrainSettings {
    let config = checkpoint.config();
    TrainSettings {
        method: config.method.clone(),
        steps: ENDLESS,
        batch_size: settings.batch_size,
        samples: settings.samples,
        epsilon: settings.epsilon,
        learning_rate: settings.learning_rate,
        warmup_steps: WARMUP,
        gradient_threads: threads,
        seed,
        horizons: config.horizons,
        network: config.network.clone(),
        sampling: config.sampling.clone(),
        ..TrainSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_one_where_nothing_changed_and_the_densities_elsewhere() {
        let t = |values: &[f32]| Tensor::from_slice(values).view([1, 2, 2]);
        let (then, taken) = (t(&[0.0, 0.0, 1.0, 1.0]), t(&[0.1, -0.1, 1.0, 1.2]));
        let same = ratio(&then, &then, &taken, 0.1).unwrap();
        assert_eq!((same - 1.0).abs().max().double_value(&[]), 0.0);
        let now = t(&[0.1, 0.0, 1.0, 1.0]);
        let found = ratio(&now, &then, &taken, 0.1).unwrap();
        // Mean over dimensions of ln N(0.1; 0.1) − ln N(0.1; 0) = 0.5 and 0.
        assert!((found.double_value(&[0, 0]) - 0.25f64.exp()).abs() < 1e-5);
        assert!((found.double_value(&[0, 1]) - 1.0).abs() < 1e-6);
        let advantages = Tensor::from_slice(&[1.0f32, -1.0]).view([1, 2]);
        let (loss, _) = clipped(&now, &then, &taken, &advantages, 0.1, 0.1).unwrap();
        assert!((loss.double_value(&[]) + (1.1 - 1.0) / 2.0).abs() < 1e-5, "a gain is clipped, a loss is not");
    }
}
