//! Conditioning on an observation: the FiLM scales and shifts of all its blocks.

use crate::error::Result;
use tch::Tensor;

/// FiLM (Perez et al. 2018) parameters of B observations: per block a scale and a shift, each (B, channels).
#[derive(Debug)]
pub struct Conditioning {
    blocks: Vec<(Tensor, Tensor)>,
}

impl Conditioning {
    pub(super) fn new(blocks: Vec<(Tensor, Tensor)>) -> Self {
        Self { blocks }
    }

    /// Scale and shift of block `index`.
    pub(super) fn block(&self, index: usize) -> (&Tensor, &Tensor) {
        let (scale, shift) = &self.blocks[index];
        (scale, shift)
    }

    fn map(&self, f: impl Fn(&Tensor) -> std::result::Result<Tensor, tch::TchError>) -> Result<Self> {
        let blocks = self.blocks.iter().map(|(scale, shift)| Ok((f(scale)?, f(shift)?)));
        Ok(Self { blocks: blocks.collect::<Result<_>>()? })
    }

    /// The rows named by `index` (R,), int64, in that order; a row may occur many times.
    #[cfg(test)]
    pub(super) fn select(&self, index: &Tensor) -> Result<Self> {
        self.map(|t| t.f_index_select(0, index))
    }

    /// Rows `start` to `start + length` as views, cut off from the gradient.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if there are not so many.
    pub fn narrow(&self, start: usize, length: usize) -> Result<Self> {
        self.map(|t| t.f_detach()?.f_narrow(0, start as i64, length as i64))
    }

    /// Another handle to the same tensors, for another worker.
    pub fn shallow_clone(&self) -> Self {
        let clone = |(scale, shift): &(Tensor, Tensor)| (scale.shallow_clone(), shift.shallow_clone());
        Self { blocks: self.blocks.iter().map(clone).collect() }
    }
}
