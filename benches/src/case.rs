//! A measured case beside its peers, and medians.

use imle_cli::args::common::Common;
use imle_cli::failure::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Figures of ours and of peers, measured in turns.
pub struct Turns {
    /// Our figure.
    pub ours: f64,
    /// Relative difference of two interleaved measurements of ours.
    pub noise: f64,
    /// Figures of the peers, by name.
    pub peers: BTreeMap<&'static str, f64>,
}

/// One measured case: `ours` and the peers in the same unit.
pub struct Case {
    /// Title of the case.
    pub name: String,
    /// Unit of all figures.
    pub unit: &'static str,
    /// Whether a larger figure is better.
    pub rate: bool,
    /// The figures.
    pub turns: Turns,
    /// Further figures, by name.
    pub more: Value,
}

impl Case {
    /// Each peer's ratio: ours over theirs, turned so that above 1 is better for us.
    pub fn ratios(&self) -> BTreeMap<&'static str, f64> {
        let ratio = |peer: f64| if self.rate { self.turns.ours / peer } else { peer / self.turns.ours };
        self.turns.peers.iter().map(|(name, figure)| (*name, ratio(*figure))).collect()
    }
}

/// Prints the cases as a table or as JSON.
///
/// # Errors
/// [`imle_cli::failure::Failure::Run`] if the result cannot be printed.
pub fn report(common: &Common, seed: u64, repeats: u32, cases: &[Case]) -> Result<()> {
    let output = common.output();
    let mut list = Vec::new();
    for case in cases {
        let (Turns { ours, noise, peers }, unit, ratios) = (&case.turns, case.unit, case.ratios());
        output.say(format!("{:32} {ours:>12.3} {unit}   (noise {:.1} %)", case.name, 100.0 * noise));
        for (peer, ratio) in &ratios {
            let theirs = peers[peer];
            output.say(format!("{peer:>32} {theirs:>12.3} {unit}   ratio {ratio:.3} (above 1 is better for us)"));
        }
        if let Some(more) = case.more.as_object() {
            more.iter().for_each(|(key, value)| output.say(format!("{key:>32} {value}")));
        }
        let mut entry = json!({
            "case": case.name, "ours": ours, "peers": peers, "ratio": ratios, "unit": unit, "noise": noise,
        });
        if let (Some(entry), Some(more)) = (entry.as_object_mut(), case.more.as_object()) {
            entry.extend(more.clone());
        }
        list.push(entry);
    }
    output.result(&json!({ "cases": list, "threads": common.threads(), "seed": seed, "repeats": repeats }))
}

/// Middle value; not a number of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median of both halves of interleaved measurements, and how far the halves differ.
pub fn median_and_noise(first: Vec<f64>, second: Vec<f64>) -> (f64, f64) {
    let (a, b) = (median(first.clone()), median(second.clone()));
    let all = median(first.into_iter().chain(second).collect());
    (all, (a - b).abs() / all)
}
