//! The measured cells as the report needs them: rows, pooled over the seeds of the trainings.

use super::args::Protocol;
use super::cell::{ClaimCell, What};
use crate::publish::grouped;
use imle_cli::output::percent;
use imle_cli::statistics::{Tally, bootstrap95, entropy, needed, pooled, resample, resample_counts, sum};
use imle_planner::evaluation::report::wilson95;
use serde_json::Value;
use std::collections::BTreeMap;

/// A cell with its result.
pub type ClaimResult = (ClaimCell, Value);

/// Results by the frame that they share: only those of one frame are compared.
pub fn frames(done: &[ClaimResult]) -> Vec<(String, Vec<ClaimResult>)> {
    let mut frames: Vec<(String, Vec<ClaimResult>)> = Vec::new();
    for (cell, result) in done {
        let f = &cell.frame;
        let frame = format!(
            "{} steps, {} demonstrations, {} episodes of seed {}, settings {}",
            f.steps, f.demos, f.episodes, f.evaluation_seed, f.settings
        );
        // Of one task the same demonstrations.
        let same = |(c, _): &ClaimResult| c.task != cell.task || c.frame.data == f.data;
        match frames.iter_mut().find(|(known, list)| *known == frame && list.iter().all(same)) {
            Some((_, list)) => list.push((cell.clone(), result.clone())),
            None => frames.push((frame, vec![(cell.clone(), result.clone())])),
        }
    }
    frames
}

/// `1.23`, or `open`.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("open".into(), |v| format!("{v:.digits$}"))
}

/// `12.3 %`, or `open`.
pub fn share(value: Option<f64>) -> String {
    value.map_or("open".into(), percent)
}

/// `12.3 % [12, 34]`.
pub fn share_within(share: f64, [low, high]: [f64; 2]) -> String {
    format!("{} [{:.0}, {:.0}]", percent(share), 100.0 * low, 100.0 * high)
}

/// A figure at `path`, as `report.mode_switches`.
pub fn figure(value: &Value, path: &str) -> Option<f64> {
    path.split('.').try_fold(value, |v, key| v.get(key))?.as_f64()
}

/// The name of a row.
pub fn name(row: &Value) -> &str {
    row["name"].as_str().unwrap_or_default()
}

/// The episodes of a row.
pub fn tally(report: &Value) -> Option<Tally> {
    let episodes = report["episodes"].as_u64()?;
    Some(Tally { solved: (report["success_rate"].as_f64()? * episodes as f64).round() as u64, episodes })
}

/// Counts of modes.
pub type ModeCounts = BTreeMap<String, u64>;

/// Rows of results, each a way of sampling one training, or what several trainings have at the same path.
#[derive(Clone, Debug)]
pub struct Rows<'a>(pub Vec<&'a Value>);

impl<'a> Rows<'a> {
    /// The rows of a result.
    pub fn of(result: &'a Value) -> Self {
        Self(result["entries"].as_array().into_iter().flatten().collect())
    }

    /// Mean of the figures at `path` that are there.
    pub fn mean(&self, path: &str) -> Option<f64> {
        let figures: Vec<f64> = self.0.iter().filter_map(|row| figure(row, path)).collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    }

    /// The episodes.
    pub fn tallies(&self) -> Vec<Tally> {
        self.0.iter().filter_map(|row| tally(&row["report"])).collect()
    }

    /// Counts of the labelled modes of solved episodes.
    pub fn solved_modes(&self) -> ModeCounts {
        let mut counts = ModeCounts::new();
        for (mode, both) in self.0.iter().filter_map(|r| r["report"]["modes"].as_object()).flatten() {
            let solved = both[1].as_u64().unwrap_or(0);
            if mode != "none" && solved > 0 {
                *counts.entry(mode.clone()).or_default() += solved;
            }
        }
        counts
    }

    /// Success as text, or `open`.
    pub fn success(&self) -> String {
        success_text(&self.tallies())
    }

    /// Recall and precision as text, means over the trainings.
    pub fn fidelity(&self) -> [String; 2] {
        ["fidelity.recall", "fidelity.precision"].map(|path| share(self.mean(path)))
    }

    /// Minutes of a training as text.
    pub fn minutes(&self) -> String {
        number(self.mean("train.train_s").map(|s| s / 60.0), 1)
    }
}

