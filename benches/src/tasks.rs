//! `planner bench tasks`: success on every task, generator alone and planned, in every world asked for.

use crate::episodes::{EpisodeFigures, Success};
use crate::publish::{distinct, entries, measured};
use clap::Args;
use imle_cli::args::common::{Common, WorldArgs};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::{from_flags, held_out};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_cli::sweep::{Record, SweepArgs};
use imle_cli::table::Table;
use imle_configs::{Error as InputError, embedded, renames};
use imle_envs::task::mismatch::Mismatch;
use imle_policy::policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// `planner bench tasks`
#[derive(Clone, Debug, Args)]
pub struct BenchTasksArgs {
    /// Tasks, comma-separated, or all (without --checkpoints: all that ship one)
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub tasks: Vec<String>,
    /// Worlds: mismatches, comma-separated; none is the planner's own model, all is none and every mismatch
    #[arg(long, value_delimiter = ',', default_value = "none")]
    pub mismatches: Vec<String>,
    /// Optimizers, comma-separated; none is the generator alone
    #[arg(long, visible_alias = "planners", value_delimiter = ',', default_value = "none,predictive-sampling")]
    pub optimizers: Vec<String>,
    /// Choices of the generator alone, comma-separated: first, consistent, typical
    #[arg(long, value_delimiter = ',', default_value = "first")]
    pub choices: Vec<String>,
    /// Candidates a decision of the planners, and of choices
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub candidates: u32,
    /// Held-out episodes a cell
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder with a generator's checkpoint a task, each in a folder of the task's name [default: the shipped ones]
    #[arg(long)]
    pub checkpoints: Option<PathBuf>,
    /// The sweep
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// A measurement: the episodes of one task in one world with one controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TaskCell {
    task: String,
    /// Fingerprint of the generator's weights.
    checkpoint: String,
    mismatch: Option<String>,
    optimizer: String,
    /// Choice of the generator alone, if not the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    /// Candidates a decision; 1 for the generator's first sample.
    candidates: u32,
    episodes: u32,
    seed: u64,
    #[serde(skip)]
    folder: Option<PathBuf>,
}

/// Row of the table: all of a cell but its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TaskRow<'a> {
    task: &'a str,
    mismatch: Option<&'a str>,
    checkpoint: &'a str,
    episodes: u32,
    seed: u64,
}

impl Record for TaskCell {
    fn update(record: &mut Value, place: &str) -> imle_configs::Result<()> {
        renames::update_record(record, &json!({ "optimizer": "" }), place)
    }
}

impl TaskCell {
    /// Column of the table: optimizer, choice, candidates.
    fn controller(&self) -> (&str, Option<&str>, u32) {
        (&self.optimizer, self.choice.as_deref(), self.candidates)
    }

    /// The row that it stands in.
    fn row(&self) -> TaskRow<'_> {
        let (task, mismatch, checkpoint) = (&self.task, self.mismatch.as_deref(), &self.checkpoint);
        TaskRow { task, mismatch, checkpoint, episodes: self.episodes, seed: self.seed }
    }
}

/// The word for a world that equals the planner's model.
const EXACT: &str = "none";
/// The choice of the generator's first sample.
const FIRST: &str = "first";
/// The word for every name there is.
const ALL: &str = "all";

/// Measures, and prints the table.
pub fn run(args: &BenchTasksArgs) -> Result<()> {
    let output = args.common.output();
    let (cells, results) = measured(&args.sweep, output, || cells(args), |cell, _, _| measure(args, cell))?;
    table(&cells, &results).lines().iter().for_each(|line| output.say(line));
    let entries = entries(&cells, &results);
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

/// A row a task and world, a column a controller; where the planner solved fewer than the generator alone, the row says
/// so.
fn table(cells: &[TaskCell], results: &[Option<EpisodeFigures>]) -> Table {
    let controllers = distinct(cells.iter().map(TaskCell::controller));
    let title = |controller: &(&str, Option<&str>, u32)| match *controller {
        ("none", None, _) => "generator alone".to_string(),
        ("none", Some(choice), n) => format!("generator alone, {choice} of {n}"),
        (optimizer, _, n) => format!("{optimizer}, N = {n}"),
    };
    let mut columns = ["task", "world", "episodes"].map(str::to_string).to_vec();
    columns.extend(controllers.iter().map(title));
    columns.push(String::new());
    let mut table = Table::new("", &columns);
    for row in distinct(cells.iter().map(TaskCell::row)) {
        let of = |controller: &(&str, Option<&str>, u32)| {
            let same = |c: &TaskCell| c.row() == row && c.controller() == *controller;
            let result = cells.iter().position(same).and_then(|i| results[i].as_ref());
            result.map(|figures| &figures.success)
        };
        let alone = of(&("none", None, 1)).map_or(f64::NEG_INFINITY, |s| s.success_rate);
        let planned = controllers.iter().filter(|c| c.0 != "none").filter_map(|c| Some(of(c)?.success_rate));
        let worse = planned.fold(f64::INFINITY, f64::min) < alone;
        let mut line = vec![row.task.into(), row.mismatch.unwrap_or("as planned").into(), row.episodes.to_string()];
        line.extend(controllers.iter().map(|c| of(c).map_or("open".into(), Success::text)));
        line.push(if worse { "planned is worse".into() } else { String::new() });
        table.rows.push(line);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::tests::kept_whole;

    fn cell(world: Option<&str>, optimizer: &str) -> TaskCell {
        TaskCell {
            task: "lift".into(),
            checkpoint: String::new(),
            mismatch: world.map(str::to_string),
            optimizer: optimizer.into(),
            choice: None,
            candidates: if optimizer == "none" { 1 } else { 32 },
            episodes: 10,
            seed: 0,
            folder: None,
        }
    }

    #[test]
    fn the_table_shows_open_cells_and_where_the_planner_is_worse() {
        let cells: Vec<TaskCell> =
            [None, Some("heavy")].into_iter().flat_map(|w| [cell(w, "none"), cell(w, "predictive-sampling")]).collect();
        let result =
            |rate: f64| serde_json::from_value(json!({ "success_rate": rate, "success_ci95": [0.1, 0.9] })).unwrap();
        let lines = table(&cells, &[result(0.5), result(0.4), result(0.5), None]).lines();
        assert_eq!(lines[0], "| task | world | episodes | generator alone | predictive-sampling, N = 32 |  |");
        assert_eq!(
            lines[2],
            "| lift | as planned | 10 | 50.0 % [10.0, 90.0] | 40.0 % [10.0, 90.0] | planned is worse |"
        );
        assert_eq!(lines[3], "| lift | heavy | 10 | 50.0 % [10.0, 90.0] | open |  |");
        assert_eq!((lines.len(), lines[4].as_str()), (5, ""));
    }

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
