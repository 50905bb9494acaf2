//! Chunks of a teacher as targets: any checkpoint, in the states of demonstrations.

use super::{DemonstrationChunks, TargetSource, WeightedState, WeightedTargets};
use crate::sampler::{LatentKey, Sampler};
use crate::{Error, Result};

/// States asked at a time.
const BATCH: usize = 64;

/// Draws `samples` chunks of `teacher` in the state of every window: targets for a generator that is to sample like the
/// teacher. With as many as latents (`TrainSettings::samples`) they are matched to the latents all at once, so that
/// mass follows the teacher's (see [`crate::rs_imle`]). The draws are keyed by `seed` and the window, so that they are
/// the same again on a resume. `progress` is told how many windows are done and says whether to go on; nothing is
/// returned if it does not.
///
/// # Errors
/// [`Error::Argument`] if the windows are not of the teacher's shape; what sampling returns.
pub fn teach(
    teacher: &Sampler,
    pool: &rayon::ThreadPool,
    windows: &DemonstrationChunks,
    samples: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<WeightedTargets>> {
    let (shape, sizes) = (teacher.shape(), windows.shape());
    if (shape.observation, shape.chunk()) != (sizes.observation, sizes.chunk) {
        let expected = format!("histories of {} and chunks of {} values", shape.observation, shape.chunk());
        let found = format!("{} and {}", sizes.observation, sizes.chunk);
        return Err(Error::argument("targets::teach", "windows", expected, found));
    }
    let mut states = Vec::with_capacity(windows.len());
    let mut unused = vec![0.0; sizes.chunk];
    for first in (0..windows.len()).step_by(BATCH) {
        let count = BATCH.min(windows.len() - first);
        let mut observations = vec![0.0; count * sizes.observation];
        for (i, observation) in observations.chunks_exact_mut(sizes.observation).enumerate() {
            windows.window(first + i, observation, &mut unused);
        }
        let keys: Vec<_> = (first..first + count).map(|w| LatentKey { seed, episode: w as u64, step: 0 }).collect();
        let mut chunks = vec![0.0; count * samples * sizes.chunk];
        teacher.sample(pool, &observations, &keys, samples, &mut chunks)?;
        let of_state = chunks.chunks_exact(samples * sizes.chunk);
        states.extend(observations.chunks_exact(sizes.observation).zip(of_state).map(|(observation, chunks)| {
            let elites = chunks.chunks_exact(sizes.chunk).map(<[f32]>::to_vec).collect();
            WeightedState { observation: observation.to_vec(), elites, weights: Vec::new(), probability: 1.0 }
        }));
        if !progress(first + count) {
            return Ok(None);
        }
    }
    WeightedTargets::new(&states, 0).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy;
    use imle_configs::episode::Episode;
    use tch::Device;

    #[test]
    fn each_window_gets_the_teachers_chunks_for_it_again_and_again() {
        let teacher = toy::checkpoint(3, 2, 1);
        let sampler = Sampler::new(&teacher, 1, Device::Cpu).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let observations: Vec<f32> = (0..70 * 3).map(|i| (i as f32).sin()).collect();
        let episode = Episode { observations, actions: vec![0.0; 70 * 2], len: 70, ..Episode::default() };
        let spec = toy::spec(3, 2);
        let windows = DemonstrationChunks::new(&spec, teacher.config().horizons, &[episode]).unwrap();
        let learn = || teach(&sampler, &pool, &windows, 5, 7, &mut |_| true).unwrap().unwrap();
        let targets = learn();
        assert_eq!((targets.len(), targets.shape().targets), (70, 5));
        let (mut one, mut again) = (crate::targets::Batch::default(), crate::targets::Batch::default());
        targets.batch(1, 0, 8, &mut one);
        learn().batch(1, 0, 8, &mut again);
        assert_eq!(one, again);
        assert!(one.mask.iter().all(|m| *m) && one.targets[..8] != one.targets[8..16]);
        assert!(teach(&sampler, &pool, &windows, 5, 7, &mut |done| done < 64).unwrap().is_none());
        let wide = Episode { observations: vec![0.0; 8], actions: vec![0.0; 4], len: 2, ..Episode::default() };
        let wide = DemonstrationChunks::new(&toy::spec(4, 2), teacher.config().horizons, &[wide]).unwrap();
        assert!(teach(&sampler, &pool, &wide, 5, 7, &mut |_| true).unwrap_err().to_string().contains("histories of 6"));
    }
}
