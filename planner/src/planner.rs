//! One planning step: propose, roll out, refine, choose.

use crate::decide::{CandidateSet, Decide, Decision, Situation};
use crate::error::{Error, Result};
use crate::optimizer::search::{Optimizer, Scored, Search, SearchContext, Wave};
use crate::parameterization::kind::ParameterizationKind;
use crate::parameterization::representation::{Decode, Parameterization, ProposedChunks};
use crate::proposal::source::{Proposal, Role, SourceCount, share_out};
use crate::rollout::simulator::{Candidates, Limits, Score, Simulator};
use crate::selection::action_rate_limit::ActionRateLimit;
use crate::selection::cheapest::cheapest;
use crate::selection::near_optimal::typical_within;
use crate::selection::proximal_cost::GeneratorCandidates;
use crate::selection::quality::{self, ScoredProposals};
use imle_configs::{Error as InputError, spec::Horizons};
use rayon::{ThreadPool, prelude::*};

/// Sampling-based model-predictive control over chunks.
///
/// The problem: minimise J(a) of the simulator over chunks a of T_pred actions, from the episode's present state, with
/// N rollouts, in waves: the first is shared out among the proposals, the others are drawn by the optimizer's search.
/// If no candidate can be simulated the plan falls back to the warm start, with `predicted` empty. A source that has
/// nothing to propose is simulated all the same and never chosen.
///
/// One planner decides for many episodes in one call:
///
/// ```
/// use imle_configs::workers::Workers;
/// use imle_envs::task::Task;
/// use imle_planner::episode::{DecisionBatch, DecisionTiming, EpisodeState};
/// use imle_planner::{Controller, optimizer::Cem};
///
/// let task = std::sync::Arc::new(Task::load("cartpole")?);
/// let builder = Controller::builder(task.clone()).optimizer(Cem::default()).candidates(16).threads(2);
/// let (mut decider, horizons) = builder.decider()?; // a planner, or a policy alone
/// let sizes = (task.spec().observation.size(), task.spec().action.size());
/// let (mut episodes, mut states) = (Vec::new(), Vec::new());
/// for (index, angle) in [2.9, 3.3].into_iter().enumerate() {
///     let state = task.state_at(&[0.0, angle], &[0.0, 0.0], None)?;
///     let mut episode = EpisodeState::new(horizons, sizes.0, sizes.1);
///     episode.reset(index as u64);
///     episode.hold(&task.hold(&state)?)?;
///     episode.observe(&task.observe(&state)?)?;
///     states.extend(state);
///     episodes.push(episode);
/// }
/// let mut all: Vec<_> = episodes.iter_mut().collect();
/// let (mut batch, workers) = (DecisionBatch::default(), Workers::new(2)?);
/// let decisions = batch.decide(&mut decider, &workers, &mut all, &states, DecisionTiming::default())?;
/// assert!(decisions.iter().all(|d| d.rollouts == 16));
/// assert_eq!(episodes[1].next_action().len(), sizes.1);
/// # Ok::<(), imle_planner::Error>(())
/// ```
pub struct Planner {
    simulator: Box<dyn Simulator>,
    sources: Vec<Box<dyn Proposal>>,
    /// Candidates of each source.
    counts: Vec<SourceCount>,
    optimizer: Box<dyn Optimizer>,
    /// Parameterization and seed of the search; needed by optimizers of more than one wave.
    parameterization: Option<(Box<dyn Parameterization>, u64)>,
    /// Cost of a unit of distance from the generator's own candidates; 0 for none.
    proximal_cost: f64,
    /// By how much a plan may cost more than the best; 0 for the best.
    near_optimal: f64,
    /// Limit on the change between the actions that a search draws; `None` for no limit.
    action_rate_limit: Option<ActionRateLimit>,
    horizons: Horizons,
    candidates: usize,
    /// Candidates a wave; their sum is `candidates`.
    waves: Vec<usize>,
    buffers: Buffers,
}

