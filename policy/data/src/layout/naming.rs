//! Names of values (`term_0`, `term_1`… to a layout and back) and of a dataset's files.

use imle_configs::spec::{Layout, Term};
use imle_configs::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Where data files lie, as LeRobot writes it into `info.json`.
pub(crate) const DATA_PATH: &str = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
/// The one file of per-episode metadata that this crate writes.
pub(crate) const EPISODES_FILE: &str = "meta/episodes/chunk-000/file-000.parquet";

/// Fills the fields `{chunk_index:03d}` and `{file_index:03d}` of a path template, or as version 2 has them,
/// `{episode_chunk:03d}` and `{episode_index:06d}`; in a template of videos also `{video_key}`.
///
/// # Errors
/// [`Error::Unexpected`] about `place` if the template has other fields or leaves the dataset's folder.
pub(crate) fn file(template: &str, chunk: u64, file: u64, video: Option<&str>, place: &str) -> Result<PathBuf> {
    let bad = || {
        Error::unexpected(place, format!("a template inside the dataset, like `{DATA_PATH}`"), format!("`{template}`"))
    };
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}').ok_or_else(bad)?;
        let (name, format) = field.split_once(':').unwrap_or((field, "d"));
        let width = format.strip_suffix('d').ok_or_else(bad)?;
        let width: usize = if width.is_empty() { 0 } else { width.parse().map_err(|_| bad())? };
        path.push_str(before);
        match (name, video) {
            _ if width > 20 => return Err(bad()),
            ("chunk_index" | "episode_chunk", _) => path.push_str(&format!("{chunk:0width$}")),
            ("file_index" | "episode_index", _) => path.push_str(&format!("{file:0width$}")),
            ("video_key", Some(video)) => path.push_str(video),
            _ => return Err(bad()),
        }
        rest = after;
    }
    path.push_str(rest);
    let path = PathBuf::from(path);
    if path.components().all(|c| matches!(c, Component::Normal(_))) { Ok(path) } else { Err(bad()) }
}

/// All `FOLDER/*/*.parquet`, sorted as LeRobot's loader reads them; empty if there is no such folder.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>> {
        match std::fs::read_dir(folder) {
            Ok(entries) => entries.map(|e| e.map(|e| e.path()).map_err(|e| Error::io(folder, "list", e))).collect(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Error::io(folder, "list", e)),
        }
    };
    let mut files = Vec::new();
    for chunk in list(folder)?.iter().filter(|p| p.is_dir()) {
        files.extend(list(chunk)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "parquet")));
    }
    files.sort();
    Ok(files)
}

/// Says where the first NaN or infinity of rows by `layout` is; `at` says where a row lies.
pub(crate) fn first_not_finite(values: &[f32], layout: &Layout, at: impl Fn(usize) -> String) -> Option<String> {
    let bad = values.iter().position(|v| !v.is_finite())?;
    let name = layout.value_names().into_iter().nth(bad % layout.size()).unwrap_or_default();
    Some(format!("{} in {}, value `{name}`", values[bad], at(bad / layout.size())))
}

/// The terms of a layout with their sizes, in a message.
pub(crate) fn listed(layout: &Layout) -> String {
    layout.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect::<Vec<_>>().join(" ")
}

/// The layout behind the names of `size` values: a run `x_0`, `x_1`… is the term `x`, any other name a term of
/// one value. Without a distinct name for every value there is one term, `fallback`.
pub(crate) fn layout(names: Option<&[String]>, size: usize, fallback: &str) -> Layout {
    let whole = || Layout { terms: vec![Term { name: fallback.to_string(), size }] };
    let Some(names) = names.filter(|n| n.len() == size && distinct(n.iter())) else { return whole() };
    let mut terms = Vec::new();
    let mut at = 0;
    while at < size {
        let base = names[at].strip_suffix("_0").filter(|b| !b.is_empty());
        let run =
            base.map_or(0, |b| names[at..].iter().enumerate().take_while(|(i, n)| **n == format!("{b}_{i}")).count());
        match base {
            Some(base) if run > 1 => terms.push(Term { name: base.to_string(), size: run }),
            _ => terms.push(Term { name: names[at].clone(), size: 1 }),
        }
        at += run.max(1);
    }
    if distinct(terms.iter().map(|t| &t.name)) { Layout { terms } } else { whole() }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut seen = BTreeSet::new();
    names.into_iter().all(|n| seen.insert(n))
}
