//! Reading a dataset: batch by batch, with every length, index and number checked.

use crate::dataset::Dataset;
use crate::frames::Frames;
use crate::layout::features::{EPISODE, FRAME, SUCCESS, TIME};
use crate::layout::info::Info;
use crate::layout::row::{self, Row};
use crate::layout::{episodes, naming, tasks};
use crate::table::Reader;
use imle_configs::Result;
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Reads the dataset at `path`, LeRobot v3.0, written by this crate or by others (see the crate's
/// documentation for what a foreign dataset gives).
///
/// Frames may be spread over any number of files and row groups; those of an episode must follow each other. Where
/// numbers of episodes are left out, as of deleted ones, the others are counted from 0 on.
///
/// # Errors
/// [`imle_configs::Error::Io`] for a missing file; [`imle_configs::Error::Unexpected`], naming file and key or column,
/// for another `codebase_version`, a missing column, a wrong type or list length, a number that is not finite (with
/// episode, frame and value), times that do not rise or are not at the rate, and for totals or lengths in the metadata
/// that the data do not bear out.
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
    /// Files with frames that are still to come; of version 2 none, as each episode has its own.
    files: VecDeque<PathBuf>,
    reader: Option<(PathBuf, Reader)>,
    frames: Frames,
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
        Self::of(path, info, spec, rows)
    }

    /// The episodes of `rows` at `root`, with the observation and action of `info`.
    pub(crate) fn of(root: &Path, info: Info, spec: Spec, rows: Vec<Row>) -> Result<Self> {
        let files = if info.two { BTreeSet::new() } else { data_files(root, &rows)? };
        let frames = Frames::new(rows, [info.observation.clone(), info.action.clone()], &spec, info.fps);
        Ok(Self { spec, info, files: files.into_iter().collect(), reader: None, frames, over: false })
    }

    /// Task, control rate, and the layouts of observation and action.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of episodes.
    pub fn len(&self) -> usize {
        self.frames.rows().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the last item was the last.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Notes on odd things in the episodes so far, one line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.frames.notes()
    }

    /// The next episode, or what is wrong with it alone.
    fn advance(&mut self) -> Result<Option<Result<Episode>>> {
        loop {
            if let Some(episode) = self.frames.whole() {
                return Ok(Some(episode));
            }
            if self.info.two {
                let Some((row, _)) = self.frames.next() else { break };
                let (file, empty) = (row.file.clone(), row.len == 0 && !row.file.exists());
                let read = if empty { Ok(()) } else { self.read_alone(&file) };
                return Ok(Some(self.frames.finish(read)));
            }
            if self.reader.is_none() {
                let Some(file) = self.files.pop_front() else { break };
                let columns = self.frames.columns();
                let required = [columns.as_slice(), &[EPISODE, FRAME]].concat();
                let reader = Reader::open(&file, &required, &[SUCCESS, TIME])?;
                self.reader = Some((file, reader));
            }
            let Some((file, reader)) = &mut self.reader else { continue };
            match reader.next() {
                None => self.reader = None,
                Some(batch) => self.frames.append(file, &batch?)?,
            }
        }
        if let Some((row, frames)) = self.frames.next() {
            row.check_length(frames)?;
        }
        let rows = self.frames.rows();
        // Where episodes were deleted, the total may still count their frames.
        if !row::deleted(rows) {
            let counted = rows.iter().map(|row| row.len).sum();
            self.info.check_total("total_frames", self.info.total_frames, counted, "frames of the episodes")?;
        }
        Ok(None)
    }

    /// Reads the file of the next episode, which is alone in it.
    fn read_alone(&mut self, file: &Path) -> Result<()> {
        let columns = self.frames.columns();
        for batch in Reader::open(file, &columns, &[EPISODE, FRAME, SUCCESS, TIME])? {
            self.frames.append(file, &batch?)?;
        }
        Ok(())
    }
}

/// An error of one episode is followed by the next episode, another ends the stream.
impl Iterator for Stream {
    type Item = Result<Episode>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.advance() {
            Ok(Some(episode)) => return Some(episode),
            Ok(None) => self.over = true,
            Err(error) => {
                self.over = true;
                return Some(Err(error));
            }
        }
        None
    }
}

/// The files that the metadata name, all of which must be there, and any others in `data/`, as in LeRobot's loader.
fn data_files(root: &Path, rows: &[Row]) -> Result<BTreeSet<PathBuf>> {
    let others = naming::parquet_files(&root.join("data"))?;
    Ok(rows.iter().map(|row| row.file.clone()).chain(others).collect())
}
