//! Whether a generator keeps the modes that it had: measures on a frozen set of states, before, during and after.
//!
//! - `modes/recall`, `modes/precision` of demonstrations and `modes/recall_auc`, the mean of recall over radii up to
//!   four times the one that demonstrations are apart ([`imle_policy::fidelity`]); `modes/nearest`, the mean distance
//!   from a demonstration to the nearest of 64 samples. With demonstrations only.
//! - `modes/energy_distance` from the generator as it came, G_0: with x of G_0 and y of G in the same state, 2 E‖x − y‖
//!   − E‖x − x'‖ − E‖y − y'‖, per element in normalised units, mean over states (Székely and Rizzo 2013). 0 for the
//!   same distribution.
//! - `modes/entropy` of the labelled modes of solved held-out episodes, nats; `modes/seen`, how many of them there are;
//!   `modes/share_…`, which part of them each is. Only tasks of ours have labels.

use crate::replay::trajectory::{Sizes, Trajectory};
use crate::run::{Evaluation, Figures, Run};
use crate::{error::Result, mode_reweighting::note_shares};
use imle_configs::seed::Purpose;
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::policy_controller::PolicyController;
use imle_policy::fidelity::{Fidelity, HeldOutWindows};
use imle_policy::targets::DemonstrationChunks;
use imle_policy::{checkpoint::Checkpoint, normalizer::Normalizer, policy::Policy, sampler::LatentKey};
use rayon::prelude::*;

/// Samples a state of recall and precision.
const SAMPLES: usize = 64;
/// States, at most, and neighbours of each.
const WINDOWS: usize = 200;
const NEIGHBOURS: usize = 10;
/// States of the energy distance, and samples of each generator in each.
const STATES: usize = 48;
const DRAWS: usize = 32;
/// Of the demonstrations the last one in so many is judged by the others.
const HELD_OUT_SHARE: usize = 5;
/// Episodes in which states are met where there are no demonstrations.
const EPISODES: usize = 8;

/// Most of what is learned from that demonstrations are made to be where modes are lost.
const MOST_SHARE: f64 = 0.9;
/// By how much that share rises where modes are lost, and falls where they are not.
const RISE: f64 = 0.2;
const FALL: f64 = 0.1;

/// Shares of the initial generator's mode measures that must remain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floors {
    pub(crate) recall: f64,
    pub(crate) entropy: f64,
}

impl Floors {
    /// Whether `now` is below a floor of what was measured `before`.
    pub(crate) fn missed(self, before: &Figures, now: &Figures) -> bool {
        self.recall_missed(before, now) || self.entropy_missed(before, now)
    }

    /// Whether recall is below its floor.
    pub(crate) fn recall_missed(self, before: &Figures, now: &Figures) -> bool {
        below("modes/recall", self.recall, before, now)
    }

    /// Whether entropy is below its floor.
    pub(crate) fn entropy_missed(self, before: &Figures, now: &Figures) -> bool {
        below("modes/entropy", self.entropy, before, now)
    }
}

fn below(key: &str, floor: f64, before: &Figures, now: &Figures) -> bool {
    match (before.get(key), now.get(key)) {
        (Some(was), Some(is)) => *was > 0.0 && *is < floor * was,
        _ => false,
    }
}

/// The share of demonstrations in what is learned from, from what it was; `least` is that of the settings.
pub(crate) fn share_of_demonstrations(was: f64, least: f64, missed: bool) -> f64 {
    if missed { (was + RISE).min(MOST_SHARE).max(least) } else { (was - FALL).max(least) }
}

/// A frozen set of states and what the generator as it came does in them.
pub struct Modes {
    judge: Option<HeldOutWindows>,
    /// Histories (S, T_obs · O), raw, and chunks of G_0 in them, (S, DRAWS, T_pred · A), normalised.
    histories: Vec<f32>,
    first: Vec<f32>,
    chunk: usize,
    action: Normalizer,
    seed: u64,
}

