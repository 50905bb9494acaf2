//! The interface of a backbone, of which each has a name in [`super::registry`].

use super::shape::VisionShape;
use crate::{error::Result, network::parameters::Builder};
use tch::Tensor;

/// A network from pictures to feature maps.
pub(crate) trait Backbone: Send {
    /// Maps (R, channels, h', w') of pictures (R, 3, h, w).
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn maps(&self, pictures: &Tensor) -> Result<Tensor>;
}

/// A family of backbones.
pub(crate) trait BackboneFamily: Sync {
    /// The name in settings.
    fn name(&self) -> &'static str;

    /// Channels of the feature maps of a backbone of that width.
    fn channels(&self, width: usize) -> usize;

    /// Least side of a picture, pixels: smaller ones leave a single place in the last feature map.
    fn least_side(&self) -> usize;

    /// Builds the backbone, whose parameters are named `name.…`.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn build(&self, shape: &VisionShape, name: &str, b: &mut Builder) -> Result<Box<dyn Backbone>>;
}
