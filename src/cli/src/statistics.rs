//! The statistics of sweeps: intervals by resampling, and how much data a curve of success needs to reach a level.

use imle_configs::seed::{Purpose, stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

/// Resamples of an interval.
const DRAWS: u64 = 2000;

/// Held-out episodes of one trained generator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Episodes solved.
    pub solved: u64,
    /// Episodes run.
    pub episodes: u64,
}

/// Share solved of all episodes of all generators.
pub fn pooled(runs: &[Tally]) -> f64 {
    let (solved, episodes) = sum(runs);
    solved as f64 / episodes as f64
}

/// Episodes solved, and all.
pub fn sum(runs: &[Tally]) -> (u64, u64) {
    runs.iter().fold((0, 0), |(s, n), run| (s + run.solved, n + run.episodes))
}

/// The pooled share of as many generators drawn with replacement, each with its episodes drawn with replacement.
pub fn resample(runs: &[Tally], rng: &mut ChaCha8Rng) -> f64 {
    let draw = |_| {
        let run = runs[rng.random_range(0..runs.len())];
        Tally { solved: drawn(run.episodes, run.solved as f64 / run.episodes.max(1) as f64, rng), ..run }
    };
    pooled(&(0..runs.len()).map(draw).collect::<Vec<_>>())
}

fn drawn(n: u64, share: f64, rng: &mut ChaCha8Rng) -> u64 {
    Binomial::new(n, share.clamp(0.0, 1.0)).map_or(0, |b| b.sample(rng))
}

/// Counts of as many things drawn with replacement from those that `counts` counts.
pub fn resample_counts(counts: &[u64], rng: &mut ChaCha8Rng) -> Vec<u64> {
    let (mut left, mut weight) = (counts.iter().sum::<u64>(), counts.iter().sum::<u64>() as f64);
    let mut one = |count: &u64| {
        let taken = drawn(left, if weight > 0.0 { *count as f64 / weight } else { 0.0 }, rng);
        left -= taken;
        weight -= *count as f64;
        taken
    };
    counts.iter().map(&mut one).collect()
}

/// The 95 % percentile interval of `statistic` over resamples; nothing if it is not a number.
pub fn bootstrap95(mut statistic: impl FnMut(&mut ChaCha8Rng) -> f64) -> [f64; 2] {
    let mut values: Vec<f64> = (0..DRAWS).map(|i| statistic(&mut stream(0, Purpose::Bootstrap, i, 0, 0))).collect();
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((q * DRAWS as f64) as usize).min(values.len() - 1)];
    [at(0.025), at(0.975)]
}

/// Entropy of the shares that `counts` are, nats.
pub fn entropy(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let shares = counts.iter().filter(|n| **n > 0).map(|n| *n as f64 / total);
    shares.map(|p| -p * p.ln()).sum::<f64>() + 0.0
}

/// The rising sequence nearest to `values`, each with its weight, in squares (pool adjacent violators; Ayer et al.
/// 1955).
pub fn isotonic(values: &[(f64, f64)]) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values {
        blocks.push((*value, *weight, 1));
        while let [.., (before, v, n), (after, w, m)] = blocks[..]
            && before > after
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push(((before * v + after * w) / (v + w), v + w, n + m));
        }
    }
    blocks.into_iter().flat_map(|(mean, _, n)| std::iter::repeat_n(mean, n)).collect()
}

