//! One training in memory, a step at a time.

use super::optimizer::{Moments, average_decay, move_average};
use super::{settings::TrainSettings, thresholds::Thresholds};
use crate::checkpoint::{Checkpoint, CheckpointConfig, FORMAT, Provenance};
use crate::device::{to_host, with_threads};
use crate::error::{Error, Result};
use crate::method::{self, Loss, LossContext, LossValue, Method, NetworkPool, TensorBatch};
use crate::network::{ChunkShape, Network, ObservationTensors, parameters::ParameterTable};
use crate::targets::{TargetBatch, TargetSource};
use crate::{normalizer::Normalizers, vision::Preprocessor};
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_configs::{Error as ConfigError, spec::Spec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tch::{Device, Tensor};

/// The start of a training from scratch, beside its settings and targets.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshStart {
    /// The task's observation and action.
    pub spec: Spec,
    /// Ranges of the data.
    pub normalizers: Normalizers,
    /// The estimator of the last terms of the observation, if they are estimated from pictures.
    pub estimator: Option<Arc<Checkpoint>>,
    /// The data as the user named it, for the checkpoint's provenance.
    pub data: String,
}

/// Counts of a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainCounters {
    /// Steps taken, skipped ones included.
    pub step: u64,
    /// Steps that changed the weights.
    pub updates: u64,
    /// Steps skipped for a loss or gradient that was not finite.
    pub skipped: u64,
    /// Of those, the last ones in a row.
    pub skipped_in_a_row: u64,
    /// Steps without any target to learn from.
    pub empty: u64,
}

/// The result of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The loss, if there was one. May be not finite: then the step was skipped.
    pub loss: Option<f64>,
    /// Norm of the gradient before clipping; 0 without a loss.
    pub grad_norm: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// Whether the weights were changed.
    pub updated: bool,
    /// The method's figures.
    pub parts: Vec<(&'static str, f64)>,
}

/// An auxiliary loss of the caller: a scalar with gradient, or nothing at this step.
pub type AuxiliaryLoss<'a> = dyn FnMut(&dyn Network) -> Result<Option<Tensor>> + 'a;

/// A source of targets and the weight of its loss beside an auxiliary one.
#[derive(Clone, Copy)]
pub struct WeightedSource<'a> {
    /// Factor of the method's loss.
    pub weight: f64,
    /// The targets.
    pub source: &'a dyn TargetSource,
}

/// A training: settings, weights, their moving average, optimiser moments and counters.
pub struct Trainer {
    pub(super) settings: TrainSettings,
    /// The checkpoint's configuration; `provenance` is brought up to date when one is made.
    pub(super) config: CheckpointConfig,
    /// The estimator behind which its checkpoints stand.
    pub(super) estimator: Option<Arc<Checkpoint>>,
    method: &'static dyn Method,
    shape: ChunkShape,
    pub(super) table: ParameterTable,
    /// Preprocessor of pictures, for a generator with vision.
    preprocessor: Option<Preprocessor>,
    device: Device,
    pub(super) weights: Tensor,
    pub(super) average: Tensor,
    pub(super) moments: Moments,
    pub(super) counters: TrainCounters,
    pub(super) thresholds: Thresholds,
    batch: TargetBatch,
}

impl Trainer {
    /// From scratch: weights from the seed's `Weights` streams.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting that does not fit; [`Error::Torch`] if memory runs out.
    pub fn fresh(settings: &TrainSettings, fresh: &FreshStart, device: Device) -> Result<Self> {
        let config = CheckpointConfig {
            format: FORMAT,
            version: imle_configs::VERSION.into(),
            method: settings.method.clone(),
            spec: fresh.spec.clone(),
            horizons: settings.horizons,
            network: settings.network.clone(),
            lead: 0,
            normalizers: fresh.normalizers.clone(),
            sampling: settings.sampling.clone(),
            vision: fresh.spec.pictures.as_ref().map(|_| settings.vision.encoder.clone()),
            provenance: Provenance { data: fresh.data.clone(), steps: 0, seed: settings.seed },
        };
        let seen = fresh.spec.pictures.as_ref().map_or(&[][..], |p| &p.cameras);
        if settings.vision.cameras != seen {
            let expected = format!("the cameras of the data, {seen:?}");
            let found = settings.vision.cameras.join(", ");
            return Err(ConfigError::unexpected("settings: vision.cameras", expected, found).into());
        }
        config.check("settings")?;
        let weights = config.network.parameters(&config.shape())?.initial(settings.seed);
        let fresh_counters = TrainCounters::default();
        let trainer = Self::assemble(settings, config, [&weights, &weights], None, fresh_counters, device)?;
        Ok(Self { estimator: fresh.estimator.clone(), ..trainer })
    }

