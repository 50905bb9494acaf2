//! Ways of the pusher around the T: distances from where it is over a grid of the board, and the way to a point.

use super::path::{PlanePoint, distance};
use super::tee::{PUSHER_BOARD, TeePose};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Width of a cell, m.
const CELL: f64 = 0.008;
/// Cells along a side of the board.
const SIDE: usize = 63;
/// Clearance that is kept, m.
const CLEARANCE: f64 = 0.004;

/// Ways from one point to all others that pass the T without touching it.
pub struct Around {
    pose: TeePose,
    from: PlanePoint,
    /// Length of the way to each cell, µm, and the cell before.
    ways: Vec<Option<(u64, usize)>>,
}

fn cell(p: PlanePoint) -> usize {
    let index = |x: f64| (((x + PUSHER_BOARD) / CELL).round().max(0.0) as usize).min(SIDE - 1);
    index(p[1]) * SIDE + index(p[0])
}

fn centre(cell: usize) -> PlanePoint {
    [cell % SIDE, cell / SIDE].map(|i| i as f64 * CELL - PUSHER_BOARD)
}

impl Around {
    /// All ways from `from` around a T at `pose`.
    pub fn new(pose: TeePose, from: PlanePoint) -> Self {
        let gaps: Vec<f64> = (0..SIDE * SIDE).map(|c| pose.gap(centre(c))).collect();
        let mut ways: Vec<Option<(u64, usize)>> = vec![None; gaps.len()];
        let start = cell(from);
        let mut heap = BinaryHeap::from([Reverse((0, start, start))]);
        while let Some(Reverse((length, at, before))) = heap.pop() {
            if ways[at].is_some() {
                continue;
            }
            ways[at] = Some((length, before));
            let (x, y) = (at % SIDE, at / SIDE);
            for (dx, dy) in [(0, 1), (1, 0), (0, 2), (2, 1), (1, 2), (2, 0), (0, 0), (2, 2)] {
                let (Some(nx), Some(ny)) = ((x + dx).checked_sub(1), (y + dy).checked_sub(1)) else { continue };
                if nx >= SIDE || ny >= SIDE {
                    continue;
                }
                let next = ny * SIDE + nx;
                // Whoever stands too near may still leave.
                if gaps[next] > CLEARANCE || gaps[next] > gaps[at] {
                    let step = distance(centre(at), centre(next)) * 1e6;
                    heap.push(Reverse((length + step as u64, next, at)));
                }
            }
        }
        Self { pose, from, ways }
    }

    /// Length of the way to `to`, m; nothing if there is none.
    pub fn length(&self, to: PlanePoint) -> Option<f64> {
        self.ways[cell(to)].map(|(length, _)| length as f64 * 1e-6)
    }

    /// Corners of the way to `to`.
    pub fn corners(&self, to: PlanePoint) -> Vec<PlanePoint> {
        let (mut at, mut cells) = (cell(to), Vec::new());
        while let Some((_, before)) = self.ways[at] {
            if before == at {
                break;
            }
            cells.push(centre(at));
            at = before;
        }
        cells.reverse();
        if let Some(last) = cells.last_mut() {
            *last = to;
        } else {
            cells.push(to);
        }
        // Straight as far as the T allows.
        let mut corners = vec![self.from];
        let mut here = self.from;
        let mut next = 0;
        while next < cells.len() {
            let far = (next..cells.len()).rev().find(|i| self.clear(here, cells[*i])).unwrap_or(next);
            here = cells[far];
            corners.push(here);
            next = far + 1;
        }
        corners
    }

    fn clear(&self, a: PlanePoint, b: PlanePoint) -> bool {
        let steps = (distance(a, b) / 0.004).ceil().max(1.0) as usize;
        (0..=steps).all(|k| {
            let t = k as f64 / steps as f64;
            self.pose.gap([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]) > CLEARANCE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_the_other_side_goes_around() {
        let pose = TeePose::new([0.0, 0.0], 0.0);
        let (from, to) = ([0.0, 0.1], [0.05, -0.03]);
        let around = Around::new(pose, from);
        let corners = around.corners(to);
        let length: f64 = corners.windows(2).map(|p| distance(p[0], p[1])).sum();
        assert!(length > 0.17 && length < around.length(to).unwrap() + 0.01, "{length}");
        assert!(corners.windows(2).all(|p| around.clear(p[0], p[1])));
        assert!(around.length([0.0, 0.0]).is_none());
    }
}
