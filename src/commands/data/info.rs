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
    /// PNG file for a sheet of pictures: some episodes from first to last, a row a camera, frames from first to last
    #[arg(long, value_name = "FILE")]
    pub pictures: Option<PathBuf>,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Most episodes of a sheet of pictures, and the frames of each.
const SHEET: [usize; 2] = [4, 6];

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
        let shown = sheet(&args.path, path, summary.episodes)?;
        output.say(format!("pictures of {shown} in {}", path.display()));
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

/// Writes some pictures of all cameras; says of which episodes.
fn sheet(path: &Path, to: &Path, count: usize) -> Result<String> {
    let [most, columns] = SHEET;
    // `of` places from the first to the last of `count`.
    let spread = |of: usize, count: usize| (0..of).map(move |i| i * (count - 1) / (of - 1).max(1));
    let (mut pictures, mut shown, mut size) = (Vec::new(), Vec::new(), (0, 0));
    for number in spread(most.min(count), count) {
        let images = imle_data::read_images(path, number)?;
        let (frame, picture) = (images.layout.bytes(), images.layout.picture_bytes());
        let len = images.rgb.len() / frame.max(1);
        if len == 0 {
            continue;
        }
        size = (images.layout.width, images.layout.height);
        shown.push(number.to_string());
        for camera in 0..images.layout.cameras.len() {
            pictures
                .extend(spread(columns, len).map(|t| images.rgb[t * frame + camera * picture..][..picture].to_vec()));
        }
    }
    imle_envs::render::strip::write_sheet(to, size, columns, &pictures)?;
    Ok(format!("episode{} {}", if shown.len() > 1 { "s" } else { "" }, shown.join(", ")))
}
