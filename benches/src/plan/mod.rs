//! `planner bench plan`: what proposals and optimizers are worth, against controls that could refute it.

pub mod args;
mod cell;
mod contender;
mod equal_time;
mod measure;
mod paired;
mod parts;
mod plots;
mod reference;
mod table;

use crate::publish::publish;
use args::PlanArgs;
use cell::{PlanCell, PlanFigures};
use contender::{flags, generator};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_cli::sweep;
use imle_configs::{Error as InputError, renames};
use parts::{PARTS, PlanContender, PlanPart, Question};
use serde_json::{Value, json};

/// Measures, and prints a table a part.
pub fn run(args: &PlanArgs) -> Result<()> {
    let output = args.common.output();
    let (cells, results): (Vec<PlanCell>, Vec<Option<PlanFigures>>) = if args.sweep.report {
        sweep::kept(&args.sweep, output)?.into_iter().map(|(cell, result)| (cell, Some(result))).unzip()
    } else {
        let cells = cells(args)?;
        let results = sweep::run(&args.sweep, output, &cells, |cell, results| {
            let reference = reference::solved(cell, &cells, results).filter(|_| !args.whole);
            measure::measure(args, cell, reference)
        })?;
        (cells, results)
    };
    let lines = table::all(&cells, &results);
    let plots = publish(output, args.out.as_deref(), &lines, || plots::all(&cells, &results))?;
    let entries: Vec<Value> =
        cells.iter().zip(&results).filter_map(|(c, r)| Some(json!({ "cell": c, "result": r.as_ref()? }))).collect();
    output.result(&json!({ "cells": entries, "open": cells.len() - entries.len(), "plots": plots }))
}

/// The cells, a task's of a part together.
fn cells(args: &PlanArgs) -> Result<Vec<PlanCell>> {
    let mut all = Vec::new();
    if !args.contender.is_empty() {
        for task in args.tasks.as_ref().unwrap_or(&vec!["stack".into()]) {
            for words in args.contender.iter().map(|words| renames::flags(words)) {
                let own = PlanContender { name: &words, method: "imle", flags: &words };
                all.extend(cell(args, task, ("own", Question::Success), own)?);
            }
        }
        return Ok(all);
    }
    let known = || PARTS.iter().map(|p| p.name);
    let part = |name: &String| -> Result<&PlanPart> {
        let found = PARTS.iter().find(|p| p.name == renames::name(name));
        Ok(found.ok_or_else(|| InputError::unknown("part", name, known()))?)
    };
    for part in args.parts.iter().map(part).collect::<Result<Vec<_>>>()? {
        let own: Vec<String> = part.tasks.iter().map(ToString::to_string).collect();
        for task in args.tasks.as_ref().unwrap_or(&own) {
            for contender in part.contenders {
                all.extend(cell(args, task, (part.name, part.kind_of(contender)), *contender)?);
            }
        }
    }
    Ok(all)
}

/// The cell of a contender on `task`; none where the generator of its method, or the demonstrations to look in, are not
/// given.
fn cell(args: &PlanArgs, task: &str, of: (&str, Question), contender: PlanContender<'_>) -> Result<Option<PlanCell>> {
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
        part: of.0.into(),
        task: task.into(),
        contender: name.into(),
        checkpoint: load::checkpoint(folder.as_deref(), load::task(task)?)?.1.fingerprint(),
        flags: words.into(),
        mismatch: args.world.mismatch.clone(),
        episodes: args.episodes,
        seed: args.seed,
        kind: of.1,
        folder,
    }))
}

#[cfg(test)]
mod tests {
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
            assert_eq!((cell.flags.as_str(), &cell.kind), (own.flags, &part.kind_of(own)), "{cell:?}");
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
