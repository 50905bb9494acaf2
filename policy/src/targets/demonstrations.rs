//! Windows of demonstrations: one for every control step of every episode.
//!
//! The window at step t has the observations t − T_obs + 1 … t, the first observation repeated where the episode had
//! not begun, and the actions t … t + T_pred − 1, the last action repeated where it has ended. So index 0 of a chunk
//! is the action at the current step t. Each window has one target.

use super::draw::Draw;
use super::source::{TargetRow, TargetShape, TargetSource};
use crate::error::{Error, Result};
use crate::normalizer::{Normalizer, Normalizers};
use imle_configs::episode::Episode;
use imle_configs::spec::{Horizons, Spec};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Every window of a set of episodes, drawn uniformly or by weight. Frames are stored once, windows as indices.
#[derive(Clone, Debug)]
pub struct DemonstrationChunks {
    observations: Vec<f32>,
    actions: Vec<f32>,
    /// Pictures of all frames, and bytes of those of one.
    pictures: Arc<Vec<u8>>,
    picture_size: usize,
    observation_size: usize,
    action_size: usize,
    horizons: Horizons,
    /// One window a frame: the frames (first, end) of its episode; the window's own frame is its index.
    episodes: Vec<(u32, u32)>,
    /// The episode of each frame.
    episode_of: Vec<u32>,
    draw: Draw,
}

impl DemonstrationChunks {
    /// All windows of `episodes`, each as likely as any other. Which episodes to learn from (only successes, say) is
    /// the caller's choice.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no frame, an episode's lengths do not fit `spec`, or a horizon is 0.
    pub fn new(spec: &Spec, horizons: Horizons, episodes: &[Episode]) -> Result<Self> {
        let (o, a) = (spec.observation.size(), spec.action.size());
        let bad = |what, expected: String, found: String| {
            Err(Error::argument("DemonstrationChunks::new", what, expected, found))
        };
        if horizons.observation == 0 || horizons.prediction == 0 {
            return bad("horizons", "at least 1".into(), format!("{horizons:?}"));
        }
        let frames: usize = episodes.iter().map(|e| e.len).sum();
        if frames == 0 || u32::try_from(frames).is_err() {
            return bad("episodes", "1 to 4294967295 control steps".into(), frames.to_string());
        }
        let mut chunks = Self {
            observations: Vec::with_capacity(frames * o),
            actions: Vec::with_capacity(frames * a),
            pictures: Arc::default(),
            picture_size: 0,
            observation_size: o,
            action_size: a,
            horizons,
            episodes: Vec::with_capacity(episodes.len()),
            episode_of: Vec::with_capacity(frames),
            draw: Draw::Uniform(frames),
        };
        for (index, episode) in episodes.iter().enumerate() {
            for (what, values, size) in [("observations", &episode.observations, o), ("actions", &episode.actions, a)] {
                if values.len() != episode.len * size {
                    let expected = format!("{} steps of {size} values in episode {index}", episode.len);
                    return bad(what, expected, format!("{} values", values.len()));
                }
            }
            let first = chunks.episode_of.len() as u32;
            chunks.episodes.push((first, first + episode.len as u32));
            chunks.episode_of.resize(chunks.episode_of.len() + episode.len, index as u32);
            chunks.observations.extend_from_slice(&episode.observations);
            chunks.actions.extend_from_slice(&episode.actions);
        }
        Ok(chunks)
    }

    /// The same windows with the pictures of every frame, (frames, cameras, H, W, 3), in the order of the episodes.
    ///
    /// # Errors
    /// [`Error::Argument`] if they do not fit the number of frames.
    pub fn with_pictures(mut self, pictures: Arc<Vec<u8>>) -> Result<Self> {
        let frames = self.len();
        if pictures.is_empty() || !pictures.len().is_multiple_of(frames) {
            let expected = format!("as many bytes for each of {frames} frames");
            return Err(Error::argument("DemonstrationChunks::with_pictures", "pictures", expected, pictures.len()));
        }
        self.picture_size = pictures.len() / frames;
        self.pictures = pictures;
        Ok(self)
    }

