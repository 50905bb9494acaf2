//! A policy as the reader of its kind finds it.

use super::{tensors::Tensors, vision_input::VisionInput, weights::Names};
use crate::{method::Sampling, network::NetworkConfig, normalizer::AffineMap};
use imle_configs::spec::{Horizons, Term};

/// The policy that a reader finds in a folder.
pub(super) struct SourcePolicy {
    pub(super) kind: &'static str,
    pub(super) method: &'static str,
    /// Named parts of an observation, in their order.
    pub(super) observation: Vec<Term>,
    pub(super) action: usize,
    /// Normalisation of observation and action, value by value.
    pub(super) maps: [Vec<AffineMap>; 2],
    /// T_obs, all the actions that the network predicts, T_act.
    pub(super) horizons: Horizons,
    /// Index of the current step's action among those predicted.
    pub(super) lead: usize,
    pub(super) network: NetworkConfig,
    pub(super) sampling: Sampling,
    pub(super) names: Names,
    /// There if it sees pictures.
    pub(super) vision: Option<VisionInput>,
    /// The network's tensors; of others only those that should not be there.
    pub(super) tensors: Tensors,
    pub(super) unused: usize,
}

/// [low, high] to [-1, 1]; `epsilon` is added to the range. A constant value becomes -1, as in public code.
pub(super) fn of_range(low: f32, high: f32, epsilon: f32) -> AffineMap {
    let range = high - low;
    AffineMap { center: low, scale: if range == 0.0 { 0.0 } else { (range + epsilon) / 2.0 }, offset: -1.0 }
}
