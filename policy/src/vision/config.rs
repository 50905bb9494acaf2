//! The settings of vision.

use super::registry::{self, NAMES};
use super::{one_or_many::OneOrMany, shape::VisionShape};
use crate::network::precision::Precision;
use imle_configs::Error as ConfigError;
use imle_configs::spec::{CHANNELS, Horizons, ImageLayout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// `[vision]` of a training: the generator's cameras and their encoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VisionSettings {
    /// Cameras of the dataset whose pictures the generator sees; empty for one that sees the whole observation instead.
    pub cameras: Vec<String>,
    /// With cameras: the observation terms seen beside the pictures; empty for the task's `proprioception`.
    pub state: Vec<String>,
    /// Terms of the observation to be estimated from pictures and `state`: the training is that of an estimator.
    pub estimate: Vec<String>,
    /// Of an estimator: share of the episodes that it is judged by and does not learn from, the last ones.
    pub held_out: f64,
    /// Of a generator behind an estimator: estimates of each frame that it learns from, of pictures shifted and recoloured
    /// as in the estimator's training; 0 for the true values.
    pub copies: usize,
    /// Encoders of the pictures.
    #[serde(flatten)]
    pub encoder: EncoderConfig,
}

impl Default for VisionSettings {
    fn default() -> Self {
        Self {
            cameras: Vec::new(),
            state: Vec::new(),
            estimate: Vec::new(),
            held_out: 0.1,
            copies: 8,
            encoder: EncoderConfig::default(),
        }
    }
}

impl VisionSettings {
    /// Checks what concerns estimators.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn check(&self) -> imle_configs::Result<()> {
        let share = (0.0..1.0).contains(&self.held_out);
        ConfigError::ensure(share, "settings: vision.held_out", "at least 0 and below 1", self.held_out)?;
        let expected = "at most 64";
        ConfigError::ensure(self.copies <= 64, "settings: vision.copies", expected, self.copies)?;
        let seen = !self.cameras.is_empty() || self.estimate.is_empty();
        ConfigError::ensure(seen, "settings: vision.cameras", "cameras to estimate from", "none")
    }
}

/// The encoders of pictures. Written into `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EncoderConfig {
    /// `resnet18`: with group normalisation, from random weights. `conv`: four convolutions with maps of a quarter of the
    /// sides, for seeing exactly where things are.
    pub kind: String,
    /// Channels of the first of the four levels of `resnet18`, of which 64 is the standard and a quarter of it trains
    /// nine times as fast on a processor; of all layers of `conv`, where 32 is usual.
    pub width: usize,
    /// Keypoints of the spatial softmax; 0 for the mean of the feature maps in its place.
    pub keypoints: usize,
    /// Features of a picture, linear in the keypoints with a ReLU behind; 0 for the keypoints as they are.
    pub features: usize,
    /// Whether all cameras share one encoder, rather than each having its own.
    pub shared: bool,
    /// Share of each side of a picture that is kept, or of height and width: cut out at random in training, from the
    /// middle otherwise. 0.875 is 84 of 96 pixels; 1 keeps all.
    pub crop: OneOrMany<f64>,
    /// Most pixels that a picture is shifted by in training, up or down and left or right; its edge is repeated.
    pub shift: usize,
    /// Half-width of the uniform factors of brightness, contrast and saturation in training; 0 for none.
    pub colour_jitter: f64,
    /// Mean that is subtracted from red, green and blue in [0, 1], of all cameras or of each.
    pub mean: OneOrMany<[f64; CHANNELS]>,
    /// Deviation that they are then divided by.
    pub std: OneOrMany<[f64; CHANNELS]>,
    /// Numbers that the backbone computes in, in training too; its parameters stay single.
    pub precision: Precision,
}

impl Default for EncoderConfig {
    /// Diffusion Policy's, with pictures in [-1, 1] and a quarter of the width, for processors.
    fn default() -> Self {
        Self {
            kind: "resnet18".into(),
            width: 16,
            keypoints: 32,
            features: 64,
            shared: false,
            crop: OneOrMany::One(0.875),
            shift: 0,
            colour_jitter: 0.2,
            mean: OneOrMany::One([0.5; CHANNELS]),
            std: OneOrMany::One([0.5; CHANNELS]),
            precision: Precision::F32,
        }
    }
}

