//! PPO with the latent in the state: the control that can be compared with DPPO.
//!
//! ```text
//! π(a | o, z) = N(G(o, z), σ²) over the executed actions, z ~ N(0, I)          p(z) cancels in the ratio, which is exact
//! A           = generalised advantage over decisions, by V(o, z)                (Schulman et al. 2016)
//! minimise −mean min(ρ A, clip(ρ, 1 ± c) A) + λ mean ‖G(o, z) − G_0(o, z)‖²     with the same z, a value
//! ```
//!
//! ρ is of the mean log-probability over executed dimensions, as in DPPO (arXiv 2409.00588): with the sum over a
//! hundred of them small clips freeze learning. It keeps the assignment of latents to modes and cannot weigh modes
//! anew. An episode that was cut off goes on by V, one that the task ended does not. The weights that act are the
//! present ones, not their average.

use super::actor::{clipped, normal};
use super::algorithm::{Algorithm, Collecting, Iteration};
use super::learner::{Learner, LearnerParts, Mean};
use super::settings::OnlineSettings;
use crate::critic::{chunk_critic::Critic, ensemble::StepCounters};
use crate::{
    error::Result,
    replay::trajectory::Trajectory,
    run::{Figures, Observer},
};
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_configs::{Error as InputError, files};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::proposal::{latent_keys, observations};
use imle_policy::{checkpoint::Checkpoint, device::to_host, network::Network, policy::Policy, sampler::LatentKey};
use rand::seq::SliceRandom;
use std::path::Path;
use tch::{Kind, Tensor};

/// Name of the algorithm.
pub const NAME: &str = "ppo";

const VALUE_FILE: &str = "value.safetensors";
const COUNTERS_FILE: &str = "value.json";
/// Least deviation that advantages are divided by.
const LEAST_SPREAD: f64 = 1e-3;

/// The algorithm: V, and the generator as it came.
#[derive(Default)]
pub struct Ppo {
    value: Option<Critic>,
    first: Option<Box<dyn Network>>,
}

impl Algorithm for Ppo {
    fn heeds_anchor(&self) -> bool {
        false
    }

    fn defaults(&self) -> OnlineSettings {
        let mut settings = OnlineSettings { episodes: 64, ..OnlineSettings::default() };
        settings.actor.learning_rate = 3e-5;
        settings.critic.initial = 0.5;
        settings
    }

    fn needs(&self) -> LearnerParts {
        LearnerParts { critic: false, every_step: false }
    }

    fn begin(&mut self, learner: &Learner<'_>, saved: Option<&Path>) -> Result<()> {
        let (run, settings) = (learner.run, &learner.settings.critic);
        // V sees a history and a latent.
        let inputs = learner.sizes.history() + learner.actor.latent;
        let read = |folder: &Path| -> Result<_> {
            let path = folder.join(COUNTERS_FILE);
            let counters: StepCounters = serde_json::from_value(files::read_checked(&path, "counters")?)
                .map_err(|e| InputError::unexpected(path.display(), "counters", e))?;
            Ok((folder.join(VALUE_FILE), counters))
        };
        let saved = saved.map(read).transpose()?;
        let saved = saved.as_ref().map(|(path, counters)| (path.as_path(), *counters));
        let bounds = run.environment.return_bounds(learner.settings.discount);
        self.value = Some(Critic::new(settings, inputs, bounds, run.seed, saved, run.device)?);
        self.first = Some(tch::no_grad(|| run.checkpoint.network(run.device))?);
        Ok(())
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let sigma = if c.warm { 0.0 } else { c.learner.settings.ppo.sigma };
        let scales = c.sampler.checkpoint().config().normalizers.action.scales();
        Ok(Box::new(Disturbed {
            sampler: c.sampler,
            seed: c.learner.acting_seed(),
            sigma,
            scales,
            executed: c.learner.sizes.chunk(),
        }))
    }

    fn acting(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        Ok(learner.actor.trainer.current_checkpoint()?)
    }