/// Rows of cells that are equal but for the seed of the training, by what `key` makes of the cell and the row's name,
/// in the order of the first of each.
pub fn rows_by<'a, K: PartialEq>(
    done: &'a [ClaimResult],
    key: impl Fn(&'a ClaimCell, &'a str) -> Option<K>,
) -> Vec<(K, Rows<'a>)> {
    let rows = done.iter().flat_map(|(cell, result)| Rows::of(result).0.into_iter().map(move |row| (cell, row)));
    let keyed = rows.filter_map(|(cell, row)| Some((key(cell, name(row))?, row)));
    grouped(keyed).into_iter().map(|(key, rows)| (key, Rows(rows))).collect()
}

/// The rows of a part by task and name.
pub fn rows_of(done: &[ClaimResult], part: fn(&What) -> bool) -> Vec<((&str, &str), Rows<'_>)> {
    rows_by(done, |cell, name| part(&cell.what).then_some((cell.task.as_str(), name)))
}

/// Success pooled over trainings, with both intervals.
#[derive(Clone, Copy, Debug)]
pub struct PooledSuccess {
    pub rate: f64,
    /// Of the episodes, as if of one generator.
    pub wilson: [f64; 2],
    /// Over trainings and episodes.
    pub bootstrap: [f64; 2],
}

impl PooledSuccess {
    /// Of one or more trainings.
    pub fn of(runs: &[Tally]) -> Option<Self> {
        let (solved, episodes) = sum(runs);
        (episodes > 0).then(|| Self {
            rate: pooled(runs),
            wilson: wilson95(solved as usize, episodes as usize),
            bootstrap: bootstrap95(|rng| resample(runs, rng)),
        })
    }

    /// Low end, rate and high end, in percent.
    pub fn bar(&self) -> [f64; 3] {
        [self.wilson[0], self.rate, self.wilson[1]].map(|share| 100.0 * share)
    }
}

/// `62.0 % [58.0, 65.8] (50.1–70.2)`: the success of these trainings, or `open`.
pub fn success_text(runs: &[Tally]) -> String {
    let Some(success) = PooledSuccess::of(runs) else { return "open".into() };
    let ([low, rate, high], [least, most]) = (success.bar(), success.bootstrap.map(|x| 100.0 * x));
    format!("{rate:.1} % [{low:.1}, {high:.1}] ({least:.1}–{most:.1})")
}

/// Success against the number of demonstrations.
#[derive(Clone, Debug, PartialEq)]
pub struct DataCurve {
    pub task: String,
    pub protocol: Protocol,
    pub name: String,
    pub points: BTreeMap<u32, Vec<Tally>>,
    /// All demonstrations there are.
    pub demos: u32,
}

impl DataCurve {
    /// Numbers of demonstrations.
    fn sizes(&self) -> Vec<f64> {
        self.points.keys().map(|n| f64::from(*n)).collect()
    }

    /// Demonstrations needed for `target`, where `share` tells the success of trainings.
    fn needed(&self, target: f64, mut share: impl FnMut(&[Tally]) -> f64) -> Option<f64> {
        let success: Vec<_> = self.points.values().map(|runs| (share(runs), sum(runs).1 as f64)).collect();
        needed(&self.sizes(), &success, target)
    }
}

/// The curves of the data part.
pub fn curves(done: &[ClaimResult]) -> Vec<DataCurve> {
    let rows = done.iter().flat_map(|(cell, result)| Rows::of(result).0.into_iter().map(move |row| (cell, row)));
    let runs = rows.filter_map(|(cell, row)| {
        let What::Data { protocol, demonstrations, .. } = &cell.what else { return None };
        Some(((&cell.task, *protocol, name(row)), (cell.frame.demos, *demonstrations, tally(&row["report"])?)))
    });
    let mut curves = Vec::new();
    for ((task, protocol, name), runs) in grouped(runs) {
        let mut points: BTreeMap<u32, Vec<Tally>> = BTreeMap::new();
        let demos = runs[0].0;
        runs.into_iter().for_each(|(_, size, tally)| points.entry(size).or_default().push(tally));
        curves.push(DataCurve { task: task.clone(), protocol, name: name.into(), points, demos });
    }
    curves
}

/// The data IMLE needs to match a baseline with all demonstrations.
#[derive(Clone, Debug)]
pub struct Need<'a> {
    curve: &'a DataCurve,
    pub baseline: &'a DataCurve,
    /// Success of the baseline with all demonstrations.
    pub target: f64,
    /// Demonstrations; nothing if all are too few.
    pub imle: Option<f64>,
    /// Of 2000 resamples, the 95 % interval; all demonstrations stand for what is not reached.
    pub interval: [f64; 2],
    /// Fewest that were measured: a need of so many may be less.
    pub fewest: f64,
    pub demos: f64,
    /// Demonstrations that the baseline needs itself, if its curve was measured.
    pub itself: Option<f64>,
}

