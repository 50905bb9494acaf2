//! Checkpoints: a folder with `config.json` and `model.safetensors` (the averaged weights, f32 or, where size
//! matters, f16). Never pickle.
//!
//! A checkpoint is host memory: it is `Send + Sync + Clone`, and a [`crate::sampler::Sampler`] puts it on a device.

use crate::method::{self, Method, Sampling};
use crate::network::{ChunkShape, Network, NetworkConfig, parameters::ParameterTable};
use crate::normalizer::Normalizers;
use crate::vision::{EncoderConfig, Preprocessor, VisionSettings};
use crate::weights_file::{self, Precision};
use crate::{Error, Result};
use imle_configs::spec::{Horizons, Spec};
use imle_configs::{Error as ConfigError, files};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Tensor};

/// The format this program writes and the newest it reads.
pub const FORMAT: u32 = 1;
/// Name of the configuration in a checkpoint's folder.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the weights in a checkpoint's folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// Longest horizon and largest vector that are believed of a file.
const LARGEST: usize = 1 << 16;

/// Where a checkpoint comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// What it was trained on, as the user named it.
    pub data: String,
    /// Training steps.
    pub steps: u64,
    /// Seed of the training.
    pub seed: u64,
}

/// `config.json`: all that is needed to use the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointConfig {
    /// Format version, [`FORMAT`].
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// How it was trained and is sampled, a name of [`method::NAMES`].
    pub method: String,
    /// The task's observation and action.
    pub spec: Spec,
    /// T_obs, T_pred, T_act.
    pub horizons: Horizons,
    /// The network.
    pub network: NetworkConfig,
    /// Actions before the current step that the network also predicts and that sampling cuts off: chunks of
    /// Diffusion Policy begin at the step of the oldest observation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead: usize,
    /// Ranges of observation and action.
    pub normalizers: Normalizers,
    /// How it is sampled.
    #[serde(default)]
    pub sampling: Sampling,
    /// How the pictures of `spec.pictures` become features; there if these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vision: Option<EncoderConfig>,
    /// Where it comes from.
    #[serde(default)]
    pub provenance: Provenance,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl CheckpointConfig {
    /// Sizes of observation history and chunk, as sampled.
    pub fn shape(&self) -> ChunkShape {
        let times = method::by_name(&self.method).map_or(0, Method::times);
        let vision = self.vision.as_ref().zip(self.spec.pictures.as_ref()).map(|(v, p)| v.shape(self.horizons, p));
        let shape = ChunkShape::new(self.horizons, self.spec.observation.size(), self.spec.action.size());
        shape.with_times(times).with_vision(vision)
    }

    /// The settings with which a training goes on seeing what this checkpoint sees.
    pub fn vision_settings(&self) -> VisionSettings {
        let Some((encoder, pictures)) = self.vision.clone().zip(self.spec.pictures.as_ref()) else {
            return VisionSettings::default();
        };
        let state = self.spec.observation.terms.iter().map(|t| t.name.clone()).collect();
        VisionSettings { cameras: pictures.cameras.clone(), state, encoder }
    }

    /// What prepares the pictures it sees, if it sees any.
    pub(crate) fn preprocessor(&self) -> Option<Preprocessor> {
        let pair = self.vision.as_ref().zip(self.spec.pictures.as_ref());
        pair.map(|(vision, pictures)| Preprocessor::new(vision, self.horizons, pictures))
    }

    /// The same as the network has them: its chunks are longer by the lead.
    pub fn network_shape(&self) -> ChunkShape {
        let shape = self.shape();
        ChunkShape { prediction: shape.prediction + self.lead, ..shape }
    }

    /// Checks that all parts fit each other; `place` names the file in errors.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn check(&self, place: &str) -> std::result::Result<(), ConfigError> {
        let method = method::by_name(&self.method).map_err(|e| e.in_file(place))?;
        method.check(&self.sampling, self.network.latent).map_err(|e| e.in_file(place))?;
        check_horizons(&self.horizons, place)?;
        for (key, layout) in [("spec.observation", &self.spec.observation), ("spec.action", &self.spec.action)] {
            // Summed with care: the sizes come from a file.
            let size = layout.terms.iter().try_fold(0usize, |sum, t| sum.checked_add(t.size));
            if !size.is_some_and(|n| (1..=LARGEST).contains(&n)) {
                let found = size.map_or("more than fits".into(), |n| n.to_string());
                return Err(ConfigError::unexpected(
                    format!("{place}: {key}"),
                    format!("1 to {LARGEST} values"),
                    found,
                ));
            }
        }
        let (o, a) = (self.spec.observation.size(), self.spec.action.size());
        self.normalizers.observation.check(o, &format!("{place}: normalizers.observation"))?;
        self.normalizers.action.check(a, &format!("{place}: normalizers.action"))?;
        if self.lead > LARGEST {
            return Err(ConfigError::unexpected(format!("{place}: lead"), format!("at most {LARGEST}"), self.lead));
        }
        match (&self.vision, &self.spec.pictures) {
            (Some(vision), Some(pictures)) => {
                let sides = [pictures.cameras.len(), pictures.height, pictures.width];
                if sides.iter().any(|n| !(1..=LARGEST).contains(n)) {
                    let expected = format!("1 to {LARGEST} cameras and pixels of a side");
                    return Err(ConfigError::unexpected(format!("{place}: spec.pictures"), expected, pictures));
                }
                vision.check(Some(pictures), place)?;
            }
            (None, None) => {}
            (vision, _) => {
                let [expected, found] = if vision.is_some() { ["cameras", "none"] } else { ["none", "cameras"] };
                let expected =
                    format!("{expected}, as there is {} `vision`", if vision.is_some() { "a" } else { "no" });
                return Err(ConfigError::unexpected(format!("{place}: spec.pictures"), expected, found));
            }
        }
        let shape = self.shape();
        if let Some(residual) = &self.normalizers.residual {
            residual.check(shape.observation, shape.chunk(), &format!("{place}: normalizers.residual"))?;
        }
        self.network.check(&self.network_shape(), place)?;
        self.sampling.check(self.latent_size(method)).map_err(|e| e.in_file(place))
    }

    /// Normal values that a chunk is made from by `method`.
    pub(crate) fn latent_size(&self, method: &dyn Method) -> usize {
        method.draws(&self.sampling) * self.network.latent_size(&self.network_shape())
    }
}

