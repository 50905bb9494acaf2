//! Kinds of inputs of a report, told by their files.

use crate::failure::Result;
use imle_configs::Error as InputError;
use std::io::Read;
use std::path::Path;

/// Kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputKind {
    Run,
    Training,
    FineTuning,
    Sweep,
    Dataset,
}

/// Beginning of a line of a sweep.
const CELL: &[u8] = b"{\"cell\":";

impl InputKind {
    /// The kind of `path`; nothing for an empty folder.
    ///
    /// # Errors
    /// A bad input, if it is none of them.
    pub(super) fn of(path: &Path) -> Result<Option<Self>> {
        let expected = "a run, training, fine-tuning, sweep or dataset";
        InputError::ensure(path.exists(), path.display(), expected, "nothing of that name")?;
        if path.is_file() {
            let mut begin = Vec::new();
            let read = imle_configs::files::open(path)?.take(CELL.len() as u64).read_to_end(&mut begin);
            InputError::ensure(read.is_ok() && begin == CELL, path.display(), expected, "another file")?;
            return Ok(Some(Self::Sweep));
        }
        let has = |names: &[&str]| names.iter().any(|name| path.join(name).exists());
        let kinds = [
            (Self::Dataset, has(&["meta/info.json"])),
            (Self::Run, has(&["summary.json", "episodes.jsonl", "decisions.jsonl"])),
            (Self::FineTuning, has(&["state.json"])),
            (Self::Training, has(&["metrics.jsonl", "training_state", "model.safetensors"])),
        ];
        if let Some((kind, _)) = kinds.into_iter().find(|(_, is)| *is) {
            return Ok(Some(kind));
        }
        let empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        InputError::ensure(empty, path.display(), expected, "none of them")?;
        Ok(None)
    }

    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Training => "training",
            Self::FineTuning => "fine-tuning",
            Self::Sweep => "sweep",
            Self::Dataset => "dataset",
        }
    }
}
