//! The trainings of a cell, and how each is sampled.

use super::args::Protocol;
use super::cell::{ClaimCell, What, network_words};
use super::contender;
use super::contender::Sampled;
use super::speed::equal_time;
use super::subject::poorly;
use super::tuning;
use super::work::{TrainingRecipe, Work};
use imle_cli::failure::{Failure, Result};

/// The teacher of a distillation.
const TEACHER: (&str, &str) = ("diffusion", "ddim-10");

/// A training with the ways of sampling it, each under the name of its row.
pub type Entries = Vec<(TrainingRecipe, Vec<(&'static str, Sampled)>)>;

/// The trainings of a cell and how each is sampled; none where nothing is trained on demonstrations alone.
pub fn entries(work: &Work<'_>, cell: &ClaimCell) -> Result<Entries> {
    let frame = &cell.frame;
    let recipe = |method: &str, demonstrations: u32, seed: u64, steps: u64, words: Vec<String>| TrainingRecipe {
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
            vec![(TrainingRecipe { task, ..recipe }, all("imle")?)]
        }
        What::Networks { network, method, seed, .. } => {
            vec![(full(method, *seed, network_words(network)?), all(method)?)]
        }
        What::Distillation { seed } => vec![(full(TEACHER.0, *seed, Vec::new()), vec![teacher()?])],
        What::Tuning { .. } | What::Latency { .. } => Vec::new(),
    })
}

/// One row for each training and way of sampling.
pub fn single(entries: Entries) -> impl Iterator<Item = (TrainingRecipe, (&'static str, Sampled))> {
    entries.into_iter().flat_map(|(recipe, ways)| ways.into_iter().map(move |way| (recipe.clone(), way)))
}

fn teacher() -> Result<(&'static str, Sampled)> {
    let sampled = contender::of(TEACHER.0)?.sampled(TEACHER.1);
    Ok(("teacher", sampled.ok_or_else(|| Failure::Run(format!("no sampler `{}`", TEACHER.1)))?))
}