    /// The same windows, drawn in proportion to `weights`, one a window: episode by episode, step by step.
    ///
    /// # Errors
    /// [`Error::Argument`] if the number is not [`len`](Self::len), or a weight is negative or not finite, or all are
    /// 0.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self> {
        if weights.len() != self.len() {
            let expected = format!("one a window, {}", self.len());
            return Err(Error::argument("DemonstrationChunks::with_weights", "weights", expected, weights.len()));
        }
        self.draw = Draw::weighted("DemonstrationChunks::with_weights", weights.iter().copied())?;
        Ok(self)
    }

    /// Number of windows, which is the number of control steps.
    pub fn len(&self) -> usize {
        self.episode_of.len()
    }

    /// Whether there are no windows; never true.
    pub fn is_empty(&self) -> bool {
        self.episode_of.is_empty()
    }

    /// T_obs, T_pred, T_act.
    pub fn horizons(&self) -> Horizons {
        self.horizons
    }

    /// The observations of all windows' own steps, (len, O), raw.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// The actions of all windows' own steps, (len, A), raw.
    pub fn actions(&self) -> &[f32] {
        &self.actions
    }

    /// Calls `visit` with every window's history and chunk under `normalizers`.
    pub(super) fn each_normalized(&self, normalizers: &Normalizers, visit: &mut dyn FnMut(&[f32], &[f32])) {
        let shape = self.shape();
        let (mut x, mut y) = (vec![0.0; shape.observation], vec![0.0; shape.chunk]);
        for index in 0..self.len() {
            self.window(index, &mut x, &mut y);
            normalizers.observation.normalize(&mut x);
            normalizers.action.normalize(&mut y);
            visit(&x, &y);
        }
    }

    /// The episode of window `index`.
    pub fn episode(&self, index: usize) -> usize {
        self.episode_of[index] as usize
    }

    /// Control steps from window `index` to the end of its episode, at least 1.
    pub fn steps_to_go(&self, index: usize) -> usize {
        self.episodes[self.episode(index)].1 as usize - index
    }

    /// The ranges of these demonstrations.
    ///
    /// # Errors
    /// [`Error::Argument`] if a value is not finite, naming its dimension and frame.
    pub fn normalizers(&self) -> Result<Normalizers> {
        Ok(Normalizers {
            observation: Normalizer::fit(&self.observations, self.observation_size)?,
            action: Normalizer::fit(&self.actions, self.action_size)?,
            residual: None,
        })
    }

    /// The frame of the `i`th observation of window `index`.
    fn seen(&self, index: usize, i: usize) -> usize {
        (index + i + 1).saturating_sub(self.horizons.observation).max(self.episodes[self.episode(index)].0 as usize)
    }

    /// Writes the pictures of window `index`, (T_obs, cameras, H, W, 3); nothing without.
    pub fn window_pictures(&self, index: usize, pictures: &mut [u8]) {
        for (i, out) in pictures.chunks_exact_mut(self.picture_size.max(1)).enumerate() {
            out.copy_from_slice(&self.pictures[self.seen(index, i) * self.picture_size..][..self.picture_size]);
        }
    }

    /// Writes window `index` (0 to [`len`](Self::len) − 1): history (T_obs · O) and chunk (T_pred · A).
    pub fn window(&self, index: usize, observation: &mut [f32], chunk: &mut [f32]) {
        let end = self.episodes[self.episode(index)].1 as usize;
        for (i, out) in observation.chunks_exact_mut(self.observation_size).enumerate() {
            let frame = self.seen(index, i);
            out.copy_from_slice(&self.observations[frame * self.observation_size..][..self.observation_size]);
        }
        for (i, out) in chunk.chunks_exact_mut(self.action_size).enumerate() {
            let frame = (index + i).min(end - 1);
            out.copy_from_slice(&self.actions[frame * self.action_size..][..self.action_size]);
        }
    }
}

impl TargetSource for DemonstrationChunks {
    fn shape(&self) -> TargetShape {
        TargetShape {
            observation: self.horizons.observation * self.observation_size,
            pictures: self.horizons.observation * self.picture_size,
            chunk: self.horizons.prediction * self.action_size,
            targets: 1,
        }
    }

