//! Frames as they are read, gathered into episodes: every number, index and time is checked.

use crate::layout::features::{EPISODE, FRAME, SUCCESS, TIME};
use crate::layout::naming;
use crate::layout::row::Row;
use crate::layout::vector::Vector;
use crate::table::{self, Batch};
use imle_configs::episode::Episode;
use imle_configs::spec::{Layout, Spec};
use imle_configs::{Error, Result};
use std::path::Path;

/// The time between frames may be off by so many seconds, as in LeRobot.
const SLACK: f64 = 1e-4;

/// An episode as its frames come in.
#[derive(Default)]
struct Growing {
    episode: Episode,
    /// Time of the last frame, s.
    time: Option<f64>,
    /// Steps in time that are not at the rate, those that are off by more than a tenth, and the first.
    uneven: usize,
    far: usize,
    first: String,
    /// The first thing wrong with it.
    broken: Option<Error>,
}

impl Growing {
    /// Takes the time of the next frame, which is `at`, with its relative rounding; `step` is that between frames, s.
    fn tick(&mut self, (time, epsilon): (f64, f64), step: f64, file: &Path, at: impl Fn() -> String) {
        let (last, rounding) = (self.time.unwrap_or(time - step), 2.0 * epsilon * time.abs());
        let by = time - last;
        self.time = Some(time);
        if !(by > 0.0 || by.abs() <= rounding && step <= rounding) {
            let found = format!("{time} s in {}", at());
            let expected = format!("a time after {last} s, that of the frame before");
            self.broken.get_or_insert_with(|| Error::unexpected(table::place(file, TIME), expected, found));
        } else if (by - step).abs() > SLACK + rounding {
            self.uneven += 1;
            self.far += usize::from((by - step).abs() > 0.1 * step);
            if self.first.is_empty() {
                self.first = format!("{} s before {}", (by * 1e6).round() / 1e6, at());
            }
        }
    }
}

/// Counts of odd things that are no errors.
#[derive(Default)]
struct Oddities {
    /// Steps in time that are not at the rate, the episodes with such, and the first.
    uneven: (usize, usize, String),
    /// Frames of episodes that the metadata do not have.
    strange: usize,
    /// Files of one episode whose frames bear another number, and the first.
    renamed: (usize, String),
}

/// The episodes as their frames come in.
pub(crate) struct Frames {
    rows: Vec<Row>,
    /// Observation and action.
    vectors: [(Vector, Layout); 2],
    /// Control step, s.
    step: f64,
    episodes: Vec<Growing>,
    /// Number of episodes returned: the first ones.
    given: usize,
    odd: Oddities,
}

impl Frames {
    pub(crate) fn new(rows: Vec<Row>, [observation, action]: [Vector; 2], spec: &Spec, fps: f64) -> Self {
        let empty = |row: &Row| {
            let episode = Episode {
                mode: row.mode.clone(),
                mismatch: row.mismatch.clone(),
                seed: row.seed,
                index: row.index,
                success: row.success.unwrap_or(false),
                ..Episode::default()
            };
            Growing { episode, ..Growing::default() }
        };
        Self {
            episodes: rows.iter().map(empty).collect(),
            rows,
            vectors: [(observation, spec.observation.clone()), (action, spec.action.clone())],
            step: 1.0 / fps,
            given: 0,
            odd: Oddities::default(),
        }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The columns of observation and action.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.vectors.iter().flat_map(|(vector, _)| vector.columns()).collect()
    }

    /// The row of the next episode to be returned, and the number of its frames so far.
    pub(crate) fn next(&self) -> Option<(&Row, usize)> {
        Some((self.rows.get(self.given)?, self.episodes[self.given].episode.len))
    }

    /// The next episode, if all its frames are there; where it is alone in its file, only the reader knows.
    pub(crate) fn whole(&mut self) -> Option<Result<Episode>> {
        let (row, len) = self.next()?;
        (len >= row.len && !row.alone).then(|| self.finish(Ok(())))
    }

    /// The next episode, whose reading ended so.
    pub(crate) fn finish(&mut self, read: Result<()>) -> Result<Episode> {
        let Growing { episode, uneven, far, first, broken, .. } = std::mem::take(&mut self.episodes[self.given]);
        let row = &self.rows[self.given];
        self.given += 1;
        read?;
        row.check_length(episode.len)?;
        broken.map_or(Ok(()), Err)?;
        let place = table::place(&row.file, TIME);
        let expected = format!("{} s between frames, as meta/info.json says by `fps`", self.step);
        Error::ensure(far * 2 < episode.len.max(1), &place, expected, &first)?;
        if uneven > 0 {
            let (steps, episodes, shown) = &mut self.odd.uneven;
            (*steps, *episodes) = (*steps + uneven, *episodes + 1);
            if shown.is_empty() {
                *shown = format!("{place}: {first}");
            }
        }
        Ok(episode)
    }

