//! One planning step: propose, roll out, choose.

use crate::decide::{Decide, Decision, Situation};
use crate::error::{Error, Result};
use crate::optimizer::{Optimizer, Scored};
use crate::proposal::{Proposal, share_out};
use crate::simulator::{Candidates, Score, Simulator};
use imle_configs::spec::Horizons;

/// Sampling-based model-predictive control over chunks.
///
/// The problem: minimise J(a) of the simulator over chunks a of T_pred actions, from the episode's present state.
/// If no candidate can be simulated the plan falls back to the warm start, with `predicted` empty. A source that has
/// nothing to propose is simulated all the same and never chosen.
pub struct Planner<'a> {
    simulator: &'a dyn Simulator,
    sources: Vec<Box<dyn Proposal + 'a>>,
    counts: Vec<usize>,
    optimizer: Box<dyn Optimizer>,
    horizons: Horizons,
    candidates: usize,
    /// Candidates of the last decision, (B, N, T_pred, A), and their scores, (B, N); kept to be looked at and so
    /// that a decision allocates nothing.
    chunks: Vec<f32>,
    scores: Vec<Score>,
    proposed: Vec<f32>,
}

impl<'a> Planner<'a> {
    /// A planner with N `candidates` shared out among `sources`.
    ///
    /// # Errors
    /// A bad input: no candidates or no sources, or fewer candidates than sources.
    pub fn new(
        simulator: &'a dyn Simulator,
        sources: Vec<Box<dyn Proposal + 'a>>,
        optimizer: Box<dyn Optimizer>,
        horizons: Horizons,
        candidates: usize,
    ) -> Result<Self> {
        if sources.is_empty() || candidates < sources.len() {
            let expected = format!("at least 1 and as many as there are proposals ({})", sources.len().max(1));
            return Err(imle_configs::Error::unexpected("candidates", expected, candidates).into());
        }
        let counts = share_out(&sources, candidates);
        let candidates = counts.iter().sum();
        Ok(Self {
            simulator,
            sources,
            counts,
            optimizer,
            horizons,
            candidates,
            chunks: vec![],
            scores: vec![],
            proposed: vec![],
        })
    }

    /// N, candidates an episode and decision.
    pub fn candidates(&self) -> usize {
        self.candidates
    }

    /// The candidates of the last decision, (B, N, T_pred, A), and their scores, (B, N).
    pub fn last(&self) -> (&[f32], &[Score]) {
        (&self.chunks, &self.scores)
    }

    /// Which source candidate `index` of an episode comes from.
    pub fn source_of(&self, index: usize) -> usize {
        let mut end = 0;
        let found = self.counts.iter().position(|count| {
            end += count;
            index < end
        });
        found.unwrap_or(0)
    }

    /// Fills and scores the candidates of all episodes.
    fn score(&mut self, pool: &rayon::ThreadPool, situation: &Situation<'_>) -> Result<()> {
        let batch = situation.keys.len();
        let chunk = self.horizons.prediction * self.simulator.action_size();
        self.chunks.resize(batch * self.candidates * chunk, 0.0);
        self.scores.resize(batch * self.candidates, Score::default());
        let mut offset = 0;
        for (source, count) in self.sources.iter().zip(&self.counts) {
            self.proposed.resize(batch * count * chunk, 0.0);
            source.propose(pool, situation, *count, &mut self.proposed)?;
            for b in 0..batch {
                let into = (b * self.candidates + offset) * chunk;
                self.chunks[into..into + count * chunk]
                    .copy_from_slice(&self.proposed[b * count * chunk..][..count * chunk]);
            }
            offset += count;
        }
        let candidates = Candidates {
            states: situation.states,
            chunks: &self.chunks,
            steps: self.horizons.prediction,
            executed: self.horizons.action,
        };
        self.simulator.rollout(pool, candidates, &mut self.scores)?;
        for b in 0..batch {
            let mut offset = b * self.candidates;
            for (source, count) in self.sources.iter().zip(&self.counts) {
                if !source.offers(situation, b) {
                    self.scores[offset..offset + count].iter_mut().for_each(|s| s.cost = f64::INFINITY);
                }
                offset += count;
            }
        }
        Ok(())
    }
}

