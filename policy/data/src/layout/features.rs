//! The columns of a frame: their names, types and sizes, and how an episode fills them.

use crate::images::storage::Stored;
use arrow_array::RecordBatch;
use arrow_array::{ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Int64Array};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema};
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Spec};
use std::ops::Range;
use std::sync::Arc;

/// The observation vector.
pub(crate) const OBSERVATION: &str = "observation.state";
/// The action vector.
pub(crate) const ACTION: &str = "action";
/// Whether the frame ends a solved episode.
pub(crate) const SUCCESS: &str = "next.success";

/// Type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int,
    Bool,
}

impl Kind {
    /// The name in `info.json`, which is numpy's.
    pub(crate) fn dtype(self) -> &'static str {
        match self {
            Self::Float => "float32",
            Self::Int => "int64",
            Self::Bool => "bool",
        }
    }
}

/// A column of the data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Observation,
    Action,
    Done,
    Success,
    Timestamp,
    FrameIndex,
    EpisodeIndex,
    Index,
    TaskIndex,
}

impl Feature {
    /// All columns, in the order in which they are written.
    pub(crate) const ALL: [Self; 9] = [
        Self::Observation,
        Self::Action,
        Self::Done,
        Self::Success,
        Self::Timestamp,
        Self::FrameIndex,
        Self::EpisodeIndex,
        Self::Index,
        Self::TaskIndex,
    ];

    /// The column's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Observation => OBSERVATION,
            Self::Action => ACTION,
            Self::Done => "next.done",
            Self::Success => SUCCESS,
            Self::Timestamp => "timestamp",
            Self::FrameIndex => "frame_index",
            Self::EpisodeIndex => "episode_index",
            Self::Index => "index",
            Self::TaskIndex => "task_index",
        }
    }

    /// The type of its values.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Observation | Self::Action | Self::Timestamp => Kind::Float,
            Self::Done | Self::Success => Kind::Bool,
            Self::FrameIndex | Self::EpisodeIndex | Self::Index | Self::TaskIndex => Kind::Int,
        }
    }

    /// Values a frame.
    pub(crate) fn size(self, spec: &Spec) -> usize {
        match self {
            Self::Observation => spec.observation.size(),
            Self::Action => spec.action.size(),
            _ => 1,
        }
    }
}

/// An episode at its place in a dataset.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) episode: &'a Episode,
    /// Number in the dataset.
    pub(crate) number: usize,
    /// Index of its first frame among all frames.
    pub(crate) first: usize,
}

/// All of `episodes` at their places.
pub(crate) fn placed<'a>(spec: &'a Spec, episodes: &'a [Episode]) -> impl Iterator<Item = Placed<'a>> + Clone {
    let firsts = episodes.iter().scan(0, |next, e| {
        let first = *next;
        *next += e.len;
        Some(first)
    });
    episodes.iter().zip(firsts).enumerate().map(move |(number, (episode, first))| Placed {
        spec,
        episode,
        number,
        first,
    })
}

impl Placed<'_> {
    /// Value `i` of a feature in frame `t`. Every type that is stored fits an f64 without loss.
    pub(crate) fn value(&self, feature: Feature, t: usize, i: usize) -> f64 {
        let last = t + 1 == self.episode.len;
        match feature {
            Feature::Observation => f64::from(self.episode.observations[t * self.spec.observation.size() + i]),
            Feature::Action => f64::from(self.episode.actions[t * self.spec.action.size() + i]),
            Feature::Done => f64::from(u8::from(last)),
            Feature::Success => f64::from(u8::from(last && self.episode.success)),
            Feature::Timestamp => f64::from((t as f64 / self.spec.control_rate) as f32),
            Feature::FrameIndex => t as f64,
            Feature::EpisodeIndex => self.number as f64,
            Feature::Index => (self.first + t) as f64,
            Feature::TaskIndex => 0.0,
        }
    }

    /// The rows of some frames, by the schema that [`schema`] gives; `images` are the columns of their pictures.
    pub(crate) fn rows(
        &self,
        schema: &Arc<Schema>,
        frames: Range<usize>,
        images: Vec<ArrayRef>,
    ) -> Result<RecordBatch, ArrowError> {
        let column = |feature: Feature| -> Result<ArrayRef, ArrowError> {
            let size = feature.size(self.spec);
            let values = frames.clone().flat_map(|t| (0..size).map(move |i| self.value(feature, t, i)));
            let array: ArrayRef = match feature.kind() {
                Kind::Float => Arc::new(values.map(|v| v as f32).collect::<Float32Array>()),
                Kind::Int => Arc::new(values.map(|v| v as i64).collect::<Int64Array>()),
                Kind::Bool => Arc::new(values.map(|v| Some(v != 0.0)).collect::<BooleanArray>()),
            };
            if size == 1 {
                return Ok(array);
            }
            Ok(Arc::new(FixedSizeListArray::try_new(element(DataType::Float32), list_size(size)?, array, None)?))
        };
        let mut columns = Feature::ALL.into_iter().map(column).collect::<Result<Vec<_>, _>>()?;
        columns.extend(images);
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// The schema of the data files: a feature of one value is a plain column, as LeRobot's loader wants it; the columns
/// of cameras come last.
pub(crate) fn schema(spec: &Spec, images: Option<&ImageLayout>) -> Result<Arc<Schema>, ArrowError> {
    let field = |feature: Feature| {
        let plain = match feature.kind() {
            Kind::Float => DataType::Float32,
            Kind::Int => DataType::Int64,
            Kind::Bool => DataType::Boolean,
        };
        let kind = match feature.size(spec) {
            1 => plain,
            size => DataType::FixedSizeList(element(plain), list_size(size)?),
        };
        Ok(Field::new(feature.name(), kind, true))
    };
    let mut fields = Feature::ALL.into_iter().map(field).collect::<Result<Vec<_>, ArrowError>>()?;
    fields.extend(images.into_iter().flat_map(|i| i.fields()));
    Ok(Arc::new(Schema::new(fields)))
}

/// The field of a list's elements, named as pyarrow names it.
pub(crate) fn element(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", kind, true))
}

fn list_size(size: usize) -> Result<i32, ArrowError> {
    i32::try_from(size).map_err(|_| ArrowError::InvalidArgumentError(format!("{size} values a frame are too many")))
}
