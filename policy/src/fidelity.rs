//! Fidelity of a generator's chunks to demonstrations: recall, its share of theirs, and precision, their share of its
//! own.
//!
//! In a held-out state the demonstrations show one way to go on; others are shown near it. So each held-out window, of
//! history o and chunk y, is given *neighbours*: the chunks of the k demonstrations that come nearest to o, each at its
//! own nearest window, the window's own episode left out. With N samples x for o and the distance per element
//! d(a, b) = ‖a − b‖₂ / √(T_pred · A), all in normalised units:
//!
//! ```text
//! recall(r)    = share of windows with a sample within r of y
//! precision(r) = share of samples within r of y or of one of the window's neighbours
//! ```
//!
//! The radius r is the median over windows of the distance from y to its nearest neighbour: how far apart two
//! demonstrations of one way to go on are. Samples are junk as far as precision is below 1; a mode that was forgotten
//! lowers recall. The pair is that of Kynkäänniemi et al. (arXiv 1904.06991), conditional on the state and with one
//! radius, so that it has a unit and can be compared between generators.

use crate::error::{Error, Result};
use crate::normalizer::{Normalizer, Normalizers};
use crate::sampler::{LatentKey, Sampler};
use crate::targets::{DemonstrationChunks, TargetSource};
use rayon::prelude::*;
use serde::Serialize;

/// Windows sampled at a time.
const BATCH: usize = 64;
/// The radii of the curve, in multiples of r.
const MULTIPLES: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0];
/// Smallest radius: demonstrations that are equal to the bit would leave none.
const LEAST_RADIUS: f64 = 1e-3;

/// Held-out windows with the demonstrations near them.
#[derive(Clone, Debug)]
pub struct HeldOutWindows {
    /// Histories (W, T_obs · O), raw.
    histories: Vec<f32>,
    /// Chunks (W, 1 + k, T_pred · A), normalised: the window's own, then its neighbours'.
    chunks: Vec<f32>,
    history: usize,
    chunk: usize,
    neighbours: usize,
    radius: f64,
    /// Recall and precision of the neighbours themselves.
    demonstrations: [f64; 2],
    action: Normalizer,
}

/// The fidelity of one generator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fidelity {
    /// Recall at the radius, 0 to 1.
    pub recall: f64,
    /// Precision at the radius, 0 to 1.
    pub precision: f64,
    /// The radius r, per element, normalised units.
    pub radius: f64,
    /// Figures of the neighbours' own chunks in the place of samples, each measured by the window's other chunks:
    /// recall, about one half by the choice of r, and precision. A scale for the figures above, not a bound: neighbours
    /// are at other states.
    pub demonstrations: [f64; 2],
    /// Mean distance from a held-out chunk to the nearest sample.
    pub to_samples: f64,
    /// Mean distance from a sample to the nearest of the window's chunks.
    pub to_demonstrations: f64,
    /// `[radius, recall, precision]` at rising radii.
    pub curve: Vec<[f64; 3]>,
    /// Held-out windows.
    pub windows: usize,
    /// Samples a window, N.
    pub samples: usize,
    /// Neighbours a window, k.
    pub neighbours: usize,
}

