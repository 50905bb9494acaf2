//! A generator as one value: loaded, cloned, moved between threads, and sampled from.

use crate::checkpoint::{CONFIG_FILE, Checkpoint};
use crate::import::{ImportTarget, import};
use crate::sampler::{LatentKey, Sampler};
use crate::{error::Result, method::Sampling};
use imle_configs::spec::{Horizons, Spec};
use imle_configs::{Error as ConfigError, embedded, workers::Workers};
use std::{path::Path, sync::Arc};
use tch::Device;

/// Most chunks that one call of a foreign language's may draw.
pub const MOST_CHUNKS: usize = 1 << 20;

/// A trained generator of action chunks.
///
/// Clones share the weights. It is `Send` and `Sync`, so that controllers on many threads use one.
///
/// ```
/// use imle_policy::policy::Policy;
///
/// let policy = Policy::pretrained("stack")?;
/// let observation = vec![0.0; policy.spec().observation.size()];
/// let chunks = policy.sample(&observation, 4)?;
/// assert_eq!(chunks.shape(), [4, policy.horizons().prediction, policy.spec().action.size()]);
/// # Ok::<(), imle_policy::Error>(())
/// ```
#[derive(Clone)]
pub struct Policy {
    checkpoint: Arc<Checkpoint>,
    sampler: Arc<Sampler>,
    device: Device,
    /// Number of threads that can sample at once on a processor.
    threads: usize,
}

/// Chunks as a policy draws them, (N, T_pred, A), in the units of the task's actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunks {
    values: Vec<f32>,
    shape: [usize; 3],
}

impl Chunks {
    /// N, T_pred and A.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// All values, row-major (N, T_pred, A).
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The chunks one by one, (T_pred, A) each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact((self.shape[1] * self.shape[2]).max(1))
    }
}

impl Policy {
    /// The checkpoint that is shipped for a built-in task, on the processor.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if none is shipped for `task`.
    pub fn pretrained(task: impl AsRef<str>) -> Result<Self> {
        let task = task.as_ref();
        let known = || ConfigError::unexpected(format!("task `{task}`"), "one with a shipped checkpoint", "none");
        Self::from_checkpoint(&Checkpoint::shipped(task)?.ok_or_else(known)?, Device::Cpu)
    }

    /// The checkpoint in `folder`, on `device`.
    ///
    /// # Errors
    /// As [`Checkpoint::load`]; [`crate::Error::Torch`] if memory runs out.
    pub fn load(folder: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(&Checkpoint::load(folder.as_ref())?, device)
    }

    /// The policy called `name`, on `device`: the checkpoint shipped for a task, or that in a folder. One of LeRobot's or
    /// Diffusion Policy's is imported.
    ///
    /// # Errors
    /// As [`load`](Self::load); [`crate::Error::Config`] for a name that is neither.
    pub fn open(name: &str, device: Device) -> Result<Self> {
        let folder = Path::new(name);
        if !folder.exists() && !name.contains('/') {
            let shipped = || embedded::task_names().into_iter().filter(|task| embedded::checkpoint(task).is_some());
            let unknown = || ConfigError::unknown("checkpoint", name, shipped());
            return Self::from_checkpoint(&Checkpoint::shipped(name)?.ok_or_else(unknown)?, device);
        }
        // What both read: LeRobot's files at the top, ours below.
        let inner = folder.join("imle");
        if inner.join(CONFIG_FILE).is_file() {
            return Self::load(inner, device);
        }
        let checkpoint = match Checkpoint::load(folder) {
            Err(own) if folder.is_dir() => {
                import(folder, &ImportTarget::default()).map_or(Err(own), |imported| Ok(imported.checkpoint))?
            }
            loaded => loaded?,
        };
        Self::from_checkpoint(&checkpoint, device)
    }

    /// `checkpoint` on `device`, ready for as many threads as there are cores.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if memory runs out.
    pub fn from_checkpoint(checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        Self::with_threads(checkpoint, std::thread::available_parallelism().map_or(1, std::num::NonZero::get), device)
    }

    /// `checkpoint` on `device`, ready for pools of `threads` threads. Larger pools work as well; their threads wait
    /// for each other.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if memory runs out.
    pub fn with_threads(checkpoint: &Checkpoint, threads: usize, device: Device) -> Result<Self> {
        let sampler = Arc::new(Sampler::new(checkpoint, threads, device)?);
        Ok(Self { checkpoint: Arc::new(checkpoint.clone()), sampler, device, threads })
    }

    /// The same weights, sampled in another way.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if its method cannot be sampled so.
    pub fn with_sampling(self, sampling: Sampling) -> Result<Self> {
        if sampling == *self.sampling() {
            return Ok(self);
        }
        let checkpoint = Arc::unwrap_or_clone(self.checkpoint).with_sampling(sampling)?;
        Self::with_threads(&checkpoint, self.threads, self.device)
    }

