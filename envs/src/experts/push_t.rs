//! The expert of `push_t`: a few straight pushes, each chosen by thinking some pushes ahead, each followed by a walk
//! around the T to the next.
//!
//! Four modes, by the side of the T that is pushed first: its top (the bar's long edge), from below (the undersides
//! of bar and stem), left or right. Where several sides are nearly as good, chance decides.

use super::around::Around;
use super::expert::{Expert, ModeLabeller, Script};
use super::motion::{Drift, happens, write};
use super::path::{PlanePoint, SPACING, distance, through};
use super::tee::{EDGES, GOAL, RADIUS, SIDES, Slide, TeePose, side, slide};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The expert and its modes, as labelled in datasets.
pub(super) const EXPERT: Script = Script {
    modes: &["top", "below", "left", "right"],
    start: |world, mode, rng| Box::new(PushExpert::start(world, mode, rng)),
    labeller: || Box::new(PushLabeller::default()),
};
/// Distance of the pusher's rim to the T before a push, m.
const STANDOFF: f64 = 0.01;
/// Longest push, m.
const LONGEST: f64 = 0.24;
/// Directions of a push against the edge's normal, rad.
const SLANTS: [f64; 3] = [-0.35, 0.0, 0.35];
/// Control steps without progress after which a push is given up.
const PATIENCE: usize = 8;
/// Pushes thought ahead, and beginnings kept at each.
const DEPTH: usize = 3;
const BEAM: usize = 12;
/// Price of a control step, in the units of [`worth`].
const STEP_WORTH: f64 = 0.2;
/// Distance of a control step in walking, as the choice of pushes assumes it, m.
const WALK: f64 = 0.02;
const PUSH: f64 = 0.009;
/// Difference of worth up to which sides are taken for nearly as good.
const INDIFFERENCE: f64 = 8.0;

/// Work left with the T at `pose`: the last millimetres count as much as the first centimetres.
fn worth(pose: TeePose) -> f64 {
    20.0 * (1.0 + pose.apart(GOAL) / 0.001).ln()
}

fn rotated(v: PlanePoint, angle: f64) -> PlanePoint {
    let (sin, cos) = angle.sin_cos();
    [cos * v[0] - sin * v[1], sin * v[0] + cos * v[1]]
}

/// Addresses in qpos; a model without the joints gets the first, which fails the episode.
#[derive(Clone, Copy, Debug)]
struct Things {
    tee: [usize; 3],
    pusher: [usize; 2],
}

impl Things {
    fn of(world: &World) -> Self {
        let model = world.simulation().model();
        let qpos = |name| model.jnt_qposadr()[find(model, ObjectKind::Joint, name).unwrap_or(0)] as usize;
        Self { tee: ["tee_x", "tee_y", "tee_yaw"].map(qpos), pusher: ["pusher_x", "pusher_y"].map(qpos) }
    }

    fn look(self, world: &World) -> (TeePose, PlanePoint) {
        let qpos = world.simulation().data().qpos();
        let [x, y, yaw] = self.tee.map(|a| qpos[a]);
        (TeePose::new([x, y], yaw), self.pusher.map(|a| qpos[a]))
    }
}

/// A push: where it starts, its direction, where the T is to be after it.
#[derive(Clone, Copy, Debug)]
struct Push {
    from: PlanePoint,
    direction: PlanePoint,
    end: TeePose,
}

/// A sequence of pushes thought through.
#[derive(Clone, Copy, Debug)]
struct Thought {
    first: Push,
    pose: TeePose,
    pusher: PlanePoint,
    steps: f64,
}

impl Thought {
    fn cost(&self) -> f64 {
        worth(self.pose) + STEP_WORTH * self.steps
    }
}