    fn note(&mut self, c: Collecting<'_>, trajectories: &mut [Trajectory]) -> Result<()> {
        let size = c.sampler.latent_size();
        for trajectory in trajectories {
            let decisions = trajectory.decisions(c.learner.sizes);
            trajectory.latents.resize(decisions * size, 0.0);
            for (step, latent) in trajectory.latents.chunks_exact_mut(size).enumerate() {
                let key = LatentKey { seed: c.learner.acting_seed(), episode: trajectory.episode, step: step as u64 };
                c.sampler.sampler().latent(key, 0, latent);
            }
        }
        Ok(())
    }

    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        iteration: &Iteration,
        figures: &mut Figures,
        _: &mut dyn Observer,
    ) -> Result<()> {
        let (Some(value), Some(first)) = (self.value.as_mut(), self.first.as_ref()) else { return Ok(()) };
        let (settings, device) = (learner.settings.ppo.clone(), learner.run.device);
        let rows: Vec<usize> = iteration.new.clone().collect();
        if rows.is_empty() {
            return Ok(());
        }
        let estimates = tch::no_grad(|| estimate(learner, value, &rows, &latents_of(learner, &rows, device)?))?;
        let (advantages, returns) = advantages(&estimates, settings.lambda);
        let spread = (advantages.iter().map(|a| a * a).sum::<f64>() / advantages.len() as f64).sqrt();
        let mean = advantages.iter().sum::<f64>() / advantages.len() as f64;

        let maps = &learner.actor.maps;
        let old = learner.actor.trainer.network(false)?;
        let [mut value_loss, mut loss, mut kl, mut moved] = [Mean::default(); 4];
        let warm = learner.warm;
        let size = learner.settings.actor.batch_size.min(rows.len());
        'epochs: for epoch in 0..settings.epochs {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.shuffle(&mut stream(learner.run.seed, Purpose::FinetuneBatch, 4, rows[0] as u64, epoch as u64));
            for part in order.chunks_exact(size) {
                let here: Vec<usize> = part.iter().map(|i| rows[*i]).collect();
                let z = latents_of(learner, &here, device)?;
                let batch = learner.replay.batch(here, device)?;
                let column = |all: &[f64]| -> imle_policy::Result<Tensor> {
                    let values: Vec<f32> = part.iter().map(|i| all[*i] as f32).collect();
                    Ok(Tensor::f_from_slice(&values)?.f_to_device(device)?)
                };
                value_loss.add(value.learn(&learner.settings.critic, &batch.before, &z, &column(&returns)?)?);
                if warm {
                    continue;
                }
                let z = z.unsqueeze(1);
                let taken = batch.chunks.unsqueeze(1);
                let then = tch::no_grad(|| maps.executed(old.as_ref(), &batch.before, &z))?;
                let came = tch::no_grad(|| maps.chunks(first.as_ref(), &batch.before, &z))?;
                let normal: Vec<f64> = advantages.iter().map(|a| (a - mean) / spread.max(LEAST_SPREAD)).collect();
                let advantage = column(&normal)?.unsqueeze(1);
                let mut diverged = false;
                let mut beside = |network: &dyn Network| -> imle_policy::Result<_> {
                    let all = maps.chunks(network, &batch.before, &z)?;
                    let now = all.f_narrow(2, 0, taken.size()[2])?;
                    let (gain, ratio) = clipped(&now, &then, &taken, &advantage, settings.sigma, settings.clip)?;
                    let away = ratio.f_sub_scalar(1.0)?.f_sub(&ratio.f_log()?)?.f_mean(Kind::Float)?;
                    let away = away.f_double_value(&[])?;
                    kl.add(Some(away));
                    let outside = ratio.f_sub_scalar(1.0)?.f_abs()?.f_gt(settings.clip)?.f_to_kind(Kind::Float)?;
                    moved.add(Some(outside.f_mean(Kind::Float)?.f_double_value(&[])?));
                    diverged = away > settings.target_kl;
                    let anchor = all.f_sub(&came)?.f_square()?.f_mean(Kind::Float)?.f_mul_scalar(settings.anchor)?;
                    Ok(if diverged { None } else { Some(gain.f_add(&anchor)?) })
                };
                learner.state.actor_steps += 1;
                loss.add(learner.actor.trainer.step_with_auxiliary(None, &mut beside, &learner.pool)?.loss);
                if diverged {
                    break 'epochs;
                }
            }
        }
        value_loss.write("train/value_loss", figures);
        loss.write("train/loss", figures);
        kl.write("train/approx_kl", figures);
        moved.write("train/clip_fraction", figures);
        figures.insert("train/explained_variance".into(), explained(&estimates.values, &returns));
        Ok(())
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let Some(value) = &self.value else { return Ok(()) };
        value.mlp.save(&folder.join(VALUE_FILE))?;
        Ok(files::write_checked(&folder.join(COUNTERS_FILE), &value.mlp.counters)?)
    }
}

fn latents_of(learner: &Learner<'_>, rows: &[usize], device: tch::Device) -> imle_policy::Result<Tensor> {
    let size = learner.actor.latent;
    let of = |row: &usize| {
        let (trajectory, index) = learner.replay.place(*row);
        trajectory.latents[index * size..][..size].to_vec()
    };
    let values: Vec<f32> = rows.iter().flat_map(of).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([-1, size as i64])?.f_to_device(device)?)
}

/// Estimates for consecutive decisions.
struct Estimates {
    /// V before, and of the state after with a latent drawn for it.
    values: Vec<f64>,
    after: Vec<f64>,
    rewards: Vec<f64>,
    /// γⁿ, 0 where the task ended the episode.
    discounts: Vec<f64>,
    /// Whether the next decision is of the same episode.
    goes_on: Vec<bool>,
}

