//! A T on a board and a round pusher, thought through without the simulator: the T moves only while it is pushed, and
//! then as a damped body without inertia does. Good enough to choose pushes by; the world has the last word.
//!
//! Lengths as in `configs/models/push_t.xml`, metres and radians; the T's frame has its origin at the centre of mass.

use super::path::{PlanePoint, distance};

/// Radius of the pusher, m.
pub const RADIUS: f64 = 0.015;
/// Half width of the board that the T may use, m, with a little kept clear of the walls.
const BOARD: f64 = 0.247;
/// Half width of the board that the pusher may use, m.
pub const PUSHER_BOARD: f64 = 0.25;
/// Squared radius of gyration, m².
const GYRATION: f64 = 0.003;
/// Bar and stem: centres and half sizes.
const BOXES: [(PlanePoint, PlanePoint); 2] = [([0.0, 0.03], [0.06, 0.015]), ([0.0, -0.03], [0.015, 0.045])];
/// Corners of the convex hull and the foot: what decides where it is.
const KEYPOINTS: [PlanePoint; 6] =
    [[-0.06, 0.045], [0.06, 0.045], [-0.06, 0.015], [0.06, 0.015], [-0.015, -0.075], [0.015, -0.075]];
/// Length of a push's steps of thought, m.
const STEP: f64 = 0.002;

/// Where the T is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TeePose {
    place: PlanePoint,
    yaw: f64,
    /// Cosine and sine of the yaw.
    axis: PlanePoint,
}

/// Where it has to be.
pub const GOAL: TeePose = TeePose {
    place: [-0.03182, -0.03182],
    yaw: -std::f64::consts::FRAC_PI_4,
    axis: [std::f64::consts::FRAC_1_SQRT_2, -std::f64::consts::FRAC_1_SQRT_2],
};

impl TeePose {
    /// Centre of mass at `place`, turned by `yaw`.
    pub fn new(place: PlanePoint, yaw: f64) -> Self {
        let (sin, cos) = yaw.sin_cos();
        Self { place, yaw, axis: [cos, sin] }
    }

    /// A direction of the T's frame in the world.
    pub fn turned(self, v: PlanePoint) -> PlanePoint {
        let [cos, sin] = self.axis;
        [cos * v[0] - sin * v[1], sin * v[0] + cos * v[1]]
    }

    /// A point of the T's frame in the world.
    pub fn world(self, p: PlanePoint) -> PlanePoint {
        let v = self.turned(p);
        [self.place[0] + v[0], self.place[1] + v[1]]
    }

    /// A point of the world in the T's frame.
    pub fn local(self, p: PlanePoint) -> PlanePoint {
        let d = [p[0] - self.place[0], p[1] - self.place[1]];
        let [cos, sin] = self.axis;
        [cos * d[0] + sin * d[1], cos * d[1] - sin * d[0]]
    }

    /// Mean distance of the keypoints from where they are in `other`, m.
    pub fn apart(self, other: Self) -> f64 {
        KEYPOINTS.iter().map(|k| distance(self.world(*k), other.world(*k))).sum::<f64>() / KEYPOINTS.len() as f64
    }

    /// Whether it is clear of the walls.
    fn on_board(self) -> bool {
        KEYPOINTS.iter().map(|k| self.world(*k)).all(|p| p[0].abs() < BOARD && p[1].abs() < BOARD)
    }

    /// Distance of the pusher's rim to the T, m; negative if it is inside.
    pub fn gap(self, pusher: PlanePoint) -> f64 {
        nearest(self.local(pusher)).distance - RADIUS
    }

    /// Where the T is once the pusher is at `pusher`, and whether it was touched: the overlap is taken back along the
    /// contact's normal, shared between moving and turning as a push through a frictionless contact is.
    pub fn pushed(mut self, pusher: PlanePoint) -> (Self, bool) {
        let mut touched = false;
        for _ in 0..2 {
            let near = nearest(self.local(pusher));
            let depth = RADIUS - near.distance;
            if depth <= 0.0 {
                break;
            }
            touched = true;
            let (n, c) = (near.normal, near.point);
            let lever = c[0] * n[1] - c[1] * n[0];
            let push = depth / (1.0 + lever * lever / GYRATION);
            let step = self.turned([-n[0] * push, -n[1] * push]);
            let place = [self.place[0] + step[0], self.place[1] + step[1]];
            self = Self::new(place, self.yaw - push * lever / GYRATION);
        }
        (self, touched)
    }
}