impl std::fmt::Display for EncoderConfig {
    /// One line for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = if self.shared { "one encoder for all cameras" } else { "one encoder a camera" };
        write!(f, "{one}: {} of width {}, ", self.kind, self.width)?;
        match self.keypoints {
            0 => f.write_str("mean of the maps")?,
            n => write!(f, "{n} keypoints")?,
        }
        if self.features > 0 {
            write!(f, ", {} features", self.features)?;
        }
        let arithmetic = if self.precision == Precision::Bf16 { "bf16" } else { "f32" };
        match self.crop_shares().map(|share| 100.0 * share) {
            [h, w] if h == w => write!(f, ", {h:.1} % of each side kept, {arithmetic}"),
            [h, w] => write!(f, ", {h:.1} % of the height and {w:.1} % of the width kept, {arithmetic}"),
        }
    }
}

/// Most pixels of a shift.
const LARGEST_SHIFT: usize = 64;

fn shown<T: std::fmt::Debug + Clone + PartialEq>(values: &OneOrMany<T>) -> String {
    format!("{:?}", values.values())
}

impl EncoderConfig {
    /// Checks all values, for pictures of `pictures` if they are known; `place` names the file in errors.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn check(&self, pictures: Option<&ImageLayout>, place: &str) -> imle_configs::Result<()> {
        let require = |holds: bool, key: &str, expected: &str, found: &dyn Display| {
            ConfigError::ensure(holds, format_args!("{place}: vision.{key}"), expected, found)
        };
        let backbone = registry::by_name(&self.kind).map_err(|e| e.in_file(place))?;
        let width = matches!(self.width, 4 | 8) || self.width.is_multiple_of(16) && (16..=512).contains(&self.width);
        require(width, "width", "4, 8 or a multiple of 16 up to 512", &self.width)?;
        for (key, value) in [("keypoints", self.keypoints), ("features", self.features)] {
            require(value <= 4096, key, "at most 4096", &value)?;
        }
        let [crop, mean, std] = [&shown(&self.crop), &shown(&self.mean), &shown(&self.std)];
        let shares = self.crop.fits(2) && self.crop.values().iter().all(|share| *share > 0.0 && *share <= 1.0);
        let expected = "a share above 0 and at most 1, or one of the height and one of the width";
        require(shares, "crop", expected, crop)?;
        require(self.shift <= LARGEST_SHIFT, "shift", &format!("at most {LARGEST_SHIFT} pixels"), &self.shift)?;
        let jitter = self.colour_jitter;
        require((0.0..1.0).contains(&jitter), "colour_jitter", "at least 0 and below 1", &jitter)?;
        require(self.mean.values().iter().flatten().all(|x| x.is_finite()), "mean", "finite numbers", mean)?;
        let divides = |x: &f64| x.is_finite() && *x > 0.0;
        require(self.std.values().iter().flatten().all(divides), "std", "numbers above 0", std)?;
        let Some(pictures) = pictures else { return Ok(()) };
        let cameras = pictures.cameras.len();
        let expected = format!("three numbers, or three for each of {cameras} cameras");
        require(self.mean.fits(cameras), "mean", &expected, mean)?;
        require(self.std.fits(cameras), "std", &expected, std)?;
        let [height, width] = self.kept(pictures);
        let found = format!("{width}×{height} pixels kept of {pictures}");
        let least = backbone.least_side();
        let expected = format!("at least {least} pixels of each side");
        require(height.min(width) >= least, "crop", &expected, &found)
    }

    /// Shares of height and width that are kept.
    fn crop_shares(&self) -> [f64; 2] {
        [0, 1].map(|i| self.crop.at(i).copied().unwrap_or(1.0))
    }

    /// Height and width of what is kept of a picture, pixels.
    pub(crate) fn kept(&self, pictures: &ImageLayout) -> [usize; 2] {
        let ([h, w], sides) = (self.crop_shares(), [pictures.height, pictures.width]);
        let kept = |share: f64, side: usize| ((side as f64 * share).round() as usize).clamp(1, side);
        [kept(h, sides[0]), kept(w, sides[1])]
    }

    /// The sizes a network is built for, with `pictures` of each of the T_obs steps of `horizons`.
    pub(crate) fn shape(&self, horizons: Horizons, pictures: &ImageLayout) -> VisionShape {
        let (kind, channels) =
            registry::by_name(&self.kind).map_or((NAMES[0], 0), |b| (b.name(), b.channels(self.width)));
        let pooled = if self.keypoints == 0 { channels } else { 2 * self.keypoints };
        VisionShape {
            kind,
            steps: horizons.observation,
            cameras: pictures.cameras.len(),
            bytes: horizons.observation * pictures.bytes(),
            width: self.width,
            channels,
            keypoints: self.keypoints,
            linear: self.features > 0,
            features: if self.features > 0 { self.features } else { pooled },
            shared: self.shared,
            half: self.precision == Precision::Bf16,
        }
    }
}
