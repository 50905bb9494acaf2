//! The generators that fine-tuning starts from, each learned from a few demonstrations of the scripted expert.
//!
//! ```text
//! demos/TASK/              a dataset, of which the first so many episodes are learned from and the last are held out
//! bases/TASK-STRENGTH/     a checkpoint
//! ```

use super::args::FinetuneBenchArgs;
use super::cell::Strength;
use imle_cli::failure::Result;
use imle_cli::load;
use imle_cli::training::demonstrations;
use imle_cli::training::demonstrations::Demonstrators;
use imle_cli::training::job::TrainingJob;
use imle_cli::training::view::View;
use imle_configs::Error as InputError;
use imle_data::Dataset;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::train::{STATE_FOLDER, TrainSettings};
use std::path::PathBuf;

/// Demonstrations recorded of a task, and how many of them nothing is learned from.
const RECORDED: usize = 120;
pub const HELD_OUT: usize = 20;

/// Recipe of a base.
pub struct BaseRecipe {
    task: &'static str,
    strength: Strength,
    /// Number of demonstrations to learn from.
    pub demonstrations: usize,
    /// Whether from the residual (docs/experiments/claims/ablations.md), which makes more of few demonstrations. On
    /// `square` with 40 it does not (docs/experiments/claims/ablations.md).
    residual: bool,
}

const fn recipe(task: &'static str, strength: Strength, demonstrations: usize) -> BaseRecipe {
    BaseRecipe { task, strength, demonstrations, residual: true }
}

const RECIPES: [BaseRecipe; 9] = [
    BaseRecipe { residual: false, ..recipe("square", Strength::Strong, 40) },
    recipe("pick_place", Strength::Strong, 6),
    recipe("stack", Strength::Strong, 40),
    recipe("push_t", Strength::Strong, 40),
    recipe("avoid", Strength::Strong, 40),
    recipe("cylinder_push", Strength::Strong, 40),
    recipe("square", Strength::Weak, 12),
    recipe("pick_place", Strength::Weak, 3),
    recipe("stack", Strength::Weak, 14),
];

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

/// Recipe of the base of `task`.
///
/// # Errors
/// A bad input, if there is none.
pub fn of(task: &str, strength: Strength) -> Result<&'static BaseRecipe> {
    let found = RECIPES.iter().find(|r| r.task == task && r.strength == strength);
    let known = RECIPES.iter().filter(|r| r.strength == strength).map(|r| r.task);
    Ok(found.ok_or_else(|| InputError::unknown("task", task, known))?)
}

/// The base, trained now if it is not yet.
///
/// # Errors
/// Errors of recording and training.
pub fn made(args: &FinetuneBenchArgs, task: &str, strength: Strength) -> Result<Base> {
    let &BaseRecipe { demonstrations, residual, .. } = of(task, strength)?;
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
        let resume = as_told && folder.join(STATE_FOLDER).join("state.json").exists();
        if folder.exists() && !resume {
            // Killed before its first save, or made by another recipe: nothing in it is of use.
            std::fs::remove_dir_all(&folder).map_err(|e| InputError::io(&folder, "remove", e))?;
        }
        let settings = TrainSettings { steps: STEPS, residual, evaluate_every: 0, ..TrainSettings::default() };
        let learned = dataset.episodes.iter().take(demonstrations).cloned().collect();
        let learned = Dataset { spec: dataset.spec.clone(), episodes: learned };
        let view = View::new(&data, learned, &settings.vision, &pool, output)?;
        let device = load::device(args.device)?;
        TrainingJob {
            output,
            settings: &settings,
            view: &view,
            data: &data,
            pool: &pool,
            device,
            out: &folder,
            resume,
        }
        .imitate(None, 0)?;
    }
    let checkpoint = Checkpoint::load(&folder)?;
    Ok(Base { folder, checkpoint, dataset, data, demonstrations })
}
