//! The sampler: workers, micro-batches, and the way from observations to raw chunks.

use super::latents::LatentKey;
use crate::checkpoint::{Checkpoint, CheckpointConfig};
use crate::device::threads::{use_one_thread, with_threads};
use crate::error::{Error, Result};
use crate::method::{self, Method, Prepared, Sampling};
use crate::network::{ChunkShape, Network, ObservationTensors};
use crate::vision::Preprocessor;
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Tensor};

/// Rows of a micro-batch of a decision with `n` candidates: one alone, few enough for all threads to have work, and of
/// many so many that reading the weights costs little.
pub fn micro_batch(n: usize) -> usize {
    match n {
        0..=1 => 1,
        2..256 => 16,
        _ => 64,
    }
}

/// Observation histories of B decisions, raw, oldest first. A slice of values alone has no pictures.
#[derive(Clone, Copy, Debug)]
pub struct Observations<'a> {
    /// Observation histories (B, T_obs, O).
    pub values: &'a [f32],
    /// The pictures beside them (B, T_obs, cameras, H, W, 3), for a checkpoint that sees pictures; else empty.
    pub pictures: &'a [u8],
}

impl<'a, T: AsRef<[f32]> + ?Sized> From<&'a T> for Observations<'a> {
    fn from(values: &'a T) -> Self {
        Self { values: values.as_ref(), pictures: &[] }
    }
}

impl<'a> Observations<'a> {
    /// Decision `index` of those with `o` values and `p` bytes each.
    pub(super) fn decision(&self, index: usize, o: usize, p: usize) -> Self {
        Self { values: &self.values[index * o..][..o], pictures: &self.pictures[index * p..][..p] }
    }
}

/// Draws chunks from a checkpoint; shared by all threads.
pub struct Sampler {
    pub(super) config: CheckpointConfig,
    /// Sizes of the network.
    body: ChunkShape,
    /// Sizes of what is given, and of chunks.
    shape: ChunkShape,
    estimator: Option<Box<Sampler>>,
    /// Actions of the network's chunks that are before the current step.
    lead: usize,
    /// Normal values that a chunk is made from.
    latent: usize,
    pub(super) method: &'static dyn Method,
    preprocessor: Option<Preprocessor>,
    pub(super) device: Device,
    /// One a worker: tensors may move between threads but not be shared by them.
    workers: Vec<Mutex<Worker>>,
}

pub(super) struct Worker {
    pub(super) network: Box<dyn Network>,
    /// Latents and normalised chunks of the last micro-batch; one observation history.
    latents: Vec<f32>,
    chunks: Vec<f32>,
    observation: Vec<f32>,
}

impl Sampler {
    /// For a pool of `workers` threads (at least 1 is made); weights are shared, not copied. On CUDA one worker is
    /// made whatever the number.
    ///
    /// # Errors
    /// [`Error::Torch`] if memory runs out.
    pub fn new(checkpoint: &Checkpoint, workers: usize, device: Device) -> Result<Self> {
        let config = checkpoint.config().clone();
        let flat = Tensor::f_from_slice(checkpoint.weights())?.f_to_device(device)?;
        let flat = flat.f_to_kind(config.sampling.precision.kind())?;
        let (body, network_shape) = (config.shape(), config.network_shape());
        let count = if device == Device::Cpu { workers.max(1) } else { 1 };
        let method = method::by_name(&config.method)?;
        let latent = config.latent_size(method);
        let worker = || -> Result<Mutex<Worker>> {
            let network = tch::no_grad(|| config.network.build(&network_shape, checkpoint.table(), &flat))?;
            let observation = vec![0.0; body.observation];
            Ok(Mutex::new(Worker { network, latents: Vec::new(), chunks: Vec::new(), observation }))
        };
        let workers = (0..count).map(|_| worker()).collect::<Result<_>>()?;
        let preprocessor = config.preprocessor();
        let estimator = checkpoint.estimator().map(|e| Self::new(e, count, device).map(Box::new)).transpose()?;
        let shape = estimator.as_ref().map_or(body, |estimator| ChunkShape {
            observation: config.horizons.observation * estimator.body.observation,
            vision: estimator.body.vision.map(|one| one.over(config.horizons.observation)),
            ..body
        });
        let lead = config.lead;
        Ok(Self { method, lead, config, body, shape, estimator, latent, preprocessor, device, workers })
    }

    /// Normal values that a chunk is made from.
    pub fn latent_size(&self) -> usize {
        self.latent
    }

