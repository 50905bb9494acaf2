//! `planner bench plan`: what proposals and optimizers are worth, against controls that could refute it.

pub mod args;
mod cell;
mod contender;
mod equal_time;
mod measure;
mod paired;
mod parts;
mod plots;
mod table;

use crate::publish::{entries, measured, publish};
use args::PlanArgs;
use cell::PlanCell;
use contender::{flags, generator};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_configs::{Error as InputError, renames};
use parts::{PARTS, PlanContender, PlanPart, Question};
use serde_json::json;

/// Measures, and prints a table a part.
pub fn run(args: &PlanArgs) -> Result<()> {
    let output = args.common.output();
    let measure = |cell: &PlanCell, cells: &[_], results: &[_]| {
        let reference = paired::solved(cell, cells, results).filter(|_| !args.whole);
        measure::measure(args, cell, reference)
    };
    let (cells, results) = measured(&args.sweep, output, || cells(args), measure)?;
    let lines = table::all(&cells, &results);
    let plots = publish(output, args.out.as_deref(), &args.sweep.results, &lines, || plots::all(&cells, &results))?;
    let entries = entries(&cells, &results);
    output.result(&json!({ "cells": entries, "open": cells.len() - entries.len(), "plots": plots }))
}

/// The cells, a task's of a part together.
fn cells(args: &PlanArgs) -> Result<Vec<PlanCell>> {
    let own = |flags: &String| {
        let flags = renames::flags(flags);
        PlanContender { name: flags.clone(), method: "imle".into(), flags }
    };
    let own = PlanPart {
        name: "own".into(),
        tasks: vec!["stack".into()],
        kind: Question::Success,
        contenders: args.contender.iter().map(own).collect(),
    };
    let part = |name: &String| -> Result<&PlanPart> {
        let found = PARTS.iter().find(|p| p.name == renames::name(name));
        Ok(found.ok_or_else(|| InputError::unknown("part", name, PARTS.iter().map(|p| p.name.as_str())))?)
    };
    let parts = match own.contenders.is_empty() {
        true => args.parts.iter().map(part).collect::<Result<Vec<_>>>()?,
        false => vec![&own],
    };
    let mut all = Vec::new();
    for part in parts {
        for task in args.tasks.as_ref().unwrap_or(&part.tasks) {
            for contender in &part.contenders {
                all.extend(cell(args, task, part, contender)?);
            }
        }
    }
    Ok(all)
}

/// The cell of a contender on `task`; none where the generator of its method, or the demonstrations to look in, are not
/// given.
fn cell(args: &PlanArgs, task: &str, part: &PlanPart, contender: &PlanContender) -> Result<Option<PlanCell>> {
    let PlanContender { name, method, flags: words } = contender;
    let left_out = |why: String| args.common.output().note(format!("{task}: {why}; {name} is left out"));
    let folder = generator(args, method, task);
    if folder.is_none() && method != "imle" {
        left_out(format!("no generator of {method} in --generators"));
        return Ok(None);
    }
    if words.contains("retrieval") && args.demonstrations.is_none() {
        left_out("no --demonstrations".into());
        return Ok(None);
    }
    flags(words)?;
    Ok(Some(PlanCell {
        part: part.name.clone(),
        task: task.into(),
        contender: name.clone(),
        checkpoint: load::checkpoint(folder.as_deref(), load::task(task)?)?.1.fingerprint(),
        flags: words.clone(),
        mismatch: args.world.mismatch.clone(),
        episodes: args.episodes,
        seed: args.seed,
        kind: part.kind_of(contender),
        folder,
    }))
}

#[cfg(test)]
mod tests {
    use super::cell::PlanFigures;
    use super::*;
    use crate::publish::tests::{kept, kept_whole};
    use imle_cli::sweep::Record;

    #[test]
    fn kept_results_are_read_back_whole() {
        kept_whole::<PlanCell, PlanFigures>("plan.jsonl");
        kept_whole::<PlanCell, PlanFigures>("plan-tuning.jsonl");
    }

    #[test]
    fn kept_cells_are_those_that_the_parts_list() {
        let mut listed = 0;
        for (cell, ..) in kept::<PlanCell, PlanFigures>("plan.jsonl") {
            let Some(part) = PARTS.iter().find(|p| p.name == cell.part) else {
                assert_eq!(cell.part, "own");
                continue;
            };
            let own = part.contenders.iter().find(|c| c.name == cell.contender).unwrap();
            assert_eq!((cell.flags.as_str(), &cell.kind), (own.flags.as_str(), &part.kind_of(own)), "{cell:?}");
            flags(&cell.flags).unwrap();
            listed += 1;
        }
        assert_eq!(listed, 397);
    }

    #[test]
    fn a_cell_of_version_0_1_0_is_read_as_today_s() {
        let mut old = json!({
            "part": "planners-16", "task": "avoid", "contender": "mode-preserving, stay 1", "checkpoint": "",
            "flags": "--planner mode-preserving --space linear --stay 1", "episodes": 1, "seed": 0,
        });
        PlanCell::update(&mut old, "plan.jsonl").unwrap();
        let names = (old["part"].as_str(), old["contender"].as_str());
        assert_eq!(names, (Some("optimizers-16"), Some("mode-preserving, proximal cost 1")));
        assert_eq!(old["flags"], "--optimizer mode-preserving --parameterization linear --proximal-cost 1");
    }
}
