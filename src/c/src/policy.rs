//! `imle_policy`: a trained generator.

use crate::boundary::{Given, Handle, Out, Returned, Slot, Text, guard, keeping_threads};
use imle_configs::{Error as InputError, spec::ImageLayout, workers::Workers};
use imle_policy::device::DeviceChoice;
use imle_policy::policy::{MOST_CHUNKS, Policy};
use imle_policy::sampler::{LatentKey, Observations};
use std::ffi::c_int;

/// `imle_key`.
#[repr(C)]
struct Key {
    seed: u64,
    episode: u64,
    step: u64,
}

/// `imle_policy_shape`.
#[repr(C)]
#[derive(Clone, Copy)]
struct PolicyShape {
    observation_steps: usize,
    prediction_steps: usize,
    action_steps: usize,
    observation: usize,
    action: usize,
    latent: usize,
    pictures: usize,
}

#[unsafe(no_mangle)]
extern "C" fn imle_policy_load(name: Text, device: Text, out: Slot<Policy>) -> c_int {
    guard(|| {
        out.fill(|| {
            let device = device.get("device", Some("cpu"))?.parse::<DeviceChoice>()?.open()?;
            keeping_threads(|| Ok(Policy::open(name.get("policy", None)?, device)?))
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_policy_sizes(policy: Handle<Policy>, out: Out<PolicyShape>) -> c_int {
    guard(|| {
        let policy = policy.get("policy")?;
        let (h, spec) = (policy.horizons(), policy.spec());
        out.put(
            "out",
            PolicyShape {
                observation_steps: h.observation,
                prediction_steps: h.prediction,
                action_steps: h.action,
                observation: spec.observation.size(),
                action: spec.action.size(),
                latent: policy.latent_size(),
                pictures: picture_bytes(policy),
            },
        )
    })
}

/// Bytes of the pictures of one observation.
pub fn picture_bytes(policy: &Policy) -> usize {
    policy.spec().pictures.as_ref().map_or(0, ImageLayout::bytes)
}

#[unsafe(no_mangle)]
extern "C" fn imle_policy_sample(
    policy: Handle<Policy>,
    history: Given<f32>,
    history_length: usize,
    pictures: Given<u8>,
    pictures_length: usize,
    n: usize,
    key: Key,
    chunks: Out<f32>,
    chunks_length: usize,
) -> c_int {
    guard(|| {
        let policy = policy.get("policy")?;
        let (h, spec) = (policy.horizons(), policy.spec());
        let expected = format!("1 to {MOST_CHUNKS}");
        InputError::ensure((1..=MOST_CHUNKS).contains(&n), "n", expected, n)?;
        let mut drawn = vec![0.0; n * h.prediction * spec.action.size()];
        let room = chunks.room("chunks", chunks_length, drawn.len())?;
        let one = spec.observation.size();
        let given =
            history.values("history", history_length, if history_length == one { one } else { one * h.observation })?;
        InputError::finite("history", given)?;
        let values = given.repeat(if given.len() == one { h.observation } else { 1 });
        let pictures = pictures.values("pictures", pictures_length, picture_bytes(policy) * h.observation)?;
        let key = LatentKey { seed: key.seed, episode: key.episode, step: key.step };
        let seen = Observations { values: &values, pictures };
        let workers = Workers::shared()?;
        keeping_threads(|| Ok(policy.sampler().sample(&workers, seen, &[key], n, &mut drawn)?))?;
        room.fill(&drawn);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_policy_free(policy: Returned<Policy>) {
    policy.free();
}
