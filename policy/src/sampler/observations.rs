//! The observations that decisions are made from.

/// Observation histories of B decisions, raw, oldest first. A slice of values alone has no pictures.
#[derive(Clone, Copy, Debug)]
pub struct Observations<'a> {
    /// Observation histories (B, T_obs, O).
    pub values: &'a [f32],
    /// The pictures beside them (B, T_obs, cameras, H, W, 3), for a checkpoint that sees pictures; else empty.
    pub pictures: &'a [u8],
}

impl<'a, T: AsRef<[f32]> + ?Sized> From<&'a T> for Observations<'a> {
    fn from(values: &'a T) -> Self {
        Self { values: values.as_ref(), pictures: &[] }
    }
}

impl<'a> Observations<'a> {
    /// Decision `index` of those with `o` values and `p` bytes each.
    pub(super) fn decision(&self, index: usize, o: usize, p: usize) -> Self {
        Self { values: &self.values[index * o..][..o], pictures: &self.pictures[index * p..][..p] }
    }
}
