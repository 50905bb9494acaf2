//! The interface of every reader of a format.

use imle_configs::Result;
use imle_configs::episode::Episode;
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};

/// A dataset in another format.
pub(super) trait Source {
    /// Task, control rate and layouts. The rate is 0 where the dataset does not say.
    fn spec(&self) -> &Spec;

    /// Number of episodes.
    fn len(&self) -> usize;

    /// The cameras, if there are pictures of one size.
    fn pictures(&self) -> Option<&ImageLayout>;

    /// Reads an episode.
    fn episode(&mut self, number: usize) -> Result<Episode>;

    /// Reads the pictures of an episode, (len, cameras, H, W, 3) in RGB, rows from top to bottom.
    fn images(&mut self, number: usize) -> Result<Vec<u8>>;
}

/// A layout of terms with their sizes.
pub(super) fn layout_of(terms: impl IntoIterator<Item = (String, usize)>) -> Layout {
    Layout { terms: terms.into_iter().map(|(name, size)| Term { name, size }).collect() }
}
