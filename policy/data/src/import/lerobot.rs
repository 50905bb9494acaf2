//! LeRobot's folders, v2.0 to v3.0, with the columns that are asked for, and with their videos.

use super::options::ImportOptions;
use super::selection::{self, Part, left_out, takes};
use super::source::{EpisodeReader, Source};
use crate::images::cameras::{self, Camera, Cameras};
use crate::images::{FFMPEG, Videos, ffmpeg_runs, read_rows};
use crate::layout::features::{ACTION, EPISODE, FRAME, SUCCESS, TIME};
use crate::layout::info::Info;
use crate::layout::row::{self, Row};
use crate::layout::vector::Vector;
use crate::layout::{episodes, jsonl, naming, tasks};
use crate::read::Stream;
use imle_configs::Result;
use imle_configs::episode::Episode;
use imle_configs::spec::ImageLayout;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Columns that nobody misses.
const KEPT: [&str; 7] = [TIME, FRAME, EPISODE, SUCCESS, "index", "task_index", "next.done"];

/// A folder of any version.
pub(super) struct Folder {
    root: PathBuf,
    rows: Vec<Row>,
    /// The numbers of the first episodes, until they are taken.
    episodes: Vec<Option<Result<Episode>>>,
    cameras: Option<Cameras>,
    /// The places of cameras with their videos.
    videos: Vec<(usize, Videos)>,
}

impl Folder {
    pub(super) fn open(root: &Path, options: &ImportOptions) -> Result<Source> {
        let mut info = Info::open(root)?;
        let observation = chosen(&info, root, "--observation", &options.observation)?;
        let action = chosen(&info, root, "--action", &options.action)?;
        info.take(observation, action)?;
        let mut notes = Vec::new();
        numbers_left_out(&info, &mut notes);
        let cameras = pictures(&info, options, &mut notes)?;
        let given = options.spec.as_ref().map(|spec| &spec.task).or(options.task.as_ref());
        let spec = info.spec(|| given.map_or_else(|| task(root, &info, &mut notes), |name| Ok(name.clone())))?;
        let rows = episodes::read(root, &info)?;
        about_rows(root, &info, &rows, &mut notes)?;
        let mut videos = Vec::new();
        if let Some(cameras) = cameras.as_ref().filter(|_| options.images) {
            for (place, camera) in cameras.all.iter().enumerate().filter(|(_, camera)| camera.video) {
                ffmpeg_runs(FFMPEG, root)?;
                let clips = episodes::clips(root, &info, &camera.column, &rows)?;
                videos.push((place, Videos::new(clips, info.fps)));
            }
        }
        // All at once: in version 3 several episodes lie in a file.
        let mut stream = Stream::of(root, info, spec.clone(), rows.clone())?;
        let (mut episodes, mut good) = (Vec::new(), 0);
        // Pictures may yet turn out to be broken.
        let most = options.episodes.filter(|_| !(options.images && options.skip_broken));
        while most.is_none_or(|most| good < most)
            && let Some(episode) = stream.next()
        {
            match episode {
                Ok(episode) => {
                    good += usize::from(episode.len > 0);
                    episodes.push(Some(Ok(episode)));
                }
                Err(error) if options.skip_broken && !stream.is_over() => episodes.push(Some(Err(error))),
                Err(error) => return Err(error),
            }
        }
        notes.extend(stream.notes());
        let pictures = cameras.as_ref().map(|cameras| cameras.layout.clone());
        let (len, root) = (episodes.len(), root.to_path_buf());
        Ok(Source { spec, len, pictures, notes, reader: Box::new(Self { root, rows, episodes, cameras, videos }) })
    }
}

/// The vector of the columns that are asked for.
fn chosen(info: &Info, root: &Path, flag: &str, asked: &[String]) -> Result<Option<Vector>> {
    for text in asked.iter().map(|text| text.trim()) {
        // What is a feature but no vector is told as such.
        let names = [Some(text), text.rsplit_once('[').map(|(name, _)| name)];
        names.into_iter().flatten().find_map(|name| info.number(name)).transpose()?;
    }
    let known = info.numbers();
    let widths = known.iter().map(|part| (part.column.as_str(), part.width));
    let parts = selection::choose(flag, asked, widths).map_err(|e| e.in_file(root.display()))?;
    let of_part = |part: Part| Some(known.iter().find(|known| known.column == part.column)?.only(part.values));
    Ok((!asked.is_empty()).then(|| Vector(parts.into_iter().filter_map(of_part).collect())))
}

