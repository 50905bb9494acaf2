//! The states of a run's first episodes, from which they are drawn again: `states.safetensors`, a tensor an episode.

use crate::failure::{Failure, Result};
use imle_configs::{Error as InputError, files};
use imle_planner::evaluation::EpisodeResult;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::path::Path;

/// Episodes that are kept, from the first on: it bounds the file.
pub const EPISODES_KEPT: usize = 64;
/// Name of the file in a run's folder.
pub const STATES_FILE: &str = "states.safetensors";

/// Writes the recorded states of `episodes` into the run's folder `out`: tensors (control steps + 1, state) of 64-bit
/// floats, each named by its episode's number.
///
/// # Errors
/// A file that cannot be written.
pub fn write(out: &Path, episodes: &[EpisodeResult]) -> Result<()> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = episodes
        .iter()
        .filter(|e| !e.states.is_empty())
        .take(EPISODES_KEPT)
        .map(|e| {
            let shape = vec![e.states.len(), e.states[0].len()];
            (e.episode.to_string(), shape, e.states.iter().flatten().flat_map(|x| x.to_le_bytes()).collect())
        })
        .collect();
    let failed = |e: safetensors::SafeTensorError| Failure::Run(format!("{STATES_FILE}: {e}"));
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F64, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(failed)?;
    let file = safetensors::serialize(views, None).map_err(failed)?;
    Ok(files::write_atomic(&out.join(STATES_FILE), |w| w.write_all(&file))?)
}

/// The states of a run in its folder.
pub struct KeptStates {
    place: String,
    bytes: Vec<u8>,
}

impl KeptStates {
    /// Reads the file in `folder`; nothing if the run kept none.
    ///
    /// # Errors
    /// A bad input, if it is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(STATES_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let kept = Self { place: path.display().to_string(), bytes: files::read_bytes(&path)? };
        kept.tensors()?;
        Ok(Some(kept))
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        let refused = |e| InputError::unexpected(&self.place, "states of a run", e);
        Ok(SafeTensors::deserialize(&self.bytes).map_err(refused)?)
    }

    /// The states of episode `number`, oldest first; nothing if they were not kept.
    ///
    /// # Errors
    /// A bad input, if they are no table of 64-bit floats.
    pub fn episode(&self, number: u64) -> Result<Option<Vec<Vec<f64>>>> {
        let tensors = self.tensors()?;
        let Ok(view) = tensors.tensor(&number.to_string()) else { return Ok(None) };
        let width = view.shape().last().copied().unwrap_or(0);
        let table = view.dtype() == Dtype::F64 && view.shape().len() == 2 && width > 0;
        let found = format!("{:?} {:?}", view.dtype(), view.shape());
        InputError::ensure(table, &self.place, "tables of 64-bit floats", found)?;
        let values: Vec<f64> = view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        Ok(Some(values.chunks(width).map(<[f64]>::to_vec).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        assert!(KeptStates::read(folder.path()).unwrap().is_none());
        let states = vec![vec![0.1, -2.0], vec![f64::MIN_POSITIVE, 1e300]];
        let kept = EpisodeResult { episode: 7, states: states.clone(), ..EpisodeResult::default() };
        let none = EpisodeResult { episode: 8, ..EpisodeResult::default() };
        write(folder.path(), &[kept, none]).unwrap();
        let read = KeptStates::read(folder.path()).unwrap().unwrap();
        assert_eq!(read.episode(7).unwrap(), Some(states));
        assert_eq!(read.episode(8).unwrap(), None);
        std::fs::write(folder.path().join(STATES_FILE), "cut sho").unwrap();
        assert!(matches!(KeptStates::read(folder.path()), Err(Failure::Input(line)) if line.contains(STATES_FILE)));
    }
}
