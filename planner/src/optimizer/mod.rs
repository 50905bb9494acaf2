//! Optimizers: one file each, registered by name in [`by_name`].
//!
//! An optimizer divides the N rollouts of a decision into waves. The first wave is the proposals'; what the others try
//! is drawn by a [`Search`], one an episode, from what all waves before cost. It searches in parameters of chunks
//! ([`crate::space`]), so that every optimizer goes with every mix of proposals and every space. The plan is the best of
//! all candidates that were simulated: also where the field executes a mean (MPPI, CEM), the mean is one of them.
//!
//! Parameters and costs are all that most searches are told. One that needs derivatives asks the simulator ([`World`]).

mod cem;
mod cma_es;
mod dial;
mod ilqg;
mod mode_preserving;
mod mppi;
mod predictive_sampling;

pub use cem::Cem;
pub use cma_es::CmaEs;
pub use dial::Dial;
pub use ilqg::Ilqg;
use imle_configs::Error as InputError;
use imle_configs::score::Score;
use imle_configs::seed::{Purpose, fill_normal, stream};
pub use mode_preserving::ModePreserving;
pub use mppi::Mppi;
pub use predictive_sampling::PredictiveSampling;

use crate::decide::Key;
use crate::error::Result;
use crate::simulator::Simulator;

/// Names of the optimizers; `none` executes the generator without a planner.
pub const NAMES: [&str; 8] =
    ["predictive-sampling", "mppi", "cem", "cma-es", "dial", "mode-preserving", "ilqg", "none"];

/// Numbers that optimizers share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Deviation of the first draws, in units of the space: half the range of an action, or the deviation of a latent.
    pub noise: f64,
    /// Waves of rollouts a decision; nothing for the optimizer's own number.
    pub waves: Option<usize>,
    /// Inverse sharpness of the weights of `mppi` and `dial`: costs count in deviations of all costs over this.
    pub temperature: f64,
    /// Share of the candidates that `cem` takes for its elite.
    pub elite: f64,
    /// Share of its cost by which another mode must be cheaper for `mode-preserving` to leave the one under way.
    pub margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { noise: 0.1, waves: None, temperature: 0.1, elite: 0.25, margin: 0.05 }
    }
}

/// What an episode's search goes on from.
#[derive(Clone, Copy, Debug)]
pub struct Wave<'a> {
    /// Index of the wave that is to be drawn, from 1; the proposals' is 0.
    pub index: usize,
    /// Waves of this decision.
    pub waves: usize,
    /// Candidates of all waves before this one; of them in the last wave alone.
    pub before: usize,
    /// See `before`.
    pub last: usize,
    /// Their parameters, (before, P); rows that have none are NaN.
    pub parameters: &'a [f32],
    /// Their costs, (before); infinite if one failed, or has no parameters.
    pub costs: &'a [f64],
    /// The candidates themselves, (before, T, A).
    pub chunks: &'a [f32],
    /// Lowest and highest value of each action dimension.
    pub range: (&'a [f32], &'a [f32]),
    /// Parameters a knot: the first so many of P are those of the first moment of a chunk, and so on.
    pub dims: usize,
    /// With `key`, the seed of all draws.
    pub seed: u64,
    /// Which decision of which episode.
    pub key: Key,
}

impl<'a> Wave<'a> {
    /// P, the parameters of a candidate.
    pub fn size(&self) -> usize {
        self.parameters.len() / self.before.max(1)
    }

    /// Parameters of candidate `index`.
    pub fn row(&self, index: usize) -> &'a [f32] {
        let size = self.size();
        &self.parameters[index * size..][..size]
    }

    /// The cheapest candidate; of equals the first. Nothing if all failed.
    pub fn best(&self) -> Option<usize> {
        cheapest(self.costs.iter().copied())
    }

    /// Whether this is the decision's last wave.
    pub fn is_last(&self) -> bool {
        self.index + 1 == self.waves
    }

    /// Fills `out` (n, P) with standard normal draws, those of row i the same for any n.
    pub fn draw(&self, out: &mut [f32]) {
        for (i, row) in out.chunks_exact_mut(self.size().max(1)).enumerate() {
            let candidate = (self.before + i) as u64;
            let mut rng = stream(self.seed, Purpose::Search, self.key.episode, self.key.decision, candidate);
            fill_normal(&mut rng, row);
        }
    }
}

