//! Bounds of actions.

/// Lowest and highest value of every dimension of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionBounds {
    /// Lowest value of each action dimension.
    pub low: Vec<f32>,
    /// Highest value of each action dimension.
    pub high: Vec<f32>,
}

impl ActionBounds {
    /// The bounds from `low` to `high`.
    pub fn new(low: &[f32], high: &[f32]) -> Self {
        Self { low: low.to_vec(), high: high.to_vec() }
    }

    /// Number of action dimensions.
    pub fn size(&self) -> usize {
        self.low.len()
    }

    /// Both as slices, lowest and highest.
    pub fn as_slices(&self) -> (&[f32], &[f32]) {
        (&self.low, &self.high)
    }

    /// Half the range of dimension `d`; 1 if it has none.
    pub fn half(&self, d: usize) -> f32 {
        let half = (self.high[d] - self.low[d]) / 2.0;
        if half > 0.0 { half } else { 1.0 }
    }

    /// `value` within the range of dimension `d`.
    pub fn clamp(&self, d: usize, value: f32) -> f32 {
        value.clamp(self.low[d], self.high[d])
    }
}