/// Buffers of a decision, kept so that the next one allocates nothing.
#[derive(Default)]
struct Buffers {
    /// All candidates of the decision, (B, N, T_pred, A), their scores and their costs as the search sees them, (B, N),
    /// and their parameters, (B, N, P).
    chunks: Vec<f32>,
    scores: Vec<Score>,
    costs: Vec<f64>,
    parameters: Vec<f32>,
    /// The same of one wave, (B, n, …).
    wave_chunks: Vec<f32>,
    wave_scores: Vec<Score>,
    wave_parameters: Vec<f32>,
    /// Which of the first wave's candidates their source offers, (B, n).
    offered: Vec<bool>,
    /// Chunks of one source, (B, n, T_pred, A).
    proposed: Vec<f32>,
    /// The best proposal of each episode and its parameters.
    around: Vec<f32>,
    around_parameters: Vec<f32>,
    /// Physics steps that the searches took besides the rollouts, and the searches; one an episode.
    asked: Vec<u64>,
    searches: Vec<Box<dyn Search>>,
    quality: quality::QualityScratch,
}

impl Planner {
    /// A planner with N `candidates` a decision, of which those of the first wave are shared out among `sources`.
    ///
    /// # Errors
    /// A bad input: no candidates or no sources, or fewer candidates in the first wave than sources; a horizon of 0
    /// steps.
    pub fn new(
        simulator: Box<dyn Simulator>,
        sources: Vec<Box<dyn Proposal>>,
        optimizer: Box<dyn Optimizer>,
        horizons: Horizons,
        candidates: usize,
    ) -> Result<Self> {
        let found = format!("{} of {}", horizons.action, horizons.prediction);
        let fits = (1..=horizons.prediction).contains(&horizons.action);
        InputError::ensure(fits, "horizons", "1 to T_pred actions executed", found)?;
        let mut waves = Vec::new();
        optimizer.waves(candidates.max(1), &mut waves);
        let first = if candidates == 0 { 0 } else { waves[0] };
        if sources.is_empty() || first < sources.len() {
            let (all, most) = (sources.len().max(1), 64 * sources.len().max(1));
            let holds = |candidates: &usize| {
                waves.clear();
                optimizer.waves(*candidates, &mut waves);
                waves[0] >= all
            };
            let least = (candidates.max(1)..most).find(holds).unwrap_or(most);
            let expected = format!("at least {least}, so that the first wave holds every proposal ({all})");
            return Err(InputError::unexpected("candidates", expected, candidates).into());
        }
        let counts = share_out(&sources, first);
        // Sources without randomness alone fill less than the first wave.
        waves[0] = counts.iter().map(|s| s.count).sum();
        Ok(Self {
            simulator,
            sources,
            counts,
            optimizer,
            parameterization: None,
            proximal_cost: 0.0,
            near_optimal: 0.0,
            action_rate_limit: None,
            horizons,
            candidates: waves.iter().sum(),
            waves,
            buffers: Buffers::default(),
        })
    }

    /// Whether the optimizer searches on from the proposals, and so needs a parameterization to do it in.
    pub fn searches(&self) -> bool {
        self.waves.len() > 1
    }

    /// Lets the optimizer search in `parameterization` with draws of `seed`.
    #[must_use]
    pub fn searching(mut self, parameterization: Box<dyn Parameterization>, seed: u64) -> Self {
        self.parameterization = Some((parameterization, seed));
        self
    }

    /// Adds `weight` · d to the cost of every candidate, d its distance from the nearest of the generator's candidates
    /// of the same decision (root mean square over the chunk; half the range of an action counts 1).
    #[must_use]
    pub fn with_proximal_cost(mut self, weight: f64) -> Self {
        self.proximal_cost = weight;
        self
    }

    /// Takes, in place of the best, a typical candidate of those that cost at most `cost` more
    /// ([`crate::selection::near_optimal`]): the generator's own where they are good enough, and those of a search
    /// where they are not. 0 takes the best.
    #[must_use]
    pub fn with_near_optimal(mut self, cost: f64) -> Self {
        self.near_optimal = cost;
        self
    }

