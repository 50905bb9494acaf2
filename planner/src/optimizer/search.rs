//! The interface of optimizers.
//!
//! An optimizer divides the N rollouts of a decision into waves. The first wave is the proposals'. A [`Search`], one an
//! episode, draws the others from the costs of all waves before. It searches in parameters of chunks
//! ([`crate::parameterization`]), so that every optimizer goes with every mix of proposals and every parameterization.
//! The plan is the best of all candidates that were simulated: where the field executes a mean (MPPI, CEM), the mean is
//! one of them.
//!
//! Most searches see parameters and costs alone. One that needs derivatives asks the simulator ([`SearchContext`]).

use crate::decide::Key;
use crate::error::Result;
use crate::parameterization::kind::ParameterizationKind;
use crate::rollout::simulator::Simulator;
use crate::selection::cheapest::cheapest;
use imle_configs::score::Score;
use imle_configs::seed::{Purpose, fill_normal, stream};

/// Start of one wave of an episode's search.
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

/// Context of a search besides parameters and costs.
#[derive(Clone, Copy)]
pub struct SearchContext<'a> {
    /// Dynamics and cost.
    pub simulator: &'a dyn Simulator,
    /// The threads to ask on.
    pub pool: &'a rayon::ThreadPool,
    /// The episode's state, (state size).
    pub state: &'a [f64],
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
    /// Name: one of [`crate::optimizer::NAMES`] or the user's own.
    fn name(&self) -> &'static str;
    /// Writes how many of `candidates` each wave has, none of them 0; their sum is `candidates`.
    fn waves(&self, candidates: usize, out: &mut Vec<usize>);
    /// The one parameterization that it can search in, if it cannot search in all of them.
    fn parameterization(&self) -> Option<ParameterizationKind> {
        None
    }
    /// A search for one of the episodes in lock-step, used for one decision after the other.
    fn search(&self) -> Box<dyn Search>;
}

/// Draws the waves after the proposals', and chooses.
pub trait Search: Send {
    /// Writes the parameters of the next wave's candidates, (n, P). Wave 1 begins a new decision: nothing is left of
    /// the one before. If no candidate so far could be simulated, what is written does not matter.
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]);
    /// As [`Search::sample`], for a search that asks the simulator; returns the physics steps that the answers took.
    ///
    /// # Errors
    /// If the simulator cannot answer.
    fn sample_in(&mut self, wave: &Wave<'_>, context: &SearchContext<'_>, out: &mut [f32]) -> Result<u64> {
        let _ = context;
        self.sample(wave, out);
        Ok(0)
    }
    /// The candidate that is executed; nothing if all failed.
    fn choose(&mut self, scored: Scored<'_>) -> Option<usize> {
        scored.best()
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        (**self).waves(candidates, out);
    }

    fn parameterization(&self) -> Option<ParameterizationKind> {
        (**self).parameterization()
    }

    fn search(&self) -> Box<dyn Search> {
        (**self).search()
    }
}
