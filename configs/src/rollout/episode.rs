//! The record of one episode, as experts write it and training reads it.

use serde::{Deserialize, Serialize};

/// Eight hexadecimal digits (CRC-32) that identify these episodes' observations and actions.
pub fn fingerprint(episodes: &[Episode]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for value in episodes.iter().flat_map(|e| e.observations.iter().chain(&e.actions)) {
        hasher.update(&value.to_le_bytes());
    }
    format!("{:08x}", hasher.finalize())
}

/// Eight hexadecimal digits (CRC-32) that identify these bytes.
pub fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// One episode: `len` control steps of observation, action and success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Observations, row-major (len, observation size); row t is what was seen before action t.
    pub observations: Vec<f32>,
    /// Actions, row-major (len, action size), exactly the numbers that were executed.
    pub actions: Vec<f32>,
    /// Whether the task was solved by the end.
    pub success: bool,
    /// Seed that reproduces the start state.
    pub seed: u64,
    /// Index that reproduces the start state together with the seed.
    pub index: u64,
    /// The mode the episode shows, or an empty string.
    pub mode: String,
    /// The mismatch of the world it was recorded in, or an empty string.
    pub mismatch: String,
    /// Number of control steps.
    pub len: usize,
}