/// Whom a search may ask for more than costs, and about what.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Dynamics and cost.
    pub simulator: &'a dyn Simulator,
    /// The threads to ask on.
    pub pool: &'a rayon::ThreadPool,
    /// The episode's state, (state size).
    pub state: &'a [f64],
}

/// The first of the cheapest that is finite.
pub(crate) fn cheapest(costs: impl Iterator<Item = f64>) -> Option<usize> {
    let alive = costs.enumerate().filter(|(_, c)| c.is_finite());
    alive.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(i, _)| i)
}

/// Weights exp(−(c − min c) / (temperature · deviation of c)) of the finite costs, normalised, into `out`. All 0 if none is
/// finite.
pub(crate) fn soft_weights(costs: &[f64], temperature: f64, out: &mut Vec<f64>) {
    let alive = || costs.iter().copied().filter(|c| c.is_finite());
    let count = alive().count().max(1) as f64;
    let least = alive().fold(f64::INFINITY, f64::min);
    let mean = alive().sum::<f64>() / count;
    let deviation = (alive().map(|c| (c - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-12);
    out.clear();
    out.extend(
        costs.iter().map(|c| if c.is_finite() { (-(c - least) / (temperature * deviation)).exp() } else { 0.0 }),
    );
    let sum: f64 = out.iter().sum();
    if sum > 0.0 {
        out.iter_mut().for_each(|w| *w /= sum);
    }
}

/// All scored candidates of an episode's decision.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// Their scores, (N).
    pub scores: &'a [Score],
    /// Which of them is the warm start, if it was offered.
    pub warm: Option<usize>,
}

impl Scored<'_> {
    /// The cheapest candidate that did not fail; of equals the first.
    pub fn best(&self) -> Option<usize> {
        cheapest(self.scores.iter().map(|s| if s.failed { f64::INFINITY } else { s.cost }))
    }
}

/// Turns proposals into a plan.
pub trait Optimizer: Send + Sync {
    /// Its name, one of [`NAMES`].
    fn name(&self) -> &'static str;
    /// Writes how many of `candidates` each wave has, none of them 0; their sum is `candidates`.
    fn waves(&self, candidates: usize, out: &mut Vec<usize>);
    /// The one space that it can search in, if it cannot search in all of them.
    fn space(&self) -> Option<&'static str> {
        None
    }
    /// A search for one of the episodes in lock-step, used for one decision after the other.
    fn search(&self) -> Box<dyn Search>;
}

/// Draws the waves after the proposals', and chooses.
pub trait Search: Send {
    /// Writes the parameters of the next wave's candidates, (n, P). Wave 1 begins a new decision: nothing is left of the
    /// one before. If no candidate so far could be simulated, what is written does not matter.
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]);
    /// As [`Search::sample`], for a search that asks the simulator; returns the physics steps that the answers took.
    ///
    /// # Errors
    /// If the simulator cannot answer.
    fn sample_in(&mut self, wave: &Wave<'_>, world: &World<'_>, out: &mut [f32]) -> Result<u64> {
        let _ = world;
        self.sample(wave, out);
        Ok(0)
    }
    /// The candidate that is executed; nothing if all failed.
    fn choose(&mut self, scored: Scored<'_>) -> Option<usize> {
        scored.best()
    }
}

/// Divides `candidates` into `waves` as equal as they go, the first ones larger, never an empty one; the last of 1 alone if
/// `verified`, for a mean.
pub(crate) fn divide(candidates: usize, waves: usize, verified: bool, out: &mut Vec<usize>) {
    out.clear();
    let apart = usize::from(verified && candidates > 1);
    let rest = candidates - apart;
    let waves = waves.clamp(1, rest.max(1));
    out.extend((0..waves).map(|i| rest / waves + usize::from(i < rest % waves)));
    if apart == 1 {
        out.push(1);
    }
}

