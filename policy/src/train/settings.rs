//! The settings of a training.

use crate::method::{self, Sampling};
use crate::network::{NetworkConfig, registry};
use crate::normalizer::ChunkFrame;
use crate::targets::Spread;
use crate::vision::{EncoderConfig, OneOrMany, VisionSettings};
use crate::{checkpoint::check_horizons, error::Result};
use imle_configs::{Error as ConfigError, spec::Horizons};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Everything that shapes a training; loaded with `imle_configs::settings::load`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainSettings {
    /// Method of training: imle, diffusion, flow, mean-flow or regression.
    pub method: String,
    /// Training steps; the learning rate reaches 0 at the last.
    pub steps: u64,
    /// States a step (B).
    pub batch_size: usize,
    /// Latents a state (m): how many candidates a target chooses its nearest from. The paper's 20.
    pub samples: usize,
    /// Candidates within this distance of a target are rejected: root mean square per element, normalised units. The
    /// paper's 0.03 over a whole chunk is 0.003 to 0.005 here.
    pub epsilon: f64,
    /// The rejection distance begins at so many times `epsilon` and comes to it linearly by the middle of the training.
    #[serde(default = "one")]
    pub epsilon_start: f64,
    /// Below 1 each state has a rejection distance of its own (Adaptive IMLE): it begins at `epsilon_start` times
    /// `epsilon`, and is multiplied by this, down to `epsilon`, each time it was matched. With 1 all states share one.
    #[serde(default = "one")]
    pub epsilon_decay: f64,
    /// Share of a state's candidates that must lie within its distance for it to be matched; 0 for one of them.
    #[serde(default)]
    pub epsilon_matched: f64,
    /// Share of each state's candidates that are rejected at least: those nearest to a target. More makes single samples
    /// more precise, and fewer of the modes.
    #[serde(default)]
    pub reject_share: f64,
    /// Whether all states of a step get the same m latents, rather than each its own.
    #[serde(default)]
    pub shared_latents: bool,
    /// Frame of the chunks that the network generates: `absolute`, `relative` to the hand's own place, or `residual` to a
    /// linear prediction.
    #[serde(default)]
    pub chunk_frame: ChunkFrame,
    /// Standard deviation of the noise on the observations that it learns from, normalised units. It teaches to come back
    /// from where no demonstration was.
    #[serde(default)]
    pub observation_noise: f64,
    /// Preference for demonstrations that progress as fast as usual (β of [`crate::targets::progress_weights`]): 0
    /// draws all alike.
    #[serde(default)]
    pub quality: f64,
    /// Highest learning rate; 0 for the network's own ([`TrainSettings::peak_learning_rate`]).
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// Steps over which the learning rate rises linearly from 0.
    pub warmup_steps: u64,
    /// Largest norm of the gradient; longer ones are scaled down to it.
    pub grad_clip: f64,
    /// Power p of the moving average of the weights: decay = 1 − (1 + updates)^(−p).
    pub ema_power: f64,
    /// Largest decay of the moving average.
    pub ema_max: f64,
    /// Steps between evaluations; 0 for none but the last.
    pub evaluate_every: u64,
    /// Steps between checkpoints; 0 for none but the last.
    pub checkpoint_every: u64,
    /// Steps between lines of the log.
    pub log_every: u64,
    /// Seed of weights, batches and latents. Below 2^63, TOML's largest integer.
    pub seed: u64,
    /// libtorch's threads for the part of a step with gradient, at least 1. Results are identical only at the same
    /// number; the thread pool, which does most of the work, does not matter.
    #[serde(alias = "threads")]
    pub gradient_threads: usize,
    /// T_obs, T_pred, T_act.
    pub horizons: Horizons,
    /// The network.
    pub network: NetworkConfig,
    /// Cameras of the generator and their encoders; none by default.
    #[serde(default)]
    pub vision: VisionSettings,
    /// Sampling of the checkpoint.
    #[serde(default)]
    pub sampling: Sampling,
}

fn one() -> f64 {
    1.0
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            method: "imle".into(),
            steps: 10_000,
            batch_size: 128,
            samples: 10,
            epsilon: 0.005,
            epsilon_start: 1.0,
            epsilon_decay: 1.0,
            epsilon_matched: 0.0,
            reject_share: 0.0,
            shared_latents: false,
            chunk_frame: ChunkFrame::default(),
            observation_noise: 0.0,
            quality: 0.0,
            learning_rate: 0.0,
            weight_decay: 1e-6,
            warmup_steps: 500,
            grad_clip: 1.0,
            ema_power: 0.75,
            ema_max: 0.9999,
            evaluate_every: 0,
            checkpoint_every: 2_000,
            log_every: 100,
            seed: 0,
            gradient_threads: 1,
            horizons: Horizons::default(),
            network: NetworkConfig::default(),
            vision: VisionSettings::default(),
            sampling: Sampling::default(),
        }
    }
}

