//! Reading a dataset.

use super::commands::quoted;
use super::reported::{Reported, SolvedShare};
use crate::failure::Result;
use imle_data::{Stream, Summarizer, ValueRange};
use std::path::Path;

/// Reads the dataset in `folder`.
pub(super) fn read(folder: &Path, dataset: &mut Reported) -> Result<()> {
    let stream = Stream::open(folder)?;
    let mut summarizer = Summarizer::new(stream.spec());
    for episode in stream {
        let episode = episode?;
        dataset.lengths.push(episode.len);
        summarizer.add(&episode);
    }
    let summary = summarizer.finish();
    dataset.fact("task", &summary.task);
    dataset.fact("episodes", summary.episodes.to_string());
    dataset.fact("frames", format!("{} at {} Hz", summary.frames, summary.fps));
    let sizes = format!("{} values observed, {} commanded", summary.observation_size, summary.action_size);
    dataset.fact("values", sizes);
    if let Some(pictures) = imle_data::image_layout(folder)? {
        dataset.fact("pictures", pictures.to_string());
    }
    dataset.success = Some(SolvedShare::of(summary.successes as u64, summary.episodes as u64));
    let named = |name: &str| if name.is_empty() { "none".to_string() } else { name.to_string() };
    dataset.shown_modes = summary.modes.iter().map(|(mode, count)| (named(mode), *count as u64)).collect();
    let of = |what: &str, range: &ValueRange| {
        let [min, max] = [range.min, range.max].map(|v| v.map_or("–".into(), |v| format!("{v:.4}")));
        let [mean, std] = [range.mean, range.std].map(|v| v.map_or("–".into(), |v| format!("{v:.4}")));
        [format!("{what} {}", range.name), min, max, mean, std]
    };
    let observed = summary.observation.iter().map(|range| of("observation", range));
    dataset.ranges = observed.chain(summary.action.iter().map(|range| of("action", range))).collect();
    dataset.commands = vec![format!("planner data info {}", quoted(&folder.display().to_string()))];
    Ok(())
}