    /// The configuration of the checkpoint it draws from.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    /// Sizes of observation history and chunk.
    pub fn shape(&self) -> ChunkShape {
        self.shape
    }

    /// Bytes of the pictures of one decision, (T_obs, cameras, H, W, 3); 0 for a checkpoint that sees none.
    pub fn picture_bytes(&self) -> usize {
        self.shape.vision.map_or(0, |v| v.bytes)
    }

    /// Observations on the device, from `values` that are normalised already.
    fn tensors(&self, values: &[f32], pictures: &[u8]) -> Result<ObservationTensors> {
        let decisions = (values.len() / self.body.observation) as i64;
        let values = Tensor::f_from_slice(values)?.f_view([decisions, -1])?.f_to_device(self.device)?;
        let pictures = self.preprocessor.as_ref().map(|p| p.centred(pictures, self.device)).transpose()?;
        Ok(ObservationTensors { values, pictures })
    }

    /// Draws `n` candidates for each of B decisions.
    ///
    /// `keys` (B); `out` (B, n, T_pred, A) raw. Chunks are not clamped to the range of the data.
    ///
    /// # Errors
    /// [`Error::Argument`] for slices of the wrong size or an observation that is not finite; [`Error::Torch`].
    pub fn sample<'a>(
        &self,
        pool: &rayon::ThreadPool,
        observations: impl Into<Observations<'a>>,
        keys: &[LatentKey],
        n: usize,
        out: &mut [f32],
    ) -> Result<()> {
        self.draw(pool, observations.into(), keys.len(), n, out, &|b, i, latent| self.latent(keys[b], i as u64, latent))
    }

    /// Writes the latent that candidate `i` of the decision `key` is drawn from, (Z).
    pub fn latent(&self, key: LatentKey, i: u64, latent: &mut [f32]) {
        let Sampling { latents, temperature, .. } = self.config.sampling;
        latents.draw(key, i, latent);
        latent.iter_mut().for_each(|z| *z *= temperature as f32);
    }

    /// As [`sample`](Self::sample), with the latents given: `latents` (B, n, Z), Z the
    /// [`latent_size`](Self::latent_size).
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn sample_latents<'a>(
        &self,
        pool: &rayon::ThreadPool,
        observations: impl Into<Observations<'a>>,
        latents: &[f32],
        n: usize,
        out: &mut [f32],
    ) -> Result<()> {
        let (size, observations) = (self.latent, observations.into());
        let decisions = observations.values.len() / self.shape.observation;
        if latents.len() != decisions * n * size {
            return Err(wrong_size("latents", format!("({decisions}, {n}, {size})"), latents.len()));
        }
        self.draw(pool, observations, decisions, n, out, &|b, i, latent| {
            latent.copy_from_slice(&latents[(b * n + i) * size..][..size]);
        })
    }

    fn draw(
        &self,
        pool: &rayon::ThreadPool,
        observations: Observations<'_>,
        decisions: usize,
        n: usize,
        out: &mut [f32],
        latent: &(dyn Fn(usize, usize, &mut [f32]) + Sync),
    ) -> Result<()> {
        self.check(observations, decisions, n, out)?;
        if out.is_empty() {
            return Ok(());
        }
        match self.device {
            // Waking a worker for what one pass does takes as long as half of the pass.
            Device::Cpu if decisions == 1 && n <= micro_batch(n) => with_threads(1, || {
                let (prepared, base) = self.prepare(observations)?;
                self.draw_rows(&prepared, &base, micro_batch(n), out, &|row, z| latent(0, row, z))
            }),
            Device::Cpu => pool.install(|| self.draw_in_micro_batches(observations, n, out, latent)),
            _ => self.draw_at_once(pool, observations, n, out, latent),
        }
    }

    /// Whether the arguments fit `decisions` of `n` candidates.
    pub(super) fn check(&self, observations: Observations<'_>, decisions: usize, n: usize, out: &[f32]) -> Result<()> {
        let (o, p, chunk) = (self.shape.observation, self.picture_bytes(), self.body.chunk());
        let values = observations.values;
        for (what, found, each) in [("observations", values.len(), o), ("pictures", observations.pictures.len(), p)] {
            if found != decisions * each {
                return Err(wrong_size(what, format!("({decisions}, {each})"), found));
            }
        }
        if out.len() != decisions * n * chunk {
            return Err(wrong_size("out", format!("({decisions}, {n}, {chunk})"), out.len()));
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            let found = format!("{} at {} of decision {}", values[at], at % o, at / o);
            return Err(Error::argument("Sampler::sample", "observations", "finite values", found));
        }
        Ok(())
    }

    /// The calling thread's worker; its lock is contended only if the pool has more threads than there are workers.
    pub(super) fn worker(&self) -> MutexGuard<'_, Worker> {
        use_one_thread();
        let index = rayon::current_thread_index().unwrap_or(0) % self.workers.len();
        // A worker holds nothing that a panic could leave half-done: its buffers are filled anew each time.
        self.workers[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chunks (B, n, T, A) of the network from the current step on.
    fn cut(&self, chunks: &Tensor) -> Result<Tensor> {
        Ok(chunks.f_narrow(2, self.lead as i64, self.body.prediction as i64)?)
    }

    fn draw_in_micro_batches(
        &self,
        observations: Observations<'_>,
        n: usize,
        out: &mut [f32],
        latent: &(dyn Fn(usize, usize, &mut [f32]) + Sync),
    ) -> Result<()> {
        let chunk = self.body.chunk();
        let (o, p) = (self.shape.observation, self.picture_bytes());
        let encoded: Vec<(Mutex<Prepared>, Vec<f32>)> = (0..observations.values.len() / o)
            .into_par_iter()
            .with_max_len(1)
            .map(|b| {
                let (prepared, base) = self.prepare(observations.decision(b, o, p))?;
                Ok((Mutex::new(prepared), base))
            })
            .collect::<Result<_>>()?;
        let rows = micro_batch(n);
        let decisions = out.chunks_exact_mut(n * chunk).enumerate();
        let tasks: Vec<_> = decisions
            .flat_map(|(b, out)| out.chunks_mut(rows * chunk).enumerate().map(move |(i, out)| (b, i, out)))
            .collect();
        tasks.into_par_iter().with_max_len(1).try_for_each(|(b, i, out)| {
            let (prepared, base) = &encoded[b];
            let prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner).shallow_clone();
            self.draw_rows(&prepared, base, rows, out, &|row, z| latent(b, i * rows + row, z))
        })
    }

    /// The conditioning of every pass of one decision, and what is predicted of its chunks.
    fn prepare(&self, observation: Observations<'_>) -> Result<(Prepared, Vec<f32>)> {
        let mut worker = self.worker();
        let (features, base) = worker.encode(self, observation)?;
        let network = worker.network.as_ref();
        Ok((tch::no_grad(|| self.method.prepare(network, &features, &self.config.sampling))?, base))
    }

    /// Fills `out`, up to `rows` chunks of one decision, in one pass of so many rows.
    fn draw_rows(
        &self,
        prepared: &Prepared,
        base: &[f32],
        rows: usize,
        out: &mut [f32],
        latent: &dyn Fn(usize, &mut [f32]),
    ) -> Result<()> {
        let wanted = out.len() / self.body.chunk();
        let mut worker = self.worker();
        let drawn = worker.generate(self, prepared, [1, rows], &|row, z| {
            if row < wanted { latent(row, z) } else { z.fill(0.0) }
        })?;
        out.copy_from_slice(&drawn[..out.len()]);
        self.finish(base, out);
        Ok(())
    }

    fn draw_at_once(
        &self,
        pool: &rayon::ThreadPool,
        observations: Observations<'_>,
        n: usize,
        out: &mut [f32],
        latent: &(dyn Fn(usize, usize, &mut [f32]) + Sync),
    ) -> Result<()> {
        let decisions = observations.values.len() / self.shape.observation;
        let mut latents = vec![0.0; decisions * n * self.latent];
        // Of many candidates their latents would take longer than the network.
        let rows = latents.par_chunks_exact_mut(self.latent).with_min_len(16).enumerate();
        pool.install(|| rows.for_each(|(row, z)| latent(row / n, row % n, z)));
        let (mut normalized, pictures) = match &self.estimator {
            None => (observations.values.to_vec(), observations.pictures),
            Some(estimator) => {
                let steps = observations.values.len() / estimator.body.observation;
                let mut estimates = vec![0.0; steps * estimator.body.chunk()];
                estimator.draw(pool, observations, steps, 1, &mut estimates, &|_, _, z| z.fill(0.0))?;
                (estimator.joined(observations.values, &estimates), &[][..])
            }
        };
        self.config.normalizers.observation.normalize(&mut normalized);
        let (b, n) = (decisions as i64, n as i64);
        let sampling = &self.config.sampling;
        tch::no_grad(|| -> Result<()> {
            let worker = self.worker();
            let network = worker.network.as_ref();
            let features = network.encode(&self.tensors(&normalized, pictures)?)?;
            let prepared = self.method.prepare(network, &features, sampling)?;
            let z = Tensor::f_from_slice(&latents)?.f_view([b, n, -1])?.f_to_device(self.device)?;
            let chunks = self.cut(&self.method.generate(network, &z, &prepared, sampling)?)?;
            chunks.f_to_device(Device::Cpu)?.f_contiguous()?.f_copy_data(out, out.len())?;
            Ok(())
        })?;
        let chunk = self.body.chunk();
        let bases: Vec<Vec<f32>> = normalized.chunks_exact(self.body.observation).map(|o| self.base(o)).collect();
        let drawn = out.par_chunks_exact_mut(n as usize * chunk).zip(&bases);
        let each = |(out, base): (&mut [f32], &Vec<f32>)| {
            out.par_chunks_mut(64 * chunk).for_each(|chunks| self.finish(base, chunks));
        };
        pool.install(|| drawn.for_each(each));
        Ok(())
    }

    /// Writes the observation history of the network, raw: the given one, with the estimates of each step behind it.
    fn complete(&self, observation: Observations<'_>, out: &mut [f32]) -> Result<()> {
        let Some(estimator) = &self.estimator else {
            out.copy_from_slice(observation.values);
            return Ok(());
        };
        let (o, p) = (estimator.shape.observation, estimator.picture_bytes());
        let mut estimates = vec![0.0; self.config.horizons.observation * estimator.body.chunk()];
        for (step, out) in estimates.chunks_exact_mut(estimator.body.chunk()).enumerate() {
            let (prepared, base) = estimator.prepare(observation.decision(step, o, p))?;
            estimator.draw_rows(&prepared, &base, 1, out, &|_, z| z.fill(0.0))?;
        }
        out.copy_from_slice(&estimator.joined(observation.values, &estimates));
        Ok(())
    }

    /// Of an estimator: what it was given, and its estimates behind it, step by step.
    fn joined(&self, values: &[f32], estimates: &[f32]) -> Vec<f32> {
        let steps = values.chunks_exact(self.body.observation).zip(estimates.chunks_exact(self.body.chunk()));
        steps.flat_map(|(values, estimates)| [values, estimates].concat()).collect()
    }

    /// The linear prediction of a chunk from a normalised observation history; empty without one.
    fn base(&self, observation: &[f32]) -> Vec<f32> {
        let Some(residual) = &self.config.normalizers.residual else { return Vec::new() };
        let mut base = vec![0.0; self.body.chunk()];
        residual.predict(observation, &mut base);
        base
    }

    /// Chunks of one observation as the network made them to raw ones, in place.
    pub(super) fn finish(&self, base: &[f32], chunks: &mut [f32]) {
        if let Some(residual) = &self.config.normalizers.residual {
            residual.restore(base, chunks);
        }
        self.config.normalizers.action.denormalize(chunks);
    }
}

