//! The sizes that a network is built for.

use crate::vision::shape::VisionShape;
use imle_configs::spec::Horizons;

/// The sizes a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkShape {
    /// Values of an observation history, T_obs · O.
    pub observation: usize,
    /// Actions of a chunk, T_pred.
    pub prediction: usize,
    /// Values of an action, A.
    pub action: usize,
    /// Number of times that a pass gets beside the observation: 0 for methods of one pass.
    pub times: usize,
    /// The pictures beside the observation, if there are any, and how they are encoded.
    pub vision: Option<VisionShape>,
}

impl ChunkShape {
    /// Of `horizons` with observations of `observation` values and actions of `action` values, without times and
    /// pictures.
    pub fn new(horizons: Horizons, observation: usize, action: usize) -> Self {
        let (observation, prediction) = (horizons.observation * observation, horizons.prediction);
        Self { observation, prediction, action, times: 0, vision: None }
    }

    /// Of the network behind the encoders, for which the pictures' features are part of the observation.
    pub(super) fn body(&self) -> Self {
        let seen = self.vision.map_or(0, |v| v.steps * v.cameras * v.features);
        Self { observation: self.observation + seen, vision: None, ..*self }
    }

    /// Values of a chunk, T_pred · A.
    pub fn chunk(&self) -> usize {
        self.prediction * self.action
    }
}