    /// From a checkpoint's weights, with fresh moments and step 0: fine-tuning. Network, vision, horizons and
    /// normalisers are the checkpoint's, whatever `settings` says; `data` names what is learned from.
    ///
    /// # Errors
    /// As [`fresh`](Self::fresh).
    pub fn from_checkpoint(settings: &TrainSettings, start: &Checkpoint, data: &str, device: Device) -> Result<Self> {
        let mut config = start.config().clone();
        let (network, vision, horizons) = (config.network.clone(), config.vision_settings(), config.horizons);
        let settings = TrainSettings { network, horizons, vision, ..settings.clone() };
        config.version = imle_configs::VERSION.into();
        // Another method's network may take other times: its weights do not fit.
        let (same, method) = (settings.method == config.method, &config.method);
        let expected = format_args!("`{method}`, the method of the checkpoint it starts from");
        ConfigError::ensure(same, "settings: method", expected, &settings.method)?;
        let expected = "0, a generator whose chunks begin at the current step (planner distill makes one)";
        ConfigError::ensure(config.lead == 0, "checkpoint: lead", expected, config.lead)?;
        config.provenance = Provenance { data: data.into(), steps: 0, seed: settings.seed };
        let (weights, counters) = ([start.weights(), start.weights()], TrainCounters::default());
        let trainer = Self::assemble(&settings, config, weights, None, counters, device)?;
        Ok(Self { estimator: start.estimator().cloned(), ..trainer })
    }

    /// From all its parts: [weights, average] and [first, second] moments, flat; no moments are zeros.
    pub(super) fn assemble(
        settings: &TrainSettings,
        config: CheckpointConfig,
        [weights, average]: [&[f32]; 2],
        moments: Option<[&[f32]; 2]>,
        counters: TrainCounters,
        device: Device,
    ) -> Result<Self> {
        settings.check()?;
        config.check("settings")?;
        let shape = config.shape();
        let table = config.network.parameters(&shape)?;
        let tensor = |flat: &[f32]| -> Result<Tensor> { Ok(Tensor::f_from_slice(flat)?.f_to_device(device)?) };
        let weights = tensor(weights)?.f_set_requires_grad(true)?;
        let zeros = vec![0.0; table.len()];
        let [first, second] = moments.unwrap_or([&zeros, &zeros]);
        Ok(Self {
            settings: settings.clone(),
            method: method::by_name(&config.method)?,
            preprocessor: config.preprocessor(),
            config,
            estimator: None,
            shape,
            table,
            device,
            weights,
            average: tensor(average)?,
            moments: Moments::new(tensor(first)?, tensor(second)?)?,
            counters,
            thresholds: Thresholds::default(),
            batch: TargetBatch::default(),
        })
    }

    /// The device it runs on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The settings in force.
    pub fn settings(&self) -> &TrainSettings {
        &self.settings
    }

    /// Counts of a training.
    pub fn counters(&self) -> TrainCounters {
        self.counters
    }

    /// One training step on the batch of `source` at this step. What needs no gradient is done on `pool`, the rest on
    /// the calling thread with the settings' number of libtorch threads; the result does not depend on the pool.
    ///
    /// A loss or gradient that is not finite leaves the weights as they are and is counted; the caller decides when
    /// it has been too often.
    ///
    /// # Errors
    /// [`Error::Argument`] if the source's sizes do not fit; [`Error::Torch`].
    pub fn step(&mut self, source: &dyn TargetSource, pool: &rayon::ThreadPool) -> Result<StepReport> {
        self.step_with_auxiliary(Some(WeightedSource { weight: 1.0, source }), &mut |_| Ok(None), pool)
    }

