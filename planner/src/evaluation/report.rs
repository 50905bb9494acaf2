//! The figures of an evaluation, under the names that every command's `--json` uses.

use super::outcome::Outcome;
use crate::selection::quality::Quality;
use serde::Serialize;
use std::collections::BTreeMap;

/// Percentiles of the wall-clock time of a decision, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// Quality of plans, as means over decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PlanQuality {
    /// Standard deviation of the proposals' costs.
    pub spread: f64,
    /// Share of proposals cheaper than the warm start, where there was one.
    pub beat_warm: f64,
    /// Modes among the cheaper half of the proposals.
    pub modes: f64,
    /// Estimated probability that as many proposals again would bring a plan that costs at least 1 % less.
    pub improvable: f64,
}

/// Summary of an evaluation. Everything but `plan_ms` is the same at any number of threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Share of episodes solved.
    pub success_rate: f64,
    /// 95 % Wilson interval of the success rate.
    pub success_ci95: [f64; 2],
    /// Number of episodes.
    pub episodes: usize,
    /// Mean over episodes of the mean cost of their states; not a number (null in JSON) if the simulation of all failed.
    pub mean_cost: f64,
    /// Mean control steps of solved episodes; nothing if none was.
    pub mean_steps_to_success: Option<f64>,
    /// Time of a decision for all episodes in lock-step.
    pub plan_ms: Percentiles,
    /// Most episodes that one decision was for.
    pub plan_batch: usize,
    /// Control steps in the worlds.
    pub env_steps: u64,
    /// Decisions made.
    pub decisions: u64,
    /// Rollouts of the planner.
    pub rollouts: u64,
    /// Of them, those that diverged.
    pub failed_rollouts: u64,
    /// Of them, those that were ended early.
    pub censored_rollouts: u64,
    /// Physics steps of the planner.
    pub physics_steps: u64,
    /// Share of decisions whose plan came from each source.
    pub winners: BTreeMap<&'static str, f64>,
    /// Mean cost of the executed steps as predicted; nothing without a planner.
    pub predicted_cost: Option<f64>,
    /// The same as realised.
    pub realised_cost: Option<f64>,
    /// Mean absolute difference of the two.
    pub prediction_error: Option<f64>,
    /// Means over decisions of what is said of a plan ([`crate::selection::quality::Quality`]); nothing without a
    /// planner.
    pub quality: Option<PlanQuality>,
    /// Mean number of decisions of an episode whose plan left the course of the one before: further than 0.15 apart
    /// over the steps they share, as a root mean square where half the range of an action counts 1.
    pub mode_switches: f64,
    /// Episodes of each mode shown: (episodes, solved).
    pub modes: BTreeMap<&'static str, (usize, usize)>,
    /// Entropy of the modes of the solved episodes, nats; those without a label are left out.
    pub mode_entropy: f64,
    /// Episodes whose simulation failed; they do not count in `mean_cost`.
    pub failed_episodes: usize,
    /// Why the first of them did.
    #[serde(skip)]
    pub first_failure: Option<String>,
    /// Episodes that the task's own `failure` ended.
    pub lost_episodes: usize,
    /// Mean time of solved episodes, s; nothing if none was.
    pub time_to_success_s: Option<f64>,
    /// Values that the task reports beside success (`success.report` of its file): the mean over episodes of each one's
    /// greatest value.
    pub reached: BTreeMap<String, f64>,
    /// Greatest joint speed of any episode, as a share of the joint's limit.
    pub peak_velocity: f64,
    /// Greatest actuator force of any episode, as a share of its limit.
    pub peak_torque: f64,
    /// Root mean square jerk of the joints where chunks meet, mean over episodes, rad/s³ (m/s³ for slides).
    pub boundary_jerk: f64,
    /// The same inside chunks.
    pub inner_jerk: f64,
}

