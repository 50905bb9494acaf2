//! The generators that fine-tuning starts from, each learned from a few demonstrations of the scripted expert.
//!
//! ```text
//! demos/TASK/              a dataset, of which the first so many episodes are learned from and the last are held out
//! bases/TASK-STRENGTH/     a checkpoint
//! ```

use super::args::FinetuneBenchArgs;
use super::cell::Strength;
use crate::publish::listed;
use imle_cli::failure::Result;
use imle_cli::load;
use imle_cli::training::demonstrations::{self, Demonstrators};
use imle_cli::training::job::TrainingJob;
use imle_cli::training::view::View;
use imle_configs::{Error as InputError, files};
use imle_data::Dataset;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::normalizer::ChunkFrame;
use imle_policy::train::{TrainSettings, can_resume};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Demonstrations recorded of a task, and how many of them nothing is learned from.
const RECORDED: usize = 120;
pub const HELD_OUT: usize = 20;

/// Recipe of a base.
#[derive(Deserialize)]
struct BaseRecipe {
    task: String,
    strength: Strength,
    /// Number of demonstrations to learn from.
    demonstrations: usize,
    /// Whether from the residual (docs/experiments/claims/ablations.md).
    residual: bool,
}

static RECIPES: LazyLock<Vec<BaseRecipe>> = LazyLock::new(|| listed(include_str!("bases.toml"), "bases"));

/// Steps that a base learns for.
const STEPS: u64 = 4000;

/// A generator to start from.
pub struct Base {
    pub folder: PathBuf,
    pub checkpoint: Checkpoint,
    /// All that was recorded, and where it lies.
    pub dataset: Dataset,
    pub data: PathBuf,
    /// Number of them that it has learned from.
    pub demonstrations: usize,
}

/// Refuses a task that there is no base of.
///
/// # Errors
/// A bad input with the tasks that there are.
pub fn check(task: &str, strength: Strength) -> Result<()> {
    recipe(task, strength).map(|_| ())
}

fn recipe(task: &str, strength: Strength) -> Result<&'static BaseRecipe> {
    let known = || RECIPES.iter().filter(|r| r.strength == strength);
    let found = known().find(|r| r.task == task);
    Ok(found.ok_or_else(|| InputError::unknown("task", task, known().map(|r| r.task.as_str())))?)
}

/// The base, trained now if it is not yet.
///
/// # Errors
/// Errors of recording and training.
pub fn made(args: &FinetuneBenchArgs, task: &str, strength: Strength) -> Result<Base> {
    let &BaseRecipe { demonstrations, residual, .. } = recipe(task, strength)?;
    let (output, pool) = (args.common.output(), load::pool(&args.common)?);
    let data = args.work.join("demos").join(task);
    if !data.exists() {
        let by = Demonstrators { mode: None, poor: 0.0, seed: 0 };
        let task = load::task(task)?;
        let recorded = demonstrations::record(&task, by, RECORDED, &pool, output)?;
        imle_data::write(&data, task.spec(), &recorded.episodes)?;
    }
    let dataset = imle_data::read(&data)?;
    let folder = args.work.join("bases").join(format!("{task}-{strength}"));
    let found = Checkpoint::load(&folder).ok();
    let as_told = found.as_ref().is_none_or(|c| c.config().normalizers.residual.is_some() == residual);
    if !found.is_some_and(|c| as_told && c.config().provenance.steps == STEPS) {
        let resume = as_told && can_resume(&folder);
        if folder.exists() && !resume {
            // Killed before its first save, or made by another recipe: nothing in it is of use.
            files::remove(&folder)?;
        }
        let chunk_frame = if residual { ChunkFrame::Residual } else { ChunkFrame::Absolute };
        let settings = &TrainSettings { steps: STEPS, chunk_frame, evaluate_every: 0, ..TrainSettings::default() };
        let learned = dataset.episodes.iter().take(demonstrations).cloned().collect();
        let learned = Dataset { spec: dataset.spec.clone(), episodes: learned };
        let view = &View::new(&data, learned, &settings.vision, &pool, output)?;
        let (data, pool, device, out) = (&data, &pool, load::device(args.device)?, &folder);
        TrainingJob { output, settings, view, data, pool, device, out, resume }.imitate(None, 0)?;
    }
    let checkpoint = Checkpoint::load(&folder)?;
    Ok(Base { folder, checkpoint, dataset, data, demonstrations })
}