impl<'a> Need<'a> {
    /// Nothing if `baseline` solves nothing with all demonstrations, which any matches, or IMLE has no curve.
    fn of(curve: &'a DataCurve, baseline: &'a DataCurve) -> Option<Self> {
        if curve.points.len() < 2 || curve.demos != baseline.demos {
            return None;
        }
        let target = Some(pooled(baseline.points.get(&baseline.demos)?)).filter(|rate| *rate > 0.0)?;
        let demos = f64::from(curve.demos);
        let itself = (baseline.points.len() > 1).then(|| baseline.needed(target, pooled)).flatten();
        let fewest = curve.sizes().first().copied().unwrap_or(demos);
        let imle = curve.needed(target, pooled);
        let need = Self { curve, baseline, target, imle, interval: [0.0; 2], fewest, demos, itself };
        Some(Self { interval: bootstrap95(|rng| need.resampled(rng)), ..need })
    }

    /// Share of the demonstrations saved, 0 where all are too few.
    pub fn saved(&self) -> f64 {
        1.0 - self.imle.unwrap_or(self.demos) / self.demos
    }

    fn resampled(&self, rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
        let all = self.baseline.points.get(&self.baseline.demos);
        let target = all.map_or(f64::NAN, |runs| resample(runs, rng));
        self.curve.needed(target, |runs| resample(runs, rng)).unwrap_or(self.demos)
    }
}

/// The needs of IMLE, of which there is a curve, against every baseline that solves something with all demonstrations.
pub fn needs(curves: &[DataCurve]) -> Vec<Need<'_>> {
    let baselines = curves.iter().filter(|c| !["imle", "regression"].contains(&c.name.as_str()));
    let imle = |task: &str| curves.iter().find(|c| c.task == task && c.name == "imle");
    baselines.filter_map(|baseline| Need::of(imle(&baseline.task)?, baseline)).collect()
}

/// The needs by protocol and baseline.
pub fn by_baseline<'a>(needs: &'a [Need<'a>]) -> Vec<((Protocol, &'a str), Vec<&'a Need<'a>>)> {
    let mut groups = grouped(needs.iter().map(|need| ((need.baseline.protocol, need.baseline.name.as_str()), need)));
    groups.sort_by_key(|((protocol, _), _)| *protocol);
    groups
}

/// The mean share saved over `needs`, of several tasks, with its interval.
pub fn mean_saved(needs: &[&Need<'_>]) -> (f64, [f64; 2]) {
    let count = needs.len() as f64;
    let resampled = |rng: &mut _| needs.iter().map(|need| 1.0 - need.resampled(rng) / need.demos).sum::<f64>() / count;
    (needs.iter().map(|need| need.saved()).sum::<f64>() / count, bootstrap95(resampled))
}

/// Entropy of `found` over that of `reference`, with its interval over both; nothing if the reference has one mode.
pub fn entropy_share(found: &ModeCounts, reference: &ModeCounts) -> Option<(f64, [f64; 2])> {
    let [found, reference] = [found, reference].map(|modes| modes.values().copied().collect::<Vec<_>>());
    let whole = entropy(&reference);
    (whole > 0.0).then(|| {
        let interval = bootstrap95(|rng| {
            entropy(&resample_counts(&found, rng)) / entropy(&resample_counts(&reference, rng)).max(1e-9)
        });
        (entropy(&found) / whole, interval)
    })
}

/// Tasks with the episodes of IMLE and of one-step flow with all demonstrations.
pub fn one_step_pairs(done: &[ClaimResult]) -> Vec<(&str, [Vec<Tally>; 2])> {
    let full = done.iter().filter_map(|(cell, result)| match &cell.what {
        What::Modes { seed, .. } => Some((cell.task.as_str(), (*seed, result))),
        What::Data { protocol: Protocol::EqualSteps, demonstrations, seed, .. } => {
            (*demonstrations == cell.frame.demos).then_some((cell.task.as_str(), (*seed, result)))
        }
        _ => None,
    });
    // The same training may stand in both parts: it counts once.
    let of = |results: &[(u64, &Value)], wanted: &str| {
        let of_seed = |(seed, result): &(u64, &Value)| {
            let row = Rows::of(result).0.into_iter().find(|row| name(row) == wanted)?;
            Some((*seed, tally(&row["report"])?))
        };
        results.iter().filter_map(of_seed).collect::<BTreeMap<_, _>>().into_values().collect()
    };
    let pairs = grouped(full).into_iter();
    pairs.map(|(task, results)| (task, ["imle", "flow-1"].map(|wanted| of(&results, wanted)))).collect()
}

/// Rows of one task and name in the part on modes, beside the modes of the demonstrations.
pub struct ModeGroup<'a> {
    pub task: &'a str,
    pub name: &'a str,
    pub rows: Rows<'a>,
    pub demonstrations: ModeCounts,
}