    /// The checkpoint it is made from.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Sampler of the policy: batches of decisions, given latents, lockstep batching.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Observations and actions of the policy.
    pub fn spec(&self) -> &Spec {
        self.checkpoint.spec()
    }

    /// T_obs, T_pred and T_act.
    pub fn horizons(&self) -> Horizons {
        self.checkpoint.config().horizons
    }

    /// Name of the method it was trained by.
    pub fn method(&self) -> &str {
        &self.checkpoint.config().method
    }

    /// Sampling settings.
    pub fn sampling(&self) -> &Sampling {
        &self.checkpoint.config().sampling
    }

    /// Z, normal values that a chunk is made from; 0 for a method without latents.
    pub fn latent_size(&self) -> usize {
        self.sampler.latent_size()
    }

    /// Draws `n` chunks for one decision, with the default key, on the pool of the process.
    ///
    /// `observation` is a history (T_obs, O), oldest first, or one observation (O), which is repeated.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for an observation of another size or one that is not finite; [`crate::Error::Torch`].
    pub fn sample(&self, observation: &[f32], n: usize) -> Result<Chunks> {
        self.sample_with(&Workers::shared()?, observation, n, LatentKey::default())
    }

    /// As [`sample`](Self::sample), with the draws of `key` and the threads of `workers`.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn sample_with(&self, workers: &Workers, observation: &[f32], n: usize, key: LatentKey) -> Result<Chunks> {
        let (steps, action) = (self.horizons().prediction, self.spec().action.size());
        let mut values = vec![0.0; n * steps * action];
        let one = observation.len() == self.spec().observation.size();
        let history = observation.repeat(if one { self.horizons().observation } else { 1 });
        self.sampler.sample(workers, &history, &[key], n, &mut values)?;
        Ok(Chunks { values, shape: [n, steps, action] })
    }

    /// Checks that it is made for `spec`; `place` names the policy in the error.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first thing that differs.
    pub fn check_matches(&self, spec: &Spec, place: &str) -> Result<()> {
        self.checkpoint.check_matches(spec, place)
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (task, method) = (&self.spec().task, self.method());
        f.debug_struct("Policy").field("task", task).field("method", &method).field("device", &self.device).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support as toy;

    fn assert_shared<T: Send + Sync + Clone>(_: &T) {}

    #[test]
    fn chunks_are_the_samplers_and_one_observation_is_repeated() {
        let policy = Policy::from_checkpoint(&toy::checkpoint(5, 3, 1), Device::Cpu).unwrap();
        assert_shared(&policy);
        let (workers, horizons) = (Workers::new(2).unwrap(), policy.horizons());
        let one: Vec<f32> = (0..5).map(|i| (i as f32).sin()).collect();
        let history = one.repeat(horizons.observation);
        let key = LatentKey { seed: 9, episode: 2, step: 3 };
        let drawn = policy.sample_with(&workers, &one, 6, key).unwrap();
        assert_eq!(drawn.shape(), [6, horizons.prediction, 3]);
        let mut wanted = vec![0.0; drawn.values().len()];
        policy.sampler().sample(&workers, &history, &[key], 6, &mut wanted).unwrap();
        assert_eq!(drawn.values(), wanted);
        assert_eq!(drawn.iter().len(), 6);
        assert_eq!(policy.clone().sample_with(&workers, &history, 6, key).unwrap(), drawn);
        assert!(policy.sample(&one[1..], 2).is_err());
    }

    #[test]
    fn another_sampling_is_another_policy_of_the_same_weights() {
        let policy = Policy::from_checkpoint(&toy::checkpoint(5, 3, 1), Device::Cpu).unwrap();
        let sampling = Sampling { temperature: 0.5, ..policy.sampling().clone() };
        let (cool, one) = (policy.clone().with_sampling(sampling).unwrap(), [0.1; 5]);
        assert_ne!(cool.sample(&one, 2).unwrap(), policy.sample(&one, 2).unwrap());
        assert_eq!(cool.checkpoint().weights(), policy.checkpoint().weights());
        assert!(Policy::pretrained("no-such-task").unwrap_err().is_input());
    }

    #[test]
    fn one_is_opened_by_a_shipped_name_or_by_a_folder() {
        let (dir, own) = (tempfile::tempdir().unwrap(), toy::checkpoint(5, 3, 1));
        own.save(&dir.path().join("mine/imle")).unwrap();
        let opened = |name: &str| Policy::open(name, Device::Cpu);
        for folder in ["mine", "mine/imle"] {
            let found = opened(dir.path().join(folder).to_str().unwrap()).unwrap();
            assert_eq!(found.checkpoint().weights(), own.weights());
        }
        assert_eq!(opened("stack").unwrap().spec().task, "stack");
        assert_eq!(opened("stak").unwrap_err().to_string(), "unknown checkpoint `stak`; did you mean `stack`?");
        assert!(opened("no/such").unwrap_err().is_input());
    }
}
