//! Modes among the candidates of a decision: groups of chunks that are near their cheapest.

use crate::chunk::{MODE_DISTANCE, distance};

/// Sorts chunk `i` of the `count` in `chunks` (N, T, A) into the group of the first of `heads` that is no further than
/// [`MODE_DISTANCE`]; without one it becomes a head. Returns the index of its group.
pub(super) fn sort_in(
    chunks: &[f32],
    (low, high): (&[f32], &[f32]),
    count: usize,
    i: usize,
    heads: &mut Vec<usize>,
) -> usize {
    let steps = chunks.len() / count.max(1) / low.len().max(1);
    let chunk = |i: usize| &chunks[i * steps * low.len()..][..steps * low.len()];
    let near = |head: &usize| distance(chunk(*head), chunk(i), steps, low, high) <= MODE_DISTANCE;
    heads.iter().position(near).unwrap_or_else(|| {
        heads.push(i);
        heads.len() - 1
    })
}

/// Modes of the candidates of one decision after the other, named by numbers that last: a mode that goes on has the
/// number that it had, a new one the least that is free.
#[derive(Clone, Debug, Default)]
pub struct ModeTracker {
    /// The cheapest chunk of each mode of the last decision, (T, A), and its number.
    known: Vec<(usize, Vec<f32>)>,
}

impl ModeTracker {
    /// The number of the mode of each of `chunks` (N, T, A) of costs `costs` (N), `passed` control steps after the last
    /// decision. `range` has the lowest and highest value of each action dimension.
    pub fn number(&mut self, chunks: &[f32], costs: &[f64], range: (&[f32], &[f32]), passed: usize) -> Vec<usize> {
        let size = chunks.len() / costs.len().max(1);
        let mut order: Vec<usize> = (0..costs.len()).collect();
        order.sort_by(|a, b| costs[*a].total_cmp(&costs[*b]));
        let (mut heads, mut groups) = (Vec::new(), vec![0; costs.len()]);
        for i in order {
            groups[i] = sort_in(chunks, range, costs.len(), i, &mut heads);
        }
        let steps = size / range.0.len().max(1);
        let (left, ahead) = (steps.saturating_sub(passed), passed.min(steps) * range.0.len());
        let mut numbers: Vec<Option<usize>> = vec![None; heads.len()];
        // The nearest pairs of an old and a new mode first.
        let mut pairs = Vec::new();
        for (new, head) in heads.iter().enumerate() {
            for (number, old) in self.known.iter().filter(|(_, old)| old.len() == size && left > 0) {
                let apart = distance(&old[ahead..], &chunks[head * size..], left, range.0, range.1);
                pairs.extend((apart <= MODE_DISTANCE).then_some((apart, new, *number)));
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, new, number) in pairs {
            if numbers[new].is_none() && !numbers.contains(&Some(number)) {
                numbers[new] = Some(number);
            }
        }
        for new in 0..numbers.len() {
            if numbers[new].is_none() {
                numbers[new] = (0..).find(|n| !numbers.contains(&Some(*n)));
            }
        }
        let numbers: Vec<usize> = numbers.into_iter().flatten().collect();
        self.known = heads.iter().zip(&numbers).map(|(head, n)| (*n, chunks[head * size..][..size].to_vec())).collect();
        groups.into_iter().map(|group| numbers[group]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_keeps_its_number_while_it_lasts() {
        let range: (&[f32], &[f32]) = (&[-1.0], &[1.0]);
        let mut tracker = ModeTracker::default();
        // Two modes: one rises, one falls.
        let up = [0.1, 0.2, 0.3, 0.4];
        let down = [-0.1, -0.2, -0.3, -0.4];
        let first = [up, down, up.map(|x| x + 0.01)].concat();
        assert_eq!(tracker.number(&first, &[2.0, 1.0, 3.0], range, 0), [1, 0, 1]);
        // A step later the rising one is the cheapest, and there is a third.
        let (up, down, new) = ([0.2, 0.3, 0.4, 0.5], [-0.2, -0.3, -0.4, -0.5], [0.9; 4]);
        let next = [up, new, down].concat();
        assert_eq!(tracker.number(&next, &[1.0, 2.0, 3.0], range, 1), [1, 2, 0]);
        // The falling one is gone: its number is free.
        assert_eq!(tracker.number(&[up, [-0.9; 4]].concat(), &[1.0, 2.0], range, 0), [1, 0]);
        assert!(tracker.number(&[], &[], range, 1).is_empty());
    }
}
