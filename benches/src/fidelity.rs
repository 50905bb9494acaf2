//! `planner bench fidelity`: recall and precision of a generator on demonstrations that it has not learned from.

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument};
use imle_cli::controller::from_flags;
use imle_cli::failure::{Failure, Result};
use imle_cli::output::{Output, object, percent};
use imle_cli::training::dataset;
use imle_cli::{interrupt, load};
use imle_configs::Error as InputError;
use imle_policy::fidelity::{Fidelity, HeldOutWindows};
use imle_policy::sampler::Sampler;
use imle_policy::targets::DemonstrationChunks;
use serde_json::Value;
use std::path::PathBuf;

/// `planner bench fidelity`
#[derive(Clone, Debug, Args)]
pub struct FidelityArgs {
    /// Demonstrations; the last --held-out are those that the generator is judged on
    #[arg(long)]
    pub data: PathBuf,
    /// Folder of the generator's checkpoint, of any method [default: the one shipped for the dataset's task]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Demonstrations, the last of the dataset, that the generator has not learned from
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub held_out: u32,
    /// Samples a state
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub samples: u32,
    /// Demonstrations whose chunks near a state stand for what else is done there
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub neighbours: u32,
    /// Most states, evenly spread over the held-out demonstrations
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub windows: u32,
    /// Passes a chunk [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: Option<u32>,
    /// Solver of a diffusion checkpoint: ddim or ddpm [default: the checkpoint's]
    #[arg(long)]
    pub solver: Option<String>,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where the generator runs
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Measures.
pub fn run(args: &FidelityArgs) -> Result<()> {
    let output = args.common.output();
    let dataset = dataset::read(&args.data, None)?;
    let checkpoint = match &args.checkpoint {
        Some(folder) => load::checkpoint_in(folder)?,
        None => load::checkpoint(None, load::task(&dataset.spec.task)?)?.1,
    };
    checkpoint.config().spec.check_matches(&dataset.spec, "the checkpoint")?;
    let checkpoint = from_flags::resampled(checkpoint, args.passes, args.solver.as_deref())?;
    let (episodes, held_out) = (dataset.episodes.len(), args.held_out as usize);
    if held_out > episodes || episodes < 2 {
        let expected =
            format!("at most the {episodes} episodes of {}, of which there are two or more", args.data.display());
        return Err(InputError::unexpected("--held-out", expected, held_out).into());
    }
    let device = load::device(args.device)?;
    let pool = load::pool(&args.common)?;
    let windows = DemonstrationChunks::new(&dataset.spec, checkpoint.config().horizons, &dataset.episodes)?;
    let (neighbours, most) = (args.neighbours as usize, args.windows as usize);
    let judge = HeldOutWindows::new(&pool, &windows, &windows.normalizers()?, episodes - held_out, neighbours, most)?;
    let sampler = Sampler::new(&checkpoint, args.common.threads(), device)?;
    let found = judged(output, &pool, &judge, &sampler, args.samples as usize, args.seed)?;
    output.say(format!(
        "recall {}, precision {} within {:.3} a value (normalised units), {} samples in each of {} states",
        percent(found.recall),
        percent(found.precision),
        found.radius,
        found.samples,
        found.windows
    ));
    let [recall, precision] = found.demonstrations.map(percent);
    output.say(format!("demonstrations of near states in their place: recall {recall}, precision {precision}"));
    for [radius, recall, precision] in &found.curve {
        let (recall, precision) = (percent(*recall), percent(*precision));
        output.say(format!("within {radius:.3}: recall {recall:>7}, precision {precision:>7}"));
    }
    output.result(&Value::Object(object(&found)?))
}

/// Fidelity of so many samples a window of a generator, drawn from a seed, behind a progress bar.
///
/// # Errors
/// Errors of sampling; [`Failure::Run`] after Ctrl-C.
pub(crate) fn judged(
    output: Output,
    pool: &rayon::ThreadPool,
    judge: &HeldOutWindows,
    sampler: &Sampler,
    samples: usize,
    seed: u64,
) -> Result<Fidelity> {
    let mut progress = output.progress(judge.windows() as u64, "judge", "windows");
    let found = judge.measure(pool, sampler, samples, seed, &mut |done| {
        progress.set(done as u64, "");
        !interrupt::asked()
    })?;
    progress.finish();
    found.ok_or_else(|| Failure::Run("interrupted".into()))
}
