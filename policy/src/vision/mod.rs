//! Vision: the pictures that a generator gets, and the encoders that make features of them.
//!
//! ```text
//! u8 picture → crop, shift, colour jitter (training) → (x − mean) / std  `preprocessor`
//!            → backbone, feature maps                                     one file each, by name: `resnet`, `conv`
//!            → spatial softmax, keypoints → linear, ReLU → features       `keypoints`
//! ```
//!
//! As in Diffusion Policy (arXiv 2303.04137) and robomimic (arXiv 2108.03298): trained end to end with the generator,
//! group in place of batch normalisation, nothing pre-trained. The features join the observation of their step, so that
//! any network and any method goes on from there (`network/vision_network.rs`). A generator with pictures gets only
//! proprioception of the observation; planner and critic still use the simulator's state.

mod backbone;
mod config;
mod conv;
pub(crate) mod encoder;
mod keypoints;
mod one_or_many;
mod preprocessor;
pub(crate) mod registry;
mod resnet;
pub(crate) mod shape;
#[cfg(test)]
mod tests;

pub use config::{EncoderConfig, VisionSettings};
pub use one_or_many::OneOrMany;
pub use preprocessor::Preprocessor;
pub use registry::NAMES;
pub use shape::VisionShape;