impl HeldOutWindows {
    /// From all demonstrations: the windows of the episodes from index `held_out` on, at most `most` of them evenly
    /// spread, with up to `neighbours` neighbours each from all other episodes. Units are those of `normalizers`, which
    /// should be the same for all that is compared.
    ///
    /// # Errors
    /// [`Error::Argument`] if no episode is held out, or there is but one episode.
    pub fn new(
        pool: &rayon::ThreadPool,
        windows: &DemonstrationChunks,
        normalizers: &Normalizers,
        held_out: usize,
        neighbours: usize,
        most: usize,
    ) -> Result<Self> {
        let shape = windows.shape();
        let episodes = windows.episode(windows.len() - 1) + 1;
        if held_out >= episodes || episodes < 2 {
            let expected = format!("an episode among {episodes}, of two or more");
            return Err(Error::argument("HeldOutWindows::new", "held_out", expected, held_out));
        }
        let (mut histories, mut chunks) = (Vec::new(), Vec::new());
        let (mut history, mut chunk) = (vec![0.0; shape.observation], vec![0.0; shape.chunk]);
        for index in 0..windows.len() {
            windows.window(index, &mut history, &mut chunk);
            histories.extend_from_slice(&history);
            chunks.extend_from_slice(&chunk);
        }
        let raw = histories.clone();
        normalizers.observation.normalize(&mut histories);
        normalizers.action.normalize(&mut chunks);
        let of = |all: &'_ [f32], size: usize, index: usize| all[index * size..][..size].to_vec();
        let first = (0..windows.len()).find(|i| windows.episode(*i) >= held_out).unwrap_or(0);
        let there = windows.len() - first;
        let count = there.min(most.max(1));
        let chosen: Vec<usize> = (0..count).map(|i| first + i * there / count).collect();
        let kept = neighbours.clamp(1, episodes - 1);
        let near = |window: &usize| -> Vec<f32> {
            let here = &histories[window * shape.observation..][..shape.observation];
            let mut nearest = vec![(f64::INFINITY, 0); episodes];
            for (index, there) in histories.chunks_exact(shape.observation).enumerate() {
                let away = distance(here, there);
                let best = &mut nearest[windows.episode(index)];
                if away < best.0 {
                    *best = (away, index);
                }
            }
            nearest.remove(windows.episode(*window));
            nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
            let neighbours = nearest.iter().take(kept).map(|(_, index)| *index);
            [*window].into_iter().chain(neighbours).flat_map(|index| of(&chunks, shape.chunk, index)).collect()
        };
        let chunks: Vec<f32> = pool.install(|| chosen.par_iter().flat_map_iter(near).collect());
        let of_windows = || chunks.chunks_exact((1 + kept) * shape.chunk);
        // From chunk `i` of a window to the nearest other one.
        let apart = |of: &[f32], i: usize| {
            let (before, rest) = of.split_at(i * shape.chunk);
            let (own, behind) = rest.split_at(shape.chunk);
            nearest(own, before).min(nearest(own, behind))
        };
        let mut own: Vec<f64> = of_windows().map(|of| apart(of, 0)).collect();
        own.sort_by(f64::total_cmp);
        let radius = own[own.len() / 2].max(LEAST_RADIUS);
        let neighbours: Vec<f64> = of_windows().flat_map(|of| (1..=kept).map(move |i| apart(of, i))).collect();
        let share = |of: &[f64]| of.iter().filter(|d| **d <= radius).count() as f64 / of.len() as f64;
        let demonstrations = [share(&own), share(&neighbours)];
        Ok(Self {
            histories: chosen.iter().flat_map(|index| of(&raw, shape.observation, *index)).collect(),
            chunks,
            history: shape.observation,
            chunk: shape.chunk,
            neighbours: kept,
            radius,
            demonstrations,
            action: normalizers.action.clone(),
        })
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.histories.len() / self.history
    }

