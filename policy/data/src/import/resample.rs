//! Numbers at other times than those they were recorded at.

use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use imle_configs::{Error, Result};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// Rates that a dataset may have, Hz.
const RATES: RangeInclusive<f64> = 1e-3..=1e6;
/// Frames that all episodes together may have at another rate.
pub(super) const MOST_FRAMES: f64 = 1e7;

/// Checks that a rate is one that datasets have.
pub(super) fn check_rate(place: &str, rate: f64) -> Result<()> {
    let expected = format!("a number of Hz from {} to {}", RATES.start(), RATES.end());
    Error::ensure(RATES.contains(&rate), place, expected, format!("{rate:?}"))
}

/// Checks that episodes recorded at `from` Hz do not grow without bounds at `to` Hz.
pub(super) fn check(episodes: &[Episode], from: f64, to: f64) -> Result<()> {
    let frames = episodes.iter().map(|e| e.len as f64).sum::<f64>() * (to / from).max(1.0);
    let expected = format!("at most {MOST_FRAMES:e} frames at {to} Hz");
    Error::ensure(frames <= MOST_FRAMES, "--resample", expected, format!("{frames:e}"))
}

/// The rule for values between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Between {
    /// On the straight line between them.
    Linear,
    /// The record before.
    Hold,
}

/// Values at the times `at` (ascending), each of the rows (times, size), at `times` (strictly ascending); before the
/// first and after the last record it is that record.
pub(super) fn at(times: &[f64], rows: &[f64], size: usize, between: Between, at: &[f64]) -> Vec<f64> {
    // A record at the very time that is asked for may come out a rounding later than it: it is not to be held off for a
    // step.
    let slack = 1e-6 * at.windows(2).map(|t| t[1] - t[0]).fold(f64::INFINITY, f64::min).min(1.0);
    let mut next = 0;
    let mut out = Vec::with_capacity(at.len() * size);
    for t in at {
        while next < times.len() && times[next] <= *t + slack {
            next += 1;
        }
        // The record before is at `next − 1`, that after at `next`.
        let (before, after) = (next.saturating_sub(1), next.min(times.len() - 1));
        let span = times[after] - times[before];
        let share = match between {
            Between::Linear if span > 0.0 => ((t - times[before]) / span).clamp(0.0, 1.0),
            _ => 0.0,
        };
        out.extend((0..size).map(|i| {
            let (a, b) = (rows[before * size + i], rows[after * size + i]);
            if share == 0.0 { a } else { a + share * (b - a) }
        }));
    }
    out
}

/// Times of control steps at `rate` from `first` to `last`, s.
pub(super) fn grid(first: f64, last: f64, rate: f64) -> Vec<f64> {
    // A hair more, so that a record at the very end is not lost to rounding.
    let steps = ((last - first) * rate + 1e-6).floor().max(0.0) as usize;
    (0..=steps).map(|i| first + i as f64 / rate).collect()
}

/// An episode recorded at `from` Hz, at `to` Hz: observations on the line between frames, actions held.
pub(super) fn uniform(episode: &Episode, spec: &Spec, from: f64, to: f64) -> Episode {
    let times: Vec<f64> = (0..episode.len).map(|t| t as f64 / from).collect();
    let grid = grid(0.0, times.last().copied().unwrap_or(0.0), to);
    let of = |values: &[f32], size: usize, between| -> Vec<f32> {
        let rows: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        at(&times, &rows, size, between, &grid).into_iter().map(|v| v as f32).collect()
    };
    Episode {
        observations: of(&episode.observations, spec.observation.size(), Between::Linear),
        actions: of(&episode.actions, spec.action.size(), Between::Hold),
        len: grid.len(),
        ..episode.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds do not come out as multiples of a control step to the last bit.
    #[test]
    fn a_record_at_the_time_of_a_step_is_that_of_the_step() {
        let times: Vec<f64> = (0..2000).map(|i| f64::from(5000 + 50 * i) * 1e-3).collect();
        let rows: Vec<f64> = (0..2000).map(f64::from).collect();
        let grid = grid(times[0], times[1999], 20.0);
        assert_eq!(at(&times, &rows, 1, Between::Hold, &grid), rows);
        let linear = at(&times, &rows, 1, Between::Linear, &grid);
        assert!(linear.iter().zip(&rows).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn lines_and_steps_between_records() {
        let (times, rows) = ([0.0, 1.0, 3.0], [0.0, 10.0, 1.0, 20.0, 3.0, 0.0]);
        let when = [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0];
        let linear = at(&times, &rows, 2, Between::Linear, &when);
        assert_eq!(linear, [0.0, 10.0, 0.0, 10.0, 0.5, 15.0, 1.0, 20.0, 2.0, 10.0, 3.0, 0.0, 3.0, 0.0]);
        let held = at(&times, &rows, 2, Between::Hold, &when);
        assert_eq!(held, [0.0, 10.0, 0.0, 10.0, 0.0, 10.0, 1.0, 20.0, 1.0, 20.0, 3.0, 0.0, 3.0, 0.0]);
        assert_eq!(grid(1.0, 1.3, 10.0).len(), 4);
        assert_eq!(grid(1.0, 1.0, 10.0), [1.0]);
    }
}