/// Notes the features that are no part of observation and action.
fn numbers_left_out(info: &Info, notes: &mut Vec<String>) {
    let (observation, action) = (info.observation.columns(), info.action.columns());
    let taken = |name: &str| observation.contains(name) || action.contains(name) || KEPT.contains(&name);
    let (actions, others): (Vec<_>, Vec<_>) =
        info.numbers().into_iter().filter(|part| !taken(&part.column)).partition(|p| p.column.starts_with(ACTION));
    for (flag, vector, left) in [("--observation", &info.observation, others), ("--action", &info.action, actions)] {
        let parts: Vec<Part> = vector.0.iter().map(|part| Part::whole(&part.column, part.width)).collect();
        let shown: Vec<String> = left.iter().map(|part| format!("{}[{}]", part.column, part.width)).collect();
        let names: Vec<String> = left.into_iter().map(|part| part.column).collect();
        notes.extend(left_out(&shown, &takes(flag, &parts, &names)));
    }
    let cameras = cameras::of_features(&info.features);
    let strange = |name: &&String| {
        !taken(name)
            && !matches!(info.number(name), Some(Ok(_)))
            && cameras.iter().all(|camera| camera.column != **name)
    };
    let others: Vec<String> = info.features.keys().filter(strange).cloned().collect();
    notes.extend(left_out(&others, "neither numbers nor pictures"));
}

/// The cameras whose pictures have the size of the first one's; notes the others.
fn pictures(info: &Info, options: &ImportOptions, notes: &mut Vec<String>) -> Result<Option<Cameras>> {
    let all = cameras::of_features(&info.features);
    if all.is_empty() {
        return Ok(None);
    }
    let (same, others) = Cameras::of_first_size(all);
    let shown = |camera: Camera| match camera.size {
        Some([height, width]) => format!("pictures of {} ({width}×{height})", camera.name),
        None => format!("pictures of {}", camera.name),
    };
    let others: Vec<String> = others.into_iter().map(shown).collect();
    let why = match &same {
        Ok(cameras) => format!("all pictures have one size, that of {}", cameras.layout.cameras[0]),
        Err(_) => "their size is not known".to_string(),
    };
    notes.extend(left_out(&others, &why));
    match same.map_err(|error| info.located(error)) {
        Ok(cameras) => Ok(Some(cameras)),
        Err(error) if options.images => Err(error),
        Err(error) => {
            notes.push(format!("left out: pictures: {error}"));
            Ok(None)
        }
    }
}

/// The name of the task, the first of several, or of the folder where there is none.
fn task(root: &Path, info: &Info, notes: &mut Vec<String>) -> Result<String> {
    let table = !info.two && tasks::path(root).exists();
    let all = if table { tasks::read(root)? } else { jsonl::tasks(root)? };
    let count = all.len();
    if let Some(first) = tasks::first(all) {
        if count > 1 {
            notes.push(format!("{count} tasks: all episodes count as `{first}`; --name gives another name"));
        }
        return Ok(first);
    }
    let full = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let name = full.file_name().map_or_else(|| "task".to_string(), |name| name.to_string_lossy().into_owned());
    notes.push(format!("no task in meta/: taken for `{name}`, as the folder; --name gives another name"));
    Ok(name)
}

/// Notes what is odd in the metadata.
fn about_rows(root: &Path, info: &Info, rows: &[Row], notes: &mut Vec<String>) -> Result<()> {
    if let Some(last) = rows.last().filter(|_| row::deleted(rows)) {
        notes.push(format!("{} episodes with numbers up to {}: they are counted anew", rows.len(), last.number));
        let frames = rows.iter().fold(0_u64, |n, row| n.saturating_add(row.len as u64));
        for (key, total, found) in
            [("total_episodes", info.total_episodes, rows.len() as u64), ("total_frames", info.total_frames, frames)]
        {
            if total != found {
                notes.push(format!("{}: {total}, there are {found}", info.place(key)));
            }
        }
    }
    if info.two {
        let known: BTreeSet<&PathBuf> = rows.iter().map(|row| &row.file).collect();
        let files = naming::parquet_files(&root.join("data"))?;
        let others: Vec<&PathBuf> = files.iter().filter(|file| !known.contains(file)).collect();
        if let Some(first) = others.first() {
            let count = others.len();
            notes.push(format!("left out: {} ({count} such files): not in meta/episodes.jsonl", first.display()));
        }
    }
    if !info.features.contains_key(SUCCESS) && rows.iter().all(|row| row.success.is_none()) {
        notes.push(format!("the dataset does not say which episodes are solved (`{SUCCESS}`): none counts as solved"));
    }
    Ok(())
}

impl EpisodeReader for Folder {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        self.episodes[number].take().unwrap_or_else(|| Ok(Episode::default()))
    }

    fn images(&mut self, number: usize, layout: &ImageLayout) -> Result<Vec<u8>> {
        let Some(cameras) = &self.cameras else { return Ok(Vec::new()) };
        let row = &self.rows[number];
        for (_, videos) in &mut self.videos {
            videos.start(row.number, layout)?;
        }
        let mut rgb = read_rows(&self.root, cameras, std::slice::from_ref(row))?;
        for (place, videos) in &mut self.videos {
            let video = videos.start(row.number, layout)?;
            for frame in rgb.chunks_exact_mut(layout.bytes()) {
                video.read(layout, &mut frame[*place * layout.picture_bytes()..][..layout.picture_bytes()])?;
            }
            if row.alone {
                video.finish(layout, row.len)?;
            }
        }
        Ok(rgb)
    }

    fn name(&self, number: usize) -> String {
        format!("episode {}", self.rows[number].number)
    }
}