/// Starts and directions of pushes on a T at `pose`, at places that vary, with the side that is pushed.
fn beginnings(pose: TeePose, rng: &mut ChaCha8Rng) -> Vec<(PlanePoint, PlanePoint, usize)> {
    let mut all = Vec::new();
    for (a, b, side) in EDGES {
        let count = (distance(a, b) / 0.011).ceil().max(2.0) as usize;
        for k in 0..count {
            let t = (k as f64 + rng.random_range(0.0..1.0)) / count as f64;
            let n = SIDES[side];
            let off = RADIUS + STANDOFF;
            let p = [a[0] + t * (b[0] - a[0]) + off * n[0], a[1] + t * (b[1] - a[1]) + off * n[1]];
            for slant in SLANTS {
                all.push((pose.world(p), rotated(pose.turned([-n[0], -n[1]]), slant), side));
            }
        }
    }
    all
}

/// The best end of a push, and two on the way there.
fn ends(pose: TeePose, from: PlanePoint, direction: PlanePoint) -> Vec<Slide> {
    let (mut seen, mut best) = (Vec::with_capacity(64), (f64::INFINITY, 0));
    // A push that hardly does anything would be thought of again after it.
    let least = f64::min(0.01, 0.3 * pose.apart(GOAL));
    slide(pose, from, direction, LONGEST, |s| {
        if s.end.apart(pose) < least {
            return;
        }
        let cost = worth(s.end) + STEP_WORTH * s.length / PUSH;
        if cost < best.0 {
            best = (cost, seen.len());
        }
        seen.push(s);
    });
    if seen.is_empty() {
        return seen;
    }
    let best = best.1;
    let mut picks = vec![best, best / 2, (best + seen.len()) / 2];
    picks.sort_unstable();
    picks.dedup();
    picks.into_iter().map(|i| seen[i]).collect()
}

/// The best sequence of pushes, one for each side to push first if `apart`, and otherwise the first only.
fn think(pose: TeePose, pusher: PlanePoint, apart: bool, rng: &mut ChaCha8Rng) -> [Option<Thought>; 4] {
    let around = Around::new(pose, pusher);
    let mut first: [Vec<Thought>; 4] = Default::default();
    for (from, direction, side) in beginnings(pose, rng) {
        let Some(way) = around.length(from) else { continue };
        for s in ends(pose, from, direction) {
            let steps = 4.0 + way / WALK + s.length / PUSH;
            let push = Push { from, direction, end: s.end };
            first[if apart { side } else { 0 }].push(thought(push, push, s.length, steps));
        }
    }
    first.map(|beam| best_of(beam, rng))
}

fn thought(first: Push, Push { from, direction, end }: Push, length: f64, steps: f64) -> Thought {
    let pusher = [from[0] + length * direction[0], from[1] + length * direction[1]];
    Thought { first, pose: end, pusher, steps }
}

/// Goes on from a beam of first pushes and returns the best sequence, of any length.
fn best_of(mut beam: Vec<Thought>, rng: &mut ChaCha8Rng) -> Option<Thought> {
    let mut best: Option<Thought> = None;
    for depth in 1..=DEPTH {
        beam.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
        beam.truncate(BEAM);
        let leader = *beam.first()?;
        if best.is_none_or(|b| leader.cost() < b.cost()) {
            best = Some(leader);
        }
        if depth == DEPTH {
            break;
        }
        let mut next = Vec::new();
        for t in &beam {
            for (from, direction, _) in beginnings(t.pose, rng) {
                let steps = t.steps + 4.0 + 1.3 * distance(t.pusher, from) / WALK;
                for s in ends(t.pose, from, direction) {
                    let push = Push { from, direction, end: s.end };
                    next.push(thought(t.first, push, s.length, steps + s.length / PUSH));
                }
            }
        }
        beam = next;
        if beam.is_empty() {
            break;
        }
    }
    best
}

#[derive(Clone, Debug)]
enum Phase {
    Decide,
    /// Along a way, of which so many points have been commanded, to a push on the T at that pose.
    Walk(Vec<PlanePoint>, f64, Push, TeePose),
    /// With the present direction, how near its end the T has come, m, and for how many control steps it has not come
    /// nearer.
    Push(Push, PlanePoint, f64, usize),
}

