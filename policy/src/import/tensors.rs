//! The tensors of a policy's safetensors file, each to be taken once, as f32.

use crate::checkpoint::weights_file::floats;
use imle_configs::{Error, Result, files};
use safetensors::SafeTensors;
use std::{collections::BTreeMap, io::Read, path::Path};

/// Refuses a pickle, saying how to convert it.
pub(super) fn refuse_pickle(path: &Path) -> Result<()> {
    let mut head = [0u8; 4];
    let mut file = files::open(path)?;
    let read = file.read(&mut head).map_err(|e| Error::io(path, "read", e))?;
    // PyTorch's files are zip archives; older ones are pickles from the first byte on.
    if head[..read].starts_with(b"PK\x03\x04") || (read > 1 && head[0] == 0x80 && (2..=5).contains(&head[1])) {
        let convert =
            format!("a pickle; convert it: planner import --converter | python3 - {} --out FOLDER", path.display());
        return Err(Error::unexpected(path.display(), "a safetensors file", convert));
    }
    Ok(())
}

/// The tensors of a file that have not been taken yet.
pub(super) struct Tensors {
    place: String,
    /// Shape and values by name.
    left: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Tensors {
    /// All tensors of the file; those that hold no floating-point numbers are skipped.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let bytes = files::read_bytes(path)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| match refuse_pickle(path) {
            Err(pickle) => pickle,
            Ok(()) => {
                let found = format!("{} bytes ({e})", bytes.len());
                Error::unexpected(&place, "a whole safetensors file", found)
            }
        })?;
        let mut left = BTreeMap::new();
        for (name, view) in file.tensors() {
            if let Some(values) = floats(view.dtype(), view.data()) {
                left.insert(name, (view.shape().to_vec(), values));
            }
        }
        Ok(Self { place, left })
    }

    /// The file's name, for errors.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The names of what is left, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.left.keys()
    }

    /// Takes the tensor `name` of `shape`, whose values must be finite.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let key = format!("{}: {name}", self.place);
        let expected = format!("a tensor {shape:?}");
        let Some((found, values)) = self.left.remove(name) else {
            return Err(Error::unexpected(key, expected, "none of that name"));
        };
        Error::ensure(found == shape, &key, expected, format_args!("{found:?}"))?;
        match values.iter().find(|v| !v.is_finite()) {
            Some(value) => Err(Error::unexpected(key, "finite weights", value)),
            None => Ok(values),
        }
    }

    /// Drops the tensors of these names; how many there were.
    pub(super) fn drop_where(&mut self, of_no_use: impl Fn(&str) -> bool) -> usize {
        let before = self.left.len();
        self.left.retain(|name, _| !of_no_use(name));
        before - self.left.len()
    }

    /// Nothing must be left.
    pub(super) fn finish(self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(extra) => {
                let found = format!("an extra one (of {})", self.left.len());
                Err(Error::unexpected(format!("{}: {extra}", self.place), "only the policy's own tensors", found))
            }
        }
    }
}