/// The T's outline as seen from a point.
#[derive(Clone, Copy, Debug)]
pub struct Nearest {
    pub distance: f64,
    /// From the outline to the point.
    pub normal: PlanePoint,
    pub point: PlanePoint,
}

/// The point of the outline nearest to `p`, in the T's frame.
pub fn nearest(p: PlanePoint) -> Nearest {
    let [bar, stem] = BOXES.map(|(centre, half)| nearest_of_box(p, centre, half));
    if bar.distance <= stem.distance { bar } else { stem }
}

fn nearest_of_box(p: PlanePoint, centre: PlanePoint, half: PlanePoint) -> Nearest {
    let d = [p[0] - centre[0], p[1] - centre[1]];
    let out = [d[0].abs() - half[0], d[1].abs() - half[1]];
    if out[0] <= 0.0 && out[1] <= 0.0 {
        let axis = usize::from(out[1] > out[0]);
        let mut normal = [0.0; 2];
        normal[axis] = d[axis].signum();
        return Nearest { distance: out[axis], normal, point: p };
    }
    let point: PlanePoint = std::array::from_fn(|i| centre[i] + d[i].clamp(-half[i], half[i]));
    let far = distance(p, point).max(1e-9);
    Nearest { distance: far, normal: [(p[0] - point[0]) / far, (p[1] - point[1]) / far], point }
}

/// Sides from which the T is pushed, by the outward normal of the edge.
pub const SIDES: [PlanePoint; 4] = [[0.0, 1.0], [0.0, -1.0], [-1.0, 0.0], [1.0, 0.0]];

/// The side whose normal is nearest to that of the outline at `pusher`.
pub fn side(pose: TeePose, pusher: PlanePoint) -> usize {
    let n = nearest(pose.local(pusher)).normal;
    let along = |s: usize| SIDES[s][0] * n[0] + SIDES[s][1] * n[1];
    (0..SIDES.len()).fold(0, |best, s| if along(s) > along(best) { s } else { best })
}

/// Stretches of the outline where the pusher fits: two ends and the side.
pub const EDGES: [(PlanePoint, PlanePoint, usize); 8] = [
    ([-0.056, 0.045], [0.056, 0.045], 0),
    ([-0.056, 0.015], [-0.036, 0.015], 1),
    ([0.036, 0.015], [0.056, 0.015], 1),
    ([-0.011, -0.075], [0.011, -0.075], 1),
    ([-0.06, 0.019], [-0.06, 0.041], 2),
    ([-0.015, -0.071], [-0.015, -0.006], 2),
    ([0.06, 0.019], [0.06, 0.041], 3),
    ([0.015, -0.071], [0.015, -0.006], 3),
];

/// The end of a straight push.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    /// Distance that the pusher goes, m.
    pub length: f64,
    /// Where the T is then.
    pub end: TeePose,
}

/// Pushes straight from `from` along the unit vector `direction` for at most `most` m, and calls `at` after each step
/// that moved the T; ends where a wall is met or the T is lost.
pub fn slide(pose: TeePose, from: PlanePoint, direction: PlanePoint, most: f64, mut at: impl FnMut(Slide)) {
    let (mut now, mut idle, mut length) = (pose, 0.0, 0.0);
    while length < most && idle < 0.03 {
        length += STEP;
        let pusher = [from[0] + length * direction[0], from[1] + length * direction[1]];
        if pusher[0].abs() > PUSHER_BOARD || pusher[1].abs() > PUSHER_BOARD {
            return;
        }
        let (next, touched) = now.pushed(pusher);
        idle = if touched { 0.0 } else { idle + STEP };
        if !next.on_board() {
            return;
        }
        now = next;
        if touched {
            at(Slide { length, end: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_through_the_centre_does_not_turn_and_one_beside_it_does() {
        let pose = TeePose::new([0.0, 0.0], 0.0);
        let push = |x: f64| {
            let mut last = None;
            slide(pose, [x, 0.065], [0.0, -1.0], 0.045, |s| last = Some(s));
            last.unwrap().end
        };
        let straight = push(0.0);
        assert!((straight.place[1] + 0.04).abs() < 0.0021 && straight.yaw.abs() < 1e-9);
        assert!(push(0.05).yaw < -0.2 && push(-0.05).yaw > 0.2);
        assert!(pose.apart(straight) > 0.0379 && pose.gap([0.0, 0.07]) > 0.0099);
        assert_eq!(side(pose, [0.0, 0.06]), 0);
    }
}
