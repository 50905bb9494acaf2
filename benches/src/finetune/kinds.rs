//! Cells of one kind, which differ by their seeds, and their figures pooled.

use super::cell::{FinetuneCell, FinetuneFigures, FinetuneResult, GeneratorFigures};
use crate::publish::grouped;
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
    let keyed = done.iter().map(|(cell, result)| (FinetuneCell { seed: 0, ..cell.clone() }, (cell, result)));
    let group = |(_, of): (_, Vec<(_, _)>)| SeedGroup { cell: of[0].0, results: of.into_iter().map(|r| r.1).collect() };
    grouped(keyed).into_iter().map(group).collect()
}

impl SeedGroup<'_> {
    /// Mean over the seeds that have the figure.
    pub fn mean(&self, of: impl Fn(&FinetuneFigures) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.results.iter().filter_map(|r| of(r)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Success over the episodes of all seeds, as if of one generator.
    pub fn pooled(&self, of: impl Fn(&FinetuneFigures) -> &GeneratorFigures) -> String {
        let (mut solved, mut all) = (0.0, 0.0);
        for success in self.results.iter().map(|result| &of(result).success) {
            let episodes = success.episodes as f64;
            solved += episodes * success.success_rate;
            all += episodes;
        }
        percent_within(solved / all, wilson95(solved.round() as usize, all as usize))
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