    /// Limits the candidates that a search draws to `limit`; the proposals stay as they are.
    #[must_use]
    pub fn with_action_rate_limit(mut self, limit: Option<ActionRateLimit>) -> Self {
        self.action_rate_limit = limit;
        self
    }

    /// N, candidates an episode and decision.
    pub fn candidates(&self) -> usize {
        self.candidates
    }

    /// Candidates of the first wave, those of the proposals.
    pub fn proposals(&self) -> usize {
        self.waves[0]
    }

    /// The candidates of the last decision, (B, N, T_pred, A), and their scores, (B, N).
    pub fn last(&self) -> (&[f32], &[Score]) {
        (&self.buffers.chunks, &self.buffers.scores)
    }

    /// Which of [`Decide::sources`] candidate `index` of an episode comes from.
    pub fn source_of(&self, index: usize) -> usize {
        let mut end = 0;
        let found = self.counts.iter().position(|s| {
            end += s.count;
            index < end
        });
        found.unwrap_or(self.counts.len())
    }

    /// Index of the warm start among an episode's candidates, if a source offers it.
    fn warm_start(&self, situation: &Situation<'_>, b: usize) -> Option<usize> {
        let at = self.counts.iter().position(|s| s.role == Role::LastPlan)?;
        let before = self.counts[..at].iter().map(|s| s.count).sum();
        (self.counts[at].count > 0 && self.sources[at].offers(situation, b)).then_some(before)
    }

    /// P, parameters a candidate; 0 if nothing is searched.
    fn parameters(&self) -> usize {
        self.parameterization.as_ref().filter(|_| self.searches()).map_or(0, |(p, _)| p.size())
    }

    fn chunk(&self) -> usize {
        self.horizons.prediction * self.simulator.action_size()
    }

    /// Writes the first wave's candidates.
    fn propose(&mut self, pool: &ThreadPool, situation: &Situation<'_>) -> Result<()> {
        let (batch, chunk, first) = (situation.keys.len(), self.chunk(), self.waves[0]);
        let Buffers { proposed, wave_chunks, .. } = &mut self.buffers;
        wave_chunks.resize(batch * first * chunk, 0.0);
        let mut offset = 0;
        for (source, SourceCount { count, .. }) in self.sources.iter().zip(&self.counts) {
            proposed.resize(batch * count * chunk, 0.0);
            source.propose(pool, situation, *count, proposed)?;
            for b in 0..batch {
                let into = (b * first + offset) * chunk;
                wave_chunks[into..into + count * chunk]
                    .copy_from_slice(&proposed[b * count * chunk..][..count * chunk]);
            }
            offset += count;
        }
        Ok(())
    }

