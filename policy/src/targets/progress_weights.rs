//! Weights of the parts of demonstrations by their progress, from the demonstrations alone.
//!
//! In good hands a chunk of H actions brings the end H control steps nearer. With n_t the control steps from step t to
//! the episode's end, and V its typical value in that state,
//!
//! ```text
//! V(s)   = median of n over the k windows of other episodes whose normalised observations are nearest to s
//! A_t    = (V(s_t) − V(s_(t+H)) − h) / H      h = min(H, n_t), the steps really used; V = 0 at the end
//! w_t    ∝ exp(β · min(A_t, 0))               the probability with which window t is drawn as a target
//! ```
//!
//! What gets on as usual is drawn evenly, however lucky it was: without the bound a few windows whose neighbours dither
//! would be all that is drawn (β = 3 on `avoid` with a poor third: 104 of 128 targets a step were drawn already, 0 %
//! solved). So hesitation and detours are rarely imitated wherever they occur, and the good parts of a poor episode
//! still are. Every mode is judged by its own neighbours. An advantage-weighted choice of targets (Peng et al. 2019,
//! arXiv 1910.00177) with time-to-go as the value; the weight is a probability of sampling, never a factor in the loss
//! (see [`crate::rs_imle`]).

use super::demonstrations::DemonstrationChunks;
use crate::error::Result;
use rayon::prelude::*;

/// Neighbours of a state.
const NEIGHBOURS: usize = 10;
/// Most windows that neighbours are looked for among: every so many-th of a larger set.
const MOST_REFERENCES: usize = 20_000;

/// The weight of every window of `chunks` under sharpness `beta` (β), at least 0; all are alike with 0.
///
/// # Errors
/// [`crate::Error::Argument`] if a value of the demonstrations is not finite.
pub fn progress_weights(chunks: &DemonstrationChunks, pool: &rayon::ThreadPool, beta: f64) -> Result<Vec<f64>> {
    let values = typical_steps_to_go(chunks, pool)?;
    let horizon = chunks.horizons().prediction;
    Ok((0..chunks.len())
        .map(|t| {
            let left = chunks.steps_to_go(t);
            let used = left.min(horizon);
            let after = if left > horizon { values[t + horizon] } else { 0.0 };
            (beta * ((values[t] - after - used as f64) / horizon as f64).min(0.0)).exp()
        })
        .collect())
}

/// V of every window.
fn typical_steps_to_go(chunks: &DemonstrationChunks, pool: &rayon::ThreadPool) -> Result<Vec<f64>> {
    let normalizer = chunks.normalizers()?.observation;
    let size = normalizer.size();
    let mut observations = chunks.observations().to_vec();
    normalizer.normalize(&mut observations);
    let row = |t: usize| &observations[t * size..][..size];
    let stride = chunks.len().div_ceil(MOST_REFERENCES);
    let value = |t: usize| {
        let others = (0..chunks.len()).step_by(stride).filter(|o| chunks.episode(*o) != chunks.episode(t));
        let distance = |o: usize| row(t).iter().zip(row(o)).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let mut near: Vec<(f32, usize)> = others.map(|o| (distance(o), o)).collect();
        let k = NEIGHBOURS.min(near.len());
        if k == 0 {
            return chunks.steps_to_go(t) as f64;
        }
        near.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut steps: Vec<usize> = near[..k].iter().map(|(_, o)| chunks.steps_to_go(*o)).collect();
        steps.sort_unstable();
        (steps[(k - 1) / 2] + steps[k / 2]) as f64 / 2.0
    };
    Ok(pool.install(|| (0..chunks.len()).into_par_iter().map(value).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::spec;
    use imle_configs::episode::Episode;
    use imle_configs::spec::Horizons;

    /// Walks from 0 to 20, one a step; the last walker stands still at 10 for 12 steps.
    #[test]
    fn standing_still_is_rarely_imitated_and_the_rest_of_that_episode_is() {
        let straight: Vec<f32> = (0..20).map(|x| x as f32).collect();
        let mut pausing = straight.clone();
        pausing.splice(10..10, [10.0; 12]);
        let walks = [straight.clone(), straight.clone(), straight, pausing];
        let episodes: Vec<Episode> = walks
            .into_iter()
            .map(|walk| Episode { len: walk.len(), actions: walk.clone(), observations: walk, ..Episode::default() })
            .collect();
        let horizons = Horizons { observation: 1, prediction: 4, action: 2 };
        let chunks = DemonstrationChunks::new(&spec(1, 1), horizons, &episodes).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let weights = progress_weights(&chunks, &pool, 3.0).unwrap();
        let pausing = &weights[60..];
        let (walking, standing) = (pausing[2], pausing[14]);
        assert!(standing < 0.2 * walking, "{standing} {walking}");
        // The last whole chunk brings the end, not the next episode's beginning.
        assert!(weights[16] > 0.9, "{}", weights[16]);
        assert!((pausing[30] / weights[18] - 1.0).abs() < 0.5, "{} {}", pausing[30], weights[18]);
        assert!(progress_weights(&chunks, &pool, 0.0).unwrap().iter().all(|w| *w == 1.0));
    }
}
