//! The measured cells as the report needs them: rows, pooled over the seeds of the trainings.

use super::args::Protocol;
use super::cell::{ClaimCell, What};
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

/// The rows of a result: each a way of sampling one training.
pub fn rows(result: &Value) -> impl Iterator<Item = &Value> {
    result["entries"].as_array().into_iter().flatten()
}

/// The name of a row.
pub fn name(row: &Value) -> &str {
    row["name"].as_str().unwrap_or_default()
}

/// A figure at `path`, as `report.mode_switches`.
pub fn figure(value: &Value, path: &str) -> Option<f64> {
    path.split('.').try_fold(value, |v, key| v.get(key))?.as_f64()
}

/// Mean of the figures at `path` that are there.
pub fn mean<'a>(rows: impl IntoIterator<Item = &'a Value>, path: &str) -> Option<f64> {
    let figures: Vec<f64> = rows.into_iter().filter_map(|row| figure(row, path)).collect();
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// The episodes of a row.
pub fn tally(report: &Value) -> Option<Tally> {
    let episodes = report["episodes"].as_u64()?;
    Some(Tally { solved: (report["success_rate"].as_f64()? * episodes as f64).round() as u64, episodes })
}

/// PooledSuccess pooled over trainings, with both intervals.
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

    /// `62.0 % [58.0, 65.8] (50.1–70.2)`
    pub fn text(&self) -> String {
        let [a, b, c, d, e] =
            [self.rate, self.wilson[0], self.wilson[1], self.bootstrap[0], self.bootstrap[1]].map(|x| 100.0 * x);
        format!("{a:.1} % [{b:.1}, {c:.1}] ({d:.1}–{e:.1})")
    }
}

/// `open`, or the success of these trainings.
pub fn success_text(runs: &[Tally]) -> String {
    PooledSuccess::of(runs).map_or("open".into(), |s| s.text())
}

/// Rows of cells that are equal but for the seed of the training, by what `key` makes of cell and row, in the order of
/// the first of each.
pub fn grouped<'a, K: PartialEq>(
    done: &'a [ClaimResult],
    mut key: impl FnMut(&'a ClaimCell, &'a Value) -> Option<K>,
) -> Vec<(K, Vec<&'a Value>)> {
    let mut groups: Vec<(K, Vec<&Value>)> = Vec::new();
    for (cell, result) in done {
        for row in rows(result) {
            let Some(key) = key(cell, row) else { continue };
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((key, vec![row])),
            }
        }
    }
    groups
}

/// The episodes of rows.
pub fn tallies(rows: &[&Value]) -> Vec<Tally> {
    rows.iter().filter_map(|row| tally(&row["report"])).collect()
}

/// PooledSuccess against the number of demonstrations.
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

    /// The episodes with all demonstrations.
    pub fn full(&self) -> Option<&[Tally]> {
        self.points.get(&self.demos).map(Vec::as_slice)
    }
}

/// The curves of the data part.
pub fn curves(done: &[ClaimResult]) -> Vec<DataCurve> {
    let mut curves: Vec<DataCurve> = Vec::new();
    for (cell, result) in done {
        let What::Data { protocol, demonstrations, .. } = &cell.what else { continue };
        for row in rows(result) {
            let Some(tally) = tally(&row["report"]) else { continue };
            let same = |c: &DataCurve| c.task == cell.task && c.protocol == *protocol && c.name == name(row);
            let index = curves.iter().position(same).unwrap_or_else(|| {
                curves.push(DataCurve {
                    task: cell.task.clone(),
                    protocol: *protocol,
                    name: name(row).into(),
                    points: BTreeMap::new(),
                    demos: cell.frame.demos,
                });
                curves.len() - 1
            });
            curves[index].points.entry(*demonstrations).or_default().push(tally);
        }
    }
    curves
}

/// The data IMLE needs to match what a baseline does with all demonstrations.
#[derive(Clone, Debug)]
pub struct Need {
    pub task: String,
    pub protocol: Protocol,
    pub baseline: String,
    /// PooledSuccess of the baseline with all demonstrations.
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
    curves: (DataCurve, DataCurve),
}

impl Need {
    /// Share of the demonstrations saved, 0 where all are too few.
    pub fn saved(&self) -> f64 {
        1.0 - self.imle.unwrap_or(self.demos) / self.demos
    }
}

/// The needs of IMLE, of which there is a curve, against every baseline that solves something with all demonstrations.
pub fn needs(curves: &[DataCurve]) -> Vec<Need> {
    let imle = |task: &str| curves.iter().find(|c| c.task == task && c.name == "imle");
    let baselines = curves.iter().filter(|c| !["imle", "regression"].contains(&c.name.as_str()));
    let need = |baseline: &DataCurve| -> Option<Need> {
        let imle = imle(&baseline.task).filter(|c| c.points.len() > 1 && c.demos == baseline.demos)?;
        // What solves nothing is matched by any.
        let target = Some(pooled(baseline.full()?)).filter(|rate| *rate > 0.0)?;
        let demos = f64::from(imle.demos);
        let of = |curve: &DataCurve, target| {
            let success: Vec<_> = curve.points.values().map(|runs| (pooled(runs), sum(runs).1 as f64)).collect();
            needed(&curve.sizes(), &success, target)
        };
        Some(Need {
            task: baseline.task.clone(),
            protocol: baseline.protocol,
            baseline: baseline.name.clone(),
            target,
            imle: of(imle, target),
            interval: bootstrap95(|rng| resampled_need(imle, baseline, rng)),
            fewest: imle.sizes().first().copied().unwrap_or(demos),
            demos,
            itself: if baseline.points.len() > 1 { of(baseline, target) } else { None },
            curves: (imle.clone(), baseline.clone()),
        })
    };
    baselines.filter_map(need).collect()
}