    /// Writes the candidates of a later wave, of which `before` are simulated already.
    fn refine(&mut self, pool: &ThreadPool, situation: &Situation<'_>, index: usize, before: usize) -> Result<()> {
        let (batch, chunk, n) = (situation.keys.len(), self.chunk(), self.candidates);
        let (count, last) = (self.waves[index], self.waves[index - 1]);
        let Some((space, seed)) = &self.parameterization else {
            let found = format!("none for `{}`, which searches", self.optimizer.name());
            return Err(InputError::unexpected("parameterization", "one to search in", found).into());
        };
        if let Some(only) = self.optimizer.parameterization().filter(|only| Some(*only) != space.kind()) {
            let expected = format!("`{only}` for `{}`", self.optimizer.name());
            let found = space.kind().map_or("one of your own", ParameterizationKind::name);
            return Err(InputError::unexpected("parameterization", expected, found).into());
        }
        let (size, state) = (space.size(), self.simulator.state_size());
        let buffers = &mut self.buffers;
        let Buffers { wave_chunks, wave_parameters, around, around_parameters, searches, asked, .. } = buffers;
        let (parameters, costs, chunks) = (&buffers.parameters, &buffers.costs, &buffers.chunks);
        wave_parameters.resize(batch * count * size, 0.0);
        wave_chunks.resize(batch * count * chunk, 0.0);
        let (waves, dims, simulator) = (self.waves.len(), space.dims(), &*self.simulator);
        let range = simulator.action_range();
        let draw = |b: usize, search: &mut dyn Search, out: &mut [f32]| {
            let wave = Wave {
                index,
                waves,
                before,
                last,
                parameters: &parameters[b * n * size..][..before * size],
                costs: &costs[b * n..][..before],
                chunks: &chunks[b * n * chunk..][..before * chunk],
                range,
                dims,
                seed: *seed,
                key: situation.keys[b],
            };
            let context = SearchContext { simulator, pool, state: &situation.states[b * state..][..state] };
            search.sample_in(&wave, &context, out)
        };
        let rows = wave_parameters.par_chunks_exact_mut(count * size);
        let searching = searches[..batch].par_iter_mut().zip(&mut asked[..batch]).zip(rows).enumerate();
        pool.install(|| {
            searching.try_for_each(|(b, ((search, asked), out))| -> Result<()> {
                *asked += draw(b, search.as_mut(), out)?;
                Ok(())
            })
        })?;
        let what = Decode { situation, parameters: wave_parameters, around, around_parameters };
        space.decode(pool, what, wave_chunks)?;
        if let Some(limit) = &self.action_rate_limit {
            let first = self.waves[0];
            let keep = |(b, own): (usize, &mut [f32])| {
                let proposals = chunks[b * n * chunk..][..first * chunk].chunks_exact(chunk);
                let begun = proposals.zip(&costs[b * n..]).filter(|(_, cost)| cost.is_finite()).map(|(c, _)| c);
                limit.apply(begun, own, chunk);
            };
            pool.install(|| wave_chunks.par_chunks_exact_mut(count * chunk).enumerate().for_each(keep));
        }
        Ok(())
    }

    /// Simulates the wave that was written and adds it to the decision's candidates.
    fn simulate(&mut self, pool: &ThreadPool, situation: &Situation<'_>, index: usize, before: usize) -> Result<()> {
        let (batch, chunk, n, count) = (situation.keys.len(), self.chunk(), self.candidates, self.waves[index]);
        let size = self.parameters();
        let Buffers { chunks, scores, costs, parameters, wave_chunks, wave_scores, wave_parameters, offered, .. } =
            &mut self.buffers;
        wave_scores.resize(batch * count, Score::default());
        offered.clear();
        if index == 0 {
            for b in 0..batch {
                for (source, SourceCount { count, .. }) in self.sources.iter().zip(&self.counts) {
                    offered.extend(std::iter::repeat_n(source.offers(situation, b), *count));
                }
            }
        }
        let candidates = Candidates {
            keys: situation.keys,
            states: situation.states,
            chunks: wave_chunks,
            steps: self.horizons.prediction,
            executed: self.horizons.action,
            limits: Limits { bounds: &[], deadline: situation.deadline },
            offered,
        };
        self.simulator.rollout(pool, candidates, wave_scores)?;
        // The generator's candidates are in this wave, or among those of the first.
        let (own, stride): (&[f32], usize) = if index == 0 { (wave_chunks, count) } else { (chunks, n) };
        let range = self.simulator.action_range();
        let generated =
            GeneratorCandidates { chunks: own, stride, counts: &self.counts, range, steps: self.horizons.prediction };
        if self.proximal_cost > 0.0 && generated.exists() {
            generated.charge(pool, self.proximal_cost, wave_chunks, count, wave_scores);
        }
        for (score, _) in wave_scores.iter_mut().zip(offered.iter()).filter(|(_, offered)| !**offered) {
            score.cost = f64::INFINITY;
        }
        chunks.resize(batch * n * chunk, 0.0);
        scores.resize(batch * n, Score::default());
        costs.resize(batch * n, f64::INFINITY);
        parameters.resize(batch * n * size, 0.0);
        for b in 0..batch {
            let into = b * n + before;
            chunks[into * chunk..][..count * chunk].copy_from_slice(&wave_chunks[b * count * chunk..][..count * chunk]);
            scores[into..][..count].copy_from_slice(&wave_scores[b * count..][..count]);
            let rows = &mut parameters[into * size..][..count * size];
            match &self.parameterization {
                Some((space, _)) if index == 0 && size > 0 => {
                    let own = &wave_chunks[b * count * chunk..][..count * chunk];
                    space.encode(ProposedChunks { key: situation.keys[b], sources: &self.counts, chunks: own }, rows);
                }
                _ if size > 0 => rows.copy_from_slice(&wave_parameters[b * count * size..][..count * size]),
                _ => {}
            }
            for i in 0..count {
                let score = &scores[into + i];
                let known = rows[i * size..][..size].iter().all(|x| x.is_finite());
                costs[into + i] = if score.failed || score.is_skipped() || !known { f64::INFINITY } else { score.cost };
            }
        }
        Ok(())
    }