impl Report {
    /// Summarises `outcome`; `control_rate` in Hz.
    pub fn new(outcome: &Outcome, control_rate: f64) -> Self {
        let all = &outcome.episodes;
        let n = all.len();
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        let solved = all.iter().filter(|e| e.success).count();
        let whole = all.iter().filter(|e| e.failure.is_none()).count();
        let steps: usize = all.iter().filter(|e| e.success).map(|e| e.steps).sum();
        let records = || all.iter().flat_map(|e| &e.decisions);
        let decisions = records().count();
        let predicted: Vec<(f64, f64)> = records().filter_map(|r| Some((r.decision.predicted?, r.realised))).collect();
        let over_predicted = |f: fn((f64, f64)) -> f64| {
            (!predicted.is_empty()).then(|| predicted.iter().map(|p| f(*p)).sum::<f64>() / predicted.len() as f64)
        };
        let won = |source: usize| records().filter(|r| r.decision.source == source).count() as f64;
        let sources = outcome.sources.iter().enumerate();
        let winners = sources.map(|(i, name)| (*name, mean(won(i), decisions))).collect();
        let mut modes = BTreeMap::new();
        for episode in all {
            let entry: &mut (usize, usize) = modes.entry(episode.mode.unwrap_or("none")).or_default();
            entry.0 += 1;
            entry.1 += usize::from(episode.success);
        }
        Self {
            success_rate: mean(solved as f64, n),
            success_ci95: wilson95(solved, n),
            episodes: n,
            mean_cost: all.iter().filter(|e| e.failure.is_none()).map(|e| e.mean_cost).sum::<f64>() / whole as f64,
            mean_steps_to_success: (solved > 0).then(|| steps as f64 / solved as f64),
            plan_ms: percentiles(outcome.decisions_ms.iter().map(|d| d.0).collect()),
            plan_batch: outcome.decisions_ms.iter().map(|d| d.1).max().unwrap_or(0),
            env_steps: all.iter().map(|e| e.steps as u64).sum(),
            decisions: decisions as u64,
            rollouts: records().map(|r| r.decision.rollouts).sum(),
            failed_rollouts: records().map(|r| r.decision.failed).sum(),
            censored_rollouts: records().map(|r| r.decision.censored).sum(),
            physics_steps: records().map(|r| r.decision.physics_steps).sum(),
            winners,
            predicted_cost: over_predicted(|(p, _)| p),
            realised_cost: over_predicted(|(_, r)| r),
            prediction_error: over_predicted(|(p, r)| (p - r).abs()),
            quality: quality(records().filter_map(|r| r.decision.quality)),
            mode_switches: mean(records().filter(|r| r.switched).count() as f64, n),
            mode_entropy: entropy(all.iter().filter(|e| e.success).filter_map(|e| e.mode)),
            modes,
            failed_episodes: n - whole,
            first_failure: all.iter().find_map(|e| e.failure.clone()),
            lost_episodes: all.iter().filter(|e| e.lost).count(),
            time_to_success_s: (solved > 0).then(|| steps as f64 / solved as f64 / control_rate),
            reached: outcome
                .reported
                .iter()
                .enumerate()
                .map(|(i, name)| (name.clone(), mean(all.iter().filter_map(|e| e.reached.get(i)).sum(), n)))
                .collect(),
            peak_velocity: all.iter().map(|e| e.actuation.peak_velocity).fold(0.0, f64::max),
            peak_torque: all.iter().map(|e| e.actuation.peak_torque).fold(0.0, f64::max),
            boundary_jerk: mean(all.iter().map(|e| e.actuation.boundary_jerk).sum(), n),
            inner_jerk: mean(all.iter().map(|e| e.actuation.inner_jerk).sum(), n),
        }
    }

    /// Episodes and rollouts whose simulation failed, as a line; nothing if none did.
    pub fn failures(&self) -> Option<String> {
        let of = |failed: u64, all: u64, what: &str| match (failed, all) {
            (0, _) => None,
            (failed, all) if failed == all => Some(format!("all {all} {what} failed")),
            (failed, all) => Some(format!("{failed} of {all} {what} failed")),
        };
        let why = self.first_failure.as_deref().unwrap_or_default();
        let (failed, all) = (self.failed_episodes, self.episodes);
        let episodes = (failed > 0).then(|| format!("{failed} of {all} episodes failed in simulation ({why})"));
        let told = [episodes, of(self.failed_rollouts, self.rollouts, "rollouts")];
        Some(told.into_iter().flatten().collect::<Vec<_>>().join("; ")).filter(|line| !line.is_empty())
    }

    /// `mean cost 0.123`, or that no episode has one.
    pub fn told_cost(&self) -> String {
        if self.mean_cost.is_nan() { "no mean cost".into() } else { format!("mean cost {:.3}", self.mean_cost) }
    }
}

/// Means of what was said of plans.
fn quality(qualities: impl Iterator<Item = Quality> + Clone) -> Option<PlanQuality> {
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (count, sum) = values.fold((0u32, 0.0), |(n, sum), x| (n + 1, sum + x));
        if count == 0 { 0.0 } else { sum / f64::from(count) }
    };
    qualities.clone().next()?;
    Some(PlanQuality {
        spread: mean(&mut qualities.clone().map(|q| q.spread)),
        beat_warm: mean(&mut qualities.clone().filter_map(|q| q.beat_warm)),
        modes: mean(&mut qualities.clone().map(|q| f64::from(q.modes))),
        improvable: mean(&mut qualities.map(|q| q.improvable)),
    })
}

