//! Datasets in any format, and the interface of their readers.

use imle_configs::Result;
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};
use std::path::Path;

/// A dataset in another format.
pub(super) struct Source {
    /// Task, control rate and layouts. The rate is 0 where the dataset does not say.
    pub(super) spec: Spec,
    /// Number of episodes, those without a frame among them.
    pub(super) len: usize,
    /// The cameras, if there are pictures of one size.
    pub(super) pictures: Option<ImageLayout>,
    /// Notes on what is left out or taken for granted, one line each.
    pub(super) notes: Vec<String>,
    pub(super) reader: Box<dyn EpisodeReader>,
}

/// Reader of a format.
pub(super) trait EpisodeReader {
    /// Reads an episode; one without a frame is no error.
    fn episode(&mut self, number: usize) -> Result<Episode>;

    /// Reads the pictures of an episode, (len, cameras, H, W, 3) in RGB, rows from top to bottom.
    fn images(&mut self, _number: usize, _layout: &ImageLayout) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// The episode in messages, as the source has it: its number, group or file.
    fn name(&self, number: usize) -> String {
        format!("episode {number}")
    }
}

/// A layout of terms with their sizes.
pub(super) fn layout_of(terms: impl IntoIterator<Item = (String, usize)>) -> Layout {
    Layout { terms: terms.into_iter().map(|(name, size)| Term { name, size }).collect() }
}

/// Whether a name is that of an HDF5 file.
pub(super) fn is_hdf5(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("hdf5") || e.eq_ignore_ascii_case("h5"))
}
