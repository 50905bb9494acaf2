//! Reinforcement learning in latent space: the generator stays as it is, and an actor learns which latent to give it.
//!
//! ```text
//! critic   Q(o, a)  towards Σ γⁱ r_i + γⁿ Q̄(o', G(o', z')),  z' ~ π(o')
//! noise    W(o, z)  towards Q(o, G(o, z)),  z ~ N(0, I)
//! actor    minimise α ln π(z | o) / Z − W(o, z),  z = b · tanh(μ(o) + s(o) ε)
//! α        so that the entropy of π is the target's
//! ```
//!
//! DSRL-NA (arXiv 2506.15799) with soft actor-critic (arXiv 1801.01290). What it acts by is G(o, π(o)), which is not a generator:
//! at each evaluation the generator as it came is taught what the two do together, by RS-IMLE. It cannot leave what the
//! generator can draw.

use crate::actor::normal;
use crate::algorithm::{Algorithm, Collecting};
use crate::critic::Critic;
use crate::error::Result;
use crate::journal::Record;
use crate::learner::{Figures, Learner, Mean};
use crate::mlp::{Counters, Mlp, Shape, to_host};
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_configs::{Error as InputError, files};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::proposal::{latent_keys, observations};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::network::Network;
use imle_policy::sampler::Sampler;
use imle_policy::targets::{WeightedState, WeightedTargets};
use imle_policy::train::{TrainSettings, Trainer};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use tch::{Kind, Tensor};

/// Name of the algorithm.
pub const NAME: &str = "latent";

const ACTOR_FILE: &str = "latent_actor.safetensors";
const NOISE_FILE: &str = "noise_critic.safetensors";
const STATE_FILE: &str = "latent.json";
/// Between what the logarithm of the deviation lies.
const LOG_DEVIATION: [f64; 2] = [-5.0, 1.0];
/// States in which the generator is taught, and samples a state.
const TAUGHT: usize = 2048;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    actor: Counters,
    noise: Counters,
    /// ln α.
    log_alpha: f64,
}

/// The algorithm.
#[derive(Default)]
pub struct Latent {
    actor: Option<Mlp>,
    noise: Option<Critic>,
    /// The generator as it came.
    first: Option<Box<dyn Network>>,
    state: State,
}

impl Latent {
    /// z (R, Z) and ln π(z | o) a value of z (R,) of histories (R, T_obs · O) and normal values (R, Z).
    fn act(
        actor: &Mlp,
        histories: &Tensor,
        noise: &Tensor,
        most: f64,
        frozen: bool,
    ) -> imle_policy::Result<(Tensor, Tensor)> {
        let out = if frozen { actor.frozen(histories)? } else { actor.forward(histories)? };
        let out = out.f_squeeze_dim(0)?;
        let size = noise.size()[1];
        let (mean, log) = (out.f_narrow(1, 0, size)?, out.f_narrow(1, size, size)?);
        let log = log.f_clamp(LOG_DEVIATION[0], LOG_DEVIATION[1])?;
        let before = mean.f_add(&log.f_exp()?.f_mul(noise)?)?;
        let squashed = before.f_tanh()?;
        // ln N(before) − ln |dz / dbefore|, without the constant of the normal distribution.
        let slope = squashed.f_square()?.f_neg()?.f_add_scalar(1.0 + 1e-6)?.f_mul_scalar(most)?.f_log()?;
        let each = noise.f_square()?.f_mul_scalar(-0.5)?.f_sub(&log)?.f_sub(&slope)?;
        let each = each.f_sub_scalar(0.5 * (2.0 * std::f64::consts::PI).ln())?;
        Ok((squashed.f_mul_scalar(most)?, each.f_mean_dim([1i64].as_slice(), false, Kind::Float)?))
    }

    fn parts(&self) -> Option<(&Mlp, &dyn Network)> {
        Some((self.actor.as_ref()?, self.first.as_ref()?.as_ref()))
    }
}

impl Algorithm for Latent {
    fn heeds_anchor(&self) -> bool {
        false
    }

    fn begin(&mut self, learner: &Learner<'_>) -> Result<()> {
        let (settings, z) = (&learner.settings.critic, learner.actor.latent_size());
        let (history, bounds) = (learner.sizes.history(), learner.run.task.reward().bounds());
        self.actor = Some(Mlp::new(actor_shape(learner), learner.run.seed.wrapping_add(1), learner.device())?);
        let seed = learner.run.seed.wrapping_add(2);
        self.noise = Some(Critic::new(settings, (history, z), bounds, seed, learner.device())?);
        self.first = Some(tch::no_grad(|| learner.run.checkpoint.network(learner.device()))?);
        self.state.log_alpha = learner.settings.latent.temperature.ln();
        Ok(())
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let actor = self.actor.as_ref().filter(|_| !c.warm);
        Ok(Box::new(Steered { learner: c.learner, sampler: c.sampler, actor }))
    }

