//! `planner bench plan`: what proposals and planners are worth, against controls that could refute it.

mod args;
mod parts;
mod table;

pub use args::PlanArgs;

use crate::cli::{ControllerArgs, WorldArgs};
use crate::controller;
use crate::failure::{Failure, Result};
use crate::output::object;
use crate::{held_out, load, sweep};
use clap::Parser;
use imle_configs::Error as InputError;
use imle_policy::sampler::Sampler;
use parts::{Contender, PARTS, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What is measured at a time: the episodes of one task with one controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cell {
    part: String,
    task: String,
    contender: String,
    /// Fingerprint of the generator's weights.
    checkpoint: String,
    /// The controller's flags.
    flags: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mismatch: Option<String>,
    episodes: u32,
    seed: u64,
    #[serde(skip)]
    folder: Option<PathBuf>,
}

/// A controller's flags by themselves.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    controller: ControllerArgs,
}

/// The flags in `words`.
fn flags(words: &str) -> Result<ControllerArgs> {
    let parsed = Flags::try_parse_from(words.split_whitespace());
    let flags = parsed.map_err(|e| {
        let line = e.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
        InputError::unexpected("--contender", "flags of the controller, as in planner run", line)
    })?;
    controller::check(&flags.controller)?;
    Ok(flags.controller)
}

/// Measures, and prints a table a part.
pub fn run(args: &PlanArgs) -> Result<()> {
    let output = args.common.output();
    let (cells, results): (Vec<Cell>, Vec<Option<Value>>) = if args.sweep.report {
        sweep::kept::<Cell>(&args.sweep, output)?.into_iter().map(|(cell, result)| (cell, Some(result))).unzip()
    } else {
        let cells = cells(args)?;
        let results = sweep::run(&args.sweep, output, &cells, |cell| measure(args, cell))?;
        (cells, results)
    };
    for line in table::all(&cells, &results) {
        output.say(line);
    }
    let entries: Vec<Value> =
        cells.iter().zip(&results).filter_map(|(c, r)| Some(json!({ "cell": c, "result": r.as_ref()? }))).collect();
    output.result(&json!({ "cells": entries, "open": cells.len() - entries.len() }))
}

/// The cells, a task's of a part together.
fn cells(args: &PlanArgs) -> Result<Vec<Cell>> {
    if !args.contender.is_empty() {
        let own: Vec<(String, String, String)> =
            args.contender.iter().map(|words| ("own".into(), words.clone(), words.clone())).collect();
        let tasks = args.tasks.clone().unwrap_or_else(|| vec!["stack".into()]);
        return tasks
            .iter()
            .map(|task| of_task(args, task, "imle", &own))
            .collect::<Result<Vec<_>>>()
            .map(|c| c.concat());
    }
    let known = || PARTS.iter().map(|p| p.name);
    let part = |name: &String| -> Result<&Part> {
        let found = PARTS.iter().find(|p| p.name == name);
        Ok(found.ok_or_else(|| InputError::unknown("part", name, known()))?)
    };
    let mut all = Vec::new();
    for part in args.parts.iter().map(part).collect::<Result<Vec<_>>>()? {
        let own: Vec<String> = part.tasks.iter().map(ToString::to_string).collect();
        for task in args.tasks.as_ref().unwrap_or(&own) {
            for Contender { name, method, flags } in part.contenders {
                let words = (part.name.to_string(), name.to_string(), flags.to_string());
                all.extend(of_task(args, task, method, &[words])?);
            }
        }
    }
    Ok(all)
}

/// The cells of contenders (part, name, flags) with the generator of `method` on `task`; none where that, or the
/// demonstrations to look in, are not given.
fn of_task(args: &PlanArgs, task: &str, method: &str, of: &[(String, String, String)]) -> Result<Vec<Cell>> {
    let folder = args.generators.as_ref().map(|f| f.join(method).join(task));
    if folder.as_ref().map_or(method != "imle", |f| !f.exists() && method != "imle") {
        let place = folder.map_or("--generators".into(), |f| f.display().to_string());
        args.common.output().note(format!("{task}: no generator of {method} in {place}; left out"));
        return Ok(Vec::new());
    }
    let folder = folder.filter(|f| f.exists());
    let checkpoint = load::checkpoint(folder.as_deref(), load::task(task)?)?.1.fingerprint();
    let mut cells = Vec::new();
    for (part, name, words) in of {
        if words.contains("retrieval") && args.demonstrations.is_none() {
            args.common.output().note(format!("{task}: no --demonstrations for {name}; left out"));
            continue;
        }
        flags(words)?;
        cells.push(Cell {
            part: part.clone(),
            task: task.into(),
            contender: name.clone(),
            checkpoint: checkpoint.clone(),
            flags: words.clone(),
            mismatch: args.world.mismatch.clone(),
            episodes: args.episodes,
            seed: args.seed,
            folder: folder.clone(),
        });
    }
    Ok(cells)
}

fn measure(args: &PlanArgs, cell: &Cell) -> Result<Value> {
    let task = load::task_in(&cell.task, &WorldArgs { mismatch: cell.mismatch.clone() })?;
    let (task, checkpoint) = load::checkpoint(cell.folder.as_deref(), task)?;
    let mut flags = flags(&cell.flags)?;
    if flags.proposals.iter().any(|p| p.starts_with("retrieval")) {
        flags.demonstrations = args.demonstrations.as_ref().map(|f| f.join(&cell.task));
    }
    let checkpoint = controller::sampled(&flags, checkpoint)?;
    let pool = load::pool(&args.common)?;
    let sampler = Sampler::new(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
    let counted = (cell.episodes, cell.seed);
    let report = held_out::run(&task, &sampler, &flags, counted, &pool, args.common.output());
    report.and_then(|r| Ok(Value::Object(object(&r)?))).map_err(|failure| match failure {
        Failure::Input(line) => Failure::Input(format!("{} on {}: {line}", cell.contender, cell.task)),
        other => other,
    })
}
