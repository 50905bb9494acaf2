//! `config.json`: everything needed to use the weights.

use crate::method::{self, Method, Sampling};
use crate::network::{ChunkShape, NetworkConfig};
use crate::normalizer::Normalizers;
use crate::vision::{EncoderConfig, Preprocessor, VisionSettings};
use imle_configs::Error as ConfigError;
use imle_configs::spec::{Horizons, Spec};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// The format this program writes and the newest it reads.
pub const FORMAT: u32 = 1;

/// Longest horizon and largest vector that are believed of a file.
const LARGEST: usize = 1 << 16;

/// The origin of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The training data, as the user named them.
    pub data: String,
    /// Training steps.
    pub steps: u64,
    /// Seed of the training.
    pub seed: u64,
}

/// Everything needed to use the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointConfig {
    /// Format version, [`FORMAT`].
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Method of training and sampling, a name of [`method::NAMES`].
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
    /// Settings of sampling.
    #[serde(default)]
    pub sampling: Sampling,
    /// Encoders of the pictures of `spec.pictures`; present with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vision: Option<EncoderConfig>,
    /// Origin of the weights.
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
        ChunkShape { times, vision, ..shape }
    }

    /// The settings with which a training goes on from the pictures and state of this checkpoint.
    pub fn vision_settings(&self) -> VisionSettings {
        let Some((encoder, pictures)) = self.vision.clone().zip(self.spec.pictures.as_ref()) else {
            return VisionSettings::default();
        };
        let state = self.spec.observation.terms.iter().map(|t| t.name.clone()).collect();
        VisionSettings { cameras: pictures.cameras.clone(), state, encoder, ..VisionSettings::default() }
    }

    /// The preprocessor of its pictures, if it has any.
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
    pub fn check(&self, place: &str) -> imle_configs::Result<()> {
        let method = method::by_name(&self.method).map_err(|e| e.in_file(place))?;
        method.check(&self.sampling, self.network.latent).map_err(|e| e.in_file(place))?;
        check_horizons(&self.horizons, place)?;
        for (key, layout) in [("spec.observation", &self.spec.observation), ("spec.action", &self.spec.action)] {
            // Summed with care: the sizes come from a file.
            let size = layout.terms.iter().try_fold(0usize, |sum, t| sum.checked_add(t.size));
            let fits = size.is_some_and(|n| (1..=LARGEST).contains(&n));
            let found = size.map_or("more than fits".into(), |n| n.to_string());
            let expected = format_args!("1 to {LARGEST} values");
            ConfigError::ensure(fits, format_args!("{place}: {key}"), expected, found)?;
        }
        let (o, a) = (self.spec.observation.size(), self.spec.action.size());
        self.normalizers.observation.check(o, &format!("{place}: normalizers.observation"))?;
        self.normalizers.action.check(a, &format!("{place}: normalizers.action"))?;
        let expected = format_args!("at most {LARGEST}");
        ConfigError::ensure(self.lead <= LARGEST, format_args!("{place}: lead"), expected, self.lead)?;
        let bad = |expected: &str, found: &dyn Display| {
            Err(ConfigError::unexpected(format!("{place}: spec.pictures"), expected, found))
        };
        match (&self.vision, &self.spec.pictures) {
            (Some(vision), Some(pictures)) => {
                let sides = [pictures.cameras.len(), pictures.height, pictures.width];
                if sides.iter().any(|n| !(1..=LARGEST).contains(n)) {
                    return bad(&format!("1 to {LARGEST} cameras and pixels of a side"), pictures);
                }
                vision.check(Some(pictures), place)?;
            }
            (None, None) => {}
            (Some(_), None) => return bad("cameras, as there is a `vision`", &"none"),
            (None, Some(_)) => return bad("none, as there is no `vision`", &"cameras"),
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
pub(crate) fn check_horizons(h: &Horizons, place: &str) -> imle_configs::Result<()> {
    let require = |holds: bool, key: &str, expected: fmt::Arguments<'_>, found: usize| {
        ConfigError::ensure(holds, format_args!("{place}: horizons.{key}"), expected, found)
    };
    for (key, value) in [("observation", h.observation), ("prediction", h.prediction), ("action", h.action)] {
        require((1..=LARGEST).contains(&value), key, format_args!("1 to {LARGEST} control steps"), value)?;
    }
    let most = h.prediction;
    require(h.action <= most, "action", format_args!("at most horizons.prediction, {most}"), h.action)
}
