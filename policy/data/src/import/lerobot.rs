//! LeRobot's folders: v3.0 as it is read anyway, v2.0 and v2.1 with one file an episode.

use super::options::ImportOptions;
use super::source::{EpisodeReader, Source};
use crate::dataset::Dataset;
use crate::images::{image_layout, read_file, read_images};
use crate::layout::info::Info;
use crate::layout::{features, naming};
use crate::read::read;
use crate::table::{self, Reader};
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result, files};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder of any version.
pub(super) struct Folder {
    root: PathBuf,
    spec: Spec,
    kind: Kind,
}

enum Kind {
    /// All is read at once.
    Three(Vec<Episode>),
    /// Rows of `meta/episodes.jsonl`, and how data files are named.
    Two { lengths: Vec<usize>, template: String, chunk: u64 },
}

impl Folder {
    pub(super) fn open(root: &Path, _options: &ImportOptions) -> Result<Source> {
        let source = |spec: Spec, len, pictures, kind| {
            let reader = Box::new(Self { root: root.to_path_buf(), spec: spec.clone(), kind });
            Source { spec, len, pictures, notes: Vec::new(), reader }
        };
        let (version, json) = Info::version(root)?;
        if version != "v2.0" && version != "v2.1" {
            let Dataset { spec, episodes } = read(root)?;
            return Ok(source(spec, episodes.len(), image_layout(root).ok().flatten(), Kind::Three(episodes)));
        }
        let info = Info::read_version(root, &version)?;
        let spec = info.spec(|| first_task(root))?;
        let lengths = lengths(root)?;
        info.check_total("total_episodes", info.total_episodes, lengths.len(), "lines of meta/episodes.jsonl")?;
        let pictures = if info.has_images() { info.images().ok() } else { None };
        let chunk = json["chunks_size"].as_u64().filter(|c| *c > 0).unwrap_or(1000);
        let (len, template) = (lengths.len(), info.data_path().to_string());
        Ok(source(spec, len, pictures, Kind::Two { lengths, template, chunk }))
    }

    /// The data file of an episode of version 2.
    fn file(&self, number: usize) -> Result<PathBuf> {
        let Kind::Two { template, chunk, .. } = &self.kind else { return Ok(self.root.clone()) };
        let place = format!("{}: data_path", self.root.join("meta/info.json").display());
        let named = template.replace("{episode_chunk", "{chunk_index").replace("{episode_index", "{file_index");
        Ok(self.root.join(naming::data_file(&named, number as u64 / chunk, number as u64, &place)?))
    }
}

/// The lines of a file of JSON objects.
fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = files::read_text(path)?;
    let parse = |(i, line): (usize, &str)| {
        let bad = |e| Error::unexpected(format!("{}:{}", path.display(), i + 1), "a JSON object", table::one_line(e));
        serde_json::from_str(line).map_err(bad)
    };
    text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).map(parse).collect()
}

fn lengths(root: &Path) -> Result<Vec<usize>> {
    let path = root.join("meta/episodes.jsonl");
    let mut by_number = BTreeMap::new();
    for (i, line) in lines(&path)?.iter().enumerate() {
        let get = |key: &str| {
            let value = line[key].as_u64().and_then(|v| usize::try_from(v).ok());
            let place = format!("{}:{}: {key}", path.display(), i + 1);
            value.ok_or_else(|| Error::unexpected(place, "a whole number", &line[key]))
        };
        by_number.insert(get("episode_index")?, get("length")?);
    }
    if let Some((expected, (found, _))) = by_number.iter().enumerate().find(|(i, (n, _))| i != *n) {
        return Err(Error::unexpected(path.display(), format!("episode {expected}"), format!("episode {found} next")));
    }
    Ok(by_number.into_values().collect())
}

fn first_task(root: &Path) -> Result<String> {
    let path = root.join("meta/tasks.jsonl");
    let first = lines(&path)?.into_iter().min_by_key(|l| l["task_index"].as_u64());
    let name = first.as_ref().and_then(|l| l["task"].as_str());
    name.map(String::from).ok_or_else(|| Error::unexpected(path.display(), "a line with a `task`", "none"))
}

impl EpisodeReader for Folder {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        let file = self.file(number)?;
        let length = match &mut self.kind {
            Kind::Three(episodes) => return Ok(std::mem::take(&mut episodes[number])),
            Kind::Two { lengths, .. } => lengths[number],
        };
        let mut episode = Episode { index: number as u64, ..Episode::default() };
        let required = [features::OBSERVATION, features::ACTION];
        for batch in Reader::open(&file, &required, &[features::SUCCESS])? {
            let batch = batch?;
            let before = episode.len;
            let at = |row: usize| format!("episode {number}, frame {}", before + row);
            let (wide, narrow) = (self.spec.observation.size(), self.spec.action.size());
            episode.observations.extend(batch.vectors(features::OBSERVATION, wide, &at)?.values());
            episode.actions.extend(batch.vectors(features::ACTION, narrow, &at)?.values());
            if batch.has(features::SUCCESS) && batch.len() > 0 {
                episode.success = batch.booleans(features::SUCCESS)?.value(batch.len() - 1);
            }
            episode.len += batch.len();
        }
        let place = format!("{}: length of episode {number}", self.root.join("meta/episodes.jsonl").display());
        let expected = format!("the {} frames of {}", episode.len, file.display());
        Error::ensure(episode.len == length, place, expected, length)?;
        Ok(episode)
    }

    fn images(&mut self, number: usize, layout: &ImageLayout) -> Result<Vec<u8>> {
        match &self.kind {
            Kind::Three(_) => Ok(read_images(&self.root, number)?.rgb),
            Kind::Two { lengths, .. } => {
                let mut rgb = vec![0; lengths[number] * layout.bytes()];
                read_file(&self.file(number)?, layout, number, &[lengths[number]], &mut rgb)?;
                Ok(rgb)
            }
        }
    }
}