/// The optimizer of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn by_name(name: &str, settings: Settings) -> imle_configs::Result<Box<dyn Optimizer>> {
    match name {
        "predictive-sampling" => Ok(Box::new(PredictiveSampling)),
        "mppi" => Ok(Box::new(Mppi(settings))),
        "cem" => Ok(Box::new(Cem(settings))),
        "cma-es" => Ok(Box::new(CmaEs(settings))),
        "dial" => Ok(Box::new(Dial(settings))),
        "mode-preserving" => Ok(Box::new(ModePreserving(settings))),
        "ilqg" => Ok(Box::new(Ilqg(settings))),
        _ => Err(InputError::unknown("planner", name, NAMES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_hold_all_candidates() {
        let mut waves = Vec::new();
        for (candidates, number, verified) in [(32, 4, true), (32, 4, false), (3, 8, true), (1, 2, true), (2, 1, true)]
        {
            divide(candidates, number, verified, &mut waves);
            assert_eq!(waves.iter().sum::<usize>(), candidates);
            assert!(waves.iter().all(|n| *n > 0) && waves[0] >= *waves.last().unwrap());
        }
        divide(32, 4, true, &mut waves);
        assert_eq!(waves, [8, 8, 8, 7, 1]);
    }

    #[test]
    fn cheap_candidates_weigh_more_and_failed_ones_nothing() {
        let mut weights = Vec::new();
        soft_weights(&[2.0, f64::INFINITY, 1.0, 3.0], 1.0, &mut weights);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[2] > weights[0] && weights[0] > weights[3] && weights[1] == 0.0);
        soft_weights(&[1.0, 1.0], 0.1, &mut weights);
        assert_eq!(weights, [0.5, 0.5]);
        soft_weights(&[f64::INFINITY], 0.1, &mut weights);
        assert_eq!(weights, [0.0]);
    }
}

/// What the optimizers are tested on: a search alone, without chunks.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Runs `optimizer` with `candidates` on `cost` over parameters of size `size`, the first wave drawn around `from` with
    /// deviation `noise`; returns the best parameters and their cost.
    pub fn minimise(
        optimizer: &dyn Optimizer,
        candidates: usize,
        from: &[f32],
        noise: f32,
        seed: u64,
        cost: impl Fn(&[f32]) -> f64,
    ) -> (Vec<f32>, f64) {
        let size = from.len();
        let mut waves = Vec::new();
        optimizer.waves(candidates, &mut waves);
        let mut search = optimizer.search();
        let (mut parameters, mut costs): (Vec<f32>, Vec<f64>) = (Vec::new(), Vec::new());
        for (index, n) in waves.iter().enumerate() {
            let mut drawn = vec![0.0; n * size];
            let wave = Wave {
                index,
                waves: waves.len(),
                before: costs.len(),
                last: if index == 0 { 0 } else { waves[index - 1] },
                parameters: &parameters,
                costs: &costs,
                chunks: &parameters,
                range: (&[-1.0], &[1.0]),
                dims: 1,
                seed,
                key: Key { episode: 0, decision: 0 },
            };
            if index == 0 {
                let mut rng = stream(seed, Purpose::Noise, 0, 0, 0);
                fill_normal(&mut rng, &mut drawn);
                drawn.iter_mut().enumerate().for_each(|(i, x)| *x = from[i % size] + noise * *x);
            } else {
                search.sample(&wave, &mut drawn);
            }
            costs.extend(drawn.chunks(size).map(&cost));
            parameters.extend(drawn);
        }
        let best = cheapest(costs.iter().copied()).unwrap();
        (parameters[best * size..][..size].to_vec(), costs[best])
    }

    /// Half the squared distance from a point, unequally scaled: easy, but not round.
    pub fn bowl(x: &[f32]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (1.0 + i as f64) * (f64::from(*x) - 0.5).powi(2)).sum::<f64>() / 2.0
    }
}
