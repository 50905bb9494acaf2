//! Whether a critic ranks *actions* within a state, not only states: against rollouts from saved states.
//!
//! From each of S states that the generator meets, N chunks are executed M times each, the generator going on from
//! there: N that it proposes, or edits of one. The critic's values of them are ranked beside their mean returns. Returns of so few rollouts are
//! noise themselves: the ceiling is the rank correlation of one half of the rollouts with the other. States in which it
//! makes no difference which chunk is taken say nothing, and are left out.

use super::rank_correlation::spearman;
use crate::run::Run;
use crate::{error::Result, expert_iteration::start_of};
use imle_configs::Error as InputError;
use imle_configs::seed::{Purpose, stream};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EvaluationSettings, Progress, Start, evaluate};
use imle_planner::policy_controller::PolicyController;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};
use rand::Rng;

/// Deviation of the candidates' mean returns from which on a state is told apart from one in which all are alike.
const APART: f64 = 0.1;

/// Numbers of states, candidates and rollouts.
#[derive(Clone, Copy, Debug)]
pub struct RankingEffort {
    /// S, one an episode.
    pub states: usize,
    /// N.
    pub candidates: usize,
    /// M, even.
    pub rollouts: usize,
    /// γ of a control step.
    pub discount: f64,
}

/// Rank correlations within states, means over those in which the candidates differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WithinStates {
    /// Of values and mean returns.
    pub critic: f64,
    /// Of the mean returns of one half of the rollouts and the other.
    pub ceiling: f64,
    /// Of values and mean returns over all candidates of all states: what ranking states alone brings.
    pub across: f64,
    /// States in which the candidates differ.
    pub states: usize,
    /// Mean over all states of the best candidate's mean return, and of all candidates'.
    pub best: f64,
    /// See `best`.
    pub mean: f64,
    /// Mean return of the candidate that the critic takes for the best.
    pub chosen: f64,
    /// Mean return of the first two candidates: of edits the unedited chunk and the one that is learned.
    pub first: [f64; 2],
}

/// Plays a given first chunk, then the generator.
struct FirstChunk<'a> {
    alone: PolicyController,
    /// (episodes, T_pred · A).
    chunks: &'a [f32],
    repeats: usize,
}

impl Decide for FirstChunk<'_> {
    fn sources(&self) -> Vec<&'static str> {
        vec!["imle"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        self.alone.decide(pool, situation, chunks, how)?;
        let size = chunks.len() / how.len().max(1);
        for (key, chunk) in situation.keys.iter().zip(chunks.chunks_exact_mut(size)) {
            if key.decision == 0 {
                chunk.copy_from_slice(&self.chunks[key.episode as usize / self.repeats * size..][..size]);
            }
        }
        Ok(())
    }
}

/// Values of chunks: from one raw history (T_obs · O) and N chunks (N, T_pred · A) of the generator, N values; the chunks
/// may become others first.
pub type ChunkValues<'v> = dyn FnMut(&[f32], &mut [f32]) -> Result<Vec<f64>> + 'v;

/// Ranks the generator's chunks by `values` and by what came of them.
///
/// # Errors
/// A bad input: an environment whose states cannot be saved; what the rollouts return.
pub fn within_states(
    run: &Run<'_>,
    pool: &rayon::ThreadPool,
    effort: RankingEffort,
    values: &mut ChunkValues<'_>,
    progress: &mut dyn Progress,
) -> Result<WithinStates> {
    let saved = || InputError::unexpected("--task", "an environment whose states can be saved", "one that is not ours");
    let task = run.environment.task().ok_or_else(saved)?;
    let horizons = run.environment.horizons(run.checkpoint.config().horizons);
    let policy = Policy::with_threads(run.checkpoint, run.threads, run.device)?;
    let alone = |seed: u64| PolicyController::new(policy.clone(), seed, horizons);
    let settings = EvaluationSettings {
        purpose: Purpose::Bench,
        record: effort.states,
        keep_actions: true,
        discount: effort.discount,
        ..EvaluationSettings::held_out(effort.states, run.seed, horizons)
    };
    let met = evaluate(run.environment, &mut alone(run.seed), &settings, pool, progress)?;
    let shape = policy.sampler().shape();
    let (mut starts, mut chunks, mut worths) = (Vec::new(), Vec::new(), Vec::new());
    for episode in met.episodes.iter().filter(|e| e.failure.is_none() && e.steps > horizons.action) {
        let mut rng = stream(run.seed, Purpose::Bench, episode.episode, 0, 1);
        let step = rng.random_range(0..episode.steps / horizons.action) * horizons.action;
        let start = Start { steps_left: task.max_steps() - step, ..start_of(task, horizons, episode, step) };
        let key = LatentKey { seed: !run.seed, episode: episode.episode, step: step as u64 };
        let mut drawn = vec![0.0; effort.candidates * shape.chunk()];
        policy.sampler().sample(pool, Observations::from(&start.history), &[key], effort.candidates, &mut drawn)?;
        worths.push(values(&start.history, &mut drawn)?);
        starts.push(start);
        chunks.extend(drawn);
    }
    let (n, m) = (effort.candidates, effort.rollouts);
    let repeated: Vec<Start> = starts.iter().flat_map(|s| std::iter::repeat_n(s.clone(), n * m)).collect();
    let again = EvaluationSettings {
        record: 0,
        keep_actions: false,
        episodes: repeated.len(),
        starts: Some(repeated.into()),
        ..settings
    };
    let mut forced = FirstChunk { alone: alone(run.seed + 1), chunks: &chunks, repeats: m };
    let outcome = evaluate(run.environment, &mut forced, &again, pool, progress)?;
    let discounted = |steps: usize, success: bool| if success { effort.discount.powi(steps as i32) } else { 0.0 };
    let returns: Vec<f64> = outcome.episodes.iter().map(|e| discounted(e.steps, e.success)).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mut critic, mut ceiling, mut all) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
    let [mut best, mut average, mut chosen] = [const { Vec::new() }; 3];
    let mut first = [0.0; 2];
    for (i, worth) in worths.into_iter().enumerate() {
        let of = |j: usize| &returns[(i * n + j) * m..][..m];
        let means: Vec<f64> = (0..n).map(|j| mean(of(j))).collect();
        let halves = [0, 1].map(|h| (0..n).map(|j| mean(&of(j)[h * m / 2..][..m / 2])).collect::<Vec<_>>());
        let top = (0..n).max_by(|a, b| worth[*a].total_cmp(&worth[*b])).unwrap_or_default();
        best.push(means.iter().copied().fold(0.0, f64::max));
        average.push(mean(&means));
        chosen.push(means[top]);
        first.iter_mut().zip(&means).for_each(|(sum, mean)| *sum += mean / starts.len() as f64);
        let spread = mean(&means.iter().map(|x| (x - mean(&means)).powi(2)).collect::<Vec<_>>()).sqrt();
        if spread >= APART {
            critic.push(spearman(&worth, &means).unwrap_or(0.0));
            ceiling.push(spearman(&halves[0], &halves[1]).unwrap_or(0.0));
        }
        all.0.extend(worth);
        all.1.extend(means);
    }
    Ok(WithinStates {
        critic: mean(&critic),
        ceiling: mean(&ceiling),
        across: spearman(&all.0, &all.1).unwrap_or(0.0),
        states: critic.len(),
        best: mean(&best),
        mean: mean(&average),
        chosen: mean(&chosen),
        first,
    })
}
