//! Writing a dataset: all of it, or nothing.

use crate::images::{ImageStats, storage};
use crate::layout::episodes::{self, Filed};
use crate::layout::features::{self, FEATURES, Feature, Placed};
use crate::layout::info;
use crate::layout::naming::{self, DATA_PATH};
use crate::layout::{stats, tasks};
use crate::table::{self, Writer};
use arrow_schema::Schema;
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result, files};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Rows of a row group with pictures: some MB.
const IMAGE_ROW_GROUP: usize = 128;

/// The spread of rows over files.
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

/// [`write()`] with the pictures of cameras beside the state. `draw` gives those of an episode by its number,
/// (len, cameras, H, W, 3) in RGB, rows from top to bottom; those of one episode are in memory at a time.
///
/// # Errors
/// As [`write()`]; [`Error::Unexpected`] for pictures of another size; what `draw` returns.
pub fn write_with_images<E: From<Error>>(
    path: &Path,
    spec: &Spec,
    episodes: &[Episode],
    layout: &ImageLayout,
    mut draw: impl FnMut(usize) -> std::result::Result<Vec<u8>, E>,
) -> std::result::Result<(), E> {
    storage::check(layout).map_err(|e| e.in_file(path.display()))?;
    let sizes = Sizes { row_group_rows: IMAGE_ROW_GROUP, ..Sizes::default() };
    write_all(path, spec, episodes, sizes, Some(Pictures { layout, draw: &mut draw }))
}

/// [`write()`] with other sizes of files.
pub(crate) fn write_sized(path: &Path, spec: &Spec, episodes: &[Episode], sizes: Sizes) -> Result<()> {
    write_all(path, spec, episodes, sizes, None)
}

/// Where pictures come from: an episode's number to its pictures.
type Draw<'a, E> = &'a mut dyn FnMut(usize) -> std::result::Result<Vec<u8>, E>;

struct Pictures<'a, E> {
    layout: &'a ImageLayout,
    draw: Draw<'a, E>,
}

fn write_all<E: From<Error>>(
    path: &Path,
    spec: &Spec,
    episodes: &[Episode],
    sizes: Sizes,
    mut pictures: Option<Pictures<'_, E>>,
) -> std::result::Result<(), E> {
    if path.exists() {
        return Err(Error::Exists { path: path.to_path_buf() }.into());
    }
    check_spec(path, spec)?;
    Error::ensure(!episodes.is_empty(), path.display(), "at least one episode", "none")?;
    for (number, episode) in episodes.iter().enumerate() {
        check_episode(&format!("{}: episode {number}", path.display()), spec, episode)?;
    }
    let layout = pictures.as_ref().map(|p| p.layout);
    let mut image_stats = layout.map(ImageStats::new);
    files::write_folder(path, |root| {
        let mut data = DataFiles::create(root, path, spec, layout, sizes)?;
        let mut filed: Vec<Filed<'_>> = Vec::with_capacity(episodes.len());
        for placed in features::placed(spec, episodes) {
            let mut rgb = None;
            if let (Some(pictures), Some(stats)) = (&mut pictures, &mut image_stats) {
                let drawn = (pictures.draw)(placed.number)?;
                storage::check_pictures(pictures.layout, placed.number, placed.episode.len, &drawn)?;
                stats.add(&drawn);
                rgb = Some(drawn);
            }
            filed.push((placed, data.append(&placed, layout.zip(rgb.as_deref()))?));
        }
        data.close()?;
        episodes::write(root, path, &filed)?;
        tasks::write(root, path, &spec.task)?;
        let of = |f: &Feature| stats::of(f, spec, features::placed(spec, episodes)).to_json(f.kind);
        let mut statistics: Map<String, Value> = FEATURES.iter().map(|f| (f.name.to_string(), of(f))).collect();
        statistics.extend(image_stats.iter().flat_map(ImageStats::to_json));
        write_json(root, path, "meta/stats.json", &Value::Object(statistics))?;
        let frames = episodes.iter().map(|e| e.len).sum();
        write_json(root, path, "meta/info.json", &info::to_json(spec, layout, episodes.len(), frames))?;
        Ok(())
    })
}

fn write_json(root: &Path, shown: &Path, file: &str, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| table::write_error(&shown.join(file), e))?;
    files::write_text(&root.join(file), &(text + "\n")).map_err(|e| table::shown_as(&shown.join(file), e))
}

