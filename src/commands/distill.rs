//! `planner distill`

use clap::Args;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::args::learn::LearnArgs;
use imle_cli::controller::{from_flags, held_out};
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_cli::output::percent;
use imle_cli::training::dataset::read;
use imle_cli::training::evaluation_task::known_task;
use imle_cli::training::job::{self, TrainingJob};
use imle_cli::training::settings::{print_settings, resolve};
use imle_cli::training::view::{self, View};
use imle_envs::task::Task;
use imle_planner::evaluation::report::percentiles;
use imle_policy::sampler::{LatentKey, Observations};
use imle_policy::{checkpoint::Checkpoint, policy::Policy, train::TrainSettings};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc, time::Instant};

/// `planner distill`
#[derive(Debug, Args)]
pub struct DistillArgs {
    /// Folder of the teacher's checkpoint, of any method. A teacher that sees the state can teach a student that sees
    /// pictures
    #[arg(long, required_unless_present = "settings")]
    pub teacher: Option<PathBuf>,
    /// Samples of the teacher a state, matched to as many latents of the student
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub samples: u32,
    /// Passes of the teacher a chunk [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: Option<u32>,
    /// Solver of a diffusion teacher: ddim or ddpm [default: the checkpoint's]
    #[arg(long)]
    pub solver: Option<String>,
    /// Held-out episodes in which teacher and student are compared; 0 for none
    #[arg(long, default_value_t = 200)]
    pub evaluation_episodes: u32,
    /// The training
    #[command(flatten)]
    pub learn: LearnArgs,
}

/// Draws of which the latency is taken.
const TIMED: u64 = 50;

/// Turns a teacher into a generator of one pass.
pub fn run(args: &DistillArgs) -> Result<()> {
    let learn = &args.learn;
    let output = learn.common.output();
    let begun = Instant::now();
    let mut settings = resolve(learn, "imle", &[])?;
    settings.samples = args.samples as usize;
    settings.evaluate_every = 0;
    if learn.settings.settings {
        return print_settings::<TrainSettings>(&settings);
    }
    let (Some(teacher), Some(data), Some(out)) = (&args.teacher, &learn.data, &learn.out) else {
        return Err(Failure::Input("--teacher, --data and --out are needed".into()));
    };
    let dataset = read(data, learn.episodes)?;
    let place = teacher.display().to_string();
    let teacher = load::checkpoint_in(teacher)?;
    let teacher = from_flags::resampled(teacher, args.passes, args.solver.as_deref())?;
    settings.horizons = teacher.config().horizons;
    let device = load::device(learn.device)?;
    let threads = learn.common.threads();
    let pool = load::pool(&learn.common)?;
    // A student without cameras of its own sees what its teacher sees.
    let teachers = teacher.config().vision_settings();
    let students = if settings.vision.cameras.is_empty() { teachers.clone() } else { settings.vision };
    let episodes = args.evaluation_episodes;
    let known = known_task(&students, episodes, learn, &dataset, data)?;
    settings.vision = view::settled(students, known.as_deref())?;
    let seen = View::new(data, dataset.clone(), &teachers, &pool, output)?;
    teacher.check_matches(&seen.dataset.spec, &place)?;
    let same = (&teachers.cameras, &teachers.state) == (&settings.vision.cameras, &settings.vision.state);
    let view = if same { seen.clone() } else { View::new(data, dataset, &settings.vision, &pool, output)? };
    let task = known.filter(|_| episodes > 0);
    let teacher_task = task.clone().map(|task| seen.task(task, data)).transpose()?;
    let student_task = task.map(|task| view.task(task, data)).transpose()?;
    let job =
        TrainingJob { output, settings: &settings, view: &view, data, pool: &pool, device, out, resume: learn.resume };
    let mut result = job.distill(&teacher, &seen)?;
    job::tell(output, &result, out);
    let student = Checkpoint::load(out)?;
    for (name, checkpoint, task) in [("teacher", &teacher, &teacher_task), ("student", &student, &student_task)] {
        let sampler = Policy::with_threads(checkpoint, threads, device)?;
        result[name] = measure(args, task.as_ref(), &sampler, &pool)?;
        if args.evaluation_episodes > 0 {
            let number = |key: &str| result[name][key].as_f64().unwrap_or(f64::NAN);
            let [share, entropy, latency] = ["success_rate", "mode_entropy", "latency_ms"].map(number);
            output.say(format!(
                "{name} ({}): {} of {episodes} held-out episodes, mode entropy {entropy:.2} nats, a chunk in \
                 {latency:.2} ms",
                checkpoint.config().method,
                percent(share)
            ));
        }
    }
    result["wall_s"] = begun.elapsed().as_secs_f64().into();
    output.result(&result)
}

/// Latency of one chunk, and in a task success and modes of the generator alone.
fn measure(args: &DistillArgs, task: Option<&Arc<Task>>, sampler: &Policy, pool: &rayon::ThreadPool) -> Result<Value> {
    let shape = sampler.sampler().shape();
    let (values, pictures) = (vec![0.0; shape.observation], vec![0; sampler.sampler().picture_bytes()]);
    let (observation, mut chunk) = (Observations { values: &values, pictures: &pictures }, vec![0.0; shape.chunk()]);
    let mut times = Vec::new();
    for step in 0..TIMED {
        let begun = Instant::now();
        sampler.sampler().sample(pool, observation, &[LatentKey { seed: 0, episode: 0, step }], 1, &mut chunk)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let mut result = json!({ "method": sampler.checkpoint().config().method, "latency_ms": percentiles(times).p50 });
    let Some(task) = task else { return Ok(result) };
    let alone = ControllerArgs::of("none", "first", 1);
    let (seed, output) = (args.learn.seed.unwrap_or_default(), args.learn.common.output());
    let report = held_out::run(task, sampler, &alone, args.evaluation_episodes, seed, pool, output)?;
    let report = json!(report);
    for key in ["success_rate", "success_ci95", "episodes", "modes", "mode_entropy", "mean_cost"] {
        result[key] = report[key].clone();
    }
    Ok(result)
}
