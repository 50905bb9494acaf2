//! The cheapest of several costs.

/// Index of the lowest finite cost; of equals the first.
pub fn cheapest(costs: impl Iterator<Item = f64>) -> Option<usize> {
    let alive = costs.enumerate().filter(|(_, c)| c.is_finite());
    alive.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(i, _)| i)
}
