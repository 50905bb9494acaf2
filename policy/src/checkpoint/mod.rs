//! Checkpoints: a folder with `config.json` and `model.safetensors` (the averaged weights, f32 or, where size
//! matters, f16). Never pickle.
//!
//! The configuration names its weights by their checksum. A checkpoint that is written over another first writes the
//! weights as `model-CHECKSUM.safetensors`, then the configuration, and then renames the weights: at every moment a
//! reader finds the old pair or the new one.
//!
//! A generator may see what an estimator makes of pictures: another checkpoint, in a folder beside the weights
//! (`estimator`).
//!
//! A checkpoint is host memory: it is `Send + Sync + Clone`, and a [`crate::sampler::Sampler`] puts it on a device.

mod config;
mod estimator;
mod estimator_folder;
pub mod weights_file;

pub(crate) use config::check_horizons;
pub use config::{CheckpointConfig, FORMAT, Provenance};

use crate::error::{Error, Result};
use crate::method::{Sampling, SamplingOverrides};
use crate::network::{Network, parameters::ParameterTable};
use imle_configs::{Error as ConfigError, embedded, files, spec::Spec};
use serde::Serialize;
use std::{path::Path, sync::Arc};
use tch::{Device, Tensor};
use weights_file::StoredPrecision;

/// Name of the configuration in a checkpoint's folder.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the weights in a checkpoint's folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// Key of the configuration with the checksum of its weights; checkpoints of version 0.1.0 have none.
const WEIGHTS: &str = "weights_crc32";
/// Key of the configuration with the fingerprint of the estimator, if there is one.
const ESTIMATOR: &str = "estimator";

/// A trained generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    config: CheckpointConfig,
    table: ParameterTable,
    weights: Vec<f32>,
    /// The estimator of a part of what it observes.
    estimator: Option<Arc<Checkpoint>>,
    /// Observations and actions as its callers have them.
    spec: Spec,
}

impl Checkpoint {
    /// From a configuration and the flat weights of its network, laid out by `NetworkConfig::parameters`.
    ///
    /// # Errors
    /// [`Error::Config`] if the parts do not fit each other, [`Error::Argument`] for weights of another length or not
    /// finite.
    pub fn new(config: CheckpointConfig, weights: Vec<f32>) -> Result<Self> {
        config.check("checkpoint")?;
        let table = config.network.parameters(&config.network_shape())?;
        let bad = |expected: String, found: String| Err(Error::argument("Checkpoint::new", "weights", expected, found));
        if weights.len() != table.len() {
            return bad(format!("{} values", table.len()), weights.len().to_string());
        }
        for (parameter, range) in table.ranges() {
            if let Some(x) = weights[range].iter().find(|x| !x.is_finite()) {
                return bad("finite values".into(), format!("{x} in `{}`", parameter.name));
            }
        }
        Ok(Self::of_parts(config, table, weights))
    }

    /// From a configuration and the bytes of a safetensors file called `place`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first tensor that is missing, extra, of another shape, or not finite.
    pub fn from_safetensors(config: CheckpointConfig, place: &str, bytes: &[u8]) -> Result<Self> {
        config.check(place)?;
        let table = config.network.parameters(&config.network_shape())?;
        let [weights] = weights_file::from_bytes(&table, [""], place, bytes)?;
        Ok(Self::of_parts(config, table, weights))
    }

    fn of_parts(config: CheckpointConfig, table: ParameterTable, weights: Vec<f32>) -> Self {
        let spec = config.spec.clone();
        Self { config, table, weights, estimator: None, spec }
    }

