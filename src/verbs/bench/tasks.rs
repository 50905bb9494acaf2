//! `planner bench tasks`: success on every task, generator alone and planned, in every world asked for.

use crate::cli::{BenchTasksArgs, ControllerArgs, WorldArgs};
use crate::controller;
use crate::failure::Result;
use crate::held_out;
use crate::load;
use crate::output::{object, success};
use crate::sweep;
use imle_configs::Error as InputError;
use imle_configs::embedded;
use imle_envs::mismatch::Mismatch;
use imle_policy::sampler::Sampler;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The word for a world that equals the planner's model.
const EXACT: &str = "none";
/// The choice of the generator's first sample.
const FIRST: &str = "first";
/// The word for every name there is.
const ALL: &str = "all";

/// What is measured at a time: the episodes of one task in one world with one controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cell {
    task: String,
    /// Fingerprint of the generator's weights.
    checkpoint: String,
    mismatch: Option<String>,
    planner: String,
    /// How the generator alone chooses, if not the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    /// Candidates a decision; 1 for the generator's first sample.
    candidates: u32,
    episodes: u32,
    seed: u64,
    #[serde(skip)]
    folder: Option<PathBuf>,
}

/// What the cells of one row of the table share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row<'a> {
    task: &'a str,
    mismatch: Option<&'a str>,
    checkpoint: &'a str,
    episodes: u32,
    seed: u64,
}

impl Cell {
    /// What tells the columns of the table apart.
    fn controller(&self) -> (&str, Option<&str>, u32) {
        (&self.planner, self.choice.as_deref(), self.candidates)
    }

    fn row(&self) -> Row<'_> {
        let (task, mismatch, checkpoint) = (&self.task, self.mismatch.as_deref(), &self.checkpoint);
        Row { task, mismatch, checkpoint, episodes: self.episodes, seed: self.seed }
    }
}

/// Measures, and prints the table.
pub fn run(args: &BenchTasksArgs) -> Result<()> {
    let output = args.common.output();
    let (cells, results): (Vec<Cell>, Vec<Option<Value>>) = if args.sweep.report {
        sweep::kept::<Cell>(&args.sweep, output)?.into_iter().map(|(cell, result)| (cell, Some(result))).unzip()
    } else {
        let cells = cells(args)?;
        let results = sweep::run(&args.sweep, output, &cells, |cell, _| measure(args, cell))?;
        (cells, results)
    };
    for line in table(&cells, &results) {
        output.say(line);
    }
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
fn cells(args: &BenchTasksArgs) -> Result<Vec<Cell>> {
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
            let controllers = args.planners.iter().flat_map(|planner| match planner.as_str() {
                "none" => alone.clone().collect::<Vec<_>>(),
                other => vec![(other, None)],
            });
            for (planner, choice) in controllers {
                let choice = choice.filter(|c| *c != FIRST).cloned();
                controller::check(&ControllerArgs::of(planner, choice.as_deref().unwrap_or(FIRST), args.candidates))?;
                cells.push(Cell {
                    task: name.clone(),
                    checkpoint: checkpoint.clone(),
                    mismatch: (world != EXACT).then(|| world.clone()),
                    planner: planner.to_string(),
                    candidates: if planner == "none" && choice.is_none() { 1 } else { args.candidates },
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

fn measure(args: &BenchTasksArgs, cell: &Cell) -> Result<Value> {
    let task = load::task_in(&cell.task, &WorldArgs { mismatch: cell.mismatch.clone() })?;
    let (task, checkpoint) = load::checkpoint(cell.folder.as_deref(), task)?;
    let pool = load::pool(&args.common)?;
    let sampler = Sampler::new(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
    let flags = ControllerArgs::of(&cell.planner, cell.choice.as_deref().unwrap_or(FIRST), cell.candidates);
    let counted = (cell.episodes, cell.seed);
    Ok(Value::Object(object(&held_out::run(&task, &sampler, &flags, counted, &pool, args.common.output())?)?))
}

/// A Markdown table: a row a task and world, a column a controller; where the planner solved fewer than the generator
/// alone, the row says so.
fn table(cells: &[Cell], results: &[Option<Value>]) -> Vec<String> {
    let mut controllers: Vec<(&str, Option<&str>, u32)> = Vec::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for cell in cells {
        let (controller, row) = (cell.controller(), cell.row());
        if !controllers.contains(&controller) {
            controllers.push(controller);
        }
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let title = |controller: &(&str, Option<&str>, u32)| match *controller {
        ("none", None, _) => "generator alone".to_string(),
        ("none", Some(choice), n) => format!("generator alone, {choice} of {n}"),
        (planner, _, n) => format!("{planner}, N = {n}"),
    };
    let titles: Vec<String> = controllers.iter().map(title).collect();
    let mut lines = vec![
        format!("| task | world | episodes | {} | |", titles.join(" | ")),
        format!("|---|---|---|{}---|", "---|".repeat(controllers.len())),
    ];
    for row in rows {
        let of = |controller: &(&str, Option<&str>, u32)| {
            let same = |c: &Cell| c.row() == row && c.controller() == *controller;
            cells.iter().position(same).and_then(|i| results[i].as_ref())
        };
        let rate = |result: &Value| result["success_rate"].as_f64();
        let alone = of(&("none", None, 1)).and_then(rate);
        let planned = controllers.iter().filter(|c| c.0 != "none").filter_map(|c| of(c).and_then(rate));
        let worse = planned.fold(f64::INFINITY, f64::min) < alone.unwrap_or(f64::NEG_INFINITY);
        let figures: Vec<String> = controllers.iter().map(|c| of(c).map_or("open".into(), success)).collect();
        let remark = if worse { "planned is worse" } else { "" };
        let world = row.mismatch.unwrap_or("as planned");
        lines.push(format!("| {} | {world} | {} | {} | {remark} |", row.task, row.episodes, figures.join(" | ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(world: Option<&str>, planner: &str) -> Cell {
        Cell {
            task: "lift".into(),
            checkpoint: String::new(),
            mismatch: world.map(str::to_string),
            planner: planner.into(),
            choice: None,
            candidates: if planner == "none" { 1 } else { 32 },
            episodes: 10,
            seed: 0,
            folder: None,
        }
    }

    #[test]
    fn the_table_shows_open_cells_and_where_the_planner_is_worse() {
        let cells: Vec<Cell> =
            [None, Some("heavy")].into_iter().flat_map(|w| [cell(w, "none"), cell(w, "predictive-sampling")]).collect();
        let result = |rate: f64| Some(json!({ "success_rate": rate, "success_ci95": [0.1, 0.9] }));
        let lines = table(&cells, &[result(0.5), result(0.4), result(0.5), None]);
        assert_eq!(lines[0], "| task | world | episodes | generator alone | predictive-sampling, N = 32 | |");
        assert_eq!(
            lines[2],
            "| lift | as planned | 10 | 50.0 % [10.0, 90.0] | 40.0 % [10.0, 90.0] | planned is worse |"
        );
        assert_eq!(lines[3], "| lift | heavy | 10 | 50.0 % [10.0, 90.0] | open |  |");
        assert_eq!(lines.len(), 4);
    }
}
