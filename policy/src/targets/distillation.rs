//! Chunks of a teacher as targets: any checkpoint, in the states of demonstrations.

use super::demonstrations::DemonstrationChunks;
use super::source::{TargetRow, TargetShape, TargetSource};
use crate::error::{Error, Result};
use crate::sampler::{LatentKey, Observations, Sampler};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// States asked at a time.
const BATCH: usize = 64;

/// Windows of demonstrations, each as likely as any other, with a teacher's chunks as its targets.
#[derive(Clone, Debug)]
pub struct DistillationTargets {
    windows: DemonstrationChunks,
    /// (windows, samples, T_pred · A)
    chunks: Vec<f32>,
    shape: TargetShape,
}

impl TargetSource for DistillationTargets {
    fn shape(&self) -> TargetShape {
        self.shape
    }

    fn states(&self) -> usize {
        self.windows.len()
    }

    fn draw(&self, rng: &mut ChaCha8Rng, row: TargetRow<'_>) -> usize {
        let (index, size) = (rng.random_range(0..self.states()), self.shape.targets * self.shape.chunk);
        self.windows.window(index, row.observation, &mut []);
        self.windows.window_pictures(index, row.pictures);
        row.targets[..size].copy_from_slice(&self.chunks[index * size..][..size]);
        row.mask[..self.shape.targets].fill(true);
        index
    }
}

/// The same windows twice, with the observations of both generators.
#[derive(Debug)]
pub struct TeacherWindows<'a> {
    /// As the teacher observes them.
    pub teacher: &'a DemonstrationChunks,
    /// As the student observes them.
    pub student: DemonstrationChunks,
}

/// Draws `samples` chunks of `teacher` in the state of every window: targets for a generator that is to sample like the
/// teacher. With as many as latents (`TrainSettings::samples`) they are matched to the latents all at once, so that
/// mass follows the teacher's (see [`crate::rs_imle`]). The draws are keyed by `seed` and the window, so that they are
/// the same again on a resume. `progress` gets the number of windows done and returns whether to go on; nothing is
/// returned if it does not.
///
/// # Errors
/// [`Error::Argument`] if the windows are not of the teacher's shape; what sampling returns.
pub fn distill(
    teacher: &Sampler,
    pool: &rayon::ThreadPool,
    TeacherWindows { teacher: seen, student: windows }: TeacherWindows<'_>,
    samples: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<DistillationTargets>> {
    let (shape, sizes) = (teacher.shape(), seen.shape());
    if (shape.observation, shape.chunk()) != (sizes.observation, sizes.chunk) {
        let expected = format!("histories of {} and chunks of {} values", shape.observation, shape.chunk());
        let found = format!("{} and {}", sizes.observation, sizes.chunk);
        return Err(Error::argument("targets::distill", "windows", expected, found));
    }
    if seen.len() != windows.len() || windows.shape().chunk != sizes.chunk {
        let expected = format!("{} windows of chunks of {} values", seen.len(), sizes.chunk);
        let found = format!("{} of {}", windows.len(), windows.shape().chunk);
        return Err(Error::argument("targets::distill", "windows of the student", expected, found));
    }
    let mut chunks = vec![0.0; windows.len() * samples * sizes.chunk];
    for (batch, out) in chunks.chunks_mut((BATCH * samples * sizes.chunk).max(1)).enumerate() {
        let first = batch * BATCH;
        let count = BATCH.min(windows.len() - first);
        let mut values = vec![0.0; count * sizes.observation];
        let mut pictures = vec![0; count * sizes.pictures];
        for (i, values) in values.chunks_exact_mut(sizes.observation).enumerate() {
            seen.window(first + i, values, &mut []);
            seen.window_pictures(first + i, &mut pictures[i * sizes.pictures..][..sizes.pictures]);
        }
        let keys: Vec<_> = (first..first + count).map(|w| LatentKey { seed, episode: w as u64, step: 0 }).collect();
        teacher.sample(pool, Observations { values: &values, pictures: &pictures }, &keys, samples, out)?;
        if !progress(first + count) {
            return Ok(None);
        }
    }
    let shape = TargetShape { targets: samples, ..windows.shape() };
    Ok(Some(DistillationTargets { windows, chunks, shape }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support;
    use imle_configs::episode::Episode;
    use tch::Device;

    #[test]
    fn each_window_gets_the_teachers_chunks_for_it_again_and_again() {
        let teacher = test_support::checkpoint(3, 2, 1);
        let sampler = Sampler::new(&teacher, 1, Device::Cpu).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let observations: Vec<f32> = (0..70 * 3).map(|i| (i as f32).sin()).collect();
        let episode = Episode { observations, actions: vec![0.0; 70 * 2], len: 70, ..Episode::default() };
        let spec = test_support::spec(3, 2);
        let windows = DemonstrationChunks::new(&spec, teacher.config().horizons, &[episode]).unwrap();
        let learn = || {
            distill(&sampler, &pool, TeacherWindows { teacher: &windows, student: windows.clone() }, 5, 7, &mut |_| {
                true
            })
            .unwrap()
            .unwrap()
        };
        let targets = learn();
        assert_eq!((targets.states(), targets.shape().targets), (70, 5));
        let (mut one, mut again) = (crate::targets::TargetBatch::default(), crate::targets::TargetBatch::default());
        targets.batch(1, 0, 8, &mut one);
        learn().batch(1, 0, 8, &mut again);
        assert_eq!(one, again);
        assert!(one.mask.iter().all(|m| *m) && one.targets[..8] != one.targets[8..16]);
        assert!(
            distill(
                &sampler,
                &pool,
                TeacherWindows { teacher: &windows, student: windows.clone() },
                5,
                7,
                &mut |done| done < 64
            )
            .unwrap()
            .is_none()
        );
        let wide = Episode { observations: vec![0.0; 8], actions: vec![0.0; 4], len: 2, ..Episode::default() };
        let wide = DemonstrationChunks::new(&test_support::spec(4, 2), teacher.config().horizons, &[wide]).unwrap();
        assert!(
            distill(&sampler, &pool, TeacherWindows { teacher: &wide, student: wide.clone() }, 5, 7, &mut |_| true)
                .unwrap_err()
                .to_string()
                .contains("histories of 6")
        );
    }
}