    fn states(&self) -> usize {
        self.len()
    }

    fn draw(&self, rng: &mut ChaCha8Rng, row: TargetRow<'_>) -> usize {
        let (chunk, index) = (self.shape().chunk, self.draw.index(rng));
        self.window(index, row.observation, &mut row.targets[..chunk]);
        self.window_pictures(index, row.pictures);
        row.mask[0] = true;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TargetBatch;
    use crate::test_support::spec;

    fn episodes() -> Vec<Episode> {
        let episode = |from: i32, len: usize| Episode {
            observations: (0..len).map(|t| (from + t as i32) as f32).collect(),
            actions: (0..len).map(|t| (from + t as i32) as f32 + 0.5).collect(),
            len,
            ..Episode::default()
        };
        vec![episode(0, 3), episode(10, 5)]
    }

    #[test]
    fn windows_are_padded_within_their_episode() {
        let horizons = Horizons { observation: 2, prediction: 4, action: 2 };
        let chunks = DemonstrationChunks::new(&spec(1, 1), horizons, &episodes()).unwrap();
        assert_eq!(chunks.len(), 8);
        let window = |index| {
            let (mut o, mut a) = ([0.0; 2], [0.0; 4]);
            chunks.window(index, &mut o, &mut a);
            (o, a)
        };
        assert_eq!(window(0), ([0.0, 0.0], [0.5, 1.5, 2.5, 2.5]));
        assert_eq!(window(2), ([1.0, 2.0], [2.5, 2.5, 2.5, 2.5]));
        assert_eq!(window(3), ([10.0, 10.0], [10.5, 11.5, 12.5, 13.5]));
        assert_eq!(window(7), ([13.0, 14.0], [14.5, 14.5, 14.5, 14.5]));
    }

    #[test]
    fn batches_depend_only_on_seed_and_step_and_follow_the_weights() {
        let chunks = DemonstrationChunks::new(&spec(1, 1), Horizons::default(), &episodes()).unwrap();
        let (mut a, mut b) = (TargetBatch::default(), TargetBatch::default());
        chunks.batch(1, 5, 64, &mut a);
        chunks.batch(1, 4, 32, &mut b);
        assert_ne!(a.observations[..64], b.observations);
        chunks.batch(1, 5, 64, &mut b);
        assert_eq!(a, b);
        let mut weights = [0.0; 8];
        weights[4] = 2.0;
        let chunks = chunks.with_weights(&weights).unwrap();
        chunks.batch(1, 5, 16, &mut a);
        assert!(a.observations.chunks(2).all(|o| o == [10.0, 11.0]));
        assert!(chunks.with_weights(&[1.0]).is_err());
    }

    #[test]
    fn pictures_are_those_of_the_observations() {
        let horizons = Horizons { observation: 2, prediction: 4, action: 2 };
        let chunks = DemonstrationChunks::new(&spec(1, 1), horizons, &episodes()).unwrap();
        // Two bytes a frame; the first is its observation.
        let pictures: Vec<u8> = [0, 1, 2, 10, 11, 12, 13, 14].iter().flat_map(|t| [*t, 100 + t]).collect();
        let chunks = chunks.with_pictures(Arc::new(pictures)).unwrap();
        assert_eq!(chunks.shape().pictures, 4);
        let mut batch = TargetBatch::default();
        chunks.batch(1, 0, 32, &mut batch);
        for (observation, pictures) in batch.observations.chunks(2).zip(batch.pictures.chunks(4)) {
            let expected: Vec<u8> = observation.iter().flat_map(|o| [*o as u8, 100 + *o as u8]).collect();
            assert_eq!(pictures, expected);
        }
        assert!(chunks.with_pictures(Arc::new(vec![0; 15])).is_err());
    }

    #[test]
    fn misfits_are_refused() {
        assert!(DemonstrationChunks::new(&spec(1, 1), Horizons::default(), &[]).is_err());
        let text = DemonstrationChunks::new(&spec(1, 2), Horizons::default(), &episodes()).unwrap_err().to_string();
        assert!(text.contains("actions") && text.contains("episode 0"), "{text}");
    }
}