    /// Remembers the best proposal of each episode that has parameters, around which splines are drawn.
    fn find_centre(&mut self, batch: usize) {
        let (chunk, n, first) = (self.chunk(), self.candidates, self.waves[0]);
        let size = self.parameters();
        let Buffers { chunks, costs, parameters, around, around_parameters, searches, asked, .. } = &mut self.buffers;
        around.resize(batch * chunk, 0.0);
        around_parameters.resize(batch * size, 0.0);
        for b in 0..batch {
            let best = b * n + cheapest(costs[b * n..][..first].iter().copied()).unwrap_or(0);
            around[b * chunk..][..chunk].copy_from_slice(&chunks[best * chunk..][..chunk]);
            around_parameters[b * size..][..size].copy_from_slice(&parameters[best * size..][..size]);
        }
        asked.clear();
        asked.resize(batch, 0);
        while searches.len() < batch {
            searches.push(self.optimizer.search());
        }
    }
}

impl Decide for Planner {
    fn sources(&self) -> Vec<&'static str> {
        let searched = (self.waves.len() > 1).then(|| self.optimizer.name());
        self.sources.iter().map(|s| s.name()).chain(searched).collect()
    }

    fn decide(
        &mut self,
        pool: &ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        let (batch, chunk) = (situation.keys.len(), self.chunk());
        if chunks.len() != batch * chunk || situation.warm.len() != batch * chunk || how.len() != batch {
            let (plan, warm, how) = (chunks.len(), situation.warm.len(), how.len());
            let found = format!("{plan} plan, {warm} warm and {how} decision values");
            return Err(Error::shape("plans", format!("(B, T_pred, A) of {} values", batch * chunk), found));
        }
        let (size, found) = (batch * self.simulator.state_size(), situation.states.len());
        if size != found {
            return Err(Error::shape("states to plan from", format!("{size} values"), found));
        }
        let mut before = 0;
        let late = Limits { bounds: &[], deadline: situation.deadline };
        for index in 0..self.waves.len() {
            if index > 0 && late.is_over() {
                break;
            }
            match index {
                0 => self.propose(pool, situation)?,
                _ => self.refine(pool, situation, index, before)?,
            }
            self.simulate(pool, situation, index, before)?;
            if index == 0 {
                self.find_centre(batch);
            }
            before += self.waves[index];
        }
        let (n, first) = (self.candidates, self.waves[0]);
        self.buffers.scores.chunks_exact_mut(n).for_each(|own| own[before..].fill(Score::skipped()));
        let range = self.simulator.action_range();
        for (b, decision) in how.iter_mut().enumerate() {
            let warm = self.warm_start(situation, b);
            let plan = &mut chunks[b * chunk..][..chunk];
            let buffers = &mut self.buffers;
            let (scores, own) = (&buffers.scores[b * n..][..n], &buffers.chunks[b * n * chunk..][..n * chunk]);
            let best = buffers.searches[b].choose(Scored { scores, warm });
            let all = ScoredProposals { chunks: own, scores, warm, range };
            let chosen = best.map(|best| match self.near_optimal {
                0.0 => best,
                cost => typical_within(&all, best, cost),
            });
            match chosen {
                Some(chosen) => plan.copy_from_slice(&own[chosen * chunk..][..chunk]),
                None => plan.copy_from_slice(&situation.warm[b * chunk..][..chunk]),
            }
            let proposals = ScoredProposals { chunks: &own[..first * chunk], scores: &scores[..first], warm, range };
            *decision = Decision {
                predicted: chosen.map(|w| scores[w].executed_cost),
                rollouts: scores.iter().filter(|s| !s.is_skipped()).count() as u64,
                censored: scores.iter().filter(|s| s.censored && !s.is_skipped()).count() as u64,
                failed: scores.iter().filter(|s| s.failed).count() as u64,
                physics_steps: buffers.asked[b] + scores.iter().map(|s| u64::from(s.physics_steps)).sum::<u64>(),
                quality: chosen.map(|w| quality::of(&proposals, scores[w].cost, &mut buffers.quality)),
                source: 0,
            };
            decision.source = chosen.map_or(0, |w| self.source_of(w));
        }
        Ok(())
    }

    fn tried(&self, b: usize) -> Option<CandidateSet<'_>> {
        let (n, chunk) = (self.candidates, self.chunk());
        let scores = self.buffers.scores.get(b * n..(b + 1) * n)?;
        Some(CandidateSet { chunks: &self.buffers.chunks[b * n * chunk..][..n * chunk], scores })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Key;
    use crate::optimizer::PredictiveSampling;
    use crate::proposal::{Noise, Warm};
    use imle_configs::bounds::ActionBounds;

    /// A user's own dynamics: a point that moves by the action; cost is the distance from the goal at 1.
    struct Point;

    impl Simulator for Point {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[-1.0], &[1.0])
        }
        fn rollout(&self, _: &ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            let each = out.len() / c.states.len();
            for (i, score) in out.iter_mut().enumerate() {
                let mut x = c.states[i / each];
                let mut cost = 0.0;
                for a in &c.chunks[i * c.steps..][..c.steps] {
                    x += f64::from(*a);
                    cost += (x - 1.0).abs();
                }
                *score = Score { failed: !x.is_finite(), ..Score::of(cost) };
            }
            Ok(())
        }
    }

    fn planner(candidates: usize) -> Result<Planner> {
        let noise = Noise { seed: 1, scale: 0.5, knots: 3, bounds: ActionBounds::new([-1.0], [1.0]) };
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Warm), Box::new(noise)];
        let horizons = Horizons { observation: 1, prediction: 4, action: 2 };
        Planner::new(Box::new(Point), sources, Box::new(PredictiveSampling), horizons, candidates)
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
            deadline: None,
            lockstep: false,
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
            deadline: None,
            lockstep: false,
        };
        let (mut chunks, mut how) = ([0.0; 8], [Decision::default(); 2]);
        planner.decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        assert_eq!((how[0].source, how[1].source), (0, 1));
        assert!(how.iter().all(|d| d.failed == 0 && d.predicted.is_some()));
    }

    /// An environment that somebody else simulates has none.
    #[test]
    fn planning_without_states_is_refused() {
        let pool = crate::threads::pool(1).unwrap();
        let keys = [Key { episode: 0, decision: 0 }];
        let situation = Situation { warm: &[0.0; 4], warm_left: &[4], keys: &keys, ..Situation::default() };
        let decided = planner(4).unwrap().decide(&pool, &situation, &mut [0.0; 4], &mut [Decision::default()]);
        assert_eq!(decided.unwrap_err().to_string(), "states to plan from: expected 1 values, found 0");
    }

    #[test]
    fn too_few_candidates_are_refused() {
        assert!(planner(0).is_err());
        assert!(planner(1).is_err());
        let counts: Vec<_> = planner(2).unwrap().counts.iter().map(|s| (s.name, s.count)).collect();
        assert_eq!(counts, [("warm", 1), ("noise", 1)]);
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
            deadline: None,
            lockstep: false,
        };
        let (mut chunks, mut how) = ([0.0; 4], [Decision::default()]);
        planner(8).unwrap().decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        assert_eq!(chunks, warm);
        assert_eq!((how[0].predicted, how[0].failed), (None, 8));
    }
}
