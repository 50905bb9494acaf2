//! Reading a dataset: batch by batch, with every length, index and number checked.

use crate::episodes::{self, Row};
use crate::features;
use crate::info::Info;
use crate::naming;
use crate::table::{self, Batch, Reader};
use crate::{Dataset, tasks};
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use imle_configs::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const NUMBER: &str = "episode_index";
const FRAME: &str = "frame_index";

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
    let info = Info::read(path)?;
    let spec = info.spec(|| tasks::read_first(path))?;
    let rows = episodes::read(path, &info)?;
    let mut frames = Frames::new(&spec, &rows);
    for file in data_files(path, &info, &rows)? {
        let required = [features::OBSERVATION, features::ACTION, NUMBER, FRAME];
        for batch in Reader::open(&file, &required, &[features::SUCCESS])? {
            frames.append(&file, &batch?)?;
        }
    }
    for (number, (row, episode)) in rows.iter().zip(&frames.episodes).enumerate() {
        episodes::check_length(number, row, episode.len)?;
    }
    let counted = frames.episodes.iter().map(|e| e.len).sum();
    info.check_total("total_frames", info.total_frames, counted, "frames in data/")?;
    let episodes = frames.episodes;
    Ok(Dataset { spec, episodes })
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
struct Frames<'a> {
    spec: &'a Spec,
    rows: &'a [Row],
    episodes: Vec<Episode>,
}

impl<'a> Frames<'a> {
    fn new(spec: &'a Spec, rows: &'a [Row]) -> Self {
        let empty = |row: &Row| Episode {
            mode: row.mode.clone(),
            mismatch: row.mismatch.clone(),
            seed: row.seed,
            index: row.index,
            success: row.success.unwrap_or(false),
            ..Episode::default()
        };
        Self { spec, rows, episodes: rows.iter().map(empty).collect() }
    }

    fn append(&mut self, file: &Path, batch: &Batch) -> Result<()> {
        let (numbers, indices) = (batch.integers(NUMBER)?, batch.integers(FRAME)?);
        let at = |row: usize| format!("episode {}, frame {}", numbers.value(row), indices.value(row));
        let (observation, action) = (&self.spec.observation, &self.spec.action);
        let (wide, narrow) = (observation.size(), action.size());
        let observations = batch.vectors(features::OBSERVATION, wide, &at)?;
        let actions = batch.vectors(features::ACTION, narrow, &at)?;
        let successes = batch.has(features::SUCCESS).then(|| batch.booleans(features::SUCCESS)).transpose()?;
        let vectors =
            [(features::OBSERVATION, observations.values(), observation), (features::ACTION, actions.values(), action)];
        for (column, values, layout) in vectors {
            if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
                let name = layout.value_names().into_iter().nth(bad % layout.size()).unwrap_or_default();
                let found = format!("{} in {}, value `{name}`", values[bad], at(bad / layout.size()));
                return Err(Error::unexpected(table::place(file, column), "finite numbers", found));
            }
        }
        for row in 0..batch.len() {
            let number = usize::try_from(numbers.value(row)).ok().filter(|n| *n < self.episodes.len());
            let number = number.ok_or_else(|| {
                let expected = format!("one of the {} episodes in meta/episodes", self.episodes.len());
                Error::unexpected(table::place(file, NUMBER), expected, numbers.value(row))
            })?;
            let episode = &mut self.episodes[number];
            if usize::try_from(indices.value(row)) != Ok(episode.len) {
                let expected = format!("frame {} of episode {number} next", episode.len);
                return Err(Error::unexpected(table::place(file, FRAME), expected, indices.value(row)));
            }
            episode.observations.extend_from_slice(&observations.values()[row * wide..(row + 1) * wide]);
            episode.actions.extend_from_slice(&actions.values()[row * narrow..(row + 1) * narrow]);
            episode.len += 1;
            if let (None, Some(successes)) = (self.rows[number].success, &successes) {
                episode.success = successes.value(row);
            }
        }
        Ok(())
    }
}