/// Horizons must be at least 1 and T_act at most T_pred.
pub(crate) fn check_horizons(h: &Horizons, place: &str) -> std::result::Result<(), ConfigError> {
    for (key, value) in [("observation", h.observation), ("prediction", h.prediction), ("action", h.action)] {
        if !(1..=LARGEST).contains(&value) {
            let place = format!("{place}: horizons.{key}");
            return Err(ConfigError::unexpected(place, format!("1 to {LARGEST} control steps"), value));
        }
    }
    if h.action > h.prediction {
        let expected = format!("at most horizons.prediction, {}", h.prediction);
        return Err(ConfigError::unexpected(format!("{place}: horizons.action"), expected, h.action));
    }
    Ok(())
}

/// A trained generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    config: CheckpointConfig,
    table: ParameterTable,
    weights: Vec<f32>,
}

impl Checkpoint {
    /// From a configuration and the flat weights of its network, laid out by [`NetworkConfig::parameters`].
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
        Ok(Self { config, table, weights })
    }

    /// From a configuration and the bytes of a safetensors file called `place`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first tensor that is missing, extra, of another shape, or not finite.
    pub fn from_safetensors(config: CheckpointConfig, place: &str, bytes: &[u8]) -> Result<Self> {
        config.check(place)?;
        let table = config.network.parameters(&config.network_shape())?;
        let weights = weights_file::from_bytes(&table, &[""], place, bytes)?.pop().unwrap_or_default();
        Ok(Self { config, table, weights })
    }

    /// Reads a checkpoint's folder.
    ///
    /// # Errors
    /// One line naming file and key: a file that is missing or cut short, a tensor that is missing, extra, of another
    /// shape or not finite, a configuration whose parts do not fit, or one made by a newer version.
    pub fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| ConfigError::io(&path, "read", e))
        };
        let config = read(CONFIG_FILE)?;
        Self::parse(&folder.display().to_string(), &config, &read(MODEL_FILE)?)
    }

    /// Reads a checkpoint from (file name, bytes), as embedded ones are; `place` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bytes(place: &str, files: &[(&str, &[u8])]) -> Result<Self> {
        let find = |name: &str| {
            let found = files.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes);
            found.ok_or_else(|| ConfigError::unexpected(format!("{place}/{name}"), "a file", "none"))
        };
        Self::parse(place, find(CONFIG_FILE)?, find(MODEL_FILE)?)
    }

    fn parse(place: &str, config: &[u8], model: &[u8]) -> Result<Self> {
        let config_place = format!("{place}/{CONFIG_FILE}");
        let json = |e: serde_json::Error| ConfigError::unexpected(&config_place, "a checkpoint's configuration", e);
        // The format is looked at first: a newer one may differ in anything else.
        let value: serde_json::Value = serde_json::from_slice(config).map_err(json)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        match format {
            Some(n) if n == u64::from(FORMAT) => {}
            Some(n) if n > u64::from(FORMAT) => {
                let by = value.get("version").and_then(|v| v.as_str()).unwrap_or("unknown");
                let found = format!("format {n}: it was made by a newer version of planner ({by})");
                return Err(ConfigError::unexpected(format!("{config_place}: format"), FORMAT, found).into());
            }
            other => {
                let found = other.map_or("none".into(), |n| n.to_string());
                return Err(ConfigError::unexpected(format!("{config_place}: format"), FORMAT, found).into());
            }
        }
        let config: CheckpointConfig = serde_json::from_value(value).map_err(json)?;
        config.check(&config_place)?;
        Self::from_safetensors(config, &format!("{place}/{MODEL_FILE}"), model)
    }

    /// Writes the checkpoint: a fresh folder whole or not at all; into an existing folder file by file, each whole or
    /// not at all, other files there left alone.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.save_as(folder, Precision::Single)
    }

    /// As [`save`](Self::save), with a choice of the weights' precision.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_as(&self, folder: &Path, precision: Precision) -> Result<()> {
        if folder.is_dir() {
            return self.write_files(folder, precision);
        }
        files::write_folder(folder, false, |temporary| self.write_files(temporary, precision))
    }

    fn write_files(&self, folder: &Path, precision: Precision) -> Result<()> {
        let path = folder.join(MODEL_FILE);
        let bytes = weights_file::to_bytes(&self.table, &[("", &self.weights)], precision)
            .map_err(|e| ConfigError::io(&path, "write", std::io::Error::other(e)))?;
        files::write_atomic(&path, |w| w.write_all(&bytes))?;
        let path = folder.join(CONFIG_FILE);
        let mut text = serde_json::to_string_pretty(&self.config)
            .map_err(|e| ConfigError::io(&path, "write", std::io::Error::other(e)))?;
        text.push('\n');
        Ok(files::write_text(&path, &text)?)
    }

    /// Checks that the checkpoint is made for `spec`; `place` names the checkpoint in the error.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first thing that differs.
    pub fn check_matches(&self, spec: &Spec, place: &str) -> Result<()> {
        Ok(self.config.spec.check_matches(spec, place)?)
    }

    /// The configuration.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
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

    /// Eight hexadecimal digits (CRC-32) that tell these weights from others.
    pub fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::checkpoint;
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
    fn half_precision_is_half_the_size_and_nearly_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let saved = checkpoint(4, 2, 1);
        let size = |name: &str| fs::metadata(dir.path().join(name).join(MODEL_FILE)).unwrap().len();
        saved.save(&dir.path().join("single")).unwrap();
        saved.save_as(&dir.path().join("half"), Precision::Half).unwrap();
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
        let twice =
            weights_file::to_bytes(&good.table, &[("", &good.weights), ("more.", &good.weights)], Precision::Single)
                .unwrap();
        fs::write(path(MODEL_FILE), twice).unwrap();
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