    /// As [`step`](Self::step), with an auxiliary loss of the network, added to the weighted loss of the method on the
    /// source; without a source it is the whole loss.
    ///
    /// # Errors
    /// As [`step`](Self::step), and what `auxiliary` returns.
    pub fn step_with_auxiliary(
        &mut self,
        source: Option<WeightedSource<'_>>,
        auxiliary: &mut AuxiliaryLoss<'_>,
        pool: &rayon::ThreadPool,
    ) -> Result<StepReport> {
        with_threads(self.settings.gradient_threads, || self.step_on_this_thread(source, auxiliary, pool))
    }

    fn step_on_this_thread(
        &mut self,
        source: Option<WeightedSource<'_>>,
        auxiliary: &mut AuxiliaryLoss<'_>,
        pool: &rayon::ThreadPool,
    ) -> Result<StepReport> {
        let network = self.config.network.build(&self.shape, &self.table, &self.weights)?;
        let (weight, found) = match source {
            Some(WeightedSource { weight, source }) => (weight, self.method_loss(network.as_ref(), source, pool)?),
            None => (0.0, Loss::plain(LossValue::Empty)),
        };
        let auxiliary = auxiliary(network.as_ref())?;

        let step = self.counters.step;
        self.counters.step += 1;
        let learning_rate = self.settings.rate_at(step);
        let mut report = StepReport { loss: None, grad_norm: 0.0, learning_rate, updated: false, parts: found.parts };
        let loss = match (found.value, auxiliary) {
            (LossValue::NotFinite, _) => {
                self.skip();
                return Ok(report);
            }
            (LossValue::Empty, None) => {
                self.counters.empty += 1;
                return Ok(report);
            }
            (LossValue::Empty, Some(auxiliary)) => auxiliary,
            (LossValue::Scalar(loss), None) => loss,
            (LossValue::Scalar(loss), Some(auxiliary)) => auxiliary.f_add(&loss.f_mul_scalar(weight)?)?,
        };
        let value = loss.f_double_value(&[])?;
        report.loss = Some(value);
        let mut gradients = Tensor::f_run_backward(&[&loss], &[&self.weights], false, false)?;
        let gradient = gradients.swap_remove(0);
        report.grad_norm = gradient.f_norm()?.f_double_value(&[])?;
        if !(value.is_finite() && report.grad_norm.is_finite()) {
            self.skip();
            return Ok(report);
        }
        self.update(gradient, report.grad_norm, learning_rate)?;
        report.updated = true;
        Ok(report)
    }

