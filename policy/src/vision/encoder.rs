//! An encoder: backbone, pooling, and a linear layer, with the names of LeRobot's `DiffusionRgbEncoder` behind the
//! backbone's own.

use super::{backbone::Backbone, keypoints::SpatialSoftmax, registry, shape::VisionShape};
use crate::error::Result;
use crate::network::{layers::Linear, parameters::Builder};
use tch::{Kind, Tensor};

/// Features of pictures.
pub(crate) struct Encoder {
    backbone: Box<dyn Backbone>,
    keypoints: Option<SpatialSoftmax>,
    out: Option<Linear>,
    /// Whether the backbone computes in bfloat16 whatever the pictures are.
    half: bool,
}

impl Encoder {
    /// Takes its parameters, named `name.…`, from the builder.
    pub(crate) fn new(shape: &VisionShape, name: &str, b: &mut Builder) -> Result<Self> {
        let backbone = registry::by_name(shape.kind)?.build(shape, name, b)?;
        let keypoints = match shape.keypoints {
            0 => None,
            n => Some(SpatialSoftmax::new(b, &format!("{name}.pool"), shape.channels, n)?),
        };
        let pooled = if shape.keypoints == 0 { shape.channels } else { 2 * shape.keypoints };
        let out = || Linear::new(b, &format!("{name}.out"), pooled, shape.features);
        let out = shape.linear.then(out).transpose()?;
        Ok(Self { backbone, keypoints, out, half: shape.half })
    }

    /// Features (R, F) of pictures (R, h, w, 3). Seen as (R, 3, h, w) these are in the order in memory that
    /// convolutions on processors are fastest in.
    pub(crate) fn encode(&self, pictures: &Tensor) -> Result<Tensor> {
        let pictures = if self.half { pictures.f_to_kind(Kind::BFloat16)? } else { pictures.shallow_clone() };
        let maps = self.backbone.maps(&pictures.f_permute([0, 3, 1, 2])?)?;
        let pooled = match &self.keypoints {
            Some(keypoints) => keypoints.forward(&maps)?,
            None => maps.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?,
        };
        match &self.out {
            Some(out) => Ok(out.forward_as_weights(&pooled)?.f_relu()?),
            None => Ok(pooled),
        }
    }
}