    /// Reads a checkpoint's folder.
    ///
    /// # Errors
    /// One line naming file and key: a file that is missing or cut short, a tensor that is missing, extra, of another
    /// shape or not finite, a configuration whose parts do not fit, or one made by a newer version.
    pub fn load(folder: &Path) -> Result<Self> {
        let dataset = folder.join("meta/info.json").exists();
        ConfigError::ensure(!dataset, folder.display(), "the folder of a checkpoint", "that of a dataset")?;
        let config = files::read_bytes(&folder.join(CONFIG_FILE))?;
        let model = |sum: Option<&str>| {
            let current = files::read_bytes(&folder.join(MODEL_FILE));
            let Some(sum) = sum else { return current };
            if current.as_ref().is_ok_and(|bytes| weights_file::checksum(bytes).as_deref() == Some(sum)) {
                return current;
            }
            // Killed before the last rename.
            let fresh = folder.join(fresh_name(sum));
            if fresh.exists() { files::read_bytes(&fresh) } else { current }
        };
        let estimator = |name: &str| Self::load(&folder.join(name));
        Self::parse(&folder.display().to_string(), &config, model, estimator)
    }

    /// Reads a checkpoint from (file name, bytes), as embedded ones are; `place` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bytes<'a>(place: &str, files: &[(&'a str, &'a [u8])]) -> Result<Self> {
        let find = |name: &str| {
            let found = files.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes);
            found.ok_or_else(|| ConfigError::unexpected(format!("{place}/{name}"), "a file", "none"))
        };
        let estimator = |name: &str| {
            let of = |(file, bytes): &(&'a str, &'a [u8])| Some((file.strip_prefix(name)?.strip_prefix('/')?, *bytes));
            Self::load_bytes(&format!("{place}/{name}"), &files.iter().filter_map(of).collect::<Vec<_>>())
        };
        Self::parse(place, find(CONFIG_FILE)?, |_| find(MODEL_FILE), estimator)
    }

    /// The checkpoint shipped for the task of that name; `None` if there is none.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn shipped(task: &str) -> Result<Option<Self>> {
        let place = format!("shipped checkpoint `{task}`");
        embedded::checkpoint(task).map(|files| Self::load_bytes(&place, &files)).transpose()
    }

    fn parse<B: AsRef<[u8]>>(
        place: &str,
        config: &[u8],
        model: impl FnOnce(Option<&str>) -> imle_configs::Result<B>,
        estimator: impl FnOnce(&str) -> Result<Self>,
    ) -> Result<Self> {
        let config_place = format!("{place}/{CONFIG_FILE}");
        let json = |e: serde_json::Error| ConfigError::unexpected(&config_place, "a checkpoint's configuration", e);
        // The format is looked at first: a newer one may differ in anything else.
        let mut value: serde_json::Value = serde_json::from_slice(config).map_err(json)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let by = value.get("version").and_then(|v| v.as_str()).unwrap_or("unknown");
            let found = match format {
                Some(n) if n > u64::from(FORMAT) => {
                    format!("format {n}: it was made by a newer version of planner ({by})")
                }
                other => other.map_or("none".into(), |n| n.to_string()),
            };
            return Err(ConfigError::unexpected(format!("{config_place}: format"), FORMAT, found).into());
        }
        let mut taken = |key| value.as_object_mut().and_then(|object| object.shift_remove(key));
        let (sum, seen) = (taken(WEIGHTS), taken(ESTIMATOR));
        let [sum, seen] = [&sum, &seen].map(|taken| taken.as_ref().and_then(serde_json::Value::as_str));
        let config: CheckpointConfig = serde_json::from_value(value).map_err(json)?;
        config.check(&config_place)?;
        let (model, model_place) = (model(sum)?, format!("{place}/{MODEL_FILE}"));
        let checkpoint = Self::from_safetensors(config, &model_place, model.as_ref())?;
        let found = weights_file::checksum(model.as_ref());
        let named = sum.is_none() || found.is_none() || found.as_deref() == sum;
        let expected = format!("the weights that {CONFIG_FILE} names, of checksum {}", sum.unwrap_or_default());
        ConfigError::ensure(named, model_place, expected, found.unwrap_or_default())?;
        let Some(fingerprint) = seen else { return Ok(checkpoint) };
        let name = estimator_folder::folder_name(fingerprint);
        let found = estimator(&name)?;
        let named = found.fingerprint() == fingerprint;
        let expected = format!("the estimator that {CONFIG_FILE} names, {fingerprint}");
        ConfigError::ensure(named, format_args!("{place}/{name}"), expected, found.fingerprint())?;
        checkpoint.with_estimator(Arc::new(found), place)
    }

    /// Writes the checkpoint whole or not at all, into a fresh folder or over what an existing one has; other files
    /// there are left alone.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.save_as(folder, StoredPrecision::Single)
    }

    /// As [`save`](Self::save), with a choice of the weights' precision.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_as(&self, folder: &Path, precision: StoredPrecision) -> Result<()> {
        if folder.is_dir() {
            return self.write_files(folder, precision);
        }
        files::write_folder(folder, |temporary| self.write_files(temporary, precision))
    }

    fn write_files(&self, folder: &Path, precision: StoredPrecision) -> Result<()> {
        let path = folder.join(CONFIG_FILE);
        let failed = |e: String| ConfigError::io(&path, "write", std::io::Error::other(e));
        let (bytes, sum) = weights_file::to_bytes(&self.table, &[("", &self.weights)], precision).map_err(failed)?;
        let fresh = folder.join(fresh_name(&sum));
        files::write_atomic(&fresh, |w| w.write_all(&bytes))?;
        let seen = self.estimator.as_ref().map(|e| e.fingerprint());
        if let (Some(estimator), Some(fingerprint)) = (&self.estimator, &seen) {
            let place = folder.join(estimator_folder::folder_name(fingerprint));
            // One of that name is the same.
            if !place.is_dir() {
                estimator.save_as(&place, precision)?;
            }
        }
        let written = Written { config: &self.config, weights_crc32: &sum, estimator: seen.as_deref() };
        let text = serde_json::to_string_pretty(&written).map_err(|e| failed(e.to_string()))?;
        files::write_text(&path, &(text + "\n"))?;
        files::rename(&fresh, &folder.join(MODEL_FILE))?;
        // Those of a kill before its configuration was written, and estimators of what was there before.
        let kept = seen.as_deref().map(estimator_folder::folder_name);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let weights = name.len() == fresh_name("00000000").len()
                && name.starts_with("model-")
                && name.ends_with(".safetensors");
            if weights || estimator_folder::is_folder(&name) && Some(&name) != kept.as_ref() {
                files::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Checks that the checkpoint is made for `spec`; `place` names the checkpoint in the error.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first thing that differs.
    pub fn check_matches(&self, spec: &Spec, place: &str) -> Result<()> {
        Ok(self.spec.check_matches(spec, place)?)
    }

    /// Observations and actions as its callers have them: those of its configuration, but with the pictures that an
    /// estimator sees in place of what that estimates.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The configuration.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    /// The same weights with changes to the sampling.
    ///
    /// # Errors
    /// As [`with_sampling`](Self::with_sampling).
    pub fn with_overrides(self, overrides: &SamplingOverrides) -> Result<Self> {
        let sampling = overrides.apply(self.config.sampling.clone());
        self.with_sampling(sampling)
    }

    /// The same weights, sampled otherwise.
    ///
    /// # Errors
    /// [`Error::Config`] if its method cannot be sampled so.
    pub fn with_sampling(mut self, sampling: Sampling) -> Result<Self> {
        self.config.sampling = sampling;
        self.config.check("settings")?;
        Ok(self)
    }

    /// The flat weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Eight hexadecimal digits (CRC-32) that identify these weights, and those of the estimator.
    pub fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        self.estimator.iter().flat_map(|e| &e.weights).for_each(|w| hasher.update(&w.to_le_bytes()));
        self.weights.iter().for_each(|w| hasher.update(&w.to_le_bytes()));
        format!("{:08x}", hasher.finalize())
    }

    /// Names, shapes and places of the weights.
    pub fn table(&self) -> &ParameterTable {
        &self.table
    }

    /// The network on `device`, without gradient.
    ///
    /// # Errors
    /// [`Error::Torch`] if memory runs out.
    pub fn network(&self, device: Device) -> Result<Box<dyn Network>> {
        let flat = Tensor::f_from_slice(&self.weights)?.f_to_device(device)?;
        tch::no_grad(|| self.config.network.build(&self.config.network_shape(), &self.table, &flat))
    }
}