impl TrainSettings {
    /// Checks every value that does not depend on the data.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the key.
    pub fn check(&self) -> Result<()> {
        let require = |holds: bool, key: &str, expected: &str, found: &dyn Display| {
            ConfigError::ensure(holds, format_args!("settings: {key}"), expected, found)
        };
        let method = method::by_name(&self.method).map_err(|e| e.in_file("settings"))?;
        method.check(&self.sampling, self.network.latent).map_err(|e| e.in_file("settings"))?;
        check_horizons(&self.horizons, "settings")?;
        self.vision.encoder.check(None, "settings")?;
        self.vision.check()?;
        for (key, value) in [("steps", self.steps), ("log_every", self.log_every)] {
            require(value > 0, key, "at least 1", &value)?;
        }
        for (key, value) in
            [("batch_size", self.batch_size), ("samples", self.samples), ("gradient_threads", self.gradient_threads)]
        {
            require((1..=1 << 20).contains(&value), key, "1 to 1048576", &value)?;
        }
        for (key, value) in [
            ("epsilon", self.epsilon),
            ("epsilon_start", self.epsilon_start),
            ("quality", self.quality),
            ("observation_noise", self.observation_noise),
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
            ("ema_power", self.ema_power),
        ] {
            require(value.is_finite() && value >= 0.0, key, "a number of at least 0", &value)?;
        }
        let Self { grad_clip, epsilon_decay, epsilon_matched, ema_max, .. } = self;
        require(grad_clip.is_finite() && *grad_clip > 0.0, "grad_clip", "a number above 0", grad_clip)?;
        let decays = *epsilon_decay > 0.0 && *epsilon_decay <= 1.0;
        require(decays, "epsilon_decay", "above 0 and at most 1", epsilon_decay)?;
        require((0.0..=1.0).contains(epsilon_matched), "epsilon_matched", "0 to 1", epsilon_matched)?;
        let clip = self.sampling.schedule.clip;
        let relative = self.chunk_frame == ChunkFrame::Relative && self.method == "diffusion";
        let wide = !relative || clip == 0.0 || clip >= 3.0;
        let expected = "0, or at least 3: the unit of relative chunks is their deviation here";
        require(wide, "sampling.schedule.clip", expected, &clip)?;
        require((0.0..1.0).contains(&self.reject_share), "reject_share", "at least 0 and below 1", &self.reject_share)?;
        require((0.0..1.0).contains(ema_max), "ema_max", "at least 0 and below 1", ema_max)?;
        Ok(())
    }

    /// The defaults of an estimator: a regression of the present step from its pictures, with a fine encoder.
    pub fn of_estimator() -> Self {
        let encoder = EncoderConfig {
            kind: "conv".into(),
            width: 32,
            features: 0,
            crop: OneOrMany::One(1.0),
            shift: 2,
            colour_jitter: 0.1,
            ..EncoderConfig::default()
        };
        Self {
            method: "regression".into(),
            learning_rate: 1e-3,
            weight_decay: 1e-4,
            horizons: Horizons { observation: 1, prediction: 1, action: 1 },
            network: NetworkConfig { blocks: 2, ..NetworkConfig::default() },
            vision: VisionSettings { encoder, ..VisionSettings::default() },
            ..Self::default()
        }
    }

