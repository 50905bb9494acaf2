//! `planner train`

use crate::cli::{LearnArgs, SettingsArgs, TrainArgs, WorldArgs};
use crate::failure::{Failure, Result};
use crate::load;
use crate::training::{self, Job};
use crate::view::{self, View};
use imle_configs::Error as InputError;
use imle_configs::explained::explained;
use imle_configs::{embedded, settings};
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_planner::sight::Sight;
use imle_policy::train::{self, TrainSettings};
use imle_policy::vision::VisionSettings;
use schemars::JsonSchema;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Trains a generator.
pub fn run(args: &TrainArgs) -> Result<()> {
    let learn = &args.learn;
    let output = learn.common.output();
    let begun = Instant::now();
    let mut settings = resolve(learn, &args.method)?;
    if learn.settings.settings {
        return print_settings::<TrainSettings>(&settings);
    }
    let (Some(data), Some(out)) = (&learn.data, &learn.out) else {
        return Err(Failure::Input("--data and --out are needed".into()));
    };
    let dataset = read(data, learn.episodes)?;
    let episodes = args.evaluation_episodes;
    let known = known_task(&settings.vision, episodes, learn, &dataset, data)?;
    settings.vision = view::settled(settings.vision, known.as_deref())?;
    let device = load::device(learn.device)?;
    let pool = load::pool(&learn.common)?;
    let view = View::new(data, dataset, &settings.vision, &pool, output)?;
    let task = known.filter(|_| episodes > 0).map(|task| view.task(task, data)).transpose()?;
    // A machine that cannot draw is told before the training is begun.
    task.as_ref().map(Sight::new).transpose()?;
    let job = Job { output, settings: &settings, view: &view, data, pool: &pool, device, out, resume: learn.resume };
    let mut result = job.imitate(task, episodes as usize)?;
    training::tell(output, &result, out);
    result["wall_s"] = begun.elapsed().as_secs_f64().into();
    output.result(&result)
}

/// Settings from defaults, file and words; of a resumed run those it was begun with are the defaults.
pub fn given(args: &SettingsArgs, resumed: Option<&Path>) -> Result<TrainSettings> {
    let defaults = match resumed {
        Some(out) => train::saved_settings(out)?,
        None => TrainSettings { evaluate_every: 5000, ..TrainSettings::default() },
    };
    Ok(settings::load(&defaults, args.config.as_deref(), &args.set)?)
}

/// The settings that are [`given`], and flags.
pub fn resolve(args: &LearnArgs, method: &str) -> Result<TrainSettings> {
    let mut settings = given(&args.settings, args.out.as_deref().filter(|_| args.resume))?;
    if !args.resume {
        settings.method = method.into();
    }
    if !args.cameras.is_empty() {
        settings.vision.cameras.clone_from(&args.cameras);
    }
    if let Some(seed) = args.seed {
        settings.seed = seed;
    }
    settings.check()?;
    Ok(settings)
}

/// Prints settings, all or some of those of `T`, as a file that --config takes, with what they mean.
pub fn print_settings<T: JsonSchema>(settings: &impl serde::Serialize) -> Result<()> {
    print!("{}", explained::<T>(settings)?);
    Ok(())
}

/// The dataset in `folder`, or its first `episodes`.
pub fn read(folder: &Path, episodes: Option<u32>) -> Result<Dataset> {
    if folder.join("model.safetensors").exists() && !folder.join("meta").exists() {
        return Err(InputError::unexpected(folder.display(), "the folder of a dataset", "that of a checkpoint").into());
    }
    let mut dataset = imle_data::read(folder)?;
    if let Some(wanted) = episodes {
        let wanted = wanted as usize;
        if wanted > dataset.episodes.len() {
            let expected = format!("at most the {} of {}", dataset.episodes.len(), folder.display());
            return Err(InputError::unexpected("--episodes", expected, wanted).into());
        }
        dataset.episodes.truncate(wanted);
    }
    Ok(dataset)
}

/// The task to evaluate in, or to ask which terms are seen beside pictures: as [`evaluation_task`], where there is one to
/// ask.
pub fn known_task(
    vision: &VisionSettings,
    episodes: u32,
    args: &LearnArgs,
    dataset: &Dataset,
    data: &Path,
) -> Result<Option<Arc<Task>>> {
    let named = args.task.as_deref();
    let asks = !vision.cameras.is_empty() && vision.state.is_empty();
    let there = named.is_some() || embedded::task(&dataset.spec.task).is_some();
    evaluation_task(if asks && there { episodes.max(1) } else { episodes }, named, &args.world, dataset, data)
}

/// The task to evaluate in for so many episodes, none for 0: the one that is `named`, or else the dataset's; checked
/// against the dataset, which lies at `data`.
pub fn evaluation_task(
    episodes: u32,
    named: Option<&str>,
    world: &WorldArgs,
    dataset: &Dataset,
    data: &Path,
) -> Result<Option<Arc<Task>>> {
    if episodes == 0 {
        return Ok(None);
    }
    let place = data.display().to_string();
    let name = named.unwrap_or(&dataset.spec.task);
    if named.is_none() && embedded::task(name).is_none() {
        return Err(Failure::Input(format!(
            "{place}: task `{name}` is not built in; name its file with --task, or go without evaluation with \
             --evaluation-episodes 0"
        )));
    }
    let task = load::task_in(name, world)?;
    dataset.spec.check_matches(task.spec(), &place)?;
    Ok(Some(task))
}