/// The data files as they are written, one after the other.
struct DataFiles<'a> {
    root: &'a Path,
    shown: &'a Path,
    schema: Arc<Schema>,
    sizes: Sizes,
    writer: Writer,
    /// Chunk and file index of the one that is open, and the frames in it.
    at: (u64, u64),
    frames: u64,
}

impl<'a> DataFiles<'a> {
    fn create(
        root: &'a Path,
        shown: &'a Path,
        spec: &Spec,
        images: Option<&ImageLayout>,
        sizes: Sizes,
    ) -> Result<Self> {
        let schema = features::schema(spec, images).map_err(|e| table::write_error(shown, e))?;
        let writer = Self::open(root, shown, &schema, (0, 0), sizes)?;
        Ok(Self { root, shown, schema, sizes, writer, at: (0, 0), frames: 0 })
    }

    fn open(root: &Path, shown: &Path, schema: &Arc<Schema>, at: (u64, u64), sizes: Sizes) -> Result<Writer> {
        let file = naming::file(DATA_PATH, at.0, at.1, None, "data_path")?;
        Writer::create(root, shown, &file, schema.clone(), sizes.row_group_rows)
    }

    /// Whether an episode of `frames` more would make the file too large, by the size of its frames so far.
    fn full_with(&self, frames: u64) -> bool {
        let size = self.writer.size() as u64;
        self.frames > 0 && size + size * frames / self.frames >= self.sizes.file_bytes
    }

    /// Writes an episode with its pictures; where it lies.
    fn append(&mut self, placed: &Placed<'_>, images: Option<(&ImageLayout, &[u8])>) -> Result<(u64, u64)> {
        let frames = placed.episode.len as u64;
        if self.full_with(frames) {
            let (chunk, file) = self.at;
            self.at = if file + 1 == self.sizes.chunk_files { (chunk + 1, 0) } else { (chunk, file + 1) };
            let next = Self::open(self.root, self.shown, &self.schema, self.at, self.sizes)?;
            std::mem::replace(&mut self.writer, next).close()?;
            self.frames = 0;
        }
        let (len, step) = (placed.episode.len, self.sizes.row_group_rows.max(1));
        for start in (0..len).step_by(step) {
            let frames = start..len.min(start + step);
            let failed = |e| table::write_error(self.shown, e);
            let columns = images.map(|(layout, rgb)| storage::columns(layout, frames.clone(), rgb)).transpose()?;
            let rows = placed.rows(&self.schema, frames, columns.unwrap_or_default()).map_err(failed)?;
            self.writer.write(&rows)?;
        }
        self.frames += frames;
        Ok(self.at)
    }

    fn close(self) -> Result<()> {
        self.writer.close()
    }
}

/// Checks that a dataset may have this spec; `path` names it.
pub(crate) fn check_spec(path: &Path, spec: &Spec) -> Result<()> {
    let place = |key: &str| format!("{}: {key}", path.display());
    if !(spec.control_rate.is_finite() && spec.control_rate > 0.0) {
        return Err(Error::unexpected(place("control_rate"), "a positive number of Hz", spec.control_rate));
    }
    for (key, layout) in [("observation", &spec.observation), ("action", &spec.action)] {
        Error::ensure(layout.size() != 0, place(key), "at least one value", "none")?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = layout.terms.iter().find(|t| !seen.insert(&t.name)) {
            return Err(Error::unexpected(place(key), "terms of distinct names", format!("`{}` twice", twice.name)));
        }
    }
    Ok(())
}

/// Checks that an episode fits the spec and is finite; `place` names it.
pub(crate) fn check_episode(place: &str, spec: &Spec, episode: &Episode) -> Result<()> {
    let place = |key: &str| format!("{place}: {key}");
    Error::ensure(episode.len != 0, place("len"), "at least one control step", 0)?;
    let vectors =
        [("observations", &episode.observations, &spec.observation), ("actions", &episode.actions, &spec.action)];
    for (key, values, layout) in vectors {
        let size = layout.size();
        let expected = format!("{} x {size} values", episode.len);
        Error::ensure(episode.len.checked_mul(size) == Some(values.len()), place(key), expected, values.len())?;
        if let Some(bad) = naming::first_not_finite(values, layout, |frame| format!("frame {frame}")) {
            return Err(Error::unexpected(place(key), "finite numbers", bad));
        }
    }
    Ok(())
}