    /// The first key in which `self` and `other` differ, of those that change what is learned.
    pub(super) fn first_difference(&self, other: &Self) -> Option<(String, String, String)> {
        const FREE: [&str; 5] = ["steps", "evaluate_every", "checkpoint_every", "log_every", "gradient_threads"];
        let json = |s: &Self| match serde_json::to_value(s) {
            Ok(serde_json::Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        let (mine, theirs) = (json(self), json(other));
        let differs = mine.iter().find(|(key, value)| !FREE.contains(&key.as_str()) && theirs.get(*key) != Some(value));
        let text = |v: Option<&serde_json::Value>| v.map_or("none".into(), ToString::to_string);
        differs.map(|(key, value)| (key.clone(), value.to_string(), text(theirs.get(key))))
    }

    /// The unit of what the network generates beside a base: many passes ask for one like noise.
    pub fn spread(&self) -> Spread {
        if matches!(self.method.as_str(), "imle" | "regression") { Spread::Quantiles } else { Spread::Deviation }
    }

    /// The rejection distance of 0-based `step`.
    pub(super) fn epsilon_at(&self, step: u64) -> f64 {
        let part = (step as f64 / (0.5 * self.steps as f64)).min(1.0);
        self.epsilon * (self.epsilon_start + part * (1.0 - self.epsilon_start))
    }

    /// The peak learning rate in force: `learning_rate`, or the network's own if that is 0. An `mlp` without pictures
    /// has 4e-3, all others 5e-4. The paper's, for a large U-Net, is 1e-4.
    pub fn peak_learning_rate(&self) -> f64 {
        if self.learning_rate > 0.0 {
            return self.learning_rate;
        }
        let vision = !self.vision.cameras.is_empty();
        registry::by_name(&self.network.kind).map_or(5e-4, |architecture| architecture.learning_rate(vision))
    }

    /// The learning rate of 0-based `step`: a linear rise over `warmup_steps`, then a cosine down to 0 at `steps`.
    pub(super) fn rate_at(&self, step: u64) -> f64 {
        let peak = self.peak_learning_rate();
        if step < self.warmup_steps {
            return peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let part = ((step - self.warmup_steps) as f64 / span).min(1.0);
        peak * 0.5 * (1.0 + (std::f64::consts::PI * part).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::settings::load;

    #[test]
    fn a_network_has_a_learning_rate_of_its_own() {
        let of = |kind: &str, cameras: &[&str], learning_rate| {
            let network = NetworkConfig { kind: kind.into(), ..Default::default() };
            let vision =
                VisionSettings { cameras: cameras.iter().map(ToString::to_string).collect(), ..Default::default() };
            TrainSettings { learning_rate, network, vision, ..Default::default() }.peak_learning_rate()
        };
        assert_eq!([of("mlp", &[], 0.0), of("mlp", &["top"], 0.0), of("unet", &[], 0.0)], [4e-3, 5e-4, 5e-4]);
        assert_eq!(of("mlp", &[], 0.02), 0.02);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let s = TrainSettings { steps: 1000, warmup_steps: 100, learning_rate: 1.0, ..Default::default() };
        assert!((s.rate_at(0) - 0.01).abs() < 1e-12 && (s.rate_at(99) - 1.0).abs() < 1e-12);
        assert!((s.rate_at(550) - 0.5).abs() < 1e-12 && s.rate_at(999) < 1e-4 && s.rate_at(2000) < 1e-12);
    }

    #[test]
    fn the_rejection_distance_comes_to_its_value_by_the_middle() {
        let s = TrainSettings { steps: 100, epsilon: 0.1, epsilon_start: 5.0, ..Default::default() };
        let found = [0, 25, 50, 99].map(|step| s.epsilon_at(step));
        assert!(found.iter().zip([0.5, 0.3, 0.1, 0.1]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn settings_load_from_words_and_name_bad_keys() {
        let s: TrainSettings =
            load(&TrainSettings::default(), None, &["network.kind=unet".into(), "steps=7".into()]).unwrap();
        assert_eq!((s.network.kind.as_str(), s.steps), ("unet", 7));
        s.check().unwrap();
        let text = |s: TrainSettings| s.check().unwrap_err().to_string();
        assert!(text(TrainSettings { samples: 0, ..Default::default() }).contains("settings: samples"));
        assert!(text(TrainSettings { ema_max: 1.0, ..Default::default() }).contains("settings: ema_max"));
        assert!(text(TrainSettings { epsilon: f64::NAN, ..Default::default() }).contains("settings: epsilon"));
        let relative = TrainSettings { chunk_frame: ChunkFrame::Relative, ..Default::default() };
        relative.check().unwrap();
        let mut relative = TrainSettings { method: "diffusion".into(), ..relative };
        assert!(text(relative.clone()).contains("settings: sampling.schedule.clip: expected 0, or at least 3"));
        relative.sampling.schedule.clip = 5.0;
        relative.check().unwrap();
        for old in [("residual=true", ChunkFrame::Residual), ("residual=false", ChunkFrame::Absolute)] {
            let s: TrainSettings = load(&TrainSettings::default(), None, &[old.0.into()]).unwrap();
            assert_eq!(s.chunk_frame, old.1);
        }
        let other = TrainSettings { gradient_threads: 3, samples: 4, ..Default::default() };
        assert_eq!(other.first_difference(&TrainSettings::default()).unwrap().0, "samples");
    }
}
