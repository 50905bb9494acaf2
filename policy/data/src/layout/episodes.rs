//! `meta/episodes/…`: one row an episode, with its place in the data files, its statistics and our own columns.

use crate::layout::features::{self, EPISODE, FEATURES, Placed};
use crate::layout::info::Info;
use crate::layout::jsonl;
use crate::layout::naming::{self, EPISODES_FILE};
use crate::layout::row::{self, LENGTH, Row};
use crate::layout::stats::{self, Stats};
use crate::table::{self, Batch, Reader, Writer};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use imle_configs::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: &str = "data/chunk_index";
const DATA_FILE: &str = "data/file_index";
const MODE: &str = "planner.mode";
const MISMATCH: &str = "planner.mismatch";
const SEED: &str = "planner.seed";
const RESET_INDEX: &str = "planner.reset_index";
const SUCCESS: &str = "planner.success";
/// Frames that a video may have.
const MOST_FRAMES: f64 = 1e9;

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

/// All rows in the order of their numbers.
pub(crate) fn read(root: &Path, info: &Info) -> Result<Vec<Row>> {
    let mut rows = if info.two { jsonl::episodes(root, info)? } else { of_tables(root, info)? };
    rows.sort_by_key(|row| row.number);
    if let Some(twice) = rows.windows(2).find(|pair| pair[0].number == pair[1].number) {
        let place = table::place(&twice[1].source, EPISODE);
        return Err(Error::unexpected(place, "each episode once", format!("episode {} twice", twice[1].number)));
    }
    // Where episodes were deleted, the total may still count them.
    if !row::deleted(&rows) {
        info.check_total("total_episodes", info.total_episodes, rows.len(), "rows in meta/episodes")?;
    }
    Ok(rows)
}

fn of_tables(root: &Path, info: &Info) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in &tables(root)? {
        for batch in
            Reader::open(path, &[EPISODE, LENGTH, CHUNK, DATA_FILE], &[MODE, MISMATCH, SEED, RESET_INDEX, SUCCESS])?
        {
            read_batch(root, info, path, &batch?, &mut rows)?;
        }
    }
    Ok(rows)
}

/// The files of the table.
fn tables(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = naming::parquet_files(&root.join("meta/episodes"))?;
    if files.is_empty() {
        files.push(root.join(EPISODES_FILE));
    }
    Ok(files)
}

/// A column of counts.
fn counts(path: &Path, batch: &Batch, name: &str) -> Result<Vec<u64>> {
    let bad = |v: i64| Error::unexpected(table::place(path, name), "0 or more", v);
    batch.integers(name)?.values().iter().map(|v| u64::try_from(*v).map_err(|_| bad(*v))).collect()
}

fn read_batch(root: &Path, info: &Info, path: &Path, batch: &Batch, rows: &mut Vec<Row>) -> Result<()> {
    let counts = |name: &str| counts(path, batch, name);
    let (numbers, lengths, chunks, files) = (counts(EPISODE)?, counts(LENGTH)?, counts(CHUNK)?, counts(DATA_FILE)?);
    let (seeds, indices) = (batch.perhaps(SEED, Batch::integers)?, batch.perhaps(RESET_INDEX, Batch::integers)?);
    let (modes, mismatches) = (batch.perhaps(MODE, Batch::strings)?, batch.perhaps(MISMATCH, Batch::strings)?);
    let successes = batch.perhaps(SUCCESS, Batch::truths)?;
    for i in 0..batch.len() {
        let file = root.join(info.data_file((chunks[i], files[i]))?);
        rows.push(Row {
            mode: modes.as_ref().map_or_else(String::new, |m| m.value(i).to_string()),
            mismatch: mismatches.as_ref().map_or_else(String::new, |m| m.value(i).to_string()),
            seed: seeds.as_ref().map_or(0, |s| s.value(i).cast_unsigned()),
            index: indices.as_ref().map_or(numbers[i], |x| x.value(i).cast_unsigned()),
            success: successes.as_ref().map(|s| s[i]),
            ..Row::new(numbers[i], lengths[i], file, path)
        });
    }
    Ok(())
}

/// An episode's video of a camera.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clip {
    pub(crate) file: PathBuf,
    /// Number of the video's frame that is the episode's first.
    pub(crate) start: usize,
}

/// The videos of a camera's column by the numbers of the episodes.
pub(crate) fn clips(root: &Path, info: &Info, column: &str, rows: &[Row]) -> Result<BTreeMap<u64, Clip>> {
    let mut clips = BTreeMap::new();
    if info.two {
        for row in rows {
            let file = root.join(info.video_file(column, (row.number / info.chunk_files, row.number))?);
            clips.insert(row.number, Clip { file, start: 0 });
        }
        return Ok(clips);
    }
    let [chunk, file, from, to] =
        ["chunk_index", "file_index", "from_timestamp", "to_timestamp"].map(|key| format!("videos/{column}/{key}"));
    for path in &tables(root)? {
        for batch in Reader::open(path, &[EPISODE, LENGTH, &chunk, &file, &from, &to], &[])? {
            let batch = batch?;
            let counts = |name: &str| counts(path, &batch, name);
            let (numbers, lengths, chunks, files) =
                (counts(EPISODE)?, counts(LENGTH)?, counts(&chunk)?, counts(&file)?);
            let (begins, ends) = (batch.numbers(&from)?, batch.numbers(&to)?);
            for i in 0..batch.len() {
                let (start, frames) = (begins[i] * info.fps, (ends[i] - begins[i]) * info.fps);
                let expected =
                    format!("{} frames from 0 s on in episode {}, as `{LENGTH}` says", lengths[i], numbers[i]);
                let fits = (0.0..MOST_FRAMES).contains(&start) && (frames - lengths[i] as f64).abs() < 0.5;
                let found = format!("{} s to {} s, {frames:.1} frames", begins[i], ends[i]);
                Error::ensure(fits, table::place(path, &to), expected, found)?;
                let file = root.join(info.video_file(column, (chunks[i], files[i]))?);
                clips.insert(numbers[i], Clip { file, start: start.round() as usize });
            }
        }
    }
    Ok(clips)
}