    fn acting(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        Ok(learner.run.checkpoint.clone())
    }

    fn learn(&mut self, learner: &mut Learner<'_>, _: Range<usize>, _: &[Record], figures: &mut Figures) -> Result<()> {
        let settings = learner.settings.latent.clone();
        let (Some(actor), Some(noise), Some(first)) = (&mut self.actor, &mut self.noise, &self.first) else {
            return Ok(());
        };
        let (device, z) = (learner.device(), learner.actor.latent_size());
        let maps = learner.actor.maps();
        let (mut critic_loss, mut noise_loss) = (Mean::default(), Mean::default());
        let (mut actor_loss, mut entropy) = (Mean::default(), Mean::default());
        for _ in 0..learner.critic_steps_due() {
            let warm = learner.is_warm();
            let step = learner.state.critic_steps;
            learner.state.critic_steps += 1;
            let b = learner.settings.critic.batch_size;
            let batch = learner.draw(step, b)?;
            let values =
                |index: u64| normal((learner.run.seed, Purpose::TrainLatent, 4 * step + index), &[b, z], device);
            let Some(critic) = learner.critic.as_mut() else { return Ok(()) };
            let targets = tch::no_grad(|| -> imle_policy::Result<Tensor> {
                let after = match warm {
                    true => values(0)?,
                    false => Self::act(actor, &batch.after, &values(0)?, settings.most, true)?.0,
                };
                let candidates = maps.executed(first.as_ref(), &batch.after, &after.f_unsqueeze(1)?)?;
                let members = learner.settings.critic.members as i64;
                let pair = [step as i64 % members, (step as i64 + 1) % members];
                critic.targets(&batch, &candidates, pair, false)
            })?;
            critic_loss.add(critic.learn(&learner.settings.critic, &batch.before, &batch.chunks, &targets)?);
            let drawn = values(1)?;
            let worth = tch::no_grad(|| -> imle_policy::Result<Tensor> {
                let executed =
                    maps.executed(first.as_ref(), &batch.before, &drawn.f_unsqueeze(1)?)?.f_squeeze_dim(1)?;
                Ok(critic.values(&batch.before, &executed)?.f_mean_dim([0i64].as_slice(), false, Kind::Float)?)
            })?;
            noise_loss.add(noise.learn(&learner.settings.critic, &batch.before, &drawn, &worth)?);
            if warm {
                continue;
            }
            let (latent, log_density) = Self::act(actor, &batch.before, &values(2)?, settings.most, false)?;
            let worth = noise.values(&batch.before, &latent)?;
            let (alpha, log_density) = (self.state.log_alpha.exp(), log_density.mean(Kind::Float));
            let worth = worth.mean_dim([0i64].as_slice(), false, Kind::Float).mean(Kind::Float);
            actor.step(&(log_density.shallow_clone() * alpha - worth), settings.learning_rate, 0.0)?;
            let nats = -log_density.double_value(&[]);
            self.state.log_alpha += settings.learning_rate * (settings.target_entropy - nats).signum();
            entropy.add(Some(nats));
            actor_loss.add(Some(alpha));
            learner.state.actor_steps += 1;
        }
        critic_loss.write("critic/loss", figures);
        noise_loss.write("critic/noise_loss", figures);
        actor_loss.write("train/alpha", figures);
        entropy.write("train/entropy", figures);
        Ok(())
    }