fn estimate(learner: &Learner<'_>, value: &Critic, rows: &[usize], latents: &Tensor) -> imle_policy::Result<Estimates> {
    let device = learner.run.device;
    let batch = learner.replay.batch(rows.to_vec(), device)?;
    let mean = |values: Tensor| -> imle_policy::Result<Vec<f64>> {
        let mean = values.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
        Ok(to_host(&mean)?.into_iter().map(f64::from).collect())
    };
    let drawn = (learner.run.seed, Purpose::TrainLatent, u64::MAX / 2 + rows[0] as u64);
    let z = normal(drawn, &[rows.len(), learner.actor.latent], device)?;
    let place = |row: usize| learner.replay.place(row);
    Ok(Estimates {
        values: mean(value.values(&batch.before, latents)?)?,
        after: mean(value.values(&batch.after, &z)?)?,
        rewards: to_host(&batch.rewards)?.into_iter().map(f64::from).collect(),
        discounts: to_host(&batch.discounts)?.into_iter().map(f64::from).collect(),
        goes_on: rows.iter().map(|r| place(*r).1 + 1 < place(*r).0.decisions(learner.sizes)).collect(),
    })
}

/// Generalised advantages of decisions and the returns that V is to learn, A + V. The value after a decision within an
/// episode is that of the next one with its own latent; after the last, of a latent drawn for it.
fn advantages(e: &Estimates, lambda: f64) -> (Vec<f64>, Vec<f64>) {
    let mut advantages = vec![0.0; e.values.len()];
    for k in (0..e.values.len()).rev() {
        let (after, next) = match e.goes_on[k] {
            true => (e.values[k + 1], advantages[k + 1]),
            false => (e.after[k], 0.0),
        };
        advantages[k] = e.rewards[k] + e.discounts[k] * (after + lambda * next) - e.values[k];
    }
    let returns = advantages.iter().zip(&e.values).map(|(a, v)| a + v).collect();
    (advantages, returns)
}

/// 1 − Var(returns − values) / Var(returns); 0 where the returns are alike.
fn explained(values: &[f64], returns: &[f64]) -> f64 {
    let variance = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len().max(1) as f64;
        x.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let left: Vec<f64> = returns.iter().zip(values).map(|(r, v)| r - v).collect();
    let all = variance(returns);
    if all > 0.0 { 1.0 - variance(&left) / all } else { 0.0 }
}

/// The generator's first sample with noise on its executed part.
struct Disturbed<'c> {
    sampler: &'c Policy,
    seed: u64,
    sigma: f64,
    /// Size of one unit of each action dimension in normalised units.
    scales: Vec<f32>,
    executed: usize,
}

impl Decide for Disturbed<'_> {
    fn sources(&self) -> Vec<&'static str> {
        vec!["imle"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        how.fill(Decision::default());
        let keys = latent_keys(situation, self.seed);
        self.sampler.sampler().sample_lockstep(pool, observations(situation), &keys, chunks)?;
        let chunk = chunks.len() / keys.len().max(1);
        let mut noise = vec![0.0; self.executed];
        for (key, chunk) in keys.iter().zip(chunks.chunks_exact_mut(chunk)) {
            fill_normal(&mut stream(self.seed, Purpose::Perturbation, key.episode, key.step, 0), &mut noise);
            for (i, (x, n)) in chunk.iter_mut().zip(&noise).enumerate() {
                let scale = self.scales[i % self.scales.len()];
                *x += if scale > 0.0 { self.sigma as f32 * n / scale } else { 0.0 };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advantages_do_not_leak_across_episodes_and_only_cut_ones_go_on() {
        // Two decisions of an episode that the task ended with reward 1, then one of an episode that was cut off.
        let e = Estimates {
            values: vec![0.2, 0.4, 0.3],
            after: vec![9.0, 9.0, 0.6],
            rewards: vec![0.0, 1.0, 0.0],
            discounts: vec![0.5, 0.0, 0.5],
            goes_on: vec![true, false, false],
        };
        let (a, r) = advantages(&e, 0.5);
        let second = 1.0 - 0.4;
        assert!((a[1] - second).abs() < 1e-12 && (a[0] - (0.5 * (0.4 + 0.5 * second) - 0.2)).abs() < 1e-12);
        assert!((a[2] - (0.5 * 0.6 - 0.3)).abs() < 1e-12 && (r[1] - 1.0).abs() < 1e-12);
        assert!((explained(&[1.0, 2.0], &[1.0, 2.0]) - 1.0).abs() < 1e-12);
        assert_eq!(explained(&[1.0, 2.0], &[3.0, 3.0]), 0.0);
    }
}
