//! `planner demo`

use clap::Args;
use imle_cli::args::common::{Common, WorldArgs};
use imle_cli::output::{counted, percent};
use imle_cli::training::demonstrations::{Demonstrators, Recorded, record, write_with_images};
use imle_cli::{failure::Result, load, place::Place};
use imle_configs::{Error as InputError, files};
use imle_envs::{render::Cameras, world::World};
use imle_planner::evaluation::report::wilson95;
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf, time::Instant};

/// `planner demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: String,
    /// Successful episodes to record
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Seed of start states and of the expert's choices
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder of the dataset; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Store the pictures of the task's cameras beside the state, as PNG in the dataset's Parquet files: for
    /// `planner train --cameras`. The planner always uses the simulator's state
    #[arg(long)]
    pub images: bool,
    /// Record this mode only [default: the expert chooses freely]
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Share of the episodes by a poor demonstrator, whose hand wanders and holds still a third of the time
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub poor: f64,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Records successful episodes of the task's expert; failed ones are counted, not stored.
pub fn run(args: &DemoArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let task = load::task_in(&args.task, &args.world)?;
    let instead = format!(
        "none; record the planner: planner run --task {} --optimizer cma-es --proposals noise,warm --record {}",
        args.task,
        args.out.display()
    );
    InputError::ensure(task.expert().is_some(), &args.task, "a task with an `expert`", instead)?;
    let mode = load::mode(args.mode.as_deref(), &task)?;
    InputError::ensure((0.0..=1.0).contains(&args.poor), "--poor", "a share from 0 to 1", args.poor)?;
    files::ensure_absent(&args.out)?;
    drop(Place::folder(&args.out)?);
    // A machine that cannot render fails here, before the episodes are recorded.
    let mut cameras = args.images.then(|| Cameras::new(&World::new(task.clone())?)).transpose()?;
    let pool = load::pool(&args.common)?;
    let wanted = args.episodes as usize;
    let by = Demonstrators { mode, poor: args.poor, seed: args.seed };
    let Recorded { episodes, failed, poorly } = record(&task, by, wanted, &pool, output)?;
    match &mut cameras {
        None => imle_data::write(&args.out, task.spec(), &episodes)?,
        Some(cameras) => {
            let mut drawn = output.progress(wanted as u64, "draw", "episodes");
            write_with_images(&args.out, &task, &episodes, cameras, |n| drawn.set(n, ""))?;
            drawn.finish();
        }
    }
    let mut modes = BTreeMap::<&str, usize>::new();
    for episode in &episodes {
        *modes.entry(&episode.mode).or_default() += 1;
    }
    let tried = episodes.len() + failed.len();
    let rate = episodes.len() as f64 / tried as f64;
    let frames: usize = episodes.iter().map(|e| e.len).sum();
    output.say(format!("{} episodes, {frames} control steps, in {}", episodes.len(), args.out.display()));
    output.say(format!("expert: {} of {tried} episodes solved ({})", episodes.len(), percent(rate)));
    output.say(format!("modes: {}", counted(&modes)));
    if args.poor > 0.0 {
        output.say(format!("{} of them by a poor demonstrator", poorly.len()));
    }
    output.result(&json!({
        "poor_episodes": poorly, "success_rate": rate, "success_ci95": wilson95(episodes.len(), tried), "episodes": episodes.len(), "tried": tried,
        "failed_episodes": failed, "modes": modes, "env_steps": frames, "seed": args.seed,
        "wall_s": begun.elapsed().as_secs_f64(),
    }))
}
