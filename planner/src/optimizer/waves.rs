//! Functions that optimizers share: division into waves, and weights from costs.

/// Weights exp(−(c − min c) / (lambda · deviation of c)) of the finite costs, normalised, into `out`. All 0 if none is
/// finite.
pub(crate) fn soft_weights(costs: &[f64], lambda: f64, out: &mut Vec<f64>) {
    let alive = || costs.iter().copied().filter(|c| c.is_finite());
    let count = alive().count().max(1) as f64;
    let least = alive().fold(f64::INFINITY, f64::min);
    let mean = alive().sum::<f64>() / count;
    let deviation = (alive().map(|c| (c - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-12);
    out.clear();
    out.extend(costs.iter().map(|c| if c.is_finite() { (-(c - least) / (lambda * deviation)).exp() } else { 0.0 }));
    let sum: f64 = out.iter().sum();
    if sum > 0.0 {
        out.iter_mut().for_each(|w| *w /= sum);
    }
}

/// Divides `candidates` into `waves` as equal as they go, the first ones larger, never an empty one; the last of 1
/// alone if `verified`, for a mean.
pub(crate) fn divide(candidates: usize, waves: usize, verified: bool, out: &mut Vec<usize>) {
    out.clear();
    let apart = usize::from(verified && candidates > 1);
    let rest = candidates - apart;
    let waves = waves.clamp(1, rest.max(1));
    out.extend((0..waves).map(|i| rest / waves + usize::from(i < rest % waves)));
    if apart == 1 {
        out.push(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_hold_all_candidates() {
        let mut waves = Vec::new();
        for (candidates, number, verified) in [(32, 4, true), (32, 4, false), (3, 8, true), (1, 2, true), (2, 1, true)]
        {
            divide(candidates, number, verified, &mut waves);
            assert_eq!(waves.iter().sum::<usize>(), candidates);
            assert!(waves.iter().all(|n| *n > 0) && waves[0] >= *waves.last().unwrap());
        }
        divide(32, 4, true, &mut waves);
        assert_eq!(waves, [8, 8, 8, 7, 1]);
    }

    #[test]
    fn cheap_candidates_weigh_more_and_failed_ones_nothing() {
        let mut weights = Vec::new();
        soft_weights(&[2.0, f64::INFINITY, 1.0, 3.0], 1.0, &mut weights);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[2] > weights[0] && weights[0] > weights[3] && weights[1] == 0.0);
        soft_weights(&[1.0, 1.0], 0.1, &mut weights);
        assert_eq!(weights, [0.5, 0.5]);
        soft_weights(&[f64::INFINITY], 0.1, &mut weights);
        assert_eq!(weights, [0.0]);
    }
}
