//! `planner bench claims`: the paper's claims, each measured beside baselines as good as their authors', as a sweep.
//!
//! `args` are its flags, `cell` the list of cells, `contender` how each method is sampled, `subject` the tasks with
//! their demonstrations, `work` the folder in which trainings are made once for all parts, `measure` what is done for a
//! cell, `tuning` and `latency` two of its parts, `speed` how fast this machine is and `cost` what a cell takes on it,
//! `gather`, `verdicts`, `tables` and `plots` the report.

pub mod args;
mod cell;
mod contender;
mod cost;
mod entries;
mod gather;
mod latency;
mod measure;
mod plots;
mod speed;
mod subject;
mod tables;
mod tuning;
mod verdicts;
mod work;

use crate::publish::{entries, grouped, publish};
use args::{ClaimPart, ClaimsArgs};
use cell::{ClaimCell, Frame};
use imle_cli::failure::Result;
use imle_cli::training::settings::print_settings;
use imle_cli::{load, sweep};
use imle_configs::Error as InputError;
use imle_policy::device::DeviceChoice;
use imle_policy::train::TrainSettings;
use serde_json::{Value, json};
use std::collections::HashSet;
use work::Work;

/// Measures, or reports what was measured.
pub fn run(args: &ClaimsArgs) -> Result<()> {
    let output = args.common.output();
    if args.sweep.report {
        return report(args, &sweep::kept(&args.sweep, output)?);
    }
    check(args)?;
    // A file of something else is an error before any work is done.
    sweep::open::<ClaimCell, Value>(&args.sweep, output, &[])?;
    let pool = load::pool(&args.common)?;
    let mut work = Work::new(args, &pool)?;
    if args.settings.settings {
        return print_settings::<TrainSettings>(&work.base);
    }
    let cells = cells(&mut work)?;
    if args.plan {
        return plan(&work, &cells);
    }
    let results = sweep::run(&args.sweep, output, &cells, |cell, _| measure::measure(&work, cell))?;
    let entries = entries(&cells, &results);
    let open = cells.len() - entries.len();
    let done: Vec<(ClaimCell, Value)> = cells.into_iter().zip(results).filter_map(|(c, r)| Some((c, r?))).collect();
    tables::all(&done).iter().for_each(|line| output.say(line));
    output.result(&json!({ "cells": entries, "open": open }))
}

/// Names and numbers, before anything is loaded.
fn check(args: &ClaimsArgs) -> Result<()> {
    for method in &args.methods {
        contender::of(method)?;
    }
    for network in &args.networks {
        cell::network_words(network)?;
    }
    for task in args.tasks.iter().flatten() {
        load::task(task)?;
    }
    if let Some(rate) = args.learning_rates.iter().find(|r| !(r.is_finite() && **r > 0.0)) {
        return Err(InputError::unexpected("--learning-rates", "numbers above 0", rate).into());
    }
    if let (Some(data), Some(tasks)) = (&args.data, &args.tasks)
        && tasks.len() != 1
    {
        let expected = format!("the one task of {}", data.display());
        return Err(InputError::unexpected("--tasks", expected, tasks.join(",")).into());
    }
    Ok(())
}

/// The cells that the flags ask for, in the order of measuring; their tasks are taken up.
fn cells(work: &mut Work<'_>) -> Result<Vec<ClaimCell>> {
    let args = work.args;
    let data = args.data.as_deref().filter(|_| args.tasks.is_none());
    let its_own = data.map(|data| work.subjects.take_up_data(data)).transpose()?;
    // What is poor in a user's own demonstrations is not known.
    let parts = args.parts.iter().filter(|p| args.data.is_none() || **p != ClaimPart::Quality);
    let wanted = parts.flat_map(|part| {
        let tasks = its_own.clone().map_or_else(|| cell::tasks_of(args, *part), |name| vec![name]);
        tasks.into_iter().map(|task| (task, *part))
    });
    let mut devices = vec!["cpu"];
    if DeviceChoice::Cuda.open().is_ok() {
        devices.push("cuda");
    }
    let settings = work.base_fingerprint()?;
    let mut all = Vec::new();
    for (named, parts) in grouped(wanted) {
        let name = if its_own.is_some() { named } else { work.subjects.take_up(&named)? };
        if parts.contains(&ClaimPart::Quality) && args.data.is_none() {
            work.subjects.take_up_poor(&name)?;
        }
        let subject = work.subject(&name)?;
        let frame = Frame {
            demos: subject.demos,
            steps: work.base.steps,
            episodes: if subject.task.is_some() { args.episodes } else { 0 },
            evaluation_seed: args.seed,
            settings: settings.clone(),
            data: imle_configs::episode::fingerprint(&subject.dataset.episodes),
        };
        all.extend(cell::of_task(args, &name, &parts, &frame, &devices)?);
    }
    cell::order(&mut all);
    Ok(all)
}

/// Lists what is to be measured, with what it is expected to take.
fn plan(work: &Work<'_>, cells: &[ClaimCell]) -> Result<()> {
    let (_, open) = sweep::open::<_, Value>(&work.args.sweep, work.output, cells)?;
    let (mut sum, mut listed, mut counted) = (0.0, Vec::new(), HashSet::new());
    for (number, index) in open.iter().enumerate() {
        let cell = &cells[*index];
        let seconds = cost::of(work, cell, &mut counted)?;
        sum += seconds;
        let what = json!(cell.what);
        let (one, all) = (cost::duration(seconds), cost::duration(sum));
        work.output.say(format!("{:>4}  {one:>12}  (sum {all:>12})  {} {what}", number + 1, cell.task));
        listed.push(json!({ "cell": cell, "seconds": seconds }));
    }
    let all = cost::duration(sum);
    work.output.say(format!("{} of {} cells to measure, about {all}", open.len(), cells.len()));
    work.output.result(&json!({ "open": listed, "seconds": sum }))
}

/// Prints the tables of all that was measured, and writes them with the plots into --out.
fn report(args: &ClaimsArgs, done: &[(ClaimCell, Value)]) -> Result<()> {
    let output = args.common.output();
    let plots = publish(output, args.out.as_deref(), &args.sweep.results, &tables::all(done), || plots::all(done))?;
    let entries: Vec<Value> = done.iter().map(|(cell, result)| json!({ "cell": cell, "result": result })).collect();
    output.result(&json!({ "cells": entries, "open": 0, "plots": plots }))
}
