//! The expert of `avoid`: one of the 24 routes through the obstacles, drawn uniformly.
//!
//! A route is a side of the first row's obstacle, a gap of the second row's three and one of the third row's four.
//! The expert follows a smooth path through its gaps by pursuit of a point ahead of where the fingertips are, so a
//! disturbance is followed by a return to the path.

use super::arm::Hand;
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Drift, happens, write};
use super::path::{SPACING, distance, through};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes: row 1 - row 2 - row 3, seen along the way (left is toward the arm's base), the gaps of
/// row 3 counted from the left.
pub(super) const EXPERT: Script = Script {
    modes: &[
        "left-left-1",
        "left-left-2",
        "left-left-3",
        "left-left-4",
        "left-middle-1",
        "left-middle-2",
        "left-middle-3",
        "left-middle-4",
        "left-right-1",
        "left-right-2",
        "left-right-3",
        "left-right-4",
        "right-left-1",
        "right-left-2",
        "right-left-3",
        "right-left-4",
        "right-middle-1",
        "right-middle-2",
        "right-middle-3",
        "right-middle-4",
        "right-right-1",
        "right-right-2",
        "right-right-3",
        "right-right-4",
    ],
    start: |world, mode, rng| Box::new(AvoidExpert::start(world, mode, rng)),
    labeller: || Box::new(AvoidLabeller::default()),
};
/// Across of the middle of the field, world x, m.
const MIDDLE: f64 = -0.115;
/// Height of each row, world y, m.
const ROWS: [f64; 3] = [-0.10, 0.08, 0.26];
/// Where each row's obstacles stand, from the middle, m.
const OBSTACLES: [&[f64]; 3] = [&[0.0], &[-0.075, 0.075], &[-0.15, 0.0, 0.15]];
/// Where each row's gaps are passed, from the middle, m.
const GAPS: [&[f64]; 3] = [&[-0.06, 0.06], &[-0.13, 0.0, 0.13], &[-0.205, -0.075, 0.075, 0.205]];
/// A row is passed straight from so far before to so far behind it, m.
const STRAIGHT: f64 = 0.04;
/// Rounding of the path's corners, m.
const ROUNDING: f64 = 0.03;
/// Greatest lead of the commanded point over the fingertips, m.
const LEAD: f64 = 0.03;

/// The gaps of a mode.
fn gaps(mode: usize) -> [usize; 3] {
    [mode / 12, mode / 4 % 3, mode % 4]
}

fn place(world: &World, hand: Hand) -> [f64; 2] {
    let [x, y, _] = hand.position(world);
    [x, y]
}

/// One episode of the expert.
struct AvoidExpert {
    rng: ChaCha8Rng,
    hand: Hand,
    path: Vec<[f64; 2]>,
    /// Index of the path's point nearest to the fingertips, and of the commanded one.
    nearest: usize,
    commanded: f64,
    /// Fastest motion and present one, path points a control step.
    speed: f64,
    pace: f64,
    pause: usize,
    drift: Drift,
    along: f64,
}

impl AvoidExpert {
    fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let hand = Hand::of(world);
        let here = place(world, hand);
        let mode = mode.unwrap_or_else(|| rng.random_range(0..EXPERT.modes.len()));
        let path = Self::path(here, gaps(mode), &mut rng);
        let rate = world.task().spec().control_rate;
        let speed = rng.random_range(0.16..0.24) / rate / SPACING;
        let drift = Drift::new(0.0015);
        Self { rng, hand, path, nearest: 0, commanded: 0.0, speed, pace: 0.0, pause: 0, drift, along: here[1] }
    }

    /// Points every `SPACING` along a way through the gaps, corners rounded.
    fn path(here: [f64; 2], gaps: [usize; 3], rng: &mut ChaCha8Rng) -> Vec<[f64; 2]> {
        let mut corners = vec![here];
        for (row, gap) in gaps.into_iter().enumerate() {
            let x = MIDDLE + GAPS[row][gap] + rng.random_range(-0.006..0.006);
            if happens(rng, 0.08)
                && let Some(last) = corners.last().copied()
            {
                // A start in a wrong direction, put right before the row.
                let wrong = rng.random_range(0.015..0.03) * if x > last[0] { -1.0 } else { 1.0 };
                let y = 0.5 * (last[1] + ROWS[row] - STRAIGHT);
                corners.push([0.5 * (last[0] + x) + wrong, y]);
            }
            corners.extend([[x, ROWS[row] - STRAIGHT], [x, ROWS[row] + STRAIGHT]]);
        }
        if let Some(last) = corners.last().copied() {
            corners.push([last[0], last[1] + 0.12]);
        }
        through(&corners, ROUNDING)
    }
}

impl Expert for AvoidExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        let here = place(world, self.hand);
        self.along = here[1];
        let ahead = self.nearest..(self.nearest + 60).min(self.path.len());
        let near = ahead.min_by(|a, b| distance(self.path[*a], here).total_cmp(&distance(self.path[*b], here)));
        self.nearest = near.unwrap_or(self.nearest);
        if self.pause > 0 {
            self.pause -= 1;
            self.pace *= 0.5;
        } else {
            self.pace += 0.25 * (self.speed - self.pace);
            if happens(&mut self.rng, 0.008) {
                self.pause = self.rng.random_range(2..5);
            }
        }
        let most = self.nearest as f64 + LEAD / SPACING;
        self.commanded = (self.commanded + self.pace).min(most).min((self.path.len() - 1) as f64);
        let goal = self.path[self.commanded as usize];
        let noise = self.drift.next(&mut self.rng);
        write([goal[0] + noise[0], goal[1] + noise[1]], out);
    }

    /// In the gap of the last row.
    fn committed(&self) -> bool {
        self.along > ROWS[2] - STRAIGHT
    }
}

/// Labels by the gap through which each row's line is first crossed.
#[derive(Default)]
pub struct AvoidLabeller {
    hand: Option<Hand>,
    passed: [Option<usize>; 3],
}

impl ModeLabeller for AvoidLabeller {
    fn observe(&mut self, world: &World) {
        let [x, y] = place(world, *self.hand.get_or_insert_with(|| Hand::of(world)));
        for (row, passed) in self.passed.iter_mut().enumerate() {
            if y > ROWS[row] && passed.is_none() {
                *passed = Some(OBSTACLES[row].iter().filter(|o| x - MIDDLE > **o).count());
            }
        }
    }

    fn label(&self) -> Option<usize> {
        let [a, b, c] = self.passed;
        Some(12 * a? + 4 * b? + c?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::demonstrate::{demonstrate, replay};
    use crate::task::Task;
    use std::sync::Arc;

    #[test]
    fn a_route_that_is_asked_for_is_shown_and_replays() {
        let task = Arc::new(Task::load("avoid").unwrap());
        for mode in [3, 8, 12, 23] {
            let episode = demonstrate(&task, Some(mode), 1, mode as u64).unwrap();
            assert!(episode.success, "{}", EXPERT.modes[mode]);
            assert_eq!(episode.mode, EXPERT.modes[mode]);
            assert!(replay(&task, &episode).unwrap().success());
        }
    }

    #[test]
    fn a_touch_loses_the_episode() {
        let task = Arc::new(Task::load("avoid").unwrap());
        let mut world = World::new(task).unwrap();
        world.reset(0, imle_configs::seed::Purpose::Reset, 0).unwrap();
        let mut y = -0.28;
        while !world.done() {
            y = f32::min(y + 0.01, 0.4);
            world.step(&[MIDDLE as f32, y]);
        }
        assert!(world.lost() && !world.success());
        assert_eq!(world.cost(), 12.0);
    }
}
