//! Elites: the best candidates of a decision, kept apart, never averaged.
//!
//! A recorder stands between the evaluator and the planner and notes, for each decision, the candidates worth
//! imitating. Weights enter RS-IMLE as the probability of *sampling* a state (a weight inside the loss would only
//! scale the pull on each target's own nearest latent, and a bad target would still be covered):
//!
//! ```text
//! advantage(s, a) = mean cost of the candidates in s − cost of a
//! weight(s, a)    = min(exp(advantage / temperature), most_weight),   0 where advantage ≤ least_advantage
//! probability(s)  ∝ mean weight of its elites
//! ```
//!
//! Within a state as many targets as latents are drawn from the elites by weight (`WeightedTargets`), so that every
//! latent gets one: what the generator would have drawn beside the elites gives way, and sampled mass follows the
//! weights.

use imle_configs::{Error as InputError, files};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::{chunk, planner::Planner, rollout::Score};
use imle_policy::targets::WeightedState;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, path::Path};

/// Choice of elites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EliteSettings {
    /// Most elites a decision.
    pub most: usize,
    /// Elites of one decision are at least so far apart (half the action range counts 1), so that modes stay.
    pub least_distance: f64,
    /// Temperature of the advantage weights, in units of the task's cost.
    pub temperature: f64,
    /// Largest weight.
    pub most_weight: f64,
    /// Decisions with a smaller advantage teach nothing, and are dropped.
    pub least_advantage: f64,
}

impl Default for EliteSettings {
    fn default() -> Self {
        Self { most: 4, least_distance: 0.02, temperature: 0.5, most_weight: 10.0, least_advantage: 0.01 }
    }
}

/// A planner whose decisions are recorded.
pub struct Recorder<'p> {
    planner: &'p mut Planner,
    settings: EliteSettings,
    low: Vec<f32>,
    high: Vec<f32>,
    /// States recorded so far, each with its episode.
    samples: Vec<(u64, WeightedState)>,
}

impl<'p> Recorder<'p> {
    /// Records the decisions of `planner`; `low` and `high` are the ranges of the action.
    pub fn new(planner: &'p mut Planner, settings: EliteSettings, (low, high): (&[f32], &[f32])) -> Self {
        Self { planner, settings, low: low.to_vec(), high: high.to_vec(), samples: Vec::new() }
    }

    /// Training samples of the episodes that `succeeded`.
    pub fn kept(self, succeeded: &BTreeSet<u64>) -> Vec<WeightedState> {
        self.samples.into_iter().filter(|(episode, _)| succeeded.contains(episode)).map(|(_, state)| state).collect()
    }

    /// The planner itself, whose decisions are then not recorded.
    pub fn planner(&mut self) -> &mut Planner {
        self.planner
    }
}

impl Decide for Recorder<'_> {
    fn sources(&self) -> Vec<&'static str> {
        self.planner.sources()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        self.planner.decide(pool, situation, chunks, how)?;
        let (candidates, scores) = self.planner.last();
        let batch = situation.keys.len();
        let (history, n, chunk) = (situation.observations.len() / batch, scores.len() / batch, chunks.len() / batch);
        for (b, key) in situation.keys.iter().enumerate() {
            let candidates = &candidates[b * n * chunk..][..n * chunk];
            let chosen = choose(&self.settings, candidates, &scores[b * n..][..n], &self.low, &self.high);
            if let Some((elites, weights)) = chosen {
                let probability = weights.iter().sum::<f64>() / weights.len() as f64;
                let observation = situation.observations[b * history..][..history].to_vec();
                let elites = elites.into_iter().map(|i| candidates[i * chunk..][..chunk].to_vec()).collect();
                self.samples.push((key.episode, WeightedState { observation, elites, weights, probability }));
            }
        }
        Ok(())
    }
}

/// Indices of the elites among scored candidates (N, T, A), best first, and their weights; nothing where no advantage
/// is large enough.
fn choose(
    settings: &EliteSettings,
    chunks: &[f32],
    scores: &[Score],
    low: &[f32],
    high: &[f32],
) -> Option<(Vec<usize>, Vec<f64>)> {
    let chunk = chunks.len() / scores.len().max(1);
    let steps = chunk / low.len().max(1);
    let mut alive: Vec<usize> =
        (0..scores.len()).filter(|i| !scores[*i].failed && scores[*i].cost.is_finite()).collect();
    let mean = alive.iter().map(|i| scores[*i].cost).sum::<f64>() / alive.len().max(1) as f64;
    alive.sort_by(|a, b| scores[*a].cost.total_cmp(&scores[*b].cost).then(a.cmp(b)));
    let mut elites: Vec<usize> = Vec::new();
    for i in alive {
        if elites.len() >= settings.most || scores[i].cost > mean - settings.least_advantage {
            break;
        }
        let of = |i: usize| &chunks[i * chunk..][..chunk];
        if elites.iter().all(|e| chunk::distance(of(i), of(*e), steps, low, high) >= settings.least_distance) {
            elites.push(i);
        }
    }
    let weight = |i: &usize| ((mean - scores[*i].cost) / settings.temperature).exp().min(settings.most_weight);
    let weights = elites.iter().map(weight).collect();
    (!elites.is_empty()).then_some((elites, weights))
}

