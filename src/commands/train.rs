//! `planner train`

use clap::Args;
use imle_cli::failure::{Failure, Result};
use imle_cli::training::estimation;
use imle_cli::training::job::{self, TrainingJob};
use imle_cli::training::settings::{print_settings, resolve};
use imle_cli::training::view::{self, View};
use imle_cli::{
    args::learn::{EstimatorArgs, LearnArgs},
    load,
    training::dataset::read,
    training::evaluation_task::known_task,
};
use imle_planner::evaluation::ObservationRenderer;
use imle_policy::train::TrainSettings;
use std::time::Instant;

/// `planner train`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The training
    #[command(flatten)]
    pub learn: LearnArgs,
    /// Estimators
    #[command(flatten)]
    pub estimators: EstimatorArgs,
    /// Method: imle, diffusion, flow, mean-flow or regression
    #[arg(long, default_value = "imle")]
    pub method: String,
    /// Held-out episodes an evaluation; 0 for no evaluation
    #[arg(long, default_value_t = 50)]
    pub evaluation_episodes: u32,
}

/// Trains a generator.
pub fn run(args: &TrainArgs) -> Result<()> {
    let learn = &args.learn;
    let output = learn.common.output();
    let begun = Instant::now();
    let mut settings = resolve(learn, &args.method, &args.estimators.estimate)?;
    if learn.settings.settings {
        return print_settings::<TrainSettings>(&settings);
    }
    let (Some(data), Some(out)) = (&learn.data, &learn.out) else {
        return Err(Failure::Input("--data and --out are needed".into()));
    };
    let dataset = read(data, learn.episodes)?;
    let estimates = !settings.vision.estimate.is_empty();
    // An estimator acts on nothing.
    let episodes = if estimates { 0 } else { args.evaluation_episodes };
    let known = known_task(&settings.vision, episodes, learn, &dataset, data)?;
    settings.vision = view::settled(settings.vision, known.as_deref())?;
    let device = load::device(learn.device)?;
    let pool = load::pool(&learn.common)?;
    let estimator = load::estimator(&args.estimators, Some(out.as_path()).filter(|_| learn.resume))?;
    let view = match estimator {
        None => View::new(data, dataset, &settings.vision, &pool, output)?,
        Some(estimator) => View::behind(data, dataset, estimator, settings.vision.copies, &pool, device, output)?,
    };
    let task = known.filter(|_| episodes > 0).map(|task| view.task(task, data)).transpose()?;
    // A machine that cannot render fails here, before the training begins.
    task.as_ref().map(ObservationRenderer::new).transpose()?;
    let of =
        |view| TrainingJob { output, settings: &settings, view, data, pool: &pool, device, out, resume: learn.resume };
    let mut result = if estimates {
        let (learned, judged) = estimation::parts(&view, settings.vision.held_out)?;
        let job = of(&learned);
        estimation::estimate(&job, judged.as_ref(), &mut job.watch(None, 0))?
    } else {
        of(&view).imitate(task, episodes as usize)?
    };
    job::tell(output, &result, out);
    result["wall_s"] = begun.elapsed().as_secs_f64().into();
    output.result(&result)
}
