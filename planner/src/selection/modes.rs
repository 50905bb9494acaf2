//! Modes of the candidates of a plan, for people to look at.

use crate::chunk::{MODE_DISTANCE, distance};

/// The mode of each of N `chunks` (N, T, A): a greedy cover from the cheapest on, each group no further than
/// [`MODE_DISTANCE`] from its cheapest. Mode 0 is that of the cheapest. A chunk whose cost is not finite joins the
/// nearest mode, or none if there is none.
///
/// `costs` has N values; `range` is the lowest and highest value of each action dimension.
///
/// ```
/// use imle_planner::selection::modes_of;
///
/// // Two chunks of one step go left, one goes right and is the cheapest.
/// let modes = modes_of(&[-0.5, 0.5, -0.55], &[2.0, 1.0, 3.0], (&[-1.0], &[1.0]));
/// assert_eq!(modes, [Some(1), Some(0), Some(1)]);
/// ```
pub fn modes_of(chunks: &[f32], costs: &[f64], range: (&[f32], &[f32])) -> Vec<Option<usize>> {
    let (low, high) = range;
    let steps = chunks.len() / costs.len().max(1) / low.len().max(1);
    let chunk = |i: usize| &chunks[i * steps * low.len()..][..steps * low.len()];
    let apart = |i: usize, head: usize| distance(chunk(head), chunk(i), steps, low, high);
    let mut order: Vec<usize> = (0..costs.len()).filter(|i| costs[*i].is_finite()).collect();
    order.sort_by(|a, b| costs[*a].total_cmp(&costs[*b]));
    let (mut heads, mut modes) = (Vec::new(), vec![None; costs.len()]);
    for i in order {
        let near = heads.iter().position(|head| apart(i, *head) <= MODE_DISTANCE);
        modes[i] = near.or_else(|| {
            heads.push(i);
            Some(heads.len() - 1)
        });
    }
    for i in (0..costs.len()).filter(|i| !costs[*i].is_finite()) {
        let nearest = (0..heads.len()).min_by(|a, b| apart(i, heads[*a]).total_cmp(&apart(i, heads[*b])));
        modes[i] = nearest;
    }
    modes
}