/// The number of demonstrations at which success, rising between the measured sizes in straight lines, first reaches
/// `target`: the smallest size if it is reached there already, nothing if it is never reached. The curve is made to
/// rise by [`isotonic`], so that a lucky cell does not reach for all. `sizes` rise; `success` comes with its episodes.
pub fn needed(sizes: &[f64], success: &[(f64, f64)], target: f64) -> Option<f64> {
    let rising = isotonic(success);
    let first = rising.iter().position(|s| *s >= target - 1e-12)?;
    if first == 0 {
        return sizes.first().copied();
    }
    let (low, high) = (rising[first - 1], rising[first]);
    let part = if high > low { ((target - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
    Some(sizes[first - 1] + part * (sizes[first] - sizes[first - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(counts: &[(u64, u64)]) -> Vec<Tally> {
        counts.iter().map(|(solved, episodes)| Tally { solved: *solved, episodes: *episodes }).collect()
    }

    fn even(values: &[f64]) -> Vec<(f64, f64)> {
        values.iter().map(|v| (*v, 1.0)).collect()
    }

    #[test]
    fn violators_are_pooled() {
        assert_eq!(isotonic(&even(&[0.1, 0.5, 0.3, 0.6])), [0.1, 0.4, 0.4, 0.6]);
        assert_eq!(isotonic(&even(&[3.0, 2.0, 1.0])), [2.0, 2.0, 2.0]);
        assert_eq!(isotonic(&even(&[1.0, 2.0])), [1.0, 2.0]);
        assert_eq!(isotonic(&[(0.5, 3.0), (0.1, 1.0)]), [0.4, 0.4]);
        assert_eq!(isotonic(&[]), [0.0; 0]);
    }

    #[test]
    fn the_data_needed_are_read_off_the_rising_curve() {
        let sizes = [10.0, 20.0, 40.0, 100.0];
        let success = even(&[0.2, 0.4, 0.8, 0.9]);
        let close = |found: Option<f64>, expected: f64| found.is_some_and(|f| (f - expected).abs() < 1e-9);
        assert!(close(needed(&sizes, &success, 0.5), 25.0));
        assert!(close(needed(&sizes, &success, 0.85), 70.0));
        assert!(close(needed(&sizes, &success, 0.4), 20.0));
        assert!(close(needed(&sizes, &success, 0.9), 100.0));
        // Reached at the smallest size already; never reached.
        assert!(close(needed(&sizes, &success, 0.1), 10.0));
        assert_eq!(needed(&sizes, &success, 0.95), None);
        // A lucky cell at 20 is pooled with the one behind it: 0.5 is reached at 40 by a line from 0.4, not at 20.
        assert!(close(needed(&sizes, &even(&[0.2, 0.6, 0.2, 0.6]), 0.5), 70.0));
        assert_eq!(needed(&[], &[], 0.5), None);
    }

    #[test]
    fn intervals_hold_the_share_and_widen_with_what_differs() {
        let even = runs(&[(100, 200), (100, 200), (100, 200)]);
        let [low, high] = bootstrap95(|rng| resample(&even, rng));
        // A binomial of 600 at one half: 0.5 ± 0.04.
        assert!((low - 0.46).abs() < 0.01 && (high - 0.54).abs() < 0.01, "{low} {high}");
        let uneven = runs(&[(20, 200), (100, 200), (180, 200)]);
        assert_eq!(pooled(&uneven), 0.5);
        let [wider_low, wider_high] = bootstrap95(|rng| resample(&uneven, rng));
        assert!(wider_low < 0.3 && wider_high > 0.7, "{wider_low} {wider_high}");
        assert_eq!(bootstrap95(|rng| resample(&even, rng)), [low, high]);
        assert_eq!(bootstrap95(|rng| resample(&runs(&[(7, 7)]), rng)), [1.0, 1.0]);
    }

    #[test]
    fn counts_are_resampled_in_their_shares() {
        let counts = [30, 0, 70];
        let mut rng = stream(0, Purpose::Bootstrap, 1, 0, 0);
        let mut sums = [0; 3];
        for _ in 0..500 {
            let drawn = resample_counts(&counts, &mut rng);
            assert_eq!(drawn.iter().sum::<u64>(), 100);
            sums.iter_mut().zip(drawn).for_each(|(sum, n)| *sum += n);
        }
        assert!(sums[1] == 0 && (sums[0] as f64 / 500.0 - 30.0).abs() < 1.0, "{sums:?}");
        assert!((entropy(&[5, 5, 0]) - 2f64.ln()).abs() < 1e-12);
        assert_eq!((entropy(&[9]), entropy(&[])), (0.0, 0.0));
    }
}