/// One episode of the expert.
struct PushExpert {
    rng: ChaCha8Rng,
    things: Things,
    mode: Option<usize>,
    phase: Phase,
    /// Whether the first push is still to be chosen or made, and whether it has begun.
    first: bool,
    pushing: bool,
    /// Control steps a second.
    rate: f64,
    /// Walking and pushing, m/s, and the present pace.
    speed: f64,
    push_speed: f64,
    pace: f64,
    pause: usize,
    drift: Drift,
}

impl PushExpert {
    fn start(world: &World, mode: Option<usize>, mut rng: ChaCha8Rng) -> Self {
        let (speed, push_speed) = (rng.random_range(0.16..0.24), rng.random_range(0.07..0.11));
        Self {
            things: Things::of(world),
            mode,
            phase: Phase::Decide,
            first: true,
            pushing: false,
            rate: world.task().spec().control_rate,
            speed,
            push_speed,
            pace: 0.0,
            pause: 0,
            drift: Drift::new(0.001),
            rng,
        }
    }

    fn decide(&mut self, pose: TeePose, pusher: PlanePoint) -> Phase {
        let thoughts = think(pose, pusher, self.first, &mut self.rng);
        let costs = thoughts.map(|t| t.map_or(f64::INFINITY, |t| t.cost()));
        // Infinite, and all sides as good, only if none can be reached; then it waits.
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let wanted = self.mode.filter(|m| self.first && costs.get(*m).is_some_and(|c| c.is_finite()));
        let chosen = match wanted {
            Some(mode) => mode,
            None => {
                // Before the first push, nearly as good is good enough.
                let within = if self.first { INDIFFERENCE } else { 0.0 };
                let near: Vec<usize> = (0..costs.len()).filter(|s| costs[*s] <= least + within).collect();
                near[self.rng.random_range(0..near.len())]
            }
        };
        let Some(thought) = thoughts[chosen] else { return Phase::Decide };
        let way = through(&Around::new(pose, pusher).corners(thought.first.from), 0.012);
        if happens(&mut self.rng, 0.1) {
            self.pause = self.rng.random_range(1..4);
        }
        self.pace = 0.0;
        Phase::Walk(way, 0.0, thought.first, pose)
    }

    /// The direction near `old` in which a push brings the T nearest to its place, and how far it goes there.
    fn steer(pose: TeePose, pusher: PlanePoint, push: Push, old: PlanePoint) -> Option<(PlanePoint, f64)> {
        let mut best: Option<(f64, PlanePoint, f64)> = None;
        for turn in [0.0, -0.12, 0.12, -0.3, 0.3] {
            let direction = rotated(old, turn);
            slide(pose, pusher, direction, 0.26, |s| {
                let left = s.end.apart(push.end) + 0.002 * f64::abs(turn);
                if best.is_none_or(|(b, ..)| left < b) {
                    best = Some((left, direction, s.length));
                }
            });
        }
        best.filter(|(left, ..)| *left < pose.apart(push.end) - 0.0003).map(|(_, d, length)| (d, length))
    }
}

