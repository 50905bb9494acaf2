//! A dataset in memory.

use imle_configs::Result;
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;

/// A dataset in memory: what its numbers mean, and its episodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Task, control rate, and the layouts of observation and action.
    pub spec: Spec,
    /// The episodes in their order; rows are `spec.observation.size()` and `spec.action.size()` values wide.
    pub episodes: Vec<Episode>,
}

impl Dataset {
    /// The dataset with these terms of the observation only, in their order.
    ///
    /// # Errors
    /// [`imle_configs::Error::Unknown`] with the nearest names.
    pub fn with_observation(mut self, terms: &[String]) -> Result<Self> {
        let (part, places) = self.spec.observation.part(terms)?;
        let size = self.spec.observation.size();
        for episode in &mut self.episodes {
            let rows = episode.observations.chunks_exact(size);
            episode.observations = rows.flat_map(|row| places.iter().map(|at| row[*at])).collect();
        }
        self.spec.observation = part;
        Ok(self)
    }

    /// The dataset with other terms of the observation in place of the actions: what is to be estimated at each step.
    ///
    /// # Errors
    /// As [`with_observation`](Self::with_observation).
    pub fn with_estimates(mut self, terms: &[String]) -> Result<Self> {
        let estimated = self.clone().with_observation(terms)?;
        for (episode, estimated) in self.episodes.iter_mut().zip(estimated.episodes) {
            episode.actions = estimated.observations;
        }
        self.spec.action = estimated.spec.observation;
        Ok(self)
    }
}
