//! The dataset that a training reads.

use crate::failure::Result;
use imle_configs::Error as InputError;
use imle_data::Dataset;
use std::path::Path;

/// The dataset in `folder`, or its first `episodes`.
pub fn read(folder: &Path, episodes: Option<u32>) -> Result<Dataset> {
    let fits = !folder.join("model.safetensors").exists() || folder.join("meta").exists();
    InputError::ensure(fits, folder.display(), "the folder of a dataset", "that of a checkpoint")?;
    let mut dataset = imle_data::read(folder)?;
    if let Some(wanted) = episodes {
        let wanted = wanted as usize;
        let expected = format!("at most the {} of {}", dataset.episodes.len(), folder.display());
        InputError::ensure(wanted <= dataset.episodes.len(), "--episodes", expected, wanted)?;
        dataset.episodes.truncate(wanted);
    }
    Ok(dataset)
}