    /// Notes on odd things so far, one line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Oddities { uneven: (steps, episodes, first), strange, renamed: (files, file) } = &self.odd;
        let mut notes = Vec::new();
        if *steps > 0 {
            let rate =
                format!("{steps} times in {episodes} episodes it is not the {} s of `fps`, which count", self.step);
            notes.push(format!("{first}; {rate}"));
        }
        if *strange > 0 {
            notes.push(format!("left out: {strange} frames of episodes that meta/episodes does not have"));
        }
        if *files > 0 {
            notes.push(format!("{file}; the name of the file counts, in {files} files"));
        }
        notes
    }

    /// Takes rows of a file, which are those of the next episode only if that is alone there.
    ///
    /// # Errors
    /// What is wrong with the file; what is wrong with an episode comes with it.
    pub(crate) fn append(&mut self, file: &Path, batch: &Batch) -> Result<()> {
        let alone = self.next().filter(|(row, _)| row.alone).map(|(row, len)| (row.number, len));
        let numbers = batch.perhaps(EPISODE, Batch::integers)?;
        let indices = batch.perhaps(FRAME, Batch::integers)?;
        let number = |row: usize| match (alone, &numbers) {
            (None, Some(numbers)) => numbers.value(row),
            (alone, _) => alone.map_or(-1, |(number, _)| number.cast_signed()),
        };
        let index = |row: usize| match (&indices, alone) {
            (Some(indices), _) => indices.value(row),
            (None, alone) => (alone.map_or(0, |(_, len)| len) + row) as i64,
        };
        let at = |row: usize| format!("episode {}, frame {}", number(row), index(row));
        let vectors = self.vectors.iter().map(|(v, _)| v.of(batch, &at)).collect::<Result<Vec<_>>>()?;
        let times = batch.perhaps(TIME, Batch::numbers)?;
        let successes = batch.perhaps(SUCCESS, Batch::truths)?;
        if let (Some(numbers), Some((number, _))) = (&numbers, alone)
            && let Some(other) = numbers.values().iter().find(|n| **n != number.cast_signed())
        {
            self.odd.renamed.0 += 1;
            if self.odd.renamed.1.is_empty() {
                self.odd.renamed.1 = format!("{}: {other}", table::place(file, EPISODE));
            }
        }
        for row in 0..batch.len() {
            let Some(e) = (if alone.is_some() { Some(self.given) } else { self.place(file, number(row))? }) else {
                self.odd.strange += 1;
                continue;
            };
            let meta = &self.rows[e];
            if !meta.alone && (e < self.given || self.episodes[e].episode.len == meta.len) {
                // One frame too many for its row in meta/episodes.
                meta.check_length(meta.len.saturating_add(1))?;
            }
            let growing = &mut self.episodes[e];
            if usize::try_from(index(row)) != Ok(growing.episode.len) {
                let expected = format!("frame {} of episode {} next", growing.episode.len, meta.number);
                return Err(Error::unexpected(table::place(file, FRAME), expected, index(row)));
            }
            let into = [&mut growing.episode.observations, &mut growing.episode.actions];
            for ((into, values), (vector, layout)) in into.into_iter().zip(&vectors).zip(&self.vectors) {
                let size = vector.size();
                let values = &values[row * size..(row + 1) * size];
                into.extend_from_slice(values);
                if let Some(found) = naming::first_not_finite(values, layout, |_| at(row)) {
                    let columns = vector.columns().into_iter().collect::<Vec<_>>().join(", ");
                    let error = || Error::unexpected(table::place(file, &columns), "finite numbers", found);
                    growing.broken.get_or_insert_with(error);
                }
            }
            growing.episode.len += 1;
            if let Some(times) = &times {
                growing.tick((times[row], batch.epsilon(TIME)), self.step, file, || at(row));
            }
            if let (None, Some(successes)) = (meta.success, &successes) {
                growing.episode.success = successes[row];
            }
        }
        Ok(())
    }

    /// The place of the episode of this number; none of a deleted one.
    fn place(&self, file: &Path, number: i64) -> Result<Option<usize>> {
        let known = u64::try_from(number).ok().map(|number| self.rows.binary_search_by_key(&number, |row| row.number));
        match known {
            Some(Ok(e)) => Ok(Some(e)),
            Some(Err(after)) if after < self.rows.len() => Ok(None),
            _ => {
                let expected = format!("one of the {} episodes in meta/episodes", self.rows.len());
                Err(Error::unexpected(table::place(file, EPISODE), expected, number))
            }
        }
    }
}