impl Worker {
    /// Features (1, F) of one observation history, raw, and what is predicted of its chunks.
    pub(super) fn encode(&mut self, sampler: &Sampler, observation: Observations<'_>) -> Result<(Tensor, Vec<f32>)> {
        sampler.complete(observation, &mut self.observation)?;
        sampler.config.normalizers.observation.normalize(&mut self.observation);
        let base = sampler.base(&self.observation);
        let tensors = sampler.tensors(&self.observation, observation.pictures)?;
        Ok((tch::no_grad(|| self.network.encode(&tensors))?, base))
    }

    /// Chunks (B, n, T_pred, A) as the network makes them, from the latents of their rows.
    pub(super) fn generate(
        &mut self,
        sampler: &Sampler,
        prepared: &Prepared,
        [b, n]: [usize; 2],
        latent: &dyn Fn(usize, &mut [f32]),
    ) -> Result<&[f32]> {
        self.latents.resize(b * n * sampler.latent, 0.0);
        self.chunks.resize(b * n * sampler.body.chunk(), 0.0);
        self.latents.chunks_exact_mut(sampler.latent).enumerate().for_each(|(row, z)| latent(row, z));
        tch::no_grad(|| -> Result<()> {
            let z = Tensor::f_from_slice(&self.latents)?.f_view([b as i64, n as i64, -1])?;
            let sampling = &sampler.config.sampling;
            let chunks = sampler.method.generate(self.network.as_ref(), &z, prepared, sampling)?;
            let chunks = sampler.cut(&chunks)?.f_contiguous()?;
            Ok(chunks.f_copy_data(&mut self.chunks, chunks.numel())?)
        })?;
        Ok(&self.chunks)
    }
}

