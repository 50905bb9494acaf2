//! What is done for each cell: train (or find trained), then evaluate every way of sampling.

use super::args::Protocol;
use super::cell::{Cell, What, network_words};
use super::contender::{self, Sampled};
use super::speed;
use super::subject::poorly;
use super::work::{Recipe, Trained, Work};
use super::{cost, latency, tuning};
use crate::cli::ControllerArgs;
use crate::failure::{Failure, Result};
use imle_policy::checkpoint::Checkpoint;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The teacher of a distillation.
const TEACHER: (&str, &str) = ("diffusion", "ddim-10");

/// A training with the ways of sampling it, each under the name of its row.
pub type Entries = Vec<(Recipe, Vec<(&'static str, Sampled)>)>;

/// Measures a cell.
///
/// # Errors
/// What training, sampling and evaluation return; [`Failure::Run`] after Ctrl-C, after which the same call goes on.
pub fn measure(work: &Work<'_>, cell: &Cell) -> Result<Value> {
    let seconds = cost::of(work, cell, &mut HashSet::new())?;
    work.output.note(format!("about {}", cost::duration(seconds)));
    let alone = ControllerArgs::of("none", "first", 1);
    let counted = (cell.frame.episodes, cell.frame.evaluation_seed);
    Ok(match &cell.what {
        What::Tuning { method, .. } => tuning::of(work, &cell.task, method)?,
        What::Latency { network, device, candidates } => {
            latency::measure(work, &cell.task, network, device, *candidates)?
        }
        What::Choices { choice, candidates, .. } => {
            let mut found = Vec::new();
            for (recipe, sampled) in single(entries(work, cell)?) {
                let trained = work.trained(&recipe, None)?;
                let flags = ControllerArgs::of("none", choice, if choice == "first" { 1 } else { *candidates });
                found.push(entry(sampled, &trained, work.episodes(&cell.task, &trained, sampled.1, &flags, counted)?));
            }
            json!({ "entries": found })
        }
        What::Ablations { candidates, planned_episodes, .. } => {
            let mut result = alone_and_fidelity(work, cell, &alone)?;
            if *planned_episodes > 0 {
                for (recipe, sampled) in single(entries(work, cell)?) {
                    let trained = work.trained(&recipe, None)?;
                    let flags = ControllerArgs::of("predictive-sampling", "first", *candidates);
                    let counted = (*planned_episodes, counted.1);
                    result["planned"] = work.episodes(&cell.task, &trained, sampled.1, &flags, counted)?;
                }
            }
            result
        }
        What::Networks { network, candidates, .. } => {
            let mut result = alone_and_fidelity(work, cell, &alone)?;
            for (key, n) in [("latency_1", 1), ("latency_n", *candidates)] {
                result[key] = latency::found(work, &cell.task, network, n)?;
            }
            result
        }
        What::Data { .. } | What::Modes { .. } | What::Quality { .. } => alone_and_fidelity(work, cell, &alone)?,
        What::Distillation { .. } => distill(work, cell, &alone)?,
    })
}

/// The trainings of a cell and how each is sampled; none where nothing is trained on demonstrations alone.
pub fn entries(work: &Work<'_>, cell: &Cell) -> Result<Entries> {
    let frame = &cell.frame;
    let recipe = |method: &str, demonstrations: u32, seed: u64, steps: u64, words: Vec<String>| Recipe {
        task: cell.task.clone(),
        method: method.into(),
        demonstrations,
        seed,
        steps,
        words,
    };
    let full = |method: &str, seed: u64, words: Vec<String>| recipe(method, frame.demos, seed, frame.steps, words);
    let all = |method: &str| -> Result<Vec<(&'static str, Sampled)>> {
        Ok(contender::of(method)?.samplers.iter().map(|s| (s.name, *s)).collect())
    };
    Ok(match &cell.what {
        What::Data { protocol: Protocol::EqualSteps, method, demonstrations, seed } => {
            vec![(recipe(method, *demonstrations, *seed, frame.steps, Vec::new()), all(method)?)]
        }
        What::Data { protocol: Protocol::EqualTime, method, demonstrations, seed } => {
            let steps = equal_time(work, &cell.task, method, frame.steps)?;
            vec![(recipe(method, *demonstrations, *seed, steps, Vec::new()), all(method)?)]
        }
        What::Data { protocol: Protocol::Best, method, demonstrations, seed } => {
            let steps = equal_time(work, &cell.task, method, frame.steps)?;
            let tuned = tuning::of(work, &cell.task, method)?;
            let mut entries = Vec::new();
            for (name, best) in tuning::chosen(&tuned, contender::of(method)?)? {
                let words = tuning::words(best.learning_rate);
                entries.push((recipe(method, *demonstrations, *seed, steps, words), vec![(name, best.sampled)]));
            }
            entries
        }
        What::Modes { method, seed } => vec![(full(method, *seed, Vec::new()), all(method)?)],
        What::Choices { seed, .. } => vec![(full("imle", *seed, Vec::new()), all("imle")?)],
        What::Ablations { set, seed, .. } => {
            let words = set.split_whitespace().map(str::to_string).collect();
            vec![(full("imle", *seed, words), all("imle")?)]
        }
        What::Quality { quality, poor, seed } => {
            let recipe = full("imle", *seed, vec![format!("quality={quality:?}")]);
            let task = if *poor > 0.0 { poorly(&cell.task) } else { recipe.task };
            vec![(Recipe { task, ..recipe }, all("imle")?)]
        }
        What::Networks { network, method, seed, .. } => {
            vec![(full(method, *seed, network_words(network)?), all(method)?)]
        }
        What::Distillation { seed } => vec![(full(TEACHER.0, *seed, Vec::new()), vec![teacher()?])],
        What::Tuning { .. } | What::Latency { .. } => Vec::new(),
    })
}

/// One row for each training and way of sampling.
fn single(entries: Entries) -> impl Iterator<Item = (Recipe, (&'static str, Sampled))> {
    entries.into_iter().flat_map(|(recipe, ways)| ways.into_iter().map(move |way| (recipe.clone(), way)))
}

fn teacher() -> Result<(&'static str, Sampled)> {
    let sampled = contender::of(TEACHER.0)?.sampled(TEACHER.1);
    Ok(("teacher", sampled.ok_or_else(|| Failure::Run(format!("no sampler `{}`", TEACHER.1)))?))
}

/// As many steps of `method` as fit into the time of `steps` of IMLE.
pub fn equal_time(work: &Work<'_>, task: &str, method: &str, steps: u64) -> Result<u64> {
    let speeds = speed::of(work, task, &[], method)?;
    Ok(((steps as f64 * speeds.steps(method)? / speeds.steps("imle")?).round() as u64).max(1))
}

/// A row: how it is sampled, what its training took, what came of it.
fn entry((name, sampled): (&'static str, Sampled), trained: &Trained, report: Value) -> Value {
    json!({ "name": name, "sampler": sampled.name, "train": trained.record, "report": report })
}

/// Success in held-out episodes, recall and precision of every row, beside the modes of the demonstrations.
fn alone_and_fidelity(work: &Work<'_>, cell: &Cell, alone: &ControllerArgs) -> Result<Value> {
    let counted = (cell.frame.episodes, cell.frame.evaluation_seed);
    let mut found = Vec::new();
    for (recipe, way) in single(entries(work, cell)?) {
        let trained = work.trained(&recipe, None)?;
        let mut entry = entry(way, &trained, work.episodes(&cell.task, &trained, way.1, alone, counted)?);
        entry["fidelity"] = work.fidelity(&cell.task, &trained, way.1)?;
        found.push(entry);
    }
    Ok(json!({ "entries": found, "demonstrations": work.subject(&cell.task)?.modes() }))
}

/// Teacher and student side by side.
fn distill(work: &Work<'_>, cell: &Cell, alone: &ControllerArgs) -> Result<Value> {
    let counted = (cell.frame.episodes, cell.frame.evaluation_seed);
    let mut rows = Vec::new();
    for (recipe, way) in single(entries(work, cell)?) {
        let taught = work.trained(&recipe, None)?;
        let sampled = way.1.of(taught.checkpoint.clone())?;
        let student = work.trained(&Recipe { method: "imle".into(), ..recipe }, Some(&sampled))?;
        let plain = contender::of("imle")?.samplers.iter().map(|s| ("student", *s));
        rows.push((way, taught));
        rows.extend(plain.zip([student]));
    }
    let mut found = Vec::new();
    for (way, trained) in &rows {
        let mut entry = entry(*way, trained, work.episodes(&cell.task, trained, way.1, alone, counted)?);
        entry["fidelity"] = work.fidelity(&cell.task, trained, way.1)?;
        found.push(entry);
    }
    let checkpoints: Vec<(Sampled, Checkpoint)> =
        rows.iter().map(|(way, t)| Ok((way.1, way.1.of(t.checkpoint.clone())?))).collect::<Result<_>>()?;
    let latency = latency::compare(work, &cell.task, &checkpoints, work.device, 1)?;
    Ok(json!({ "entries": found, "latency_1": latency, "demonstrations": work.subject(&cell.task)?.modes() }))
}
