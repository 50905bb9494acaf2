//! The key of a decision's latents.

/// The decision that a set of candidates is for: it keys their latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LatentKey {
    /// Seed of the run.
    pub seed: u64,
    /// Episode index.
    pub episode: u64,
    /// Control step within the episode.
    pub step: u64,
}
