//! Summary of a dataset.

use crate::dataset::Dataset;
use imle_configs::episode::Episode;
use imle_configs::spec::{Layout, Spec};
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

/// One value of an observation or action, and how it is spread over the frames.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueRange {
    /// The value's name: its term's, numbered if the term has several values.
    pub name: String,
    /// The smallest; none without frames.
    pub min: Option<f32>,
    /// The largest; none without frames.
    pub max: Option<f32>,
    /// The mean; none without frames.
    pub mean: Option<f64>,
    /// The standard deviation of the population; none without frames.
    pub std: Option<f64>,
}

/// Summarises a dataset.
pub fn summarize(dataset: &Dataset) -> Summary {
    let mut summarizer = Summarizer::new(&dataset.spec);
    dataset.episodes.iter().for_each(|e| summarizer.add(e));
    summarizer.finish()
}

/// Summarises episodes as they come.
#[derive(Clone, Debug)]
pub struct Summarizer {
    spec: Spec,
    lengths: Vec<usize>,
    successes: usize,
    modes: BTreeMap<String, usize>,
    mismatches: BTreeMap<String, usize>,
    observation: Vec<Moments>,
    action: Vec<Moments>,
}

impl Summarizer {
    /// For episodes of `spec`.
    pub fn new(spec: &Spec) -> Self {
        let none = |layout: &Layout| vec![Moments::default(); layout.size()];
        Self {
            spec: spec.clone(),
            lengths: Vec::new(),
            successes: 0,
            modes: BTreeMap::new(),
            mismatches: BTreeMap::new(),
            observation: none(&spec.observation),
            action: none(&spec.action),
        }
    }

    /// Adds an episode.
    pub fn add(&mut self, episode: &Episode) {
        self.lengths.push(episode.len);
        self.successes += usize::from(episode.success);
        *self.modes.entry(episode.mode.clone()).or_insert(0) += 1;
        *self.mismatches.entry(episode.mismatch.clone()).or_insert(0) += 1;
        for (moments, values) in [(&mut self.observation, &episode.observations), (&mut self.action, &episode.actions)]
        {
            for row in values.chunks_exact(moments.len().max(1)) {
                moments.iter_mut().zip(row).for_each(|(m, v)| m.add(*v));
            }
        }
    }

    /// The summary of all episodes added.
    pub fn finish(self) -> Summary {
        let Self { spec, lengths, successes, modes, mismatches, observation, action } = self;
        Summary {
            episodes: lengths.len(),
            frames: lengths.iter().sum(),
            fps: spec.control_rate,
            lengths: of_lengths(lengths),
            successes,
            modes,
            mismatches,
            observation_size: spec.observation.size(),
            action_size: spec.action.size(),
            observation: ranges(&spec.observation, &observation),
            action: ranges(&spec.action, &action),
            task: spec.task,
        }
    }
}

/// Spread of a value; mean and sum of squares by Welford's recurrence (1962), which loses nothing to cancellation.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    min: f32,
    max: f32,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f32) {
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count += 1;
        let off = f64::from(value) - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (f64::from(value) - self.mean);
    }
}

fn of_lengths(mut sorted: Vec<usize>) -> Lengths {
    sorted.sort_unstable();
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
        return Lengths { min: 0, median: 0.0, max: 0 };
    };
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Lengths { min, median: (low as f64 + high as f64) / 2.0, max }
}

fn ranges(layout: &Layout, moments: &[Moments]) -> Vec<ValueRange> {
    let of = |(name, m): (String, &Moments)| {
        let some = m.count > 0;
        ValueRange {
            name,
            min: some.then_some(m.min),
            max: some.then_some(m.max),
            mean: some.then_some(m.mean),
            std: some.then(|| (m.squares / m.count as f64).sqrt()),
        }
    };
    layout.value_names().into_iter().zip(moments).map(of).collect()
}
