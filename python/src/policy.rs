//! A trained generator.

use crate::boundary::arrays::{array, finite, numbers, shape};
use crate::boundary::failure::{raise, unexpected};
use crate::boundary::process::{check, workers};
use imle_policy::device::DeviceChoice;
use imle_policy::policy::{MOST_CHUNKS, Policy};
use imle_policy::sampler::{LatentKey, Observations};
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use std::path::Path;
use std::time::Instant;

/// A generator, on its device.
#[pyclass(frozen, name = "Policy", module = "imle_planner._native")]
pub struct PythonPolicy {
    pub generator: Policy,
}

#[pymethods]
impl PythonPolicy {
    /// The checkpoint shipped for a task, one in a folder, or a LeRobot or Diffusion Policy folder.
    #[staticmethod]
    fn load(py: Python<'_>, checkpoint: &str, device: &str) -> PyResult<Self> {
        check()?;
        let device = device.parse::<DeviceChoice>().and_then(DeviceChoice::open).map_err(raise)?;
        let generator = py.detach(|| Policy::open(checkpoint, device));
        Ok(Self { generator: generator.map_err(raise)? })
    }

    /// The same weights, sampled at another temperature, …: JSON of the sampling settings.
    fn resampled(&self, py: Python<'_>, settings: &str) -> PyResult<Self> {
        let sampling =
            imle_configs::settings::overlaid(self.generator.sampling(), settings, "sampling").map_err(raise)?;
        let generator = py.detach(|| self.generator.clone().with_sampling(sampling));
        Ok(Self { generator: generator.map_err(raise)? })
    }

    /// Writes the checkpoint.
    fn save(&self, py: Python<'_>, folder: &str) -> PyResult<()> {
        py.detach(|| self.generator.checkpoint().save(Path::new(folder))).map_err(raise)
    }

    /// config.json of the checkpoint, with what it is given as `spec`; behind an estimator with that one's as `estimator`.
    fn config(&self) -> PyResult<String> {
        let checkpoint = self.generator.checkpoint();
        let failed = |e| unexpected("config.json", "values that JSON can hold", e);
        let mut config = serde_json::to_value(checkpoint.config()).map_err(failed)?;
        config["spec"] = serde_json::to_value(checkpoint.spec()).map_err(failed)?;
        if let Some(estimator) = checkpoint.estimator() {
            config["estimator"] = serde_json::to_value(estimator.config()).map_err(failed)?;
        }
        Ok(config.to_string())
    }

    /// Z, 0 for a method without latents.
    #[getter]
    fn latent_size(&self) -> usize {
        self.generator.latent_size()
    }

    /// Seconds that each of `repeats` draws takes in Rust alone, for histories (B, T_obs, O): the peer of `tests/speed.py`.
    fn sample_seconds(
        &self,
        py: Python<'_>,
        histories: &Bound<'_, PyAny>,
        n: usize,
        repeats: usize,
    ) -> PyResult<Vec<f64>> {
        let given = numbers::<f32>(histories, "observation", "float32")?;
        let (values, sampler) = (given.values()?, self.generator.sampler());
        let count = values.len() / sampler.shape().observation.max(1);
        let keys: Vec<LatentKey> = (0..count as u64).map(|episode| LatentKey { seed: 0, episode, step: 0 }).collect();
        let mut out = vec![0.0; count * n * sampler.shape().chunk()];
        let workers = workers(None)?;
        let mut draw = || -> imle_policy::Result<f64> {
            let begun = Instant::now();
            match (n, count) {
                (1, 2..) => sampler.sample_lockstep(&workers, values, &keys, &mut out)?,
                _ => sampler.sample(&workers, values, &keys, n, &mut out)?,
            }
            Ok(begun.elapsed().as_secs_f64())
        };
        py.detach(|| (0..repeats).map(|_| draw()).collect::<imle_policy::Result<_>>()).map_err(raise)
    }

    /// Draws (n, T_pred, A) for an observation (O,) or history (T_obs, O), or (B, n, T_pred, A) for (B, T_obs, O).
    #[pyo3(signature = (observation, n, seed, episodes, step, pictures=None, latents=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        observation: &Bound<'py, PyAny>,
        n: usize,
        seed: u64,
        episodes: Vec<u64>,
        step: u64,
        pictures: Option<&Bound<'py, PyAny>>,
        latents: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        check()?;
        let (seen, size) = (self.generator.horizons().observation, self.generator.spec().observation.size());
        let given = numbers::<f32>(observation, "observation", "float32")?;
        let (values, batch) = (given.values()?, given.shape());
        let count = match *batch {
            [o] if o == size => 1,
            [t, o] if (t, o) == (seen, size) => 1,
            [b, t, o] if (t, o) == (seen, size) && b > 0 => b,
            _ => {
                let expected = format!("({size},), ({seen}, {size}) or (B, {seen}, {size})");
                return Err(unexpected("observation", expected, shape(batch)));
            }
        };
        finite("observation", values)?;
        if n == 0 || n.saturating_mul(count) > MOST_CHUNKS {
            return Err(unexpected("n", format!("1 to {}", MOST_CHUNKS / count), n));
        }
        let repeated = if batch.len() == 1 && seen > 1 { Some(values.repeat(seen)) } else { None };
        let values = repeated.as_deref().unwrap_or(values);
        let pictures = pictures.map(|p| numbers::<u8>(p, "pictures", "uint8")).transpose()?;
        let pictures = pictures.as_ref().map(|p| p.values()).transpose()?.unwrap_or_default();
        let latents = latents.map(|z| numbers::<f32>(z, "latents", "float32")).transpose()?;
        let latents = latents.as_ref().map(|z| z.values()).transpose()?;
        let keys: Vec<LatentKey> = match episodes.as_slice() {
            [first] => (0..count as u64).map(|i| LatentKey { seed, episode: first + i, step }).collect(),
            all if all.len() == count => all.iter().map(|e| LatentKey { seed, episode: *e, step }).collect(),
            all => return Err(unexpected("episode", format!("one number, or {count}"), all.len())),
        };
        let (steps, action) = (self.generator.horizons().prediction, self.generator.spec().action.size());
        let mut out = vec![0.0; count * n * steps * action];
        let seen = Observations { values, pictures };
        let workers = workers(None)?;
        let sampler = self.generator.sampler();
        let drawn = py.detach(|| match latents {
            // Of many episodes that each want one chunk, as an evaluation draws them.
            None if n == 1 && batch.len() == 3 => sampler.sample_lockstep(&workers, seen, &keys, &mut out),
            None => sampler.sample(&workers, seen, &keys, n, &mut out),
            Some(latents) => sampler.sample_latents(&workers, seen, latents, n, &mut out),
        });
        drawn.map_err(raise)?;
        match batch.len() {
            3 => array(py, out, &[count, n, steps, action]),
            _ => array(py, out, &[n, steps, action]),
        }
    }
}
