//! Writing a dataset: all of it, or nothing.

use crate::episodes::{self, Filed};
use crate::features::{self, Feature, Placed};
use crate::info;
use crate::naming::{self, DATA_PATH};
use crate::table::{self, Writer};
use crate::{stats, tasks};
use arrow::datatypes::Schema;
use imle_configs::episode::Episode;
use imle_configs::spec::{Layout, Spec};
use imle_configs::{Error, Result, files};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// How rows are spread over files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A data file that would grow past this many bytes is followed by the next.
    pub(crate) file_bytes: u64,
    /// Files a chunk folder holds.
    pub(crate) chunk_files: u64,
    /// Rows a row group holds: what writing keeps in memory, and what a reader fetches at a time.
    pub(crate) row_group_rows: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { file_bytes: info::DATA_FILE_MB << 20, chunk_files: info::CHUNK_FILES, row_group_rows: 8192 }
    }
}

/// Writes a dataset to the new folder `path`. The same data make the same bytes.
///
/// Each episode holds observations (len, `spec.observation.size()`) and actions (len, `spec.action.size()`),
/// row-major. An episode lies in one data file whole.
///
/// # Errors
/// [`Error::Exists`] if there is something at `path`, which is then untouched; [`Error::Unexpected`] if there is
/// no episode, an episode is empty or of another size than its `len` says, a number is not finite, or the spec
/// has no values, two terms of one name or no positive rate; [`Error::Io`]. Nothing half-written is left.
pub fn write(path: &Path, spec: &Spec, episodes: &[Episode]) -> Result<()> {
    write_sized(path, spec, episodes, Sizes::default())
}

/// [`write()`] with other sizes of files.
pub(crate) fn write_sized(path: &Path, spec: &Spec, episodes: &[Episode], sizes: Sizes) -> Result<()> {
    if path.exists() {
        return Err(Error::Exists { path: path.to_path_buf() });
    }
    check_spec(path, spec)?;
    if episodes.is_empty() {
        return Err(Error::unexpected(path.display(), "at least one episode", "none"));
    }
    for (number, episode) in episodes.iter().enumerate() {
        check_episode(path, spec, number, episode)?;
    }
    files::write_folder(path, false, |root| {
        let filed = write_data(root, path, spec, episodes, sizes)?;
        episodes::write(root, path, &filed)?;
        tasks::write(root, path, &spec.task)?;
        let statistics: Map<String, Value> = Feature::ALL
            .into_iter()
            .map(|f| (f.name().to_string(), stats::of(f, spec, features::placed(spec, episodes)).to_json(f.kind())))
            .collect();
        write_json(root, path, "meta/stats.json", &Value::Object(statistics))?;
        let frames = episodes.iter().map(|e| e.len).sum();
        write_json(root, path, "meta/info.json", &info::to_json(spec, episodes.len(), frames))
    })
}

fn write_json(root: &Path, shown: &Path, file: &str, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| table::write_error(&shown.join(file), e))?;
    std::fs::write(root.join(file), text + "\n").map_err(|e| Error::io(shown.join(file), "write", e))
}

/// A data file being written.
struct Open {
    writer: Writer,
    at: (u64, u64),
    frames: u64,
}

impl Open {
    fn create(root: &Path, shown: &Path, schema: &Arc<Schema>, at: (u64, u64), sizes: Sizes) -> Result<Self> {
        let file = naming::data_file(DATA_PATH, at.0, at.1, "data_path")?;
        let writer = Writer::create(root, shown, &file, schema.clone(), sizes.row_group_rows)?;
        Ok(Self { writer, at, frames: 0 })
    }

    /// Whether an episode of `frames` more would make the file too large, by the size of its frames so far.
    fn full_with(&self, frames: u64, sizes: Sizes) -> bool {
        let size = self.writer.size() as u64;
        self.frames > 0 && size + size * frames / self.frames >= sizes.file_bytes
    }
}

fn write_data<'a>(
    root: &Path,
    shown: &Path,
    spec: &'a Spec,
    episodes: &'a [Episode],
    sizes: Sizes,
) -> Result<Vec<Filed<'a>>> {
    let schema = features::schema(spec).map_err(|e| table::write_error(shown, e))?;
    let mut open = Open::create(root, shown, &schema, (0, 0), sizes)?;
    let mut filed = Vec::with_capacity(episodes.len());
    for placed in features::placed(spec, episodes) {
        let frames = placed.episode.len as u64;
        if open.full_with(frames, sizes) {
            let (chunk, file) = open.at;
            let next = if file + 1 == sizes.chunk_files { (chunk + 1, 0) } else { (chunk, file + 1) };
            open.writer.close()?;
            open = Open::create(root, shown, &schema, next, sizes)?;
        }
        write_episode(&mut open.writer, shown, &schema, &placed, sizes)?;
        open.frames += frames;
        filed.push((placed, open.at));
    }
    open.writer.close()?;
    Ok(filed)
}

fn write_episode(
    writer: &mut Writer,
    shown: &Path,
    schema: &Arc<Schema>,
    placed: &Placed<'_>,
    sizes: Sizes,
) -> Result<()> {
    let (len, step) = (placed.episode.len, sizes.row_group_rows.max(1));
    for start in (0..len).step_by(step) {
        let end = len.min(start + step);
        let rows = placed.rows(schema, start..end).map_err(|e| table::write_error(shown, e))?;
        writer.write(&rows)?;
    }
    Ok(())
}

fn check_spec(path: &Path, spec: &Spec) -> Result<()> {
    let place = |key: &str| format!("{}: {key}", path.display());
    if !(spec.control_rate.is_finite() && spec.control_rate > 0.0) {
        return Err(Error::unexpected(place("control_rate"), "a positive number of Hz", spec.control_rate));
    }
    for (key, layout) in [("observation", &spec.observation), ("action", &spec.action)] {
        if layout.size() == 0 {
            return Err(Error::unexpected(place(key), "at least one value", "none"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = layout.terms.iter().find(|t| !seen.insert(&t.name)) {
            return Err(Error::unexpected(place(key), "terms of distinct names", format!("`{}` twice", twice.name)));
        }
    }
    Ok(())
}

fn check_episode(path: &Path, spec: &Spec, number: usize, episode: &Episode) -> Result<()> {
    let place = |key: &str| format!("{}: episode {number}: {key}", path.display());
    if episode.len == 0 {
        return Err(Error::unexpected(place("len"), "at least one control step", 0));
    }
    let vectors =
        [("observations", &episode.observations, &spec.observation), ("actions", &episode.actions, &spec.action)];
    for (key, values, layout) in vectors {
        let size = layout.size();
        if episode.len.checked_mul(size) != Some(values.len()) {
            let expected = format!("{} x {size} values", episode.len);
            return Err(Error::unexpected(place(key), expected, values.len()));
        }
        if let Some(bad) = first_not_finite(values, layout) {
            return Err(Error::unexpected(place(key), "finite numbers", bad));
        }
    }
    Ok(())
}

/// Says where the first NaN or infinity of rows by `layout` is.
fn first_not_finite(values: &[f32], layout: &Layout) -> Option<String> {
    let at = values.iter().position(|v| !v.is_finite())?;
    let (frame, value) = (at / layout.size(), at % layout.size());
    let name = layout.value_names().into_iter().nth(value).unwrap_or_default();
    Some(format!("{} in frame {frame}, value `{name}`", values[at]))
}