impl Decide for Planner<'_> {
    fn sources(&self) -> Vec<&'static str> {
        self.sources.iter().map(|s| s.name()).collect()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        let batch = situation.keys.len();
        let chunk = self.horizons.prediction * self.simulator.action_size();
        if chunks.len() != batch * chunk || situation.warm.len() != batch * chunk || how.len() != batch {
            return Err(Error::Shape {
                what: "plans",
                expected: format!("(B, T_pred, A) of {} values", batch * chunk),
                found: format!(
                    "{} plan, {} warm and {} decision values",
                    chunks.len(),
                    situation.warm.len(),
                    how.len()
                ),
            });
        }
        self.score(pool, situation)?;
        let n = self.candidates;
        for (b, decision) in how.iter_mut().enumerate() {
            let scores = &self.scores[b * n..][..n];
            let plan = &mut chunks[b * chunk..][..chunk];
            plan.copy_from_slice(&situation.warm[b * chunk..][..chunk]);
            let winner =
                self.optimizer.update(Scored { chunks: &self.chunks[b * n * chunk..][..n * chunk], scores }, plan);
            *decision = Decision {
                source: winner.map_or(0, |w| self.source_of(w)),
                predicted: winner.map(|w| scores[w].executed_cost),
                rollouts: n as u64,
                failed: scores.iter().filter(|s| s.failed).count() as u64,
                physics_steps: scores.iter().map(|s| u64::from(s.physics_steps)).sum(),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Key;
    use crate::optimizer::PredictiveSampling;
    use crate::proposal::{Noise, Warm};

    /// A user's own dynamics: a point that moves by the action; cost is the distance from the goal at 1.
    struct Point;

    impl Simulator for Point {
        fn state_size(&self) -> usize {
            1
        }
        fn action_size(&self) -> usize {
            1
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            let each = out.len() / c.states.len();
            for (i, score) in out.iter_mut().enumerate() {
                let mut x = c.states[i / each];
                let mut cost = 0.0;
                for a in &c.chunks[i * c.steps..][..c.steps] {
                    x += f64::from(*a);
                    cost += (x - 1.0).abs();
                }
                *score =
                    Score { cost, final_cost: cost, executed_cost: cost, failed: !x.is_finite(), physics_steps: 1 };
            }
            Ok(())
        }
    }

    fn planner(candidates: usize) -> Result<Planner<'static>> {
        let noise = Noise { seed: 1, scale: 0.5, knots: 3, low: vec![-1.0], high: vec![1.0] };
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Warm), Box::new(noise)];
        let horizons = Horizons { observation: 1, prediction: 4, action: 2 };
        Planner::new(&Point, sources, Box::new(PredictiveSampling), horizons, candidates)
    }

    #[test]
    fn own_dynamics_are_planned_in_and_the_warm_start_is_never_worsened() {
        let pool = crate::threads::pool(2).unwrap();
        let mut planner = planner(64).unwrap();
        let keys = [Key { episode: 0, decision: 0 }, Key { episode: 1, decision: 0 }];
        let warm = [0.0; 8];
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &[0.0, 0.5],
            warm: &warm,
            warm_left: &[4, 4],
            keys: &keys,
        };
        let (mut chunks, mut how) = ([0.0; 8], [Decision::default(); 2]);
        planner.decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        assert!(how.iter().all(|d| d.source == 1 && d.rollouts == 64 && d.failed == 0));
        assert!(how[0].predicted.unwrap() < 4.0 && how[1].predicted.unwrap() < 2.0);
        let (_, scores) = planner.last();
        assert_eq!(scores.len(), 128);
        assert!((scores[0].cost - 4.0).abs() < 1e-9);
    }

    #[test]
    fn standing_still_is_chosen_only_while_it_was_planned() {
        let pool = crate::threads::pool(1).unwrap();
        let mut planner = planner(16).unwrap();
        let keys = [Key { episode: 0, decision: 3 }, Key { episode: 1, decision: 3 }];
        // Both are at the goal, where nothing is better than the warm plan.
        let (warm, states) = ([0.0; 8], [1.0, 1.0]);
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &states,
            warm: &warm,
            warm_left: &[2, 0],
            keys: &keys,
        };
        let (mut chunks, mut how) = ([0.0; 8], [Decision::default(); 2]);
        planner.decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        assert_eq!((how[0].source, how[1].source), (0, 1));
        assert!(how.iter().all(|d| d.failed == 0 && d.predicted.is_some()));
    }

    #[test]
    fn too_few_candidates_are_refused() {
        assert!(planner(0).is_err());
        assert!(planner(1).is_err());
        assert_eq!(planner(2).unwrap().counts, [1, 1]);
    }

    #[test]
    fn when_all_fail_the_warm_start_is_the_plan() {
        let pool = crate::threads::pool(1).unwrap();
        let keys = [Key { episode: 0, decision: 0 }];
        let warm = [0.1, 0.2, 0.3, 0.4];
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &[f64::NAN],
            warm: &warm,
            warm_left: &[4],
            keys: &keys,
        };
        let (mut chunks, mut how) = ([0.0; 4], [Decision::default()]);
        planner(8).unwrap().decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        assert_eq!(chunks, warm);
        assert_eq!((how[0].predicted, how[0].failed), (None, 8));
    }
}