/// Those of every task and name.
pub fn mode_groups(done: &[ClaimResult]) -> Vec<ModeGroup<'_>> {
    let modes = |what: &What| matches!(what, What::Modes { .. });
    let demonstrations = |task: &str| -> ModeCounts {
        let found = done.iter().find(|(cell, _)| cell.task == task && modes(&cell.what));
        let counts = found.and_then(|(_, result)| result["demonstrations"].as_object()).into_iter().flatten();
        counts.filter_map(|(mode, count)| Some((mode.clone(), count.as_u64()?))).collect()
    };
    let group = |((task, name), rows)| ModeGroup { task, name, rows, demonstrations: demonstrations(task) };
    rows_of(done, modes).into_iter().map(group).collect()
}

#[cfg(test)]
pub mod tests {
    use super::super::cell::Frame;
    use super::*;
    use serde_json::json;

    /// A cell of the data part with one row.
    pub fn data(method: &str, demonstrations: u32, seed: u64, solved: u64) -> ClaimResult {
        let frame = Frame {
            demos: 100,
            steps: 10,
            episodes: 200,
            evaluation_seed: 0,
            settings: String::new(),
            data: String::new(),
        };
        let what = What::Data { protocol: Protocol::EqualSteps, method: method.into(), demonstrations, seed };
        let report = json!({ "success_rate": solved as f64 / 200.0, "episodes": 200 });
        let row = json!({ "name": if method == "diffusion" { "ddim-10" } else { method }, "report": report });
        (ClaimCell { task: "lift".into(), what, frame }, json!({ "entries": [row] }))
    }

    #[test]
    fn curves_pool_seeds_and_tell_the_data_needed() {
        let mut done = Vec::new();
        for seed in 0..2 {
            for (demonstrations, solved) in [(10, 40), (40, 120), (100, 180)] {
                done.push(data("imle", demonstrations, seed, solved));
            }
            done.push(data("diffusion", 100, seed, 110 + 20 * seed));
            done.push(data("diffusion", 40, seed, 60));
        }
        let curves = curves(&done);
        assert_eq!(curves.len(), 2);
        assert_eq!(curves[0].points[&40], [Tally { solved: 120, episodes: 200 }; 2]);
        let needs = needs(&curves);
        // The baseline solves 60 % with all, IMLE with 40.
        assert!((needs[0].target - 0.6).abs() < 1e-12 && (needs[0].imle.unwrap() - 40.0).abs() < 1e-9);
        assert_eq!((needs[0].saved(), needs[0].itself), (0.6, Some(100.0)));
        let [low, high] = needs[0].interval;
        assert!(low < 40.0 && high > 40.0 && low > 10.0 && high < 100.0, "{low} {high}");
        let (saved, [low, high]) = mean_saved(&[&needs[0]]);
        assert!((saved - 0.6).abs() < 1e-12 && low < 0.6 && high > 0.6);
        assert!(super::needs(&curves[1..]).is_empty());
        let hopeless = [data("imle", 10, 0, 9), data("imle", 100, 0, 9), data("diffusion", 100, 0, 0)];
        assert!(super::needs(&super::curves(&hopeless)).is_empty());
    }

    #[test]
    fn shares_of_entropy_are_of_solved_and_labelled_episodes() {
        let row = json!({ "report": { "modes": { "a": [9, 8], "b": [9, 8], "c": [9, 0], "none": [5, 5] } } });
        let found = Rows(vec![&row, &row]).solved_modes();
        assert_eq!(found, BTreeMap::from([("a".into(), 16), ("b".into(), 16)]));
        let reference = BTreeMap::from(["a", "b", "c", "d"].map(|m| (m.to_string(), 25)));
        let (share, [low, high]) = entropy_share(&found, &reference).unwrap();
        assert!((share - 0.5).abs() < 1e-12 && low < 0.5 && high < 0.52, "{low} {high}");
        assert!(entropy_share(&found, &BTreeMap::from([("a".into(), 3)])).is_none());
    }
}
