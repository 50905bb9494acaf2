//! Cells of one kind, which differ by their seeds, and their figures pooled.

use super::cell::FinetuneCell;
use super::figures::{FinetuneFigures, FinetuneResult, GeneratorFigures};
use imle_cli::output::percent_within;
use imle_planner::evaluation::report::wilson95;
use imle_rl::expert_iteration::CANDIDATES_FOR_95;
use imle_rl::run::Round;

/// Cells of one kind.
pub struct SeedGroup<'a> {
    /// The first of them.
    pub cell: &'a FinetuneCell,
    /// Results, one a seed.
    pub results: Vec<&'a FinetuneFigures>,
}

/// The kinds, in the order of the first cell of each.
pub fn kinds(done: &[FinetuneResult]) -> Vec<SeedGroup<'_>> {
    let mut all: Vec<SeedGroup<'_>> = Vec::new();
    for (cell, result) in done {
        let same = |k: &&mut SeedGroup<'_>| FinetuneCell { seed: cell.seed, ..k.cell.clone() } == *cell;
        match all.iter_mut().find(same) {
            Some(kind) => kind.results.push(result),
            None => all.push(SeedGroup { cell, results: vec![result] }),
        }
    }
    all
}

/// The base of a run.
pub fn before(result: &FinetuneFigures) -> Option<&GeneratorFigures> {
    Some(&result.before)
}

/// The generator after a run.
pub fn after(result: &FinetuneFigures) -> Option<&GeneratorFigures> {
    Some(&result.after)
}

impl SeedGroup<'_> {
    /// Mean over the seeds that have the figure.
    pub fn mean(&self, of: impl Fn(&FinetuneFigures) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.results.iter().filter_map(|r| of(r)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Success over the episodes of all seeds, as if of one generator.
    pub fn pooled(&self, of: impl Fn(&FinetuneFigures) -> Option<&GeneratorFigures>) -> Option<String> {
        let (mut solved, mut all) = (0.0, 0.0);
        for result in &self.results {
            let success = &of(result)?.success;
            let episodes = success.episodes as f64;
            solved += episodes * success.success_rate;
            all += episodes;
        }
        Some(percent_within(solved / all, wilson95(solved.round() as usize, all as usize)))
    }

    /// After as a share of before.
    pub fn kept(&self, of: impl Fn(&GeneratorFigures) -> Option<f64>) -> Option<f64> {
        Some(self.mean(|r| of(&r.after))? / self.mean(|r| of(&r.before)).filter(|x| *x > 0.0)?)
    }

    /// The forced mode whose success fell most, and by how many points.
    pub fn worst_mode(&self) -> Option<(&str, f64)> {
        let change = |mode: &'_ String| {
            let rate = |figures: &GeneratorFigures| Some(figures.forced.get(mode)?.success_rate);
            Some(100.0 * (self.mean(|r| rate(&r.after))? - self.mean(|r| rate(&r.before))?))
        };
        let modes = self.results.first()?.before.forced.keys();
        modes.filter_map(|mode| Some((mode.as_str(), change(mode)?))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Fewest candidates with which the planner reaches 95 % before and after, of the first seed; `-` where none
    /// sufficed, nothing where none were tried.
    pub fn candidates(&self) -> Option<String> {
        let rounds = &self.results.first()?.rounds;
        let of = |round: &Round| {
            let tried = round.figures.keys().any(|key| key.starts_with("planned/"));
            let least = round.figures.get(CANDIDATES_FOR_95);
            tried.then(|| least.map_or("-".into(), |n| serde_json::json!(n).to_string()))
        };
        Some(format!("{} to {}", of(rounds.first()?)?, of(rounds.last()?)?))
    }

    /// Share that came back of what the mismatch took away.
    pub fn closed(&self) -> Option<f64> {
        let rate = |figures: &GeneratorFigures| figures.success.success_rate;
        let whole = self.mean(|r| r.as_planned.as_ref().map(rate))?;
        let (before, after) = (self.mean(|r| Some(rate(&r.before)))?, self.mean(|r| Some(rate(&r.after)))?);
        (whole > before).then(|| (after - before) / (whole - before))
    }
}

/// Thousands and millions.
pub fn short(count: f64) -> String {
    match count {
        c if c >= 1e9 => format!("{:.1} G", c / 1e9),
        c if c >= 1e6 => format!("{:.1} M", c / 1e6),
        c => format!("{:.0} k", c / 1e3),
    }
}
