//! Bounds of an action, and the scale that they give to differences of actions.

/// Lowest and highest value of each of the A dimensions of an action.
///
/// Differences of actions are measured in half-ranges. One rule holds for a dimension whose range is zero: its half-range
/// counts as 1, so that no difference is divided by zero. Actions within the bounds do not differ in such a dimension.
///
/// ```
/// use imle_configs::bounds::ActionBounds;
///
/// let bounds = ActionBounds::new([-1.0, 0.0, 3.0], [1.0, 4.0, 3.0]);
/// assert_eq!((bounds.half_range(0), bounds.half_range(1), bounds.half_range(2)), (1.0, 2.0, 1.0));
/// assert_eq!((bounds.middle(1), bounds.clamp(1, 9.0)), (2.0, 4.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionBounds {
    /// Lowest values, (A,), in the action's own units.
    pub low: Vec<f32>,
    /// Highest values, (A,), in the action's own units.
    pub high: Vec<f32>,
}

impl ActionBounds {
    /// Bounds from `low` to `high`, both (A,).
    pub fn new(low: impl Into<Vec<f32>>, high: impl Into<Vec<f32>>) -> Self {
        Self { low: low.into(), high: high.into() }
    }

    /// A, the number of action dimensions.
    pub fn size(&self) -> usize {
        self.low.len()
    }

    /// Lowest and highest values, both (A,).
    pub fn range(&self) -> (&[f32], &[f32]) {
        (&self.low, &self.high)
    }

    /// Half the range of dimension `i`; 1 where the range is zero.
    pub fn half_range(&self, i: usize) -> f32 {
        let half = (self.high[i] - self.low[i]) / 2.0;
        if half > 0.0 { half } else { 1.0 }
    }

    /// Middle of the range of dimension `i`.
    pub fn middle(&self, i: usize) -> f32 {
        (self.high[i] + self.low[i]) / 2.0
    }

    /// `value` within the range of dimension `i`.
    pub fn clamp(&self, i: usize, value: f32) -> f32 {
        value.clamp(self.low[i], self.high[i])
    }

    /// Root-mean-square difference of two sequences of actions, both (T, A), in half-ranges; 0 for empty ones.
    pub fn scaled_distance(&self, a: &[f32], b: &[f32]) -> f64 {
        let square = |(i, (a, b)): (usize, (&f32, &f32))| {
            (f64::from(a - b) / f64::from(self.half_range(i % self.size()))).powi(2)
        };
        let sum = a.iter().zip(b).enumerate().map(square).sum::<f64>();
        (sum / a.len().max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_scaled_by_the_range_and_a_range_of_zero_divides_by_nothing() {
        let bounds = ActionBounds::new([-1.0, -4.0], [1.0, 4.0]);
        assert!((bounds.scaled_distance(&[0.0, 0.0], &[1.0, 4.0]) - 1.0).abs() < 1e-12);
        assert_eq!(bounds.scaled_distance(&[], &[]), 0.0);
        let fixed = ActionBounds::new([2.0], [2.0]);
        assert_eq!(fixed.scaled_distance(&[2.0], &[2.0]), 0.0);
    }
}
