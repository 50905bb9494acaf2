//! Measurement of each cell: train (or find trained), then evaluate every way of sampling.

use super::cell::{ClaimCell, What};
use super::contender;
use super::contender::Sampled;
use super::cost;
use super::entries::{entries, single};
use super::latency;
use super::tuning;
use super::work::{Trained, TrainingRecipe, Work};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::Result;
use imle_policy::checkpoint::Checkpoint;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Measures a cell.
///
/// # Errors
/// Errors of training, sampling and evaluation; [`Failure::Run`] after Ctrl-C, after which the same call goes on.
pub fn measure(work: &Work<'_>, cell: &ClaimCell) -> Result<Value> {
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

/// A row: how it is sampled, what its training took, what came of it.
fn entry((name, sampled): (&'static str, Sampled), trained: &Trained, report: Value) -> Value {
    json!({ "name": name, "sampler": sampled.name, "train": trained.record, "report": report })
}

/// Success in held-out episodes, recall and precision of every row, beside the modes of the demonstrations.
fn alone_and_fidelity(work: &Work<'_>, cell: &ClaimCell, alone: &ControllerArgs) -> Result<Value> {
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
fn distill(work: &Work<'_>, cell: &ClaimCell, alone: &ControllerArgs) -> Result<Value> {
    let counted = (cell.frame.episodes, cell.frame.evaluation_seed);
    let mut rows = Vec::new();
    for (recipe, way) in single(entries(work, cell)?) {
        let taught = work.trained(&recipe, None)?;
        let sampled = way.1.of(taught.checkpoint.clone())?;
        let student = work.trained(&TrainingRecipe { method: "imle".into(), ..recipe }, Some(&sampled))?;
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