    /// The radius r, per element, normalised units.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// Measures `samples` chunks a window, keyed by `seed` and the window. `progress` gets the number of windows done
    /// and returns whether to go on; nothing is returned if it does not.
    ///
    /// # Errors
    /// [`Error::Argument`] if the generator is not of the windows' shape; what sampling returns.
    pub fn measure(
        &self,
        pool: &rayon::ThreadPool,
        sampler: &Sampler,
        samples: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Fidelity>> {
        let shape = sampler.shape();
        if (shape.observation, shape.chunk()) != (self.history, self.chunk) {
            let expected = format!("histories of {} and chunks of {} values", self.history, self.chunk);
            let found = format!("{} and {}", shape.observation, shape.chunk());
            return Err(Error::argument("HeldOutWindows::measure", "sampler", expected, found));
        }
        let mut found = Vec::with_capacity(self.windows());
        for (batch, histories) in self.histories.chunks(BATCH * self.history).enumerate() {
            let count = histories.len() / self.history;
            let keys = (0..count).map(|i| LatentKey { seed, episode: (batch * BATCH + i) as u64, step: 0 });
            let mut drawn = vec![0.0; count * samples * self.chunk];
            sampler.sample(pool, histories, &keys.collect::<Vec<_>>(), samples, &mut drawn)?;
            self.action.normalize(&mut drawn);
            let chunks = &self.chunks[batch * BATCH * (1 + self.neighbours) * self.chunk..];
            let measured = pool.install(|| {
                let drawn = drawn.par_chunks_exact(samples * self.chunk);
                let chunks = chunks.par_chunks_exact((1 + self.neighbours) * self.chunk);
                drawn.zip(chunks).map(|(drawn, chunks)| self.distances(drawn, chunks)).collect::<Vec<_>>()
            });
            found.extend(measured);
            if !progress(found.len()) {
                return Ok(None);
            }
        }
        Ok(Some(self.summary(&found, samples)))
    }

    /// The distance from a window's own chunk to the nearest sample, and from each sample to the nearest chunk.
    fn distances(&self, drawn: &[f32], chunks: &[f32]) -> (f64, Vec<f64>) {
        let from_samples = drawn.chunks_exact(self.chunk).map(|sample| nearest(sample, chunks)).collect();
        (nearest(&chunks[..self.chunk], drawn), from_samples)
    }

    fn summary(&self, found: &[(f64, Vec<f64>)], samples: usize) -> Fidelity {
        let (windows, all) = (found.len() as f64, (found.len() * samples) as f64);
        let recall = |r: f64| found.iter().filter(|(own, _)| *own <= r).count() as f64 / windows;
        let precision = |r: f64| found.iter().flat_map(|(_, from)| from).filter(|d| **d <= r).count() as f64 / all;
        Fidelity {
            recall: recall(self.radius),
            precision: precision(self.radius),
            radius: self.radius,
            demonstrations: self.demonstrations,
            to_samples: found.iter().map(|(own, _)| own).sum::<f64>() / windows,
            to_demonstrations: found.iter().flat_map(|(_, from)| from).sum::<f64>() / all,
            curve: MULTIPLES.map(|m| m * self.radius).map(|r| [r, recall(r), precision(r)]).to_vec(),
            windows: found.len(),
            samples,
            neighbours: self.neighbours,
        }
    }
}

/// Root mean square of the differences.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (f64::from(sum) / a.len().max(1) as f64).sqrt()
}