/// Writes states as one safetensors file: `observations` (M, T_obs·O), `elites` (ΣK, T_pred·A), `weights` (ΣK),
/// `counts` (M) and `probabilities` (M).
///
/// # Errors
/// If the file cannot be written, or there are no states.
pub fn save(path: &Path, states: &[WeightedState]) -> imle_configs::Result<()> {
    let sizes = states.first().and_then(|s| Some((s.observation.len(), s.elites.first()?.len())));
    let none = || InputError::unexpected(path.display(), "states with elites", "none");
    let (observation, chunk) = sizes.ok_or_else(none)?;
    let floats = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let observations = floats(&mut states.iter().flat_map(|s| s.observation.iter().copied()));
    let elites = floats(&mut states.iter().flat_map(|s| s.elites.iter().flatten().copied()));
    let counts: Vec<u8> = states.iter().flat_map(|s| (s.elites.len() as i64).to_le_bytes()).collect();
    let weights: Vec<u8> = states.iter().flat_map(|s| &s.weights).flat_map(|w| w.to_le_bytes()).collect();
    let probabilities: Vec<u8> = states.iter().flat_map(|s| s.probability.to_le_bytes()).collect();
    let (m, total) = (states.len(), states.iter().map(|s| s.elites.len()).sum());
    let tensors = [
        ("observations", Dtype::F32, vec![m, observation], &observations),
        ("elites", Dtype::F32, vec![total, chunk], &elites),
        ("weights", Dtype::F64, vec![total], &weights),
        ("counts", Dtype::I64, vec![m], &counts),
        ("probabilities", Dtype::F64, vec![m], &probabilities),
    ];
    let bad =
        |e: safetensors::SafeTensorError| InputError::unexpected(path.display(), "tensors that can be written", e);
    let mut views = Vec::new();
    for (name, kind, shape, bytes) in tensors {
        views.push((name, TensorView::new(kind, shape, bytes).map_err(bad)?));
    }
    let bytes = safetensors::serialize(views, None).map_err(bad)?;
    files::write_atomic(path, |w| w.write_all(&bytes))
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// A bad input that names the file and the tensor.
pub fn load(path: &Path) -> imle_configs::Result<Vec<WeightedState>> {
    let place = path.display().to_string();
    let bytes = files::read_bytes(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| InputError::unexpected(&place, "a safetensors file", e))?;
    let tensor =
        |name: &str| file.tensor(name).map_err(|e| InputError::unexpected(&place, format!("a tensor `{name}`"), e));
    let floats = |name: &str| -> imle_configs::Result<(Vec<f32>, usize)> {
        let t = tensor(name)?;
        let width = t.shape().get(1).copied().filter(|w| *w > 0 && t.dtype() == Dtype::F32);
        let found = || format!("{:?} {:?}", t.dtype(), t.shape());
        let bad = || InputError::unexpected(&place, format!("`{name}` as a float32 matrix"), found());
        Ok((t.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(), width.ok_or_else(bad)?))
    };
    let words = |name: &str| -> imle_configs::Result<Vec<[u8; 8]>> { Ok(tensor(name)?.data().as_chunks().0.to_vec()) };
    let ((observations, observation), (elites, chunk)) = (floats("observations")?, floats("elites")?);
    let (counts, probabilities) = (words("counts")?, words("probabilities")?);
    let mut weights = words("weights")?.into_iter().map(f64::from_le_bytes);
    let mut rows = elites.chunks_exact(chunk).map(<[f32]>::to_vec);
    let mut states = Vec::new();
    for ((row, count), probability) in observations.chunks_exact(observation).zip(counts).zip(probabilities) {
        let count = usize::try_from(i64::from_le_bytes(count)).unwrap_or(0);
        let elites: Vec<Vec<f32>> = rows.by_ref().take(count).collect();
        let weights: Vec<f64> = weights.by_ref().take(count).collect();
        if elites.len() != count || weights.len() != count || count == 0 {
            return Err(InputError::unexpected(&place, format!("{count} elites for a state"), elites.len()));
        }
        let (observation, probability) = (row.to_vec(), f64::from_le_bytes(probability));
        states.push(WeightedState { observation, elites, weights, probability });
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(cost: f64) -> Score {
        Score { failed: cost.is_infinite(), ..Score::of(cost) }
    }

    #[test]
    fn elites_are_the_best_that_differ_and_weigh_by_advantage() {
        let settings =
            EliteSettings { most: 2, least_distance: 0.1, temperature: 1.0, most_weight: 10.0, least_advantage: 0.0 };
        // Candidates of one step and one dimension; the second is a copy of the first, the last one failed.
        let chunks = [0.5, 0.5, -0.5, 0.0, 0.9];
        let scores = [score(1.0), score(1.1), score(2.0), score(7.9), score(f64::INFINITY)];
        let (elites, weights) = choose(&settings, &chunks, &scores, &[-1.0], &[1.0]).unwrap();
        assert_eq!(elites, [0, 2]);
        assert!((weights[0] - 2f64.exp()).abs() < 1e-9 && (weights[1] - 1f64.exp()).abs() < 1e-9, "{weights:?}");
        assert!(choose(&settings, &[0.0, 1.0], &[score(2.0), score(2.0)], &[-1.0], &[1.0]).is_some());
        let strict = EliteSettings { least_advantage: 0.5, ..settings };
        assert!(choose(&strict, &[0.0, 1.0], &[score(2.0), score(2.1)], &[-1.0], &[1.0]).is_none());
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.safetensors");
        let state = |x: f32, k: usize| WeightedState {
            observation: vec![x; 3],
            elites: vec![vec![x, 2.0]; k],
            weights: vec![0.5; k],
            probability: 0.1,
        };
        let states = vec![state(1.0, 1), state(2.0, 3)];
        save(&path, &states).unwrap();
        assert_eq!(load(&path).unwrap(), states);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("safetensors"));
    }
}
