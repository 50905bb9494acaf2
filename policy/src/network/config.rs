//! The settings of a network: its kind and its sizes.

use super::shape::ChunkShape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which network, and its sizes. Written into `config.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkConfig {
    /// `mlp`: residual MLP over the whole flattened chunk, the fast one. `transformer`: attention over its steps.
    /// `unet`: the paper's conditional 1D U-Net.
    pub kind: String,
    /// Values of a latent; 0 for one shaped like the chunk, which diffusion and flow need.
    pub latent: usize,
    /// `mlp`, `transformer`: units of a layer.
    pub width: usize,
    /// `mlp`, `transformer`: residual blocks.
    pub blocks: usize,
    /// `transformer`: heads of attention; divides the width.
    pub heads: usize,
    /// `unet`: channels of each level; the chunk's length is halved between levels.
    pub down_dims: Vec<usize>,
    /// `unet`: kernel size over time, odd.
    pub kernel_size: usize,
    /// `unet`: groups of the group normalisation; divides every level's channels. The last block has 8.
    pub n_groups: usize,
    /// `unet`: values of the embedding of a time, even.
    pub time_embedding: usize,
    /// `unet`: whether the condition scales the features too, or only shifts them.
    pub film_scale: bool,
}

impl Default for NetworkConfig {
    /// The MLP; the U-Net's sizes are the paper's.
    fn default() -> Self {
        Self {
            kind: "mlp".into(),
            latent: 0,
            width: 256,
            blocks: 4,
            heads: 4,
            down_dims: vec![256, 512, 1024],
            kernel_size: 5,
            n_groups: 8,
            time_embedding: 256,
            film_scale: true,
        }
    }
}

impl NetworkConfig {
    /// Values of a latent for chunks of `shape`.
    pub fn latent_size(&self, shape: &ChunkShape) -> usize {
        if self.latent == 0 { shape.chunk() } else { self.latent }
    }
}
