//! A mixture of sources: each row of a batch comes from one of them, drawn by probability.

use super::draw::Draw;
use super::source::{TargetRow, TargetShape, TargetSource};
use crate::error::{Error, Result};
use rand_chacha::ChaCha8Rng;

/// Several sources with a probability each, e.g. demonstrations and elites.
pub struct MixedTargets<'a> {
    sources: Vec<&'a dyn TargetSource>,
    shape: TargetShape,
    draw: Draw,
}

impl<'a> MixedTargets<'a> {
    /// The mixture; probabilities are relative to their sum.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no source, their sizes differ (K may), or the probabilities are negative, not
    /// finite or all 0.
    pub fn new(sources: &[(f64, &'a dyn TargetSource)]) -> Result<Self> {
        let operation = "MixedTargets::new";
        let Some(mut shape) = sources.first().map(|(_, s)| s.shape()) else {
            return Err(Error::argument(operation, "sources", "at least one", "none"));
        };
        for (index, (_, source)) in sources.iter().enumerate() {
            let other = source.shape();
            let same = TargetShape { targets: shape.targets, ..other };
            if same != shape {
                let show = |s: TargetShape| {
                    let (o, p, c) = (s.observation, s.pictures, s.chunk);
                    format!("histories of {o} values and {p} bytes of pictures, chunks of {c} values")
                };
                let (expected, found) = (show(shape), format!("{} in source {index}", show(other)));
                return Err(Error::argument(operation, "sources", expected, found));
            }
            shape.targets = shape.targets.max(other.targets);
        }
        let draw = Draw::weighted(operation, sources.iter().map(|(p, _)| *p))?;
        Ok(Self { sources: sources.iter().map(|(_, s)| *s).collect(), shape, draw })
    }
}

impl TargetSource for MixedTargets<'_> {
    fn shape(&self) -> TargetShape {
        self.shape
    }

    fn states(&self) -> usize {
        self.sources.iter().map(|s| s.states()).sum()
    }

    fn draw(&self, rng: &mut ChaCha8Rng, row: TargetRow<'_>) -> usize {
        let index = self.draw.index(rng);
        let before: usize = self.sources[..index].iter().map(|s| s.states()).sum();
        before + self.sources[index].draw(rng, row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::{TargetBatch, WeightedState, WeightedTargets};

    #[test]
    fn rows_come_from_each_source_by_its_share() {
        let source = |x: f32, elites: usize| {
            let state = WeightedState {
                observation: vec![x],
                elites: vec![vec![x]; elites],
                weights: vec![],
                probability: 1.0,
            };
            WeightedTargets::new(&[state], 0).unwrap()
        };
        let (a, b) = (source(1.0, 1), source(2.0, 2));
        let mixed = MixedTargets::new(&[(3.0, &a), (1.0, &b)]).unwrap();
        assert_eq!(mixed.shape().targets, 2);
        let mut batch = TargetBatch::default();
        mixed.batch(1, 0, 2000, &mut batch);
        let share = batch.observations.iter().filter(|x| **x == 2.0).count() as f64 / 2000.0;
        assert!((share - 0.25).abs() < 0.03, "{share}");
        assert!(batch.observations.iter().zip(&batch.states).all(|(x, state)| *x == *state as f32 + 1.0));
        assert_eq!(batch.mask.iter().filter(|m| **m).count(), 2000 + (share * 2000.0).round() as usize);
    }
}