    /// The method's loss of `network` on the batch of `source` at this step.
    fn method_loss(
        &mut self,
        network: &dyn Network,
        source: &dyn TargetSource,
        pool: &rayon::ThreadPool,
    ) -> Result<Loss> {
        let sizes = source.shape();
        let pictures = self.shape.vision.map_or(0, |v| v.bytes);
        let wanted = (self.shape.observation, pictures, self.shape.chunk());
        if (sizes.observation, sizes.pictures, sizes.chunk) != wanted || sizes.targets == 0 {
            let (o, p, c) = wanted;
            let expected = format!("histories of {o} values and {p} bytes of pictures, chunks of {c} values");
            let found =
                format!("{}, {} and {}, {} a state", sizes.observation, sizes.pictures, sizes.chunk, sizes.targets);
            return Err(Error::argument("Trainer::step", "source", expected, found));
        }
        let (seed, step) = (self.settings.seed, self.counters.step);
        source.batch(seed, step, self.settings.batch_size, &mut self.batch);
        self.config.normalizers.observation.normalize(&mut self.batch.observations);
        self.config.normalizers.action.normalize(&mut self.batch.targets);
        if self.settings.observation_noise > 0.0 {
            let deviation = self.settings.observation_noise as f32;
            let mut noise = vec![0.0; sizes.observation];
            for (row, observation) in self.batch.observations.chunks_exact_mut(sizes.observation).enumerate() {
                fill_normal(&mut stream(seed, Purpose::ObservationNoise, row as u64, step, 0), &mut noise);
                observation.iter_mut().zip(&noise).for_each(|(x, n)| *x += deviation * n);
            }
        }
        if let Some(residual) = &self.config.normalizers.residual {
            let mut base = vec![0.0; sizes.chunk];
            let targets = self.batch.targets.chunks_exact_mut(sizes.targets * sizes.chunk);
            for (observation, targets) in self.batch.observations.chunks_exact(sizes.observation).zip(targets) {
                residual.predict(observation, &mut base);
                residual.remove(&base, targets);
            }
        }
        let b = self.settings.batch_size as i64;
        let pictures = self.preprocessor.as_ref();
        let pictures = pictures.map(|p| p.augmented(&self.batch.pictures, seed, step, self.device)).transpose()?;
        let values = Tensor::f_from_slice(&self.batch.observations)?.f_view([b, -1])?.f_to_device(self.device)?;
        let batch = TensorBatch {
            observations: ObservationTensors { values, pictures },
            targets: Tensor::f_from_slice(&self.batch.targets)?
                .f_view([b, sizes.targets as i64, sizes.chunk as i64])?
                .f_to_device(self.device)?,
            mask: &self.batch.mask,
        };
        let workers = NetworkPool::new(pool, self.device, || {
            self.config.network.build(&self.shape, &self.table, &self.weights.f_detach()?)
        })?;
        let epsilon = self.thresholds.of(&self.settings, step, &self.batch.states, source.states());
        let context = LossContext {
            workers: &workers,
            seed,
            step,
            shape: self.shape,
            latent: self.config.network.latent_size(&self.shape),
            samples: self.settings.samples,
            epsilon: &epsilon,
            shared_latents: self.settings.shared_latents,
            reject_share: self.settings.reject_share,
            sampling: &self.config.sampling,
        };
        let found = self.method.loss(network, &batch, &context)?;
        self.thresholds.tighten(&self.settings, &self.batch.states, &found.within);
        Ok(found)
    }

    /// The network with its weights as they are now, cut off from the gradient; with the averaged ones if `averaged`.
    ///
    /// # Errors
    /// [`Error::Torch`] if memory runs out.
    pub fn network(&self, averaged: bool) -> Result<Box<dyn Network>> {
        let weights = if averaged { &self.average } else { &self.weights };
        // A copy: the weights are changed in place by the next step.
        self.config.network.build(&self.shape, &self.table, &weights.f_detach_copy()?)
    }

    /// Configuration of the checkpoint that it makes.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    fn skip(&mut self) {
        self.counters.skipped += 1;
        self.counters.skipped_in_a_row += 1;
    }

    fn update(&mut self, mut gradient: Tensor, norm: f64, rate: f64) -> Result<()> {
        if norm > self.settings.grad_clip {
            let _ = gradient.f_mul_scalar_(self.settings.grad_clip / norm)?;
        }
        self.counters.updates += 1;
        self.counters.skipped_in_a_row = 0;
        let updates = self.counters.updates;
        self.moments.step(&self.weights, gradient, updates, rate, self.settings.weight_decay)?;
        let decay = average_decay(updates, self.settings.ema_power, self.settings.ema_max);
        move_average(&mut self.average, &self.weights, decay)
    }

    /// A checkpoint of the averaged weights as they are now.
    ///
    /// # Errors
    /// [`Error::Argument`] if they are not finite.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        self.checkpoint_of(&self.average)
    }

    /// A checkpoint of the weights themselves as they are now.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub fn current_checkpoint(&self) -> Result<Checkpoint> {
        self.checkpoint_of(&self.weights)
    }

    fn checkpoint_of(&self, weights: &Tensor) -> Result<Checkpoint> {
        let mut config = self.config.clone();
        config.provenance.steps = self.counters.step;
        let checkpoint = Checkpoint::new(config, to_host(weights)?)?;
        match &self.estimator {
            Some(estimator) => checkpoint.with_estimator(estimator.clone(), "checkpoint"),
            None => Ok(checkpoint),
        }
    }
}
