//! Reference of a cell: the first contender of its part on the same episodes.

use super::cell::{PlanCell, PlanFigures};
use super::paired::Pairs;
use super::parts::PARTS;

/// Name of the contender that the others of `part` are compared with.
pub fn name<'a>(part: &str, cells: &'a [PlanCell]) -> Option<&'a str> {
    match PARTS.iter().find(|p| p.name == part) {
        Some(part) => part.contenders.first().map(|c| c.name),
        None => cells.iter().find(|c| c.part == part).map(|c| c.contender.as_str()),
    }
}

/// Which episodes of `cell` its reference solved, a digit each; nothing if that is not known, or `cell` is the
/// reference.
pub fn solved<'a>(cell: &PlanCell, cells: &[PlanCell], results: &'a [Option<PlanFigures>]) -> Option<&'a str> {
    let name = name(&cell.part, cells).filter(|name| *name != cell.contender)?;
    let same = |other: &PlanCell| {
        let key = |c: &PlanCell| (c.part.clone(), c.task.clone(), c.mismatch.clone(), c.episodes, c.seed);
        other.contender == name && key(other) == key(cell)
    };
    let found = cells.iter().zip(results).find(|(other, result)| same(other) && result.is_some());
    found?.1.as_ref()?.solved.as_deref()
}

/// Episodes of `cell` beside those of its reference, where both are known.
pub fn pairs(
    cell: &PlanCell,
    result: &PlanFigures,
    cells: &[PlanCell],
    results: &[Option<PlanFigures>],
) -> Option<Pairs> {
    Some(Pairs::of(result.solved.as_deref()?, solved(cell, cells, results)?))
}
