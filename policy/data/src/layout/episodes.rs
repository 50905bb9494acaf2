//! `meta/episodes/…`: one row an episode, with its place in the data files, its statistics and our own columns.

use crate::layout::features::{self, EPISODE, FEATURES, Placed};
use crate::layout::info::Info;
use crate::layout::naming::{self, EPISODES_FILE};
use crate::layout::stats::{self, Stats};
use crate::table::{self, Batch, Reader, Writer};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use imle_configs::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LENGTH: &str = "length";
const CHUNK: &str = "data/chunk_index";
const DATA_FILE: &str = "data/file_index";
const MODE: &str = "planner.mode";
const MISMATCH: &str = "planner.mismatch";
const SEED: &str = "planner.seed";
const RESET_INDEX: &str = "planner.reset_index";
const SUCCESS: &str = "planner.success";

/// An episode and the (chunk, file) of the data file it lies in.
pub(crate) type Filed<'a> = (Placed<'a>, (u64, u64));

/// Writes the table.
pub(crate) fn write(root: &Path, shown: &Path, episodes: &[Filed<'_>]) -> Result<()> {
    let rows = rows(episodes).map_err(|e| table::write_error(&shown.join(EPISODES_FILE), e))?;
    let mut writer = Writer::create(root, shown, Path::new(EPISODES_FILE), rows.schema(), 1000)?;
    writer.write(&rows)?;
    writer.close()
}

fn rows(episodes: &[Filed<'_>]) -> std::result::Result<RecordBatch, ArrowError> {
    let integers = |of: &dyn Fn(&Filed<'_>) -> u64| -> ArrayRef {
        // Two's complement keeps all 64 bits of a seed.
        Arc::new(episodes.iter().map(|e| of(e).cast_signed()).collect::<Int64Array>())
    };
    let tasks = StringArray::from_iter_values(episodes.iter().map(|(p, _)| &p.spec.task));
    let lengths = OffsetBuffer::from_lengths(episodes.iter().map(|_| 1));
    let tasks = ListArray::try_new(features::element(DataType::Utf8), lengths, Arc::new(tasks), None)?;
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    let mut push =
        |name: &str, array: ArrayRef| columns.push((Field::new(name, array.data_type().clone(), true), array));
    push(EPISODE, integers(&|(p, _)| p.number as u64));
    push("tasks", Arc::new(tasks));
    push(LENGTH, integers(&|(p, _)| p.episode.len as u64));
    push(CHUNK, integers(&|(_, (chunk, _))| *chunk));
    push(DATA_FILE, integers(&|(_, (_, file))| *file));
    push("dataset_from_index", integers(&|(p, _)| p.first as u64));
    push("dataset_to_index", integers(&|(p, _)| (p.first + p.episode.len) as u64));
    push("meta/episodes/chunk_index", integers(&|_| 0));
    push("meta/episodes/file_index", integers(&|_| 0));
    push(MODE, Arc::new(StringArray::from_iter_values(episodes.iter().map(|(p, _)| &p.episode.mode))));
    push(MISMATCH, Arc::new(StringArray::from_iter_values(episodes.iter().map(|(p, _)| &p.episode.mismatch))));
    push(SEED, integers(&|(p, _)| p.episode.seed));
    push(RESET_INDEX, integers(&|(p, _)| p.episode.index));
    push(SUCCESS, Arc::new(episodes.iter().map(|(p, _)| Some(p.episode.success)).collect::<BooleanArray>()));
    for feature in &FEATURES {
        let per_episode: Vec<Stats> =
            episodes.iter().map(|(p, _)| stats::of(feature, p.spec, std::iter::once(*p))).collect();
        columns.extend(stats::columns(feature, &per_episode)?);
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Number of frames.
    pub(crate) len: usize,
    /// Data file, as chunk and file index.
    pub(crate) file: (u64, u64),
    pub(crate) mode: String,
    pub(crate) mismatch: String,
    pub(crate) seed: u64,
    pub(crate) index: u64,
    /// Whether it was solved, where the table says so.
    pub(crate) success: Option<bool>,
    /// The table's file, for errors.
    pub(crate) source: PathBuf,
}

/// All rows in the order of episodes, which must be 0, 1, 2…
pub(crate) fn read(root: &Path, info: &Info) -> Result<Vec<Row>> {
    let folder = root.join("meta/episodes");
    let mut files = naming::parquet_files(&folder)?;
    if files.is_empty() {
        files.push(root.join(EPISODES_FILE));
    }
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for path in &files {
        for batch in
            Reader::open(path, &[EPISODE, LENGTH, CHUNK, DATA_FILE], &[MODE, MISMATCH, SEED, RESET_INDEX, SUCCESS])?
        {
            read_batch(path, &batch?, &mut rows)?;
        }
    }
    rows.sort_by_key(|(number, _)| *number);
    for (expected, (number, row)) in rows.iter().enumerate() {
        if *number != expected {
            let place = table::place(&row.source, EPISODE);
            let expected = format!("episode {expected} once, and all in a row");
            return Err(Error::unexpected(place, expected, format!("episode {number}")));
        }
    }
    info.check_total("total_episodes", info.total_episodes, rows.len(), "rows in meta/episodes")?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn read_batch(path: &Path, batch: &Batch, rows: &mut Vec<(usize, Row)>) -> Result<()> {
    let counts = |name: &str| -> Result<Vec<u64>> {
        let bad = |v: i64| Error::unexpected(table::place(path, name), "0 or more", v);
        batch.integers(name)?.values().iter().map(|v| u64::try_from(*v).map_err(|_| bad(*v))).collect()
    };
    let (numbers, lengths, chunks, files) = (counts(EPISODE)?, counts(LENGTH)?, counts(CHUNK)?, counts(DATA_FILE)?);
    let (seeds, indices) = (batch.perhaps(SEED, Batch::integers)?, batch.perhaps(RESET_INDEX, Batch::integers)?);
    let (modes, mismatches) = (batch.perhaps(MODE, Batch::strings)?, batch.perhaps(MISMATCH, Batch::strings)?);
    let successes = batch.perhaps(SUCCESS, Batch::booleans)?;
    for i in 0..batch.len() {
        let row = Row {
            len: usize::try_from(lengths[i]).unwrap_or(usize::MAX),
            file: (chunks[i], files[i]),
            mode: modes.as_ref().map_or_else(String::new, |m| m.value(i).to_string()),
            mismatch: mismatches.as_ref().map_or_else(String::new, |m| m.value(i).to_string()),
            seed: seeds.as_ref().map_or(0, |s| s.value(i).cast_unsigned()),
            index: indices.as_ref().map_or(numbers[i], |x| x.value(i).cast_unsigned()),
            success: successes.as_ref().map(|s| s.value(i)),
            source: path.to_path_buf(),
        };
        rows.push((usize::try_from(numbers[i]).unwrap_or(usize::MAX), row));
    }
    Ok(())
}

/// An error if an episode has another number of frames than its row says.
pub(crate) fn check_length(number: usize, row: &Row, frames: usize) -> Result<()> {
    if frames == row.len {
        return Ok(());
    }
    let expected = format!("the length of episode {number} to be its {frames} frames in data/");
    Err(Error::unexpected(table::place(&row.source, LENGTH), expected, row.len))
}
