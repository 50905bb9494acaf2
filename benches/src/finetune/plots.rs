//! The plots of `planner bench finetune`: success over control steps.

use super::cell::{FinetuneCell, FinetuneFigures, FinetuneResult};
use super::kinds::{SeedGroup, kinds, short};
use crate::chart::{self, Curve};
use crate::publish::{Plot, distinct};
use imle_cli::failure::Result;
use imle_rl::run::Round;

/// Success over control steps, a plot a part and task.
///
/// # Errors
/// [`imle_cli::failure::Failure::Run`] if one cannot be drawn.
pub fn all(done: &[FinetuneResult]) -> Result<Vec<Plot>> {
    let kinds = kinds(done);
    let group = |k: &SeedGroup<'_>| (k.cell.part.clone(), k.cell.task.clone());
    let draw = |(part, task): (String, String)| -> Result<Plot> {
        let of: Vec<_> = kinds.iter().filter(|k| (&k.cell.part, &k.cell.task) == (&part, &task)).collect();
        let cells: Vec<&FinetuneCell> = of.iter().map(|kind| kind.cell).collect();
        let curves: Vec<Curve> = of.iter().flat_map(|kind| curves(kind, &name_among(&cells, kind.cell))).collect();
        let title = format!("{task}, {part}: the generator alone");
        Ok((format!("{part}-{task}.svg"), chart::curves(&title, "thousand control steps", false, &curves)?))
    };
    distinct(kinds.iter().filter(|k| k.cell.mismatch.is_none()).map(group)).into_iter().map(draw).collect()
}

/// The algorithm of `cell`; with its settings, and its control steps, where others of `cells` are called the same
/// without.
fn name_among(cells: &[&FinetuneCell], cell: &FinetuneCell) -> String {
    let settings = [std::slice::from_ref(&cell.algorithm), &cell.settings].concat().join(" ");
    let alike: Vec<_> = cells.iter().filter(|other| other.algorithm == cell.algorithm).collect();
    match (alike.len(), alike.iter().filter(|other| other.settings == cell.settings).count()) {
        (..=1, _) => cell.algorithm.clone(),
        (_, ..=1) => settings,
        _ => format!("{settings}, {}", short(cell.env_steps as f64)),
    }
}

/// A curve a seed of what is called `name`.
fn curves(kind: &SeedGroup<'_>, name: &str) -> Vec<Curve> {
    let point = |round: &Round| {
        let [low, high] = round.success_ci95;
        (round.env_steps as f64 / 1e3, [low, round.success_rate, high].map(|x| 100.0 * x))
    };
    let many = kind.results.len() > 1;
    let curve = |(seed, result): (usize, &&FinetuneFigures)| {
        let name = if many { format!("{name}, {seed}") } else { name.to_string() };
        Curve { name, points: result.rounds.iter().map(point).collect() }
    };
    kind.results.iter().enumerate().map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::*;

    #[test]
    fn curves_of_one_algorithm_are_named_apart() {
        let of = |settings: &[&str], env_steps: u64| FinetuneCell {
            settings: settings.iter().map(ToString::to_string).collect(),
            env_steps,
            ..cell(0, None)
        };
        let cells = [of(&[], 30_000), of(&[], 60_000), of(&["ppo.sigma=0.2"], 30_000)];
        let all: Vec<&FinetuneCell> = cells.iter().collect();
        let names: Vec<String> = cells.iter().map(|c| name_among(&all, c)).collect();
        assert_eq!(names, ["ppo, 30 k", "ppo, 60 k", "ppo ppo.sigma=0.2"]);
        assert_eq!(name_among(&all[2..], all[2]), "ppo");
    }
}
