//! Measurement of each cell: train (or find trained), then evaluate every way of sampling.

use super::cell::{ClaimCell, What};
use super::entries::{Entry, alone, entries};
use super::work::{Trained, TrainingRecipe, Work};
use super::{contender, cost, latency, tuning};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::Result;
use imle_policy::checkpoint::Checkpoint;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Measures a cell.
///
/// # Errors
/// Errors of training, sampling and evaluation; [`imle_cli::failure::Failure::Run`] after Ctrl-C, after which the same
/// call goes on.
pub fn measure(work: &Work<'_>, cell: &ClaimCell) -> Result<Value> {
    let (task, seed) = (&cell.task, cell.frame.evaluation_seed);
    let seconds = cost::of(work, cell, &mut HashSet::new())?;
    work.output.note(format!("about {}", cost::duration(seconds)));
    match &cell.what {
        What::Tuning { method, .. } => return tuning::of(work, task, method),
        What::Latency { network, device, candidates } => {
            return latency::measure(work, task, network, device, *candidates);
        }
        _ => {}
    }
    let trainings = trainings(work, cell)?;
    let flags = alone(&cell.what);
    let chosen = matches!(cell.what, What::Choices { .. });
    let mut rows = Vec::new();
    for (Entry { name, sampler, .. }, trained) in &trainings {
        let report = work.episodes(task, trained, sampler, &flags, (cell.frame.episodes, seed))?;
        let mut row = json!({ "name": name, "sampler": sampler, "train": trained.record, "report": report });
        if !chosen {
            row["fidelity"] = work.fidelity(task, trained, sampler)?;
        }
        rows.push(row);
    }
    let mut result = json!({ "entries": rows });
    if !chosen {
        result["demonstrations"] = json!(work.subject(task)?.modes());
    }
    match &cell.what {
        What::Ablations { candidates, planned_episodes, .. } if *planned_episodes > 0 => {
            let flags = ControllerArgs::of("predictive-sampling", "first", *candidates);
            for (entry, trained) in &trainings {
                result["planned"] = work.episodes(task, trained, entry.sampler, &flags, (*planned_episodes, seed))?;
            }
        }
        What::Networks { network, candidates, .. } => {
            result["latency_1"] = latency::found(work, task, network, 1)?;
            result["latency_n"] = latency::found(work, task, network, *candidates)?;
        }
        What::Distillation { .. } => {
            let sampled = |(entry, trained): &(Entry, Trained)| -> Result<(_, Checkpoint)> {
                Ok((entry.sampler, contender::sampled(entry.sampler, trained.checkpoint.clone())?))
            };
            let both = trainings.iter().map(sampled).collect::<Result<Vec<_>>>()?;
            result["latency_1"] = latency::compare(work, task, &both, work.device, 1)?;
        }
        _ => {}
    }
    Ok(result)
}

/// The trainings of a cell; of a distillation the teacher and its student.
fn trainings(work: &Work<'_>, cell: &ClaimCell) -> Result<Vec<(Entry, Trained)>> {
    let mut all = Vec::new();
    for entry in entries(work, cell)? {
        let trained = work.trained(&entry.recipe, None)?;
        all.push((entry, trained));
    }
    if let (What::Distillation { .. }, Some((teacher, taught))) = (&cell.what, all.first()) {
        let recipe = TrainingRecipe { method: "imle".into(), ..teacher.recipe.clone() };
        let teacher = contender::sampled(teacher.sampler, taught.checkpoint.clone())?;
        let trained = work.trained(&recipe, Some(&teacher))?;
        all.push((Entry { recipe, name: "student", sampler: "imle" }, trained));
    }
    Ok(all)
}