/// The configuration as it is written, with the key [`WEIGHTS`].
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    config: &'a CheckpointConfig,
    weights_crc32: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimator: Option<&'a str>,
}

/// Name of weights that are written over others, until these are replaced.
fn fresh_name(sum: &str) -> String {
    format!("model-{sum}.safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::checkpoint;
    use std::fs;

    #[test]
    fn comes_back_as_it_was_also_from_bytes_and_into_a_used_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("c");
        let saved = checkpoint(4, 2, 1);
        saved.save(&folder).unwrap();
        assert_eq!(Checkpoint::load(&folder).unwrap(), saved);
        let other = checkpoint(4, 2, 2);
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        other.save(&folder).unwrap();
        assert_eq!(Checkpoint::load(&folder).unwrap(), other);
        assert!(folder.join("notes.txt").exists());
        let (config, model) = (fs::read(folder.join(CONFIG_FILE)).unwrap(), fs::read(folder.join(MODEL_FILE)).unwrap());
        let files: [(&str, &[u8]); 2] = [(MODEL_FILE, &model), (CONFIG_FILE, &config)];
        assert_eq!(Checkpoint::load_bytes("shipped", &files).unwrap(), other);
        let text = Checkpoint::load_bytes("shipped", &files[..1]).unwrap_err().to_string();
        assert_eq!(text, "shipped/config.json: expected a file, found none");
    }

    #[test]
    fn a_kill_between_weights_and_configuration_leaves_the_old_pair_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (old, new) = (checkpoint(4, 2, 1), checkpoint(4, 2, 2));
        old.save(&at("c")).unwrap();
        new.save(&at("n")).unwrap();
        let sum = weights_file::checksum(&fs::read(at("n").join(MODEL_FILE)).unwrap()).unwrap();
        fs::copy(at("n").join(MODEL_FILE), at("c").join(fresh_name(&sum))).unwrap();
        assert_eq!(Checkpoint::load(&at("c")).unwrap(), old);
        fs::copy(at("n").join(CONFIG_FILE), at("c").join(CONFIG_FILE)).unwrap();
        assert_eq!(Checkpoint::load(&at("c")).unwrap(), new);
        new.save(&at("c")).unwrap();
        let files = fs::read_dir(at("c")).unwrap().count();
        assert_eq!((Checkpoint::load(&at("c")).unwrap(), files), (new, 2));
        fs::copy(at("n").join(CONFIG_FILE), at("c").join(CONFIG_FILE)).unwrap();
        old.save(&at("o")).unwrap();
        fs::copy(at("o").join(MODEL_FILE), at("c").join(MODEL_FILE)).unwrap();
        let told = Checkpoint::load(&at("c")).unwrap_err().to_string();
        assert!(told.contains("model.safetensors: expected the weights that config.json names"), "{told}");
    }

    #[test]
    fn half_precision_is_half_the_size_and_nearly_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let saved = checkpoint(4, 2, 1);
        let size = |name: &str| fs::metadata(dir.path().join(name).join(MODEL_FILE)).unwrap().len();
        saved.save(&dir.path().join("single")).unwrap();
        saved.save_as(&dir.path().join("half"), StoredPrecision::Half).unwrap();
        assert!(size("half") < size("single"));
        let half = Checkpoint::load(&dir.path().join("half")).unwrap();
        assert_eq!(half.config, saved.config);
        assert_ne!(half.fingerprint(), saved.fingerprint());
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= a.abs() / 2048.0 + 1e-7;
        assert!(saved.weights.iter().zip(&half.weights).all(near));
    }

    #[test]
    fn every_damage_is_named_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("c");
        let good = checkpoint(4, 2, 1);
        good.save(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let (config, model) = (fs::read_to_string(path(CONFIG_FILE)).unwrap(), fs::read(path(MODEL_FILE)).unwrap());
        let fails = |parts: &[&str]| {
            let error = Checkpoint::load(&folder).unwrap_err();
            let text = error.to_string();
            assert!(error.is_input() && text.lines().count() == 1, "{text}");
            assert!(parts.iter().all(|p| text.contains(p)), "{text}: expected {parts:?}");
        };
        let edit = |key: &[&str], value: serde_json::Value| {
            let mut json: serde_json::Value = serde_json::from_str(&config).unwrap();
            let place = key.iter().fold(&mut json, |j, k| &mut j[*k]);
            *place = value;
            fs::write(path(CONFIG_FILE), json.to_string()).unwrap();
        };
        edit(&["format"], 2.into());
        fails(&["config.json: format", "newer version of planner"]);
        edit(&["format"], "one".into());
        fails(&["config.json: format", "none"]);
        edit(&["method"], "imel".into());
        fails(&["config.json", "did you mean `imle`"]);
        edit(&["horizons", "action"], 99.into());
        fails(&["horizons.action", "at most horizons.prediction"]);
        edit(&["horizons", "observation"], 0.into());
        fails(&["horizons.observation"]);
        edit(&["spec", "action", "terms"], serde_json::json!([]));
        fails(&["spec.action"]);
        edit(&["normalizers", "action", "min"], serde_json::json!([0.0]));
        fails(&["normalizers.action"]);
        edit(&["network", "width"], 32.into());
        fails(&["model.safetensors: encoder.0.weight", "F32 [32, 8]", "F32 [16, 8]"]);
        edit(&["network", "blocks"], 1.into());
        fails(&["model.safetensors: film.weight"]);
        fs::write(path(CONFIG_FILE), &config[..40]).unwrap();
        fails(&["config.json"]);
        fs::write(path(CONFIG_FILE), &config).unwrap();

        fs::write(path(MODEL_FILE), &model[..model.len() - 5]).unwrap();
        fails(&["model.safetensors", "a whole safetensors file"]);
        let mut bytes = model.clone();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path(MODEL_FILE), &bytes).unwrap();
        fails(&["model.safetensors", "the values that were written"]);
        fs::write(path(MODEL_FILE), []).unwrap();
        fails(&["model.safetensors", "0 bytes"]);
        let mut bad = good.clone();
        let range = bad.table.ranges().nth(1).unwrap().1;
        bad.weights[range.start] = f32::NAN;
        bad.save(&folder).unwrap();
        fails(&["model.safetensors: encoder.0.bias", "NaN"]);
        assert!(
            Checkpoint::new(bad.config.clone(), bad.weights.clone())
                .unwrap_err()
                .to_string()
                .contains("encoder.0.bias")
        );
        let renamed = String::from_utf8_lossy(&model).find("encoder.1.bias").unwrap();
        let mut bytes = model.clone();
        bytes[renamed] = b'x';
        fs::write(path(MODEL_FILE), &bytes).unwrap();
        fails(&["model.safetensors: encoder.1.bias", "none of that name"]);
        let parts: [(&str, &[f32]); 2] = [("", &good.weights), ("more.", &good.weights)];
        let twice = weights_file::to_bytes(&good.table, &parts, StoredPrecision::Single).unwrap();
        fs::write(path(MODEL_FILE), twice.0).unwrap();
        fails(&["model.safetensors: more.", "extra"]);
        fs::remove_file(path(MODEL_FILE)).unwrap();
        fails(&["model.safetensors: cannot read"]);
    }

    #[test]
    fn a_checkpoint_of_another_task_is_refused() {
        let mut spec = checkpoint(4, 2, 1).config.spec;
        checkpoint(4, 2, 1).check_matches(&spec, "c").unwrap();
        spec.task = "stack".into();
        assert!(checkpoint(4, 2, 1).check_matches(&spec, "c").unwrap_err().to_string().contains("task `stack`"));
    }
}
