//! Chunks of actions, (T, A): shifted in time, and how far apart.

use imle_configs::bounds::half_range;

/// Chunks further apart than this are of different modes ([`distance`]; half the range of an action counts 1).
pub const MODE_DISTANCE: f64 = 0.15;

/// Writes to `out` the plan (T, A) shifted by `executed` steps; what lies beyond its end repeats the last action.
pub fn shift(plan: &[f32], executed: usize, action: usize, out: &mut [f32]) {
    let steps = plan.len() / action;
    for (t, row) in out.chunks_exact_mut(action).enumerate() {
        let from = (t + executed).min(steps.saturating_sub(1));
        row.copy_from_slice(&plan[from * action..][..action]);
    }
}

/// Root-mean-square difference of two plans over their first `steps`, each dimension scaled by half its range.
pub fn distance(a: &[f32], b: &[f32], steps: usize, low: &[f32], high: &[f32]) -> f64 {
    let action = low.len();
    let count = steps * action;
    let term = |i: usize| (f64::from(a[i] - b[i]) / f64::from(half_range(low[i % action], high[i % action]))).powi(2);
    ((0..count).map(term).sum::<f64>() / count.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_plan_ends_in_its_last_action() {
        let plan = [0.0, 10.0, 1.0, 11.0, 2.0, 12.0];
        let mut out = [0.0; 6];
        shift(&plan, 2, 2, &mut out);
        assert_eq!(out, [2.0, 12.0, 2.0, 12.0, 2.0, 12.0]);
        shift(&plan, 1, 2, &mut out);
        assert_eq!(out, [1.0, 11.0, 2.0, 12.0, 2.0, 12.0]);
        shift(&plan, 0, 2, &mut out);
        assert_eq!(out, plan);
    }

    #[test]
    fn distance_is_scaled_by_the_range() {
        let (a, b) = ([0.0, 0.0], [1.0, 4.0]);
        assert!((distance(&a, &b, 1, &[-1.0, -4.0], &[1.0, 4.0]) - 1.0).abs() < 1e-12);
        assert_eq!(distance(&[], &[], 0, &[-1.0], &[1.0]), 0.0);
        assert_eq!(distance(&[2.0], &[2.0], 1, &[2.0], &[2.0]), 0.0);
    }
}