impl Modes {
    /// The states are those of the demonstrations, or else those that the generator as it came meets.
    ///
    /// # Errors
    /// What sampling and episodes return.
    pub fn new(run: &Run<'_>, pool: &rayon::ThreadPool, demonstrations: Option<&DemonstrationChunks>) -> Result<Self> {
        let config = run.checkpoint.config();
        let (normalizers, shape) = (&config.normalizers, config.shape());
        let episodes = run.demonstrations.len();
        let judge = match demonstrations {
            Some(windows) if episodes > 1 => {
                let first = episodes - (episodes / HELD_OUT_SHARE).max(1);
                Some(HeldOutWindows::new(pool, windows, normalizers, first, NEIGHBOURS, WINDOWS)?)
            }
            _ => None,
        };
        let all: Vec<f32> = match demonstrations {
            None => met(run, pool)?,
            Some(windows) => {
                let count = windows.len().min(STATES);
                let mut histories = vec![0.0; count * shape.observation];
                for (i, history) in histories.chunks_exact_mut(shape.observation).enumerate() {
                    windows.window(i * windows.len() / count, history, &mut []);
                }
                histories
            }
        };
        let count = (all.len() / shape.observation).min(STATES);
        let histories = all[..count * shape.observation].to_vec();
        let mut modes = Self {
            judge,
            histories,
            first: Vec::new(),
            chunk: shape.chunk(),
            action: normalizers.action.clone(),
            seed: run.seed,
        };
        let sampler = Policy::with_threads(run.checkpoint, run.threads, run.device)?;
        modes.first = modes.draw(pool, &sampler, 0)?;
        Ok(modes)
    }

    /// Those in `modes`, which are made when they are first needed.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn kept<'m>(
        modes: &'m mut Option<Self>,
        run: &Run<'_>,
        pool: &rayon::ThreadPool,
        demonstrations: Option<&DemonstrationChunks>,
    ) -> Result<&'m Self> {
        Ok(match modes {
            Some(modes) => modes,
            none => none.insert(Self::new(run, pool, demonstrations)?),
        })
    }

    fn draw(&self, pool: &rayon::ThreadPool, sampler: &Policy, step: u64) -> Result<Vec<f32>> {
        let states = self.histories.len() / sampler.sampler().shape().observation;
        let key = |episode| LatentKey { seed: self.seed, episode, step };
        let keys: Vec<LatentKey> = (0..states as u64).map(key).collect();
        let mut drawn = vec![0.0; states * DRAWS * self.chunk];
        sampler.sampler().sample(pool, &self.histories, &keys, DRAWS, &mut drawn)?;
        self.action.normalize(&mut drawn);
        Ok(drawn)
    }

    fn fidelity(&self, pool: &rayon::ThreadPool, sampler: &Policy) -> Result<Option<Fidelity>> {
        let Some(judge) = &self.judge else { return Ok(None) };
        Ok(judge.measure(pool, sampler.sampler(), SAMPLES, self.seed, &mut |_| true)?)
    }

    /// `modes/recall` of `checkpoint`, for which no episode is needed; nothing without demonstrations.
    ///
    /// # Errors
    /// What sampling returns.
    pub(crate) fn recall(
        &self,
        run: &Run<'_>,
        pool: &rayon::ThreadPool,
        checkpoint: &Checkpoint,
    ) -> Result<Option<f64>> {
        let sampler = Policy::with_threads(checkpoint, run.threads, run.device)?;
        Ok(self.fidelity(pool, &sampler)?.map(|fidelity| fidelity.recall))
    }

    /// The measures of `checkpoint`, whose held-out episodes were `evaluation`.
    ///
    /// # Errors
    /// What sampling returns.
    pub(crate) fn measure(
        &self,
        run: &Run<'_>,
        pool: &rayon::ThreadPool,
        checkpoint: &Checkpoint,
        evaluation: &Evaluation,
    ) -> Result<Figures> {
        let mut found = Figures::new();
        let sampler = Policy::with_threads(checkpoint, run.threads, run.device)?;
        if let Some(fidelity) = self.fidelity(pool, &sampler)? {
            found.insert("modes/recall".to_string(), fidelity.recall);
            found.insert("modes/precision".into(), fidelity.precision);
            found.insert("modes/nearest".into(), fidelity.to_samples);
            let recalls = fidelity.curve.iter().map(|[_, recall, _]| recall);
            found.insert("modes/recall_auc".into(), recalls.sum::<f64>() / fidelity.curve.len().max(1) as f64);
        }
        let now = self.draw(pool, &sampler, 1)?;
        found.insert("modes/energy_distance".into(), energy_distance(pool, &self.first, &now, self.chunk));
        // Only an expert of ours labels modes.
        if run.environment.task().is_none() {
            return Ok(found);
        }
        let labels = evaluation.outcome.episodes.iter().filter(|e| e.success).filter_map(|e| e.mode);
        let seen = note_shares(labels, &mut found);
        found.insert("modes/seen".into(), seen as f64);
        found.insert("modes/entropy".into(), evaluation.report.mode_entropy);
        Ok(found)
    }
}

