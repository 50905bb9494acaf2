//! Reading a dataset: batch by batch, with every length, index and number checked.

use crate::dataset::Dataset;
use crate::layout::episodes::{self, Row};
use crate::layout::features::{self, EPISODE, FRAME};
use crate::layout::info::Info;
use crate::layout::{naming, tasks};
use crate::table::{self, Batch, Reader};
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use imle_configs::{Error, Result};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Reads the dataset at `path`, LeRobot v3.0, written by this crate or by others (see the crate's
/// documentation for what a foreign dataset gives).
///
/// Frames may be spread over any number of files and row groups; those of an episode must follow each other.
///
/// # Errors
/// [`Error::Io`] for a missing file; [`Error::Unexpected`], naming file and key or column, for another
/// `codebase_version`, a missing column, a wrong type or list length, a number that is not finite (with
/// episode, frame and value), and for totals or lengths in the metadata that the data do not bear out.
pub fn read(path: &Path) -> Result<Dataset> {
    let mut stream = Stream::open(path)?;
    let mut episodes = Vec::with_capacity(stream.len());
    for episode in &mut stream {
        episodes.push(episode?);
    }
    Ok(Dataset { spec: stream.spec, episodes })
}

/// A dataset read one episode after the other: a batch of rows and the episodes that are not whole yet are in memory.
pub struct Stream {
    spec: Spec,
    info: Info,
    rows: Vec<Row>,
    files: VecDeque<PathBuf>,
    reader: Option<(PathBuf, Reader)>,
    frames: Frames,
    counted: usize,
    over: bool,
}

impl Stream {
    /// Opens the dataset at `path`.
    ///
    /// # Errors
    /// As [`read`] of the metadata.
    pub fn open(path: &Path) -> Result<Self> {
        let info = Info::read(path)?;
        let spec = info.spec(|| tasks::read_first(path))?;
        let rows = episodes::read(path, &info)?;
        let files = data_files(path, &info, &rows)?.into_iter().collect();
        let frames = Frames::new(&rows);
        Ok(Self { spec, info, rows, files, reader: None, frames, counted: 0, over: false })
    }

    /// Task, control rate, and the layouts of observation and action.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of episodes.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Episode>> {
        loop {
            if let Some(episode) = self.frames.whole(&self.rows) {
                return Ok(Some(episode));
            }
            if self.reader.is_none() {
                let Some(file) = self.files.pop_front() else { break };
                let required = [features::OBSERVATION, features::ACTION, EPISODE, FRAME];
                let reader = Reader::open(&file, &required, &[features::SUCCESS])?;
                self.reader = Some((file, reader));
            }
            let Some((file, reader)) = &mut self.reader else { continue };
            match reader.next() {
                None => self.reader = None,
                Some(batch) => {
                    let batch = batch?;
                    self.counted += batch.len();
                    self.frames.append(file, &batch, &self.spec, &self.rows)?;
                }
            }
        }
        if let Some((number, row)) = self.rows.iter().enumerate().nth(self.frames.given) {
            episodes::check_length(number, row, self.frames.episodes[number].len)?;
        }
        self.info.check_total("total_frames", self.info.total_frames, self.counted, "frames in data/")?;
        Ok(None)
    }
}

impl Iterator for Stream {
    type Item = Result<Episode>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.advance().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The files that the metadata name, all of which must be there, and any others in `data/`, as in LeRobot's loader.
fn data_files(root: &Path, info: &Info, rows: &[Row]) -> Result<BTreeSet<PathBuf>> {
    let mut files: BTreeSet<PathBuf> = naming::parquet_files(&root.join("data"))?.into_iter().collect();
    let named: BTreeSet<(u64, u64)> = rows.iter().map(|r| r.file).collect();
    for file in named {
        files.insert(root.join(info.data_file(file)?));
    }
    Ok(files)
}

/// The episodes as their frames come in.
struct Frames {
    episodes: Vec<Episode>,
    /// Number of episodes returned: the first ones.
    given: usize,
}

impl Frames {
    fn new(rows: &[Row]) -> Self {
        let empty = |row: &Row| Episode {
            mode: row.mode.clone(),
            mismatch: row.mismatch.clone(),
            seed: row.seed,
            index: row.index,
            success: row.success.unwrap_or(false),
            ..Episode::default()
        };
        Self { episodes: rows.iter().map(empty).collect(), given: 0 }
    }

    /// The next episode, if all its frames are there.
    fn whole(&mut self, rows: &[Row]) -> Option<Episode> {
        let next = self.given;
        if self.episodes.get(next)?.len < rows[next].len {
            return None;
        }
        self.given += 1;
        Some(std::mem::take(&mut self.episodes[next]))
    }

    fn append(&mut self, file: &Path, batch: &Batch, spec: &Spec, rows: &[Row]) -> Result<()> {
        let (numbers, indices) = (batch.integers(EPISODE)?, batch.integers(FRAME)?);
        let at = |row: usize| format!("episode {}, frame {}", numbers.value(row), indices.value(row));
        let (observation, action) = (&spec.observation, &spec.action);
        let (wide, narrow) = (observation.size(), action.size());
        let observations = batch.vectors(features::OBSERVATION, wide, &at)?;
        let actions = batch.vectors(features::ACTION, narrow, &at)?;
        let successes = batch.perhaps(features::SUCCESS, Batch::booleans)?;
        let vectors =
            [(features::OBSERVATION, observations.values(), observation), (features::ACTION, actions.values(), action)];
        for (column, values, layout) in vectors {
            if let Some(found) = naming::first_not_finite(values, layout, at) {
                return Err(Error::unexpected(table::place(file, column), "finite numbers", found));
            }
        }
        for row in 0..batch.len() {
            let number = usize::try_from(numbers.value(row)).ok().filter(|n| *n < self.episodes.len());
            let number = number.ok_or_else(|| {
                let expected = format!("one of the {} episodes in meta/episodes", self.episodes.len());
                Error::unexpected(table::place(file, EPISODE), expected, numbers.value(row))
            })?;
            if number < self.given || self.episodes[number].len == rows[number].len {
                // One frame too many for its row in meta/episodes.
                episodes::check_length(number, &rows[number], rows[number].len + 1)?;
            }
            let episode = &mut self.episodes[number];
            if usize::try_from(indices.value(row)) != Ok(episode.len) {
                let expected = format!("frame {} of episode {number} next", episode.len);
                return Err(Error::unexpected(table::place(file, FRAME), expected, indices.value(row)));
            }
            episode.observations.extend_from_slice(&observations.values()[row * wide..(row + 1) * wide]);
            episode.actions.extend_from_slice(&actions.values()[row * narrow..(row + 1) * narrow]);
            episode.len += 1;
            if let (None, Some(successes)) = (rows[number].success, &successes) {
                episode.success = successes.value(row);
            }
        }
        Ok(())
    }
}