impl Expert for PushExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        let (pose, pusher) = self.things.look(world);
        let noise = self.drift.next(&mut self.rng);
        let (mut goal, mut shake) = (pusher, 0.0);
        if let Phase::Walk(_, _, _, seen) = self.phase
            && pose.apart(seen) > 0.006
        {
            self.phase = Phase::Decide;
        }
        if let Phase::Push(push, old, nearest, stalled) = self.phase {
            let (now, steered) = (pose.apart(push.end), Self::steer(pose, pusher, push, old));
            match steered.filter(|_| stalled < PATIENCE) {
                Some((direction, left)) => {
                    // The pusher lags half a control step behind what is commanded.
                    let step = (1.5 * self.push_speed / self.rate).min(left);
                    goal = [pusher[0] + step * direction[0], pusher[1] + step * direction[1]];
                    let stalled = if now < nearest - 0.0005 { 0 } else { stalled + 1 };
                    self.phase = Phase::Push(push, direction, nearest.min(now), stalled);
                    shake = 0.3;
                    self.pushing = true;
                }
                None => {
                    self.first = self.first && !self.pushing;
                    self.phase = Phase::Decide;
                }
            }
        }
        if matches!(self.phase, Phase::Decide) {
            self.phase = self.decide(pose, pusher);
        }
        if let Phase::Walk(way, done, push, _) = &mut self.phase {
            if self.pause > 0 {
                self.pause -= 1;
            } else {
                let left = (way.len() - 1) as f64 - *done;
                let most = (0.45 * left + 1.0).min(self.speed / self.rate / SPACING);
                self.pace = (self.pace + 0.5 * (most - self.pace)).min(most);
                *done = (*done + self.pace).min((way.len() - 1) as f64);
            }
            goal = way[*done as usize];
            shake = 1.0;
            if *done as usize + 1 == way.len() && distance(pusher, goal) < 0.006 {
                self.phase = Phase::Push(*push, push.direction, f64::INFINITY, 0);
            }
        }
        write([goal[0] + shake * noise[0], goal[1] + shake * noise[1]], out);
    }

    /// The first push has moved the T.
    fn committed(&self) -> bool {
        self.pushing
    }
}

/// Labels by the side on which the pusher is when the T first moves; what a start on top of the T moves is not meant.
#[derive(Default)]
pub struct PushLabeller {
    things: Option<Things>,
    last: Option<TeePose>,
    apart: bool,
    side: Option<usize>,
}

impl ModeLabeller for PushLabeller {
    fn observe(&mut self, world: &World) {
        let (pose, pusher) = self.things.get_or_insert_with(|| Things::of(world)).look(world);
        let gap = pose.gap(pusher);
        let moved = self.last.is_some_and(|l| l.apart(pose) > 0.0005);
        if self.apart && moved && gap < 0.003 {
            self.side.get_or_insert_with(|| side(pose, pusher));
        }
        self.apart |= gap > 0.003;
        self.last = Some(pose);
    }

    fn label(&self) -> Option<usize> {
        self.side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::demonstrate::{demonstrate, replay};
    use crate::task::Task;
    use std::sync::Arc;

    #[test]
    fn every_mode_is_shown_from_the_same_start_and_replays() {
        let task = Arc::new(Task::load("push_t").unwrap());
        for mode in 0..EXPERT.modes.len() {
            let episode = demonstrate(&task, Some(mode), 0, 0).unwrap();
            assert!(episode.success);
            assert_eq!(episode.mode, EXPERT.modes[mode]);
            assert!(replay(&task, &episode).unwrap().success());
        }
    }

    #[test]
    fn the_world_moves_as_it_was_thought() {
        let mut world = World::new(Arc::new(Task::load("push_t").unwrap())).unwrap();
        world.reset(0, imle_configs::seed::Purpose::Reset, 0).unwrap();
        let (start, from, length) = (TeePose::new([0.0, 0.0], 0.0), [0.04, 0.065], 0.08);
        for (name, value) in [("tee_x", 0.0), ("tee_y", 0.0), ("tee_yaw", 0.0), ("pusher_x", 0.04), ("pusher_y", 0.065)]
        {
            let model = world.simulation().model();
            let address = model.jnt_qposadr()[find(model, ObjectKind::Joint, name).unwrap()] as usize;
            world.simulation_mut().data_mut().qpos_mut()[address] = value;
        }
        world.simulation_mut().data_mut().ctrl_mut().copy_from_slice(&from);
        for k in 1..=10 {
            world.step(&[from[0] as f32, (from[1] - length * f64::from(k.min(8)) / 8.0) as f32]);
        }
        let mut thought = start;
        slide(start, from, [0.0, -1.0], length, |s| thought = s.end);
        let (pose, _) = Things::of(&world).look(&world);
        assert!(pose.apart(start) > 0.04 && pose.apart(thought) < 0.008, "{pose:?} {thought:?}");
    }
}
