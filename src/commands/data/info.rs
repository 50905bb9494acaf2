//! `planner data info`

use clap::Args;
use imle_cli::output::{Output, counted};
use imle_cli::{args::common::Common, failure::Result, interrupt, place::Place};
use imle_configs::spec::{Layout, Spec};
use imle_configs::{Error as InputError, episode::Episode};
use imle_data::import::{DatasetFormat, ImportOptions, Loaded, load};
use imle_data::{Stream, Summarizer, Summary, ValueRange};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `planner data info`
#[derive(Debug, Args)]
pub struct DataInfoArgs {
    /// The dataset, in any format that `planner data convert` reads
    pub path: PathBuf,
    /// PNG file for a strip of pictures of the first episode, first camera
    #[arg(long, value_name = "FILE")]
    pub pictures: Option<PathBuf>,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Pictures of a strip.
const STRIP: usize = 9;

/// Summarises a dataset of any format; a LeRobot v3 one is read one episode after the other.
pub fn run(args: &DataInfoArgs) -> Result<()> {
    let output = args.common.output();
    if args.pictures.is_some() {
        pictured(&args.path)?;
    }
    let place = args.pictures.as_deref().map(Place::file).transpose()?;
    let begun = Instant::now();
    let Looked { format, summary, first, spec, numbers, notes } = look(&args.path, output)?;
    let seconds = begun.elapsed().as_secs_f64();
    tell(output, &format, &summary);
    frames(output, "observation", &spec.observation, &first.observations);
    frames(output, "action", &spec.action, &first.actions);
    notes.iter().for_each(|note| output.say(note));
    let megabytes = numbers as f64 / 1e6;
    let rate = megabytes / seconds.max(1e-9);
    output.say(format!("read {megabytes:.1} MB of numbers in {seconds:.2} s, {rate:.0} MB/s"));
    if let Some(path) = &args.pictures {
        strip(&args.path, path)?;
        output.say(format!("pictures of episode 0 in {}", path.display()));
    }
    drop(place);
    let mut result = json!(summary);
    result["format"] = format.into();
    result["notes"] = json!(notes);
    result["megabytes"] = json!(megabytes);
    result["megabytes_per_s"] = json!(rate);
    result["wall_s"] = json!(seconds);
    output.result(&result)
}

struct Looked {
    format: String,
    summary: Summary,
    first: Episode,
    spec: Spec,
    /// Bytes of observations and actions.
    numbers: usize,
    notes: Vec<String>,
}

fn look(path: &Path, output: Output) -> Result<Looked> {
    let format = DatasetFormat::of(path)?;
    let three = format == DatasetFormat::Lerobot && imle_data::version(path)? == imle_data::CODEBASE_VERSION;
    let mut notes = Vec::new();
    let (spec, episodes): (Spec, Box<dyn Iterator<Item = imle_data::Result<Episode>>>) = if three {
        let stream = Stream::open(path)?;
        (stream.spec().clone(), Box::new(stream))
    } else {
        let Loaded { dataset, notes: told, .. } = load(path, &ImportOptions::default())?;
        notes = told;
        (dataset.spec, Box::new(dataset.episodes.into_iter().map(Ok)))
    };
    let mut summarizer = Summarizer::new(&spec);
    let mut first = None;
    let mut numbers = 0;
    let total = if three { Stream::open(path)?.len() as u64 } else { 0 };
    let mut progress = output.progress(total, "episodes");
    for (number, episode) in episodes.enumerate() {
        let episode = episode?;
        summarizer.add(&episode);
        numbers += 4 * (episode.observations.len() + episode.actions.len());
        progress.set(number as u64 + 1, "");
        first.get_or_insert(episode);
        if interrupt::asked() {
            return Err(imle_cli::failure::Failure::Run("interrupted".into()));
        }
    }
    progress.finish();
    let format = match format {
        DatasetFormat::Lerobot => format!("LeRobot {}", imle_data::version(path)?),
        other => other.to_string(),
    };
    Ok(Looked { format, summary: summarizer.finish(), first: first.unwrap_or_default(), spec, numbers, notes })
}

fn tell(output: Output, format: &str, summary: &Summary) {
    let rate = if summary.fps > 0.0 { format!("at {} Hz", summary.fps) } else { "at a rate it does not say".into() };
    output.say(format!(
        "{format} dataset of task {}: {} episodes, {} frames {rate}",
        summary.task, summary.episodes, summary.frames
    ));
    lengths_and_modes(output, summary);
    mismatches(output, summary);
    for (what, ranges) in [("observation", &summary.observation), ("action", &summary.action)] {
        output.say(format!("{:26} {:>10} {:>10} {:>10} {:>10}", format!("{what}:"), "min", "max", "mean", "std"));
        ranges.iter().for_each(|r| output.say(row(r)));
    }
}

/// Says how long the episodes are, and which modes they show.
pub fn lengths_and_modes(output: Output, summary: &Summary) {
    let lengths = &summary.lengths;
    output.say(format!(
        "lengths {} to {}, median {}; {} successful",
        lengths.min, lengths.max, lengths.median, summary.successes
    ));
    output.say(format!("modes: {}", counted(&summary.modes)));
}

/// Says which mismatches there are, if any.
pub fn mismatches(output: Output, summary: &Summary) {
    if summary.mismatches.keys().any(|m| !m.is_empty()) {
        output.say(format!("recorded in worlds with mismatch: {}", counted(&summary.mismatches)));
    }
}

fn row(range: &ValueRange) -> String {
    let [min, max] = [range.min, range.max].map(|v| v.map_or(f64::NAN, f64::from));
    let [mean, std] = [range.mean, range.std].map(|v| v.unwrap_or(f64::NAN));
    format!("  {:24} {min:10.4} {max:10.4} {mean:10.4} {std:10.4}", range.name)
}

/// The first, middle and last frame of an episode.
fn frames(output: Output, what: &str, layout: &Layout, values: &[f32]) {
    let size = layout.size();
    let len = values.len() / size.max(1);
    let mut shown = vec![0, len / 2, len.saturating_sub(1)];
    shown.dedup();
    for frame in shown.into_iter().filter(|f| *f < len) {
        let row: Vec<String> = values[frame * size..(frame + 1) * size].iter().map(|v| format!("{v:.3}")).collect();
        output.say(format!("episode 0, frame {frame}, {what}: {}", row.join(" ")));
    }
}

/// Checks that there are pictures.
fn pictured(path: &Path) -> Result<()> {
    let expected = "a LeRobot v3 dataset with pictures, for --pictures";
    let fits = DatasetFormat::of(path)? == DatasetFormat::Lerobot && imle_data::image_layout(path)?.is_some();
    Ok(InputError::ensure(fits, path.display(), expected, "none")?)
}

/// Writes some pictures of the first episode's first camera.
fn strip(path: &Path, to: &Path) -> Result<()> {
    let images = imle_data::read_images(path, 0)?;
    let (frame, picture) = (images.layout.bytes(), images.layout.picture_bytes());
    let last = (images.rgb.len() / frame.max(1)).saturating_sub(1);
    let chosen = (0..STRIP).map(|i| &images.rgb[i * last / (STRIP - 1) * frame..][..picture]);
    let pictures: Vec<Vec<u8>> = chosen.map(<[u8]>::to_vec).collect();
    Ok(imle_envs::render::strip::write(to, (images.layout.width, images.layout.height), &pictures)?)
}
