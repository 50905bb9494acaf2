//! What is in a dataset, at a glance.

use crate::Dataset;
use imle_configs::episode::Episode;
use imle_configs::spec::Layout;
use serde::Serialize;
use std::collections::BTreeMap;

/// A dataset summarised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The task's name.
    pub task: String,
    /// Number of episodes.
    pub episodes: usize,
    /// Number of frames (control steps) in all episodes.
    pub frames: usize,
    /// Control steps a second, in Hz.
    pub fps: f64,
    /// Lengths of the episodes.
    pub lengths: Lengths,
    /// Number of episodes that solved the task.
    pub successes: usize,
    /// Number of episodes by mode; those without one are under the empty string.
    pub modes: BTreeMap<String, usize>,
    /// Number of episodes by the mismatch of their world; those without one are under the empty string.
    pub mismatches: BTreeMap<String, usize>,
    /// Values of an observation.
    pub observation_size: usize,
    /// Values of an action.
    pub action_size: usize,
    /// The values of an observation, by name, in their order.
    pub observation: Vec<ValueRange>,
    /// The values of an action, by name, in their order.
    pub action: Vec<ValueRange>,
}

/// Lengths of episodes, in control steps; zeros if there are none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// The median; the mean of the middle two if their number is even.
    pub median: f64,
    /// The longest.
    pub max: usize,
}

/// One value of an observation or action, and what it ranges over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueRange {
    /// The value's name: its term's, numbered if the term has several values.
    pub name: String,
    /// The smallest; none without frames.
    pub min: Option<f32>,
    /// The largest; none without frames.
    pub max: Option<f32>,
}

/// Summarises a dataset.
pub fn summarize(dataset: &Dataset) -> Summary {
    let Dataset { spec, episodes } = dataset;
    let (mut modes, mut mismatches) = (BTreeMap::new(), BTreeMap::new());
    for episode in episodes {
        *modes.entry(episode.mode.clone()).or_insert(0) += 1;
        *mismatches.entry(episode.mismatch.clone()).or_insert(0) += 1;
    }
    Summary {
        task: spec.task.clone(),
        episodes: episodes.len(),
        frames: episodes.iter().map(|e| e.len).sum(),
        fps: spec.control_rate,
        lengths: lengths(episodes),
        successes: episodes.iter().filter(|e| e.success).count(),
        modes,
        mismatches,
        observation_size: spec.observation.size(),
        action_size: spec.action.size(),
        observation: ranges(&spec.observation, episodes.iter().map(|e| e.observations.as_slice())),
        action: ranges(&spec.action, episodes.iter().map(|e| e.actions.as_slice())),
    }
}

fn lengths(episodes: &[Episode]) -> Lengths {
    let mut sorted: Vec<usize> = episodes.iter().map(|e| e.len).collect();
    sorted.sort_unstable();
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
        return Lengths { min: 0, median: 0.0, max: 0 };
    };
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Lengths { min, median: (low as f64 + high as f64) / 2.0, max }
}

fn ranges<'a>(layout: &Layout, rows: impl Iterator<Item = &'a [f32]>) -> Vec<ValueRange> {
    let mut ranges: Vec<ValueRange> =
        layout.value_names().into_iter().map(|name| ValueRange { name, min: None, max: None }).collect();
    let size = ranges.len().max(1);
    for row in rows.flat_map(|values| values.chunks_exact(size)) {
        for (range, &value) in ranges.iter_mut().zip(row) {
            range.min = Some(range.min.map_or(value, |m| m.min(value)));
            range.max = Some(range.max.map_or(value, |m| m.max(value)));
        }
    }
    ranges
}