/// Entropy of the shares of equal values, nats.
pub fn entropy<T: Ord>(values: impl Iterator<Item = T>) -> f64 {
    let mut counts = BTreeMap::new();
    values.for_each(|v| *counts.entry(v).or_insert(0u32) += 1);
    let total: u32 = counts.values().sum();
    // The 0 makes an empty sum, −0, one that prints well.
    counts.values().map(|n| f64::from(*n) / f64::from(total)).map(|p| -p * p.ln()).sum::<f64>() + 0.0
}

/// The 95 % Wilson score interval of `successes` in `n` (Wilson 1927).
pub fn wilson95(successes: usize, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (p, n) = (successes as f64 / n as f64, n as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // All or none is exact, whatever the rounding.
    let low = if successes == 0 { 0.0 } else { (centre - half) / scale };
    [low, if successes as f64 == n { 1.0 } else { (centre + half) / scale }]
}

/// Median and 95th percentile (nearest rank).
pub fn percentiles(values: Vec<f64>) -> Percentiles {
    let all = quantiles(values);
    let at = |percent: usize| all.get(percent / STEP).copied().unwrap_or(0.0);
    Percentiles { p50: at(50), p95: at(95) }
}

/// Percent between two of the [`quantiles`].
const STEP: usize = 5;

/// The quantiles at 0, 5, 10 … 100 % (nearest rank): the shape of a distribution. None without values.
pub fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get((percent * values.len()).div_ceil(100).saturating_sub(1)).copied();
    (0..=100).step_by(STEP).filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::super::outcome::EpisodeResult;
    use super::*;

    #[test]
    fn failed_episodes_are_told_and_have_no_cost() {
        let episode = |failure: Option<&str>, mean_cost| EpisodeResult {
            failure: failure.map(str::to_string),
            mean_cost,
            ..EpisodeResult::default()
        };
        let report = |episodes: Vec<EpisodeResult>| Report::new(&Outcome { episodes, ..Outcome::default() }, 20.0);
        let bad = || episode(Some("positions diverged"), 0.0);
        let some = report(vec![episode(None, 2.0), bad(), episode(None, 4.0)]);
        assert_eq!((some.mean_cost, some.told_cost().as_str()), (3.0, "mean cost 3.000"));
        assert_eq!(some.failures().unwrap(), "1 of 3 episodes failed in simulation (positions diverged)");
        let all = Report { rollouts: 8, failed_rollouts: 8, ..report(vec![bad()]) };
        let line = "1 of 1 episodes failed in simulation (positions diverged); all 8 rollouts failed";
        assert_eq!((all.failures().as_deref(), all.told_cost().as_str()), (Some(line), "no mean cost"));
        assert_eq!(report(vec![episode(None, 2.0)]).failures(), None);
    }

    #[test]
    fn wilson_as_published() {
        let [low, high] = wilson95(45, 50);
        assert!((low - 0.786).abs() < 1e-3 && (high - 0.957).abs() < 1e-3);
        let [low, high] = wilson95(190, 200);
        assert!((low - 0.910).abs() < 1e-3 && (high - 0.973).abs() < 1e-3);
        assert_eq!(wilson95(0, 0), [0.0, 1.0]);
        assert!((1..500).all(|n| wilson95(n, n)[1] == 1.0 && wilson95(0, n)[0] == 0.0));
    }

    #[test]
    fn entropy_of_even_shares_is_the_logarithm_of_their_number() {
        assert!((entropy(["a", "b", "a", "b"].into_iter()) - 2f64.ln()).abs() < 1e-12);
        assert_eq!((entropy(["a"; 3].into_iter()), entropy(std::iter::empty::<u8>())), (0.0, 0.0));
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let p = percentiles((1..=100).map(f64::from).collect());
        assert_eq!((p.p50, p.p95), (50.0, 95.0));
        assert_eq!(percentiles(vec![]).p95, 0.0);
        let all = quantiles((1..=100).rev().map(f64::from).collect());
        assert_eq!((all.len(), all[0], all[1], all[20]), (21, 1.0, 5.0, 100.0));
        assert_eq!(quantiles(vec![]), [0.0; 0]);
    }
}
