//! Networks by name: a new one is one file and one line in `registry`.
//!
//! A network is split in three so that each observation is encoded once: [`Network::encode`] makes features of the
//! observation, [`Network::condition`] every FiLM scale and shift from the features and the times of a pass,
//! [`Network::generate`] maps latents to chunks under them. All are pure functions of tensors; a network is rebuilt
//! from its flat parameter vector ([`parameters`]) whenever that is needed, once a training step or once a worker.

mod architecture;
mod build;
mod conditioning;
mod config;
mod film;
mod interface;
pub(crate) mod layers;
mod mlp;
pub mod parameters;
pub(crate) mod precision;
pub(crate) mod registry;
mod shape;
mod transformer;
mod unet;
mod vision_network;

pub use conditioning::Conditioning;
pub use config::NetworkConfig;
pub use interface::{Network, ObservationTensors};
pub use precision::Precision;
pub use registry::NAMES;
pub use shape::ChunkShape;
