//! The trainings of a cell, and how each is sampled.

use super::args::Protocol;
use super::cell::{ClaimCell, What, network_words};
use super::speed::equal_time;
use super::subject::poorly;
use super::work::{TrainingRecipe, Work};
use super::{contender, tuning};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::Result;

/// The teacher of a distillation.
const TEACHER: (&str, &str) = ("diffusion", "ddim-10");

/// A training with a way of sampling it, under the name of its row.
pub struct Entry {
    pub recipe: TrainingRecipe,
    pub name: &'static str,
    pub sampler: &'static str,
}

/// The trainings of a cell and how each is sampled; none where nothing is trained on demonstrations alone.
pub fn entries(work: &Work<'_>, cell: &ClaimCell) -> Result<Vec<Entry>> {
    let full = |method: &str, seed: u64| work.recipe(&cell.task, method, seed);
    let recipe = match &cell.what {
        What::Tuning { .. } | What::Latency { .. } => return Ok(Vec::new()),
        What::Data { protocol, method, demonstrations, seed } => {
            let mut recipe = TrainingRecipe { demonstrations: *demonstrations, ..full(method, *seed)? };
            if *protocol != Protocol::EqualSteps {
                recipe.steps = equal_time(work, &cell.task, method)?;
            }
            if *protocol == Protocol::Best {
                let tuned = tuning::of(work, &cell.task, method)?;
                let entry = |best: tuning::Best| Entry {
                    recipe: TrainingRecipe { words: tuning::words(best.learning_rate), ..recipe.clone() },
                    name: best.name,
                    sampler: best.sampler,
                };
                return Ok(tuning::chosen(&tuned, contender::of(method)?)?.into_iter().map(entry).collect());
            }
            recipe
        }
        What::Modes { method, seed } => full(method, *seed)?,
        What::Choices { seed, .. } => full("imle", *seed)?,
        What::Ablations { set, seed, .. } => {
            TrainingRecipe { words: set.split_whitespace().map(str::to_string).collect(), ..full("imle", *seed)? }
        }
        What::Quality { quality, poor, seed } => {
            let recipe = full("imle", *seed)?;
            let task = if *poor > 0.0 { poorly(&cell.task) } else { recipe.task };
            TrainingRecipe { task, words: vec![format!("quality={quality:?}")], ..recipe }
        }
        What::Networks { network, method, seed, .. } => {
            TrainingRecipe { words: network_words(network)?, ..full(method, *seed)? }
        }
        What::Distillation { seed } => {
            let (method, sampler) = TEACHER;
            return Ok(vec![Entry { recipe: full(method, *seed)?, name: "teacher", sampler }]);
        }
    };
    let samplers = contender::of(&recipe.method)?.samplers.iter();
    Ok(samplers.map(|name| Entry { recipe: recipe.clone(), name, sampler: name }).collect())
}

/// The generator alone, as the cell's held-out episodes are run with it.
pub fn alone(what: &What) -> ControllerArgs {
    match what {
        What::Choices { choice, candidates, .. } if choice != "first" => {
            ControllerArgs::of("none", choice, *candidates)
        }
        _ => ControllerArgs::of("none", "first", 1),
    }
}