/// The distance from `chunk` to the nearest row of `others`.
fn nearest(chunk: &[f32], others: &[f32]) -> f64 {
    others.chunks_exact(chunk.len()).map(|other| distance(chunk, other)).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support;
    use imle_configs::episode::Episode;
    use imle_configs::spec::Horizons;
    use tch::Device;

    fn threads() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()
    }

    /// One window an episode: a history of one value and a chunk of two.
    fn windows(episodes: &[(f32, f32)]) -> DemonstrationChunks {
        let episode =
            |(o, a): &(f32, f32)| Episode { observations: vec![*o], actions: vec![*a], len: 1, ..Episode::default() };
        let episodes: Vec<Episode> = episodes.iter().map(episode).collect();
        let horizons = Horizons { observation: 1, prediction: 2, action: 1 };
        DemonstrationChunks::new(&test_support::spec(1, 1), horizons, &episodes).unwrap()
    }

    /// Units as they are.
    fn identity() -> Normalizers {
        let unit = Normalizer::Range { min: vec![-1.0], max: vec![1.0] };
        Normalizers { observation: unit.clone(), action: unit, residual: None }
    }

    fn judge(episodes: &[(f32, f32)], held_out: usize, neighbours: usize) -> HeldOutWindows {
        HeldOutWindows::new(&threads(), &windows(episodes), &identity(), held_out, neighbours, 100).unwrap()
    }

    #[test]
    fn neighbours_are_the_demonstrations_nearest_in_state() {
        // Held out: the state 0.1 with the action 0.5, and the state 0.9 with −0.5.
        let j = judge(&[(0.0, 0.4), (0.2, -0.6), (1.0, -0.4), (0.1, 0.5), (0.9, -0.5)], 3, 2);
        assert_eq!((j.windows(), j.neighbours), (2, 2));
        let near = |found: &[f32], expected: &[f32]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&j.chunks[..2], &[0.5, 0.5]) && near(&j.histories, &[0.1, 0.9]));
        let mut first = [j.chunks[2], j.chunks[4]];
        first.sort_by(f32::total_cmp);
        assert!(near(&first, &[-0.6, 0.4]), "{first:?}");
        // The nearest of the second is the state 1.0, then 0.2.
        assert!(near(&j.chunks[6..], &[-0.5, -0.5, -0.4, -0.4, -0.6, -0.6]), "{:?}", j.chunks);
        // 0.1 apart both.
        assert!((j.radius() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn a_hand_worked_case() {
        let j = judge(&[(0.0, 0.4), (0.2, -0.6), (0.1, 0.5)], 2, 5);
        assert!((j.neighbours, j.windows()) == (2, 1) && (j.radius() - 0.1).abs() < 1e-6);
        // Samples: one beside the window's own chunk, one beside a neighbour's, one of junk between the modes.
        let drawn = [0.45, 0.45, -0.6, -0.5, 0.05, 0.05];
        let found = [j.distances(&drawn, &j.chunks)];
        let f = j.summary(&found, 3);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(f.recall, 1.0) && close(f.precision, 2.0 / 3.0), "{f:?}");
        assert!(close(f.to_samples, 0.05));
        assert!(close(f.to_demonstrations, (0.05 + (0.01f64 / 2.0).sqrt() + 0.35) / 3.0), "{f:?}");
        // Of the neighbours, 0.4 is beside the window's own 0.5, −0.6 beside nothing.
        assert_eq!(f.demonstrations, [1.0, 0.5]);
        // Within a quarter of the radius is nothing, within four times all.
        assert_eq!((f.curve[0][1], f.curve[0][2]), (0.0, 0.0));
        assert_eq!((f.curve[6][1], f.curve[6][2]), (1.0, 1.0));
        // A generator that has forgotten the window's mode.
        let found = [j.distances(&[-0.6, -0.6], &j.chunks)];
        let f = j.summary(&found, 1);
        assert_eq!((f.recall, f.precision), (0.0, 1.0));
    }

    #[test]
    fn any_generator_of_the_shape_is_judged_again_with_the_same_result() {
        let teacher = test_support::checkpoint(3, 2, 1);
        let episode = |from: usize| Episode {
            observations: (from..from + 40 * 3).map(|i| (i as f32).sin()).collect(),
            actions: (from..from + 40 * 2).map(|i| (i as f32).cos()).collect(),
            len: 40,
            ..Episode::default()
        };
        let episodes = [episode(0), episode(3), episode(100)];
        let chunks = DemonstrationChunks::new(&test_support::spec(3, 2), teacher.config().horizons, &episodes).unwrap();
        let normalizers = chunks.normalizers().unwrap();
        let judge = HeldOutWindows::new(&threads(), &chunks, &normalizers, 1, 10, 70).unwrap();
        assert_eq!((judge.windows(), judge.neighbours), (70, 2));
        let sampler = Sampler::new(&teacher, 2, Device::Cpu).unwrap();
        let measure = || judge.measure(&threads(), &sampler, 4, 3, &mut |_| true).unwrap().unwrap();
        let found = measure();
        assert_eq!(found, measure());
        assert!(found.to_samples.is_finite() && found.curve.windows(2).all(|c| c[0][1] <= c[1][1]));
        assert!(judge.measure(&threads(), &sampler, 4, 3, &mut |_| false).unwrap().is_none());
        let other = Sampler::new(&test_support::checkpoint(4, 2, 1), 1, Device::Cpu).unwrap();
        let refused = judge.measure(&threads(), &other, 4, 3, &mut |_| true).unwrap_err().to_string();
        assert!(refused.contains("histories of 6"), "{refused}");
        assert!(HeldOutWindows::new(&threads(), &chunks, &normalizers, 3, 10, 70).is_err());
    }
}