fn wrong_size(what: &'static str, expected: String, found: usize) -> Error {
    Error::argument("Sampler::sample", what, expected, format!("{found} values"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Precision;
    use crate::test_support::{self, checkpoints, pool};
    use imle_configs::seed::{Purpose, fill_normal, stream};

    fn sample(sampler: &Sampler, pool: &rayon::ThreadPool, which: &[usize], n: usize) -> Vec<f32> {
        let o = sampler.shape().observation;
        let observations: Vec<f32> =
            which.iter().flat_map(|b| (0..o).map(move |i| ((b * o + i) as f32).sin())).collect();
        let keys: Vec<_> = which.iter().map(|b| LatentKey { seed: 9, episode: *b as u64, step: 3 }).collect();
        let mut out = vec![f32::NAN; which.len() * n * sampler.shape().chunk()];
        sampler.sample(pool, &observations, &keys, n, &mut out).unwrap();
        out
    }

    #[test]
    fn bits_depend_on_neither_threads_nor_company_and_values_not_on_number() {
        let (one, two) = (pool(1), pool(2));
        for checkpoint in checkpoints() {
            let sampler = Sampler::new(&checkpoint, 2, Device::Cpu).unwrap();
            let chunk = sampler.shape().chunk();
            let all = sample(&sampler, &one, &(0..19).collect::<Vec<_>>(), 37);
            assert!(all.iter().all(|x| x.is_finite()));
            assert_eq!(all, sample(&sampler, &two, &(0..19).collect::<Vec<_>>(), 37));
            for b in [0, 7, 18] {
                let alone = &all[b * 37 * chunk..][..37 * chunk];
                assert_eq!(alone, sample(&sampler, &two, &[b], 37));
                assert_eq!(alone[..5 * chunk], sample(&sampler, &two, &[b], 5));
                let first = sample(&sampler, &one, &[b], 1);
                assert_eq!(first, sample(&sampler, &two, &[3, b], 1)[chunk..]);
                let tolerance = if sampler.config().sampling.precision == Precision::Bf16 { 3e-2 } else { 1e-5 };
                assert!(first.iter().zip(alone).all(|(x, y)| (x - y).abs() < tolerance), "{first:?}");
                assert_eq!(alone, &sample(&sampler, &two, &[3, b], 37)[37 * chunk..]);
            }
            assert_ne!(all[..chunk], all[chunk..2 * chunk]);
        }
    }

    #[test]
    fn given_latents_are_used() {
        let sampler = Sampler::new(&test_support::checkpoint(5, 3, 1), 1, Device::Cpu).unwrap();
        let (pool, chunk) = (pool(1), sampler.shape().chunk());
        let mut latents = vec![0.0; 2 * chunk];
        for (i, z) in latents.chunks_exact_mut(chunk).enumerate() {
            fill_normal(&mut stream(9, Purpose::Latent, 0, 3, i as u64), z);
        }
        let observation: Vec<f32> = (0..10).map(|i| (i as f32).sin()).collect();
        let mut out = vec![0.0; 2 * chunk];
        sampler.sample_latents(&pool, &observation, &latents, 2, &mut out).unwrap();
        assert_eq!(out, sample(&sampler, &pool, &[0], 2));
        assert!(sampler.sample_latents(&pool, &observation, &latents, 3, &mut out).is_err());
    }

    #[test]
    fn wrong_arguments_are_named() {
        let sampler = Sampler::new(&test_support::checkpoint(5, 3, 1), 1, Device::Cpu).unwrap();
        let pool = pool(1);
        let mut out = vec![0.0; sampler.shape().chunk()];
        let key = [LatentKey::default()];
        let short = sampler.sample(&pool, &[0.0; 9], &key, 1, &mut out).unwrap_err().to_string();
        assert!(short.contains("observations: expected (1, 10)"), "{short}");
        let wide = sampler.sample(&pool, &[0.0; 10], &key, 2, &mut out).unwrap_err().to_string();
        assert!(wide.contains("out: expected (1, 2, 12)"), "{wide}");
        let mut observation = [0.0; 10];
        observation[4] = f32::INFINITY;
        assert!(sampler.sample(&pool, &observation, &key, 1, &mut out).unwrap_err().to_string().contains("inf at 4"));
    }
}
