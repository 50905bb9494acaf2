//! Bounds of an action, and the scale that they give to differences of actions.

/// Lowest and highest value of each of the A dimensions of an action.
///
/// Differences of actions are measured in half-ranges. One rule holds for a dimension whose range is zero: its
/// half-range counts as 1, so that no difference is divided by zero. Actions within the bounds do not differ in such a
/// dimension.
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
        half_range(self.low[i], self.high[i])
    }

    /// Middle of the range of dimension `i`.
    pub fn middle(&self, i: usize) -> f32 {
        (self.high[i] + self.low[i]) / 2.0
    }

    /// `value` within the range of dimension `i`.
    pub fn clamp(&self, i: usize, value: f32) -> f32 {
        value.clamp(self.low[i], self.high[i])
    }
}

/// Half the range from `low` to `high`; 1 where it is zero.
pub fn half_range(low: f32, high: f32) -> f32 {
    let half = (high - low) / 2.0;
    if half > 0.0 { half } else { 1.0 }
}
