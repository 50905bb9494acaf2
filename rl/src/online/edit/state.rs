//! The learning state, of which an edit is a function.
//!
//! ```text
//! s_t = (history, normalised (T_obs · O);
//!        the actions of the base chunk that are left, relative to the hand at t, in units (C · E), 0 behind its end;
//!        the share of the chunk that is left)
//! ```
//!
//! With it the next base action is a function of the state, and at the beginning of a chunk (phase 0) the state says
//! all that the chunk will do, so that chunks can be ranked by their values. Units are the deviations of the
//! demonstrators' relative actions, the bound of an edit at least.

use super::space::EditSpace;
use crate::replay::trajectory::Sizes;
use imle_policy::normalizer::Normalizer;
use imle_policy::targets::own_values;
use serde::{Deserialize, Serialize};

/// Relative actions and their units, and the layout of the learning state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LearningState {
    /// Edits of actions.
    pub space: EditSpace,
    sizes: Sizes,
    normalizer: Normalizer,
    own: Vec<Option<usize>>,
    /// (C, E).
    units: Vec<f32>,
}

impl LearningState {
    /// Fitted to episodes of `observations` (L, O) and `actions` (L, A).
    pub fn fit<'e>(
        space: EditSpace,
        sizes: Sizes,
        normalizer: Normalizer,
        episodes: impl Iterator<Item = (&'e [f32], &'e [f32])> + Clone,
    ) -> Self {
        let (o, a) = (sizes.observation, sizes.action);
        let observations: Vec<f32> = episodes.clone().flat_map(|(seen, _)| seen).copied().collect();
        let actions: Vec<f32> = episodes.clone().flat_map(|(_, done)| done).copied().collect();
        let own = own_values(&observations, &actions, o, a);
        let e = space.size();
        let (mut sums, mut squares, mut counts) =
            (vec![0.0f64; sizes.base * e], vec![0.0f64; sizes.base * e], vec![0u64; sizes.base]);
        let mut relative = vec![0.0; e];
        for (seen, done) in episodes {
            let steps = done.len() / a;
            for (t, seen) in seen.chunks_exact(o).take(steps).enumerate() {
                for j in 0..sizes.base.min(steps - t) {
                    space.relative(&done[(t + j) * a..][..a], seen, &own, &mut relative);
                    counts[j] += 1;
                    for (i, r) in relative.iter().enumerate() {
                        sums[j * e + i] += f64::from(*r);
                        squares[j * e + i] += f64::from(*r).powi(2);
                    }
                }
            }
        }
        let unit = |k: usize| {
            let n = counts[k / e].max(1) as f64;
            let deviation = (squares[k] / n - (sums[k] / n).powi(2)).max(0.0).sqrt() as f32;
            deviation.max(space.bounds()[k % e])
        };
        let units = (0..sizes.base * e).map(unit).collect();
        Self { space, sizes, normalizer, own, units }
    }

    /// Values of a history, and of the executed part of a chunk.
    pub fn lengths(&self) -> (usize, usize) {
        (self.sizes.history(), self.sizes.base * self.sizes.action)
    }

    /// Adds the edit `delta` (E,) to all actions of `chunk` (T, A).
    pub fn edit(&self, delta: &[f32], chunk: &mut [f32]) {
        chunk.chunks_exact_mut(self.sizes.action).for_each(|action| self.space.apply(delta, action));
    }

    /// Values of s.
    pub fn size(&self) -> usize {
        self.sizes.history() + self.units.len() + 1
    }

    /// Writes s for the raw `history` (T_obs, O), oldest first, and the actions `left` (at most C, A) of the chunk.
    pub fn write(&self, history: &[f32], left: &[f32], out: &mut [f32]) {
        let (e, a) = (self.space.size(), self.sizes.action);
        let (seen, rest) = out.split_at_mut(self.sizes.history());
        let (ahead, share) = rest.split_at_mut(self.units.len());
        seen.copy_from_slice(history);
        let now = &history[history.len() - self.sizes.observation..];
        ahead.fill(0.0);
        for (j, (action, out)) in left.chunks_exact(a).zip(ahead.chunks_exact_mut(e)).enumerate() {
            self.space.relative(action, now, &self.own, out);
            out.iter_mut().zip(&self.units[j * e..]).for_each(|(r, unit)| *r /= unit);
        }
        self.normalizer.normalize(seen);
        share[0] = (left.len() / a) as f32 / self.sizes.base as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::bounds::ActionBounds;
    use imle_configs::spec::{Layout, Term};

    #[test]
    fn a_state_says_what_is_left_of_the_chunk() {
        let layout = Layout { terms: vec![Term { name: "x".into(), size: 1 }] };
        let space = EditSpace::new(&layout, &ActionBounds::new([-1.0], [1.0]), false, 1.0);
        let sizes = Sizes { observation: 2, action: 1, executed: 1, seen: 2, base: 4 };
        // The first value is the hand's; actions lie 0.12 before it and behind it.
        let observations: Vec<f32> = (0..40).flat_map(|t| [t as f32 / 40.0, 9.0]).collect();
        let actions: Vec<f32> = (0..40).map(|t| t as f32 / 40.0 + if t % 2 == 0 { 0.12 } else { -0.12 }).collect();
        let normalizer = Normalizer::Range { min: vec![0.0, 0.0], max: vec![2.0, 18.0] };
        let state = LearningState::fit(space, sizes, normalizer, [(&observations[..], &actions[..])].into_iter());
        assert_eq!(state.own, [Some(0)]);
        assert!((state.units[0] - 0.12).abs() < 1e-4);
        let mut out = vec![0.0; state.size()];
        state.write(&[1.0, 9.0, 1.2, 9.0], &[1.3, 1.4], &mut out);
        assert!((out[2] - 0.2).abs() < 1e-5 && out[3] == 0.0, "history, normalised: {out:?}");
        let near = |value: f32, expected: f32| (value - expected).abs() < 0.02;
        assert!(near(out[4], 0.1 / 0.12) && near(out[5], 0.2 / 0.12) && out[6..8] == [0.0, 0.0], "{out:?}");
        assert_eq!(out[8], 0.5);
    }
}
