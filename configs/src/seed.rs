//! Counter-based random streams: every draw is keyed by what it is for, never by when it happens.
//!
//! A stream is ChaCha8 keyed by a mix of (seed, purpose, episode, step, candidate), so that results do not
//! depend on the number of threads or on the order in which work is done.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Purpose of a random stream. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[non_exhaustive]
pub enum Purpose {
    /// Start states of evaluation and `run` episodes.
    Reset = 1,
    /// The choices, hesitations and noise of a scripted expert.
    Expert = 2,
    /// Latents of a generator at inference.
    Latent = 3,
    /// Gaussian proposals of the planner.
    Noise = 4,
    /// Initial weights of a network.
    Weights = 5,
    /// The order of training samples.
    Batch = 6,
    /// Latents drawn in training.
    TrainLatent = 7,
    /// Choices among candidates without a planner.
    Consistency = 8,
    /// Start states of demonstrations.
    Demonstration = 9,
    /// Start states met while fine-tuning.
    FinetuneReset = 10,
    /// Sampling of fine-tuning targets.
    FinetuneBatch = 11,
    /// Inputs of benchmarks.
    Bench = 12,
    /// Noise of a world's observations.
    Mismatch = 13,
    /// Where a camera is moved to in an episode.
    Camera = 14,
    /// Crops and colours of pictures in training.
    Augmentation = 15,
    /// Resamples of measured results.
    Bootstrap = 16,
    /// Draws of an optimizer after the proposals.
    Search = 17,
    /// Disturbance of a generator's chunks in fine-tuning.
    Perturbation = 18,
    /// Start states in which a fine-tuned generator is compared with what it was.
    Modes = 19,
    /// Noise on the observations that a generator learns from.
    ObservationNoise = 20,
}

/// The stream of (`seed`, `purpose`) at the given counters; unused counters are 0.
pub fn stream(seed: u64, purpose: Purpose, episode: u64, step: u64, candidate: u64) -> ChaCha8Rng {
    let mut state = seed;
    let mut key = [0u8; 32];
    for (word, counter) in key.chunks_exact_mut(8).zip([purpose as u64, episode, step, candidate]) {
        state = split_mix(state ^ counter.wrapping_mul(0xd6e8_feb8_6659_fd93));
        word.copy_from_slice(&state.to_le_bytes());
    }
    // A second pass, so that the first words too depend on the last counters.
    for word in key.chunks_exact_mut(8) {
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(word);
        state = split_mix(state ^ u64::from_le_bytes(bytes));
        word.copy_from_slice(&state.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Fills `out` with standard normal draws.
pub fn fill_normal(rng: &mut ChaCha8Rng, out: &mut [f32]) {
    for value in out {
        *value = StandardNormal.sample(rng);
    }
}

/// SplitMix64's output function (Steele, Lea, Flood 2014).
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn every_counter_changes_the_stream() {
        let base = stream(1, Purpose::Latent, 2, 3, 4).next_u64();
        assert_eq!(base, stream(1, Purpose::Latent, 2, 3, 4).next_u64());
        for other in [
            stream(0, Purpose::Latent, 2, 3, 4),
            stream(1, Purpose::Noise, 2, 3, 4),
            stream(1, Purpose::Latent, 3, 3, 4),
            stream(1, Purpose::Latent, 2, 2, 4),
            stream(1, Purpose::Latent, 2, 3, 5),
        ] {
            assert_ne!(base, { other }.next_u64());
        }
    }
}
