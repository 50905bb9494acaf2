//! Diffusion Policy's zarr folders: `data/KEY` with the frames of all episodes in a row, `meta/episode_ends` with where
//! each one ends.

use super::arrays::{self, Array};
use super::options::ImportOptions;
use super::source::{EpisodeReader, Source};
use crate::table::one_line;
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};
use imle_configs::{Error, Result};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{Array as ZarrArray, ArraySubset, data_type};
use zarrs::filesystem::FilesystemStore;

type Stored = ZarrArray<FilesystemStore>;

/// An open folder.
pub(super) struct Folder {
    path: PathBuf,
    store: Arc<FilesystemStore>,
    /// Where episodes end.
    ends: Vec<u64>,
    observation: Vec<Array>,
}

impl Folder {
    /// Opens the folder; `keys` are those of the observation, all vectors but the action if empty.
    pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<Source> {
        let keys = &options.observation;
        let store = FilesystemStore::new(path).map_err(|e| failed(path, "", e))?;
        let store = Arc::new(store);
        let open = |name: &str| open(path, &store, name);
        let of_ends = open("meta/episode_ends")?;
        let frames = of_ends.shape().first().copied().unwrap_or(0);
        let ends = numbers(path, "meta/episode_ends", &of_ends, 0..frames)?;
        let ends: Vec<u64> = ends.into_iter().map(|e| e as u64).collect();
        if ends.is_empty() || ends[0] == 0 || ends.windows(2).any(|w| w[0] >= w[1]) {
            let found = format!("{} ends", ends.len());
            return Err(Error::unexpected(place(path, "meta/episode_ends"), "ascending ends of episodes", found));
        }
        let mut all = Vec::new();
        for name in names(path)? {
            let stored = open(&format!("data/{name}"))?;
            let rows = stored.shape().first().copied().unwrap_or(0);
            let expected = format!("{} rows, the last end of an episode", ends[ends.len() - 1]);
            Error::ensure(rows == ends[ends.len() - 1], place(path, &format!("data/{name}")), expected, rows)?;
            let shape = stored.shape().iter().skip(1).map(|n| *n as usize).collect();
            // Diffusion Policy keeps pixels as float32 of 0 to 255 too.
            all.push(Array { name, shape, bytes: *stored.data_type() == data_type::uint8() });
        }
        let action = all.iter().position(|a| a.name == "action" && a.shape.len() == 1);
        let missing = || Error::unexpected(place(path, "data/action"), "an array of shape (frames, values)", "none");
        let action = all.remove(action.ok_or_else(missing)?);
        let observation = arrays::observation(&all, keys).map_err(|e| e.in_file(place(path, "data")))?;
        let spec = Spec {
            task: path.file_stem().map_or_else(|| "zarr".into(), |n| n.to_string_lossy().into_owned()),
            control_rate: 0.0,
            observation: arrays::layout(&observation),
            action: Layout { terms: vec![Term { name: "action".into(), size: action.size() }] },
            pictures: None,
        };
        let (len, observation) = (ends.len(), observation.into_iter().cloned().collect());
        let reader = Box::new(Self { path: path.to_path_buf(), store, ends, observation });
        Ok(Source { spec, len, pictures: arrays::pictures(&all), notes: Vec::new(), reader })
    }

    fn frames(&self, number: usize) -> Range<u64> {
        let begin = if number == 0 { 0 } else { self.ends[number - 1] };
        begin..self.ends[number]
    }

    fn rows(&self, name: &str, frames: Range<u64>) -> Result<Vec<f32>> {
        let inside = format!("data/{name}");
        let stored = open(&self.path, &self.store, &inside)?;
        Ok(numbers(&self.path, &inside, &stored, frames)?.into_iter().map(|v| v as f32).collect())
    }
}

fn place(path: &Path, inside: &str) -> String {
    if inside.is_empty() { path.display().to_string() } else { format!("{}/{inside}", path.display()) }
}

fn failed(path: &Path, inside: &str, error: impl std::fmt::Display) -> Error {
    Error::unexpected(place(path, inside), "a readable zarr array", one_line(error))
}

fn open(path: &Path, store: &Arc<FilesystemStore>, name: &str) -> Result<Stored> {
    ZarrArray::open(store.clone(), &format!("/{name}")).map_err(|e| failed(path, name, e))
}

/// Names of the arrays in `data/`, sorted.
fn names(path: &Path) -> Result<Vec<String>> {
    let folder = path.join("data");
    let entries = std::fs::read_dir(&folder).map_err(|e| Error::io(&folder, "list", e))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(&folder, "list", e))?.path();
        if [".zarray", "zarr.json"].iter().any(|f| entry.join(f).exists()) {
            names.extend(entry.file_name().map(|n| n.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The values of some rows, row-major.
fn numbers(path: &Path, inside: &str, stored: &Stored, rows: Range<u64>) -> Result<Vec<f64>> {
    let shape = stored.shape().iter().enumerate();
    let ranges: Vec<Range<u64>> = shape.map(|(i, n)| if i == 0 { rows.clone() } else { 0..*n }).collect();
    let subset = ArraySubset::new_with_ranges(&ranges);
    let message = |e: zarrs::array::ArrayError| failed(path, inside, e);
    let kind = stored.data_type();
    macro_rules! read {
        ($type:ty) => {
            stored
                .retrieve_array_subset::<Vec<$type>>(&subset)
                .map_err(message)?
                .into_iter()
                .map(|v| v as f64)
                .collect()
        };
    }
    Ok(if *kind == data_type::float32() {
        read!(f32)
    } else if *kind == data_type::float64() {
        read!(f64)
    } else if *kind == data_type::int64() {
        read!(i64)
    } else if *kind == data_type::int32() {
        read!(i32)
    } else if *kind == data_type::uint8() {
        read!(u8)
    } else {
        return Err(Error::unexpected(place(path, inside), "numbers", format!("{kind:?}")));
    })
}

impl EpisodeReader for Folder {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        let frames = self.frames(number);
        let len = (frames.end - frames.start) as usize;
        let mut parts = Vec::new();
        for array in &self.observation {
            parts.push((array, self.rows(&array.name, frames.clone())?));
        }
        Ok(Episode {
            observations: arrays::joined(&place(&self.path, "data"), &parts, len)?,
            actions: self.rows("action", frames)?,
            // What is demonstrated there was solved; the format has no word for it.
            success: true,
            index: number as u64,
            len,
            ..Episode::default()
        })
    }

    fn images(&mut self, number: usize, layout: &ImageLayout) -> Result<Vec<u8>> {
        let mut cameras = Vec::new();
        for camera in &layout.cameras {
            let pixels = self.rows(camera, self.frames(number))?;
            cameras.push(pixels.into_iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect());
        }
        arrays::interleaved(&cameras, layout).map_err(|e| e.in_file(place(&self.path, "data")))
    }
}