fn resampled_need(imle: &DataCurve, baseline: &DataCurve, rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    let target = baseline.full().map_or(f64::NAN, |runs| resample(runs, rng));
    let success: Vec<_> = imle.points.values().map(|runs| (resample(runs, rng), sum(runs).1 as f64)).collect();
    needed(&imle.sizes(), &success, target).unwrap_or(f64::from(imle.demos))
}

/// The mean share saved over `needs`, of several tasks, with its interval.
pub fn mean_saved(needs: &[&Need]) -> (f64, [f64; 2]) {
    let count = needs.len() as f64;
    let interval = bootstrap95(|rng| {
        let saved = |need: &&Need| 1.0 - resampled_need(&need.curves.0, &need.curves.1, rng) / need.demos;
        needs.iter().map(saved).sum::<f64>() / count
    });
    (needs.iter().map(|need| need.saved()).sum::<f64>() / count, interval)
}

/// Counts of the labelled modes of solved episodes over several rows.
pub fn solved_modes(rows: &[&Value]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (mode, both) in rows.iter().filter_map(|r| r["report"]["modes"].as_object()).flatten() {
        let solved = both[1].as_u64().unwrap_or(0);
        if mode != "none" && solved > 0 {
            *counts.entry(mode.clone()).or_default() += solved;
        }
    }
    counts
}

/// Entropy of `found` over that of `reference`, with its interval over both; nothing if the reference has one mode.
pub fn entropy_share(found: &BTreeMap<String, u64>, reference: &BTreeMap<String, u64>) -> Option<(f64, [f64; 2])> {
    let counts = |modes: &BTreeMap<String, u64>| modes.values().copied().collect::<Vec<_>>();
    let (found, reference) = (counts(found), counts(reference));
    let whole = entropy(&reference);
    (whole > 0.0).then(|| {
        let interval = bootstrap95(|rng| {
            entropy(&resample_counts(&found, rng)) / entropy(&resample_counts(&reference, rng)).max(1e-9)
        });
        (entropy(&found) / whole, interval)
    })
}

/// Protocols and baselines, in the order of the first need of each.
pub fn groups_of(needs: &[Need]) -> Vec<(Protocol, String)> {
    let mut groups = Vec::new();
    for need in needs {
        let group = (need.protocol, need.baseline.clone());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.sort_by_key(|(protocol, _)| *protocol);
    groups
}

pub fn of_group<'a>(needs: &'a [Need], protocol: Protocol, baseline: &str) -> Vec<&'a Need> {
    needs.iter().filter(|n| n.protocol == protocol && n.baseline == baseline).collect()
}

/// Tasks with the episodes of IMLE and of one-step flow with all demonstrations.
pub fn one_step_pairs(done: &[ClaimResult]) -> Vec<(String, [Vec<Tally>; 2])> {
    let full = |cell: &ClaimCell| match &cell.what {
        What::Modes { .. } => true,
        What::Data { protocol, demonstrations, .. } => {
            *protocol == Protocol::EqualSteps && *demonstrations == cell.frame.demos
        }
        _ => false,
    };
    let mut tasks: Vec<&str> = Vec::new();
    for (cell, _) in done.iter().filter(|(cell, _)| full(cell)) {
        if !tasks.contains(&cell.task.as_str()) {
            tasks.push(&cell.task);
        }
    }
    let of = |task: &str, wanted: &str| {
        // The same training may stand in both parts: it counts once.
        let mut seeds = BTreeMap::new();
        for (cell, result) in done.iter().filter(|(cell, _)| cell.task == task && full(cell)) {
            let (What::Modes { seed, .. } | What::Data { seed, .. }) = &cell.what else { continue };
            let row = rows(result).find(|row| name(row) == wanted);
            if let Some(tally) = row.and_then(|row| tally(&row["report"])) {
                seeds.insert(*seed, tally);
            }
        }
        seeds.into_values().collect::<Vec<_>>()
    };
    tasks.into_iter().map(|task| (task.to_string(), [of(task, "imle"), of(task, "flow-1")])).collect()
}

/// Task, row, its measurements over the seeds, and the modes of the demonstrations.
pub type ModeGroup<'a> = (&'a str, &'a str, Vec<&'a Value>, BTreeMap<String, u64>);

pub fn mode_groups(done: &[ClaimResult]) -> Vec<ModeGroup<'_>> {
    let groups = grouped(done, |cell, row| match &cell.what {
        What::Modes { .. } => Some((cell.task.as_str(), name(row))),
        _ => None,
    });
    let reference = |task: &str| {
        let of = |(cell, _): &&ClaimResult| cell.task == task && matches!(cell.what, What::Modes { .. });
        done.iter().find(of).map(|(_, result)| counts(&result["demonstrations"])).unwrap_or_default()
    };
    groups.into_iter().map(|((task, name), of)| (task, name, of, reference(task))).collect()
}

fn counts(modes: &Value) -> BTreeMap<String, u64> {
    let modes = modes.as_object().into_iter().flatten();
    modes.filter_map(|(mode, count)| Some((mode.clone(), count.as_u64()?))).collect()
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
        let found = solved_modes(&[&row, &row]);
        assert_eq!(found, BTreeMap::from([("a".into(), 16), ("b".into(), 16)]));
        let reference = BTreeMap::from(["a", "b", "c", "d"].map(|m| (m.to_string(), 25)));
        let (share, [low, high]) = entropy_share(&found, &reference).unwrap();
        assert!((share - 0.5).abs() < 1e-12 && low < 0.5 && high < 0.52, "{low} {high}");
        assert!(entropy_share(&found, &BTreeMap::from([("a".into(), 3)])).is_none());
    }
}
