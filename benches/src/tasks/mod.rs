//! `planner bench tasks`: success on every task, generator alone and planned, in every world asked for.

pub mod args;
mod cell;
mod table;

use crate::episodes::EpisodeFigures;
use args::BenchTasksArgs;
use cell::TaskCell;
use imle_cli::args::common::WorldArgs;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::from_flags;
use imle_cli::controller::held_out;
use imle_cli::failure::Result;
use imle_cli::load;
use imle_cli::sweep;
use imle_configs::Error as InputError;
use imle_configs::embedded;
use imle_envs::task::mismatch::Mismatch;
use imle_policy::policy::Policy;
use serde_json::{Value, json};
use table::table;

/// The word for a world that equals the planner's model.
const EXACT: &str = "none";
/// The choice of the generator's first sample.
const FIRST: &str = "first";
/// The word for every name there is.
const ALL: &str = "all";

/// Measures, and prints the table.
pub fn run(args: &BenchTasksArgs) -> Result<()> {
    let output = args.common.output();
    let (cells, results): (Vec<TaskCell>, Vec<Option<EpisodeFigures>>) = if args.sweep.report {
        sweep::kept(&args.sweep, output)?.into_iter().map(|(cell, result)| (cell, Some(result))).unzip()
    } else {
        let cells = cells(args)?;
        let results =
            sweep::run(&args.sweep, output, &cells, |cell, _: &[Option<EpisodeFigures>]| measure(args, cell))?;
        (cells, results)
    };
    table(&cells, &results).lines().iter().for_each(|line| output.say(line));
    let entries: Vec<Value> =
        cells.iter().zip(&results).filter_map(|(c, r)| Some(json!({ "cell": c, "result": r.as_ref()? }))).collect();
    output.result(&json!({ "cells": entries, "open": cells.len() - entries.len() }))
}

/// `given`, or all of `known` in place of the word `all`.
fn names(given: &[String], known: Vec<String>, what: &'static str) -> Result<Vec<String>> {
    if given.iter().any(|n| n == ALL) {
        return Ok(known);
    }
    match given.iter().find(|n| !known.contains(n)) {
        Some(unknown) => Err(InputError::unknown(what, unknown, known.into_iter().chain([ALL.to_string()])).into()),
        None => Ok(given.to_vec()),
    }
}

/// Tasks outermost: one task's table is whole early.
fn cells(args: &BenchTasksArgs) -> Result<Vec<TaskCell>> {
    let mut tasks = names(&args.tasks, embedded::task_names().iter().map(ToString::to_string).collect(), "task")?;
    if args.checkpoints.is_none() && args.tasks.iter().any(|t| t == ALL) {
        tasks.retain(|t| embedded::checkpoint(t).is_some());
    }
    let worlds = [EXACT.to_string()].into_iter().chain(Mismatch::all()?.into_iter().map(|m| m.name)).collect();
    let worlds = names(&args.mismatches, worlds, "mismatch")?;
    let mut cells = Vec::new();
    for name in &tasks {
        let folder = args.checkpoints.as_ref().map(|f| f.join(name));
        let checkpoint = load::checkpoint(folder.as_deref(), load::task(name)?)?.1.fingerprint();
        for world in &worlds {
            let alone = args.choices.iter().map(|choice| ("none", Some(choice)));
            let controllers = args.optimizers.iter().flat_map(|optimizer| match optimizer.as_str() {
                "none" => alone.clone().collect::<Vec<_>>(),
                other => vec![(other, None)],
            });
            for (optimizer, choice) in controllers {
                let choice = choice.filter(|c| *c != FIRST).cloned();
                from_flags::check(&ControllerArgs::of(optimizer, choice.as_deref().unwrap_or(FIRST), args.candidates))?;
                cells.push(TaskCell {
                    task: name.clone(),
                    checkpoint: checkpoint.clone(),
                    mismatch: (world != EXACT).then(|| world.clone()),
                    optimizer: optimizer.to_string(),
                    candidates: if optimizer == "none" && choice.is_none() { 1 } else { args.candidates },
                    choice,
                    episodes: args.episodes,
                    seed: args.seed,
                    folder: folder.clone(),
                });
            }
        }
    }
    Ok(cells)
}

fn measure(args: &BenchTasksArgs, cell: &TaskCell) -> Result<EpisodeFigures> {
    let task = load::task_in(&cell.task, &WorldArgs { mismatch: cell.mismatch.clone() })?;
    let (task, checkpoint) = load::checkpoint(cell.folder.as_deref(), task)?;
    let pool = load::pool(&args.common)?;
    let sampler = Policy::with_threads(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
    let flags = ControllerArgs::of(&cell.optimizer, cell.choice.as_deref().unwrap_or(FIRST), cell.candidates);
    let output = args.common.output();
    EpisodeFigures::of(&held_out::run(&task, &sampler, &flags, cell.episodes, cell.seed, &pool, output)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::tests::kept_whole;
    use imle_cli::sweep::Record;

    #[test]
    fn kept_results_are_read_back_whole() {
        kept_whole::<TaskCell, EpisodeFigures>("tasks.jsonl");
    }

    #[test]
    fn a_cell_of_version_0_1_0_is_read_as_today_s() {
        let mut old = json!({ "task": "avoid", "planner": "none", "candidates": 1 });
        TaskCell::update(&mut old, "tasks.jsonl").unwrap();
        assert_eq!(old, json!({ "task": "avoid", "optimizer": "none", "candidates": 1 }));
    }
}
