//! Mode reweighting: training samples are drawn so that their modes are as frequent as those of the initial generator.
//!
//! A planner goes the cheapest way wherever it is offered, so that what it solves holds some modes far more often than
//! the generator had them, and a generator that learns from it forgets the rest. With p(m) the share of mode m among
//! the episodes that the initial generator solved, and q(m) that among the training samples, a sample of mode m is
//! drawn with the weight
//!
//! ```text
//! w(m) = clamp(p(m) / q(m), 1 / MOST, MOST)
//! ```
//!
//! A mode that was not seen before, and a sample without one, keep the weight 1. Demonstrations keep modes without
//! samples.

use std::collections::BTreeMap;

/// Bound on the weights: a sample is drawn at most the square of it more often than another.
const MOST: f64 = 8.0;
/// Of what a figure's name is made: the share of a mode among solved held-out episodes.
const SHARE: &str = "modes/share_";

/// Adds the share of each mode to `figures`; returns how many modes there are.
pub(crate) fn note_shares<'a>(labels: impl Iterator<Item = &'a str>, figures: &mut BTreeMap<String, f64>) -> usize {
    let counts = counts(labels);
    let (all, seen): (f64, usize) = (counts.values().sum(), counts.len());
    figures.extend(counts.into_iter().map(|(label, n)| (format!("{SHARE}{label}"), n / all)));
    seen
}

fn counts<'a>(labels: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, f64> {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1.0);
    counts
}

/// One weight a training sample, by the mode of each and the figures of the initial generator.
pub(crate) fn weights(modes: &[&str], before: &BTreeMap<String, f64>) -> Vec<f64> {
    let counts = counts(modes.iter().copied());
    let weight = |mode: &&str| {
        let was = before.get(&format!("{SHARE}{mode}"))?;
        Some((was * modes.len() as f64 / counts.get(mode)?).clamp(1.0 / MOST, MOST))
    };
    modes.iter().map(|mode| weight(mode).unwrap_or(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_data_come_as_often_as_their_modes_did() {
        let mut before = BTreeMap::new();
        assert_eq!(note_shares(["a", "a", "b", "b", "c"].into_iter(), &mut before), 3);
        assert_eq!(before.get("modes/share_a"), Some(&0.4));
        let modes = ["a", "a", "a", "a", "a", "a", "b", "b", "d", ""];
        let weights = weights(&modes, &before);
        let of = |mode: &str| modes.iter().zip(&weights).filter(|(m, _)| **m == mode).map(|(_, w)| w).sum::<f64>();
        assert!((of("a") - 4.0).abs() < 1e-12 && (of("b") - 4.0).abs() < 1e-12, "as often as each other: {weights:?}");
        assert!(weights[8] == 1.0 && weights[9] == 1.0, "unknown before, or without a mode");
    }

    #[test]
    fn no_weight_is_without_bounds() {
        let before = BTreeMap::from([("modes/share_a".into(), 0.001), ("modes/share_b".into(), 0.999)]);
        let modes: Vec<&str> = (0..1000).map(|i| if i == 0 { "b" } else { "a" }).collect();
        let weights = weights(&modes, &before);
        assert_eq!((weights[0], weights[1]), (MOST, 1.0 / MOST));
    }
}
