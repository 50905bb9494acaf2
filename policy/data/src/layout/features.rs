//! The columns of a frame: their names, types and sizes, and how an episode fills them.

use crate::images::storage;
use arrow_array::{ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Layout, Spec};
use std::ops::Range;
use std::sync::Arc;

/// The observation vector.
pub(crate) const OBSERVATION: &str = "observation.state";
/// The vectors that LeRobot's policies observe, in the order in which they see them.
pub(crate) const OBSERVATIONS: [&str; 2] = [OBSERVATION, "observation.environment_state"];
/// The action vector.
pub(crate) const ACTION: &str = "action";
/// Whether the frame ends a solved episode.
pub(crate) const SUCCESS: &str = "next.success";
/// Time of the frame since the episode's begin, s.
pub(crate) const TIME: &str = "timestamp";
/// Index of the frame in its episode.
pub(crate) const FRAME: &str = "frame_index";
/// Number of the episode.
pub(crate) const EPISODE: &str = "episode_index";

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
#[derive(Clone, Copy)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// Type of its values.
    pub(crate) kind: Kind,
    /// The layout of a vector; a column without has one value a frame.
    pub(crate) layout: Option<fn(&Spec) -> &Layout>,
    /// Value `i` in frame `t`. Every type that is stored fits an f64 without loss.
    pub(crate) value: fn(&Placed<'_>, t: usize, i: usize) -> f64,
}

/// All columns, in the order in which they are written.
pub(crate) const FEATURES: [Feature; 9] = [
    Feature {
        name: OBSERVATION,
        kind: Kind::Float,
        layout: Some(|spec| &spec.observation),
        value: |p, t, i| f64::from(p.episode.observations[t * p.spec.observation.size() + i]),
    },
    Feature {
        name: ACTION,
        kind: Kind::Float,
        layout: Some(|spec| &spec.action),
        value: |p, t, i| f64::from(p.episode.actions[t * p.spec.action.size() + i]),
    },
    Feature::scalar("next.done", Kind::Bool, |p, t, _| f64::from(u8::from(p.is_last(t)))),
    Feature::scalar(SUCCESS, Kind::Bool, |p, t, _| f64::from(u8::from(p.is_last(t) && p.episode.success))),
    Feature::scalar(TIME, Kind::Float, |p, t, _| f64::from((t as f64 / p.spec.control_rate) as f32)),
    Feature::scalar(FRAME, Kind::Int, |_, t, _| t as f64),
    Feature::scalar(EPISODE, Kind::Int, |p, _, _| p.number as f64),
    Feature::scalar("index", Kind::Int, |p, t, _| (p.first + t) as f64),
    Feature::scalar("task_index", Kind::Int, |_, _, _| 0.0),
];

impl Feature {
    const fn scalar(name: &'static str, kind: Kind, value: fn(&Placed<'_>, usize, usize) -> f64) -> Self {
        Self { name, kind, layout: None, value }
    }

    /// Values a frame.
    pub(crate) fn size(&self, spec: &Spec) -> usize {
        self.layout.map_or(1, |layout| layout(spec).size())
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
    fn is_last(&self, t: usize) -> bool {
        t + 1 == self.episode.len
    }

    /// The rows of some frames, by the schema that [`schema`] gives; `images` are the columns of their pictures.
    pub(crate) fn rows(
        &self,
        schema: &Arc<Schema>,
        frames: Range<usize>,
        images: Vec<ArrayRef>,
    ) -> Result<RecordBatch, ArrowError> {
        let column = |feature: &Feature| -> Result<ArrayRef, ArrowError> {
            let size = feature.size(self.spec);
            let values = frames.clone().flat_map(|t| (0..size).map(move |i| (feature.value)(self, t, i)));
            let array: ArrayRef = match feature.kind {
                Kind::Float => Arc::new(values.map(|v| v as f32).collect::<Float32Array>()),
                Kind::Int => Arc::new(values.map(|v| v as i64).collect::<Int64Array>()),
                Kind::Bool => Arc::new(values.map(|v| Some(v != 0.0)).collect::<BooleanArray>()),
            };
            if size == 1 {
                return Ok(array);
            }
            Ok(Arc::new(FixedSizeListArray::try_new(element(DataType::Float32), list_size(size)?, array, None)?))
        };
        let mut columns = FEATURES.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        columns.extend(images);
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// The schema of the data files: a feature of one value is a plain column, as LeRobot's loader wants it; the columns
/// of cameras come last.
pub(crate) fn schema(spec: &Spec, images: Option<&ImageLayout>) -> Result<Arc<Schema>, ArrowError> {
    let field = |feature: &Feature| {
        let plain = match feature.kind {
            Kind::Float => DataType::Float32,
            Kind::Int => DataType::Int64,
            Kind::Bool => DataType::Boolean,
        };
        let kind = match feature.size(spec) {
            1 => plain,
            size => DataType::FixedSizeList(element(plain), list_size(size)?),
        };
        Ok(Field::new(feature.name, kind, true))
    };
    let mut fields = FEATURES.iter().map(field).collect::<Result<Vec<_>, ArrowError>>()?;
    fields.extend(images.into_iter().flat_map(storage::fields));
    Ok(Arc::new(Schema::new(fields)))
}

/// The field of a list's elements, named as pyarrow names it.
pub(crate) fn element(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", kind, true))
}

fn list_size(size: usize) -> Result<i32, ArrowError> {
    i32::try_from(size).map_err(|_| ArrowError::InvalidArgumentError(format!("{size} values a frame are too many")))
}
