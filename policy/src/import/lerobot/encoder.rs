//! LeRobot's `DiffusionRgbEncoder`, which ours is the same as: the middle of the picture, ResNet18 with group
//! normalisation, spatial softmax, a linear layer with ReLU.

use super::features::Features;
use crate::import::{
    options::Options,
    vision_input::{Naming, VisionInput},
};
use crate::normalizer::AffineMap;
use crate::vision::{EncoderConfig, OneOrMany};
use imle_configs::{Error, Result, spec::CHANNELS};
use serde_json::json;

/// The cameras and encoders of a policy with pictures; `maps` normalise the pictures of each camera.
pub(super) fn vision(
    config: &Options<'_>,
    features: &Features,
    maps: &[[AffineMap; CHANNELS]],
) -> Result<Option<VisionInput>> {
    if features.pictures.is_empty() {
        return Ok(None);
    }
    for (key, supported) in
        [("vision_backbone", json!("resnet18")), ("use_group_norm", json!(true)), ("resize_shape", json!(null))]
    {
        config.only(key, &supported)?;
    }
    let [height, width] = features.size;
    let crop = match config.sizes("crop_shape")?.as_deref() {
        None => OneOrMany::One(1.0),
        Some([h, w]) if *h <= height && *w <= width => {
            OneOrMany::of(vec![*h as f64 / height as f64, *w as f64 / width as f64])
        }
        Some(found) => {
            let expected = format!("height and width of at most [{height}, {width}], those of the pictures");
            return Err(Error::unexpected(config.place("crop_shape"), expected, format!("{found:?}")));
        }
    };
    let keypoints = config.size("spatial_softmax_num_keypoints")?;
    let (mut mean, mut std) = (Vec::new(), Vec::new());
    for (term, maps) in features.pictures.iter().zip(maps) {
        if let Some(map) = maps.iter().find(|map| map.scale <= 0.0) {
            let place = config.place(&format!("statistics of {}", term.name));
            return Err(Error::unexpected(place, "deviations or ranges above 0", map.scale));
        }
        // (x − center) / scale + offset, in one subtraction and one division.
        mean.push(maps.map(|m| f64::from(m.center) - f64::from(m.offset) * f64::from(m.scale)));
        std.push(maps.map(|m| f64::from(m.scale)));
    }
    let encoder = EncoderConfig {
        width: 64,
        keypoints,
        features: 2 * keypoints,
        shared: !config.flag("use_separate_rgb_encoder_per_camera", false)?,
        crop,
        colour_jitter: 0.0,
        mean: OneOrMany::of(mean),
        std: OneOrMany::of(std),
        ..EncoderConfig::default()
    };
    Ok(Some(VisionInput {
        cameras: features.cameras(),
        size: Some(features.size),
        encoder,
        // The state, the pictures, then the state of the environment.
        after: features.observation.first().map_or(0, |state| state.size),
        naming: Naming::LeRobot("diffusion.rgb_encoder"),
    }))
}