/// The histories before each decision of a few episodes of the generator as it came, (S, T_obs · O), raw.
fn met(run: &Run<'_>, pool: &rayon::ThreadPool) -> Result<Vec<f32>> {
    let horizons = run.environment.horizons(run.checkpoint.config().horizons);
    let sampler = Policy::with_threads(run.checkpoint, run.threads, run.device)?;
    let mut alone = PolicyController::new(sampler.clone(), run.seed, horizons);
    let settings = EvaluationSettings {
        purpose: Purpose::Modes,
        keep_actions: true,
        ..EvaluationSettings::held_out(EPISODES, run.seed, horizons)
    };
    let spec = run.environment.spec();
    let sizes = Sizes {
        base: 0,
        observation: spec.observation.size(),
        action: spec.action.size(),
        executed: horizons.action,
        seen: horizons.observation,
    };
    let outcome = evaluate(run.environment, &mut alone, &settings, pool, &mut ())?;
    let (mut all, mut history) = (Vec::new(), vec![0.0; sizes.history()]);
    for trajectory in outcome.episodes.into_iter().filter_map(Trajectory::of) {
        for index in 0..trajectory.decisions(sizes) {
            trajectory.history(index * sizes.executed, sizes, &mut history);
            all.extend_from_slice(&history);
        }
    }
    Ok(all)
}

/// Mean over states of the energy distance of rows (S, DRAWS, `chunk`).
fn energy_distance(pool: &rayon::ThreadPool, a: &[f32], b: &[f32], chunk: usize) -> f64 {
    let size = DRAWS * chunk;
    let of = |(a, b): (&[f32], &[f32])| {
        let mean = |x: &[f32], y: &[f32], same: bool| {
            let pairs = x.chunks_exact(chunk).flat_map(|x| y.chunks_exact(chunk).map(move |y| far(x, y)));
            pairs.sum::<f64>() / (DRAWS * (DRAWS - usize::from(same))) as f64
        };
        2.0 * mean(a, b, false) - mean(a, a, true) - mean(b, b, true)
    };
    let states = a.len() / size.max(1);
    let sums: Vec<f64> = pool.install(|| a.par_chunks_exact(size).zip(b.par_chunks_exact(size)).map(of).collect());
    sums.iter().sum::<f64>() / states.max(1) as f64
}

/// Root mean square of the differences.
fn far(a: &[f32], b: &[f32]) -> f64 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (f64::from(sum) / a.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_floor_is_a_share_of_what_was() {
        let of = |recall, entropy| BTreeMap::from([("modes/recall".into(), recall), ("modes/entropy".into(), entropy)]);
        let floors = Floors { recall: 0.95, entropy: 0.9 };
        assert!(!floors.missed(&of(0.8, 1.0), &of(0.77, 0.91)));
        assert!(floors.missed(&of(0.8, 1.0), &of(0.75, 1.2)));
        assert!(floors.missed(&of(0.8, 1.0), &of(0.9, 0.89)));
        assert!(!floors.missed(&of(0.0, 0.0), &BTreeMap::new()));
        assert!((share_of_demonstrations(0.3, 0.3, true) - 0.5).abs() < 1e-12);
        assert!((share_of_demonstrations(0.8, 0.3, true) - MOST_SHARE).abs() < 1e-12);
        assert!((share_of_demonstrations(0.35, 0.3, false) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn the_energy_distance_is_that_of_the_distributions() {
        let pool = imle_planner::threads::pool(2).unwrap();
        // Two modes at −1 and 1 beside one of them alone: 2 · 1 − E‖x − x'‖ − 0, all pairs of distinct draws.
        let both: Vec<f32> = (0..DRAWS).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 }).collect();
        let one = vec![1.0; DRAWS];
        let apart = 2.0 * (DRAWS / 2 * DRAWS / 2 * 2) as f64 / (DRAWS * (DRAWS - 1)) as f64;
        assert!((energy_distance(&pool, &both, &one, 1) - (2.0 - apart)).abs() < 1e-9);
        assert!(energy_distance(&pool, &one, &one, 1).abs() < 1e-9);
    }
}