    fn generator(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        let Some((actor, first)) = self.parts().filter(|_| learner.state.actor_steps > 0) else {
            return Ok(learner.run.checkpoint.clone());
        };
        let (settings, samples) = (&learner.settings.latent, learner.settings.actor.samples);
        let (device, z, size) = (learner.device(), learner.actor.latent_size(), TAUGHT.min(learner.memory.len()));
        let batch = learner.draw(u64::MAX, size)?;
        let chunks = tch::no_grad(|| -> imle_policy::Result<Vec<f32>> {
            let histories = crate::learner::repeat(&batch.before, samples)?;
            let noise = normal((learner.run.seed, Purpose::TrainLatent, u64::MAX), &[size * samples, z], device)?;
            let latents = Self::act(actor, &histories, &noise, settings.most, true)?.0;
            let latents = latents.f_view([size as i64, samples as i64, -1])?;
            to_host(&learner.actor.maps().chunks(first, &batch.before, &latents)?)
        })?;
        let config = learner.run.checkpoint.config();
        let chunk = chunks.len() / (size * samples);
        let mut history = vec![0.0; learner.sizes.history()];
        let states: Vec<WeightedState> = batch
            .rows
            .iter()
            .zip(chunks.chunks_exact(samples * chunk))
            .map(|(row, chunks)| {
                let (trajectory, index) = learner.memory.place(*row);
                trajectory.history(index * learner.sizes.executed, learner.sizes, &mut history);
                let mut raw = chunks.to_vec();
                config.normalizers.action.denormalize(&mut raw);
                let elites = raw.chunks_exact(chunk).map(<[f32]>::to_vec).collect();
                WeightedState { observation: history.clone(), elites, weights: Vec::new(), probability: 1.0 }
            })
            .collect();
        let source = WeightedTargets::new(&states, 0)?;
        let training = TrainSettings {
            steps: settings.distil_steps.max(1),
            warmup_steps: (settings.distil_steps / 20).max(1),
            batch_size: learner.settings.actor.batch_size,
            samples,
            seed: learner.run.seed,
            gradient_threads: learner.settings.learner_threads,
            horizons: config.horizons,
            network: config.network.clone(),
            ..TrainSettings::default()
        };
        let mut trainer = Trainer::from_checkpoint(&training, learner.run.checkpoint, NAME, device)?;
        for _ in 0..training.steps {
            trainer.step(&source, &learner.pool)?;
        }
        Ok(trainer.checkpoint()?)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let (Some(actor), Some(noise)) = (&self.actor, &self.noise) else { return Ok(()) };
        actor.save(&folder.join(ACTOR_FILE))?;
        noise.mlp().save(&folder.join(NOISE_FILE))?;
        let state = State { actor: actor.counters(), noise: noise.mlp().counters(), ..self.state };
        let path = folder.join(STATE_FILE);
        let text = serde_json::to_string(&state).map_err(|e| InputError::unexpected(path.display(), "counters", e))?;
        Ok(files::write_text(&path, &text)?)
    }

    fn load(&mut self, learner: &Learner<'_>, folder: &Path) -> Result<()> {
        self.begin(learner)?;
        let path = folder.join(STATE_FILE);
        self.state = serde_json::from_str(&files::read_text(&path)?)
            .map_err(|e| InputError::unexpected(path.display(), "counters", e))?;
        let (device, bounds) = (learner.device(), learner.run.task.reward().bounds());
        self.actor = Some(Mlp::load(actor_shape(learner), &folder.join(ACTOR_FILE), self.state.actor, device)?);
        let sizes = (learner.sizes.history(), learner.actor.latent_size());
        let file = folder.join(NOISE_FILE);
        let place = (file.as_path(), self.state.noise);
        self.noise = Some(Critic::load(&learner.settings.critic, sizes, bounds, place, device)?);
        Ok(())
    }
}

fn actor_shape(learner: &Learner<'_>) -> Shape {
    let z = learner.actor.latent_size();
    Shape { members: 1, inputs: learner.sizes.history(), width: learner.settings.critic.width, outputs: 2 * z }
}

/// The generator with the actor's latents, or its own where there is no actor yet.
struct Steered<'c> {
    learner: &'c Learner<'c>,
    sampler: &'c Sampler,
    actor: Option<&'c Mlp>,
}

impl Decide for Steered<'_> {
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
        let learner = self.learner;
        let keys = latent_keys(situation, learner.acting_seed());
        let Some(actor) = self.actor else {
            return Ok(self.sampler.sample_together(pool, observations(situation), &keys, chunks)?);
        };
        let z = learner.actor.latent_size();
        let mut noise = vec![0.0; keys.len() * z];
        for (key, noise) in keys.iter().zip(noise.chunks_exact_mut(z)) {
            fill_normal(&mut stream(learner.run.seed, Purpose::Perturbation, key.episode, key.step, 0), noise);
        }
        let mut histories = situation.observations.to_vec();
        self.sampler.config().normalizers.observation.normalize(&mut histories);
        let rows = |values: &[f32]| -> imle_policy::Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view([keys.len() as i64, -1])?.f_to_device(learner.device())?)
        };
        let most = learner.settings.latent.most;
        let latents = tch::no_grad(|| -> imle_policy::Result<Vec<f32>> {
            to_host(&Latent::act(actor, &rows(&histories)?, &rows(&noise)?, most, true)?.0)
        })?;
        Ok(self.sampler.sample_latents(pool, observations(situation), &latents, 1, chunks)?)
    }
}
