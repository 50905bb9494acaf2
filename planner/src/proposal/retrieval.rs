//! Retrieval: what was done in the demonstrated state that is nearest to the present one.
//!
//! The control for learned proposals: whoever does not beat it has learned to remember. Distance is root mean square
//! over the normalised observation history; the search is exhaustive and exact, in parallel.

use super::source::Proposal;
use crate::{decide::Situation, error::Result};
use imle_policy::{normalizer::Normalizer, targets::DemonstrationChunks};
use rayon::{ThreadPool, prelude::*};

/// Proposes the chunk of the nearest demonstrated window; of many candidates the nearest windows, each of a
/// demonstration of its own, and from the first on again where there are more candidates than demonstrations.
pub struct Retrieval {
    observation: Normalizer,
    /// Normalised histories, (W, T_obs·O), their chunks, (W, T_pred·A), and demonstrations, (W).
    histories: Vec<f32>,
    chunks: Vec<f32>,
    episodes: Vec<usize>,
    sizes: (usize, usize),
    demonstrations: usize,
}

impl Retrieval {
    /// From all windows of `demonstrations`; an observation has `observation` values, a chunk `chunk`.
    ///
    /// # Errors
    /// If a value is not finite.
    pub fn new(demonstrations: &DemonstrationChunks, observation: usize, chunk: usize) -> Result<Self> {
        let normalizer = demonstrations.normalizers()?.observation;
        let (count, history) = (demonstrations.len(), demonstrations.horizons().observation * observation);
        let (mut histories, mut chunks) = (vec![0.0; count * history], vec![0.0; count * chunk]);
        let rows = histories.chunks_exact_mut(history).zip(chunks.chunks_exact_mut(chunk));
        rows.enumerate().for_each(|(i, (history, chunk))| demonstrations.window(i, history, chunk));
        normalizer.normalize(&mut histories);
        let episodes: Vec<usize> = (0..count).map(|i| demonstrations.episode(i)).collect();
        let demonstrations = episodes.iter().max().map_or(0, |last| last + 1);
        Ok(Self { observation: normalizer, histories, chunks, episodes, sizes: (history, chunk), demonstrations })
    }

    /// The nearest window of each demonstration, the nearest first.
    fn nearest(&self, history: &[f32]) -> Vec<usize> {
        let mut wanted = history.to_vec();
        self.observation.normalize(&mut wanted);
        let distance = |window: usize| -> f32 {
            let own = &self.histories[window * self.sizes.0..][..self.sizes.0];
            own.iter().zip(&wanted).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let mut best: Vec<Option<(f32, usize)>> = vec![None; self.demonstrations];
        for (window, episode) in self.episodes.iter().enumerate() {
            let d = distance(window);
            if best[*episode].is_none_or(|(least, _)| d < least) {
                best[*episode] = Some((d, window));
            }
        }
        let mut found: Vec<(f32, usize)> = best.into_iter().flatten().collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(_, window)| window).collect()
    }
}

impl Proposal for Retrieval {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn propose(&self, pool: &ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        let (history, chunk) = self.sizes;
        let fill = |(b, own): (usize, &mut [f32])| {
            let nearest = self.nearest(&situation.observations[b * history..][..history]);
            for (row, window) in own.chunks_exact_mut(chunk).zip(nearest.iter().cycle()) {
                row.copy_from_slice(&self.chunks[window * chunk..][..chunk]);
            }
        };
        pool.install(|| out.par_chunks_exact_mut((count * chunk).max(1)).enumerate().for_each(fill));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Key;
    use imle_configs::episode::Episode;
    use imle_configs::spec::{Horizons, Layout, Spec, Term};

    #[test]
    fn each_demonstration_gives_its_nearest_window_the_nearest_first() {
        // Two demonstrations along a line, the second shifted by a half; the action shows where it was.
        let episode = |shift: f32| {
            let places: Vec<f32> = (0..6).map(|t| t as f32 + shift).collect();
            Episode { actions: places.clone(), observations: places, len: 6, ..Episode::default() }
        };
        let layout = |name: &str| Layout { terms: vec![Term { name: name.into(), size: 1 }] };
        let spec = Spec {
            task: "line".into(),
            control_rate: 10.0,
            observation: layout("x"),
            action: layout("a"),
            pictures: None,
        };
        let horizons = Horizons { observation: 1, prediction: 2, action: 1 };
        let windows = DemonstrationChunks::new(&spec, horizons, &[episode(0.0), episode(0.5)]).unwrap();
        let retrieval = Retrieval::new(&windows, 1, 2).unwrap();
        let keys = [0, 1].map(|episode| Key { episode, decision: 0 });
        let observations = [2.1, 3.6];
        let situation = Situation {
            observations: &observations,
            pictures: &[],
            states: &[],
            warm: &[0.0; 4],
            warm_left: &[0; 2],
            keys: &keys,
            deadline: None,
            lockstep: false,
        };
        let mut out = vec![0.0; 2 * 3 * 2];
        retrieval.propose(&crate::threads::pool(2).unwrap(), &situation, 3, &mut out).unwrap();
        assert_eq!(out, [2.0, 3.0, 2.5, 3.5, 2.0, 3.0, 3.5, 4.5, 4.0, 5.0, 3.5, 4.5]);
    }
}
