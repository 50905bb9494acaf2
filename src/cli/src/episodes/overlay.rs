//! Paths and captions of an episode in a video: where the candidates and the plan lead, and captions.

use imle_envs::render::{Caption, Path};
use imle_envs::rollout::{ChunkBatch, RolloutEngine, Trace, TraceFields};
use imle_envs::{task::Task, world::World};
use imle_planner::evaluation::{EpisodeResult, RecordedPlan};
use imle_planner::selection::ModeTracker;
use std::sync::Arc;

/// Colours of modes, by their numbers: red, green, blue (Okabe and Ito 2008, which the colour-blind tell apart).
const COLOURS: [[f32; 3]; 7] = [
    [0.00, 0.45, 0.70],
    [0.84, 0.37, 0.00],
    [0.00, 0.62, 0.45],
    [0.80, 0.47, 0.65],
    [0.94, 0.89, 0.26],
    [0.34, 0.71, 0.91],
    [0.90, 0.62, 0.00],
];
/// Widths of the paths of candidates and of the plan, pixels of a picture 720 high.
const WIDTHS: [f32; 2] = [2.0, 5.0];
/// Opacity of the candidates' paths.
const FAINT: f32 = 0.45;
/// Colours of messages: solved, and not.
const VERDICTS: [[u8; 3]; 2] = [[140, 230, 150], [255, 170, 120]];
/// Lines of what an unsolved state lacks.
const REASONS: usize = 2;

/// Paths and captions of one episode.
pub struct Overlay<'a> {
    task: &'a Arc<Task>,
    episode: &'a EpisodeResult,
    engine: &'a RolloutEngine,
    pool: &'a rayon::ThreadPool,
    /// Width of the plan's path and of the others relative to those of a picture 720 high.
    scale: f32,
    /// Where states are looked at.
    world: World,
    verdict: (String, [u8; 3]),
    tracker: ModeTracker,
    /// Index of the plan that is shown and after it the next.
    next: usize,
    paths: Vec<Path>,
    /// Candidates and modes of the plan that is shown.
    counted: String,
    trace: Trace,
}

impl<'a> Overlay<'a> {
    /// The overlay of a recorded episode on pictures `height` pixels high.
    ///
    /// # Errors
    /// If MuJoCo gives up on the last state.
    pub fn new(
        task: &'a Arc<Task>,
        episode: &'a EpisodeResult,
        (engine, pool): (&'a RolloutEngine, &'a rayon::ThreadPool),
        height: usize,
    ) -> imle_envs::Result<Self> {
        let (tracker, trace) = (ModeTracker::default(), Trace::default());
        let mut world = World::new(task.clone())?;
        let verdict = (verdict(&mut world, episode)?, VERDICTS[usize::from(!episode.success)]);
        let (scale, paths, counted) = (height as f32 / 720.0, Vec::new(), String::new());
        Ok(Self { task, episode, engine, pool, scale, world, verdict, tracker, next: 0, paths, counted, trace })
    }

    /// Goes over to the plan that is executed in control step `step`.
    ///
    /// # Errors
    /// If the candidates' rollouts fail as a whole.
    pub fn advance(&mut self, step: usize) -> imle_envs::Result<()> {
        while let Some(plan) = self.episode.plans.get(self.next).filter(|plan| plan.step <= step) {
            let before = self.next.checked_sub(1).map_or(plan.step, |i| self.episode.plans[i].step);
            self.next += 1;
            self.show(plan, plan.step - before)?;
        }
        Ok(())
    }

    /// Brings the paths to those of `plan`, made `passed` control steps after the last.
    fn show(&mut self, plan: &RecordedPlan, passed: usize) -> imle_envs::Result<()> {
        // The plan first: what is chosen is near its mode's cheapest.
        let chunks = [&plan.plan[..], &plan.candidates].concat();
        let costs: Vec<f64> = std::iter::once(f64::NEG_INFINITY).chain(plan.costs.iter().copied()).collect();
        let modes = self.tracker.number(&chunks, &costs, self.task.action_bounds().range(), passed);
        let steps = plan.plan.len() / self.task.spec().action.size();
        let batch = ChunkBatch { states: &plan.state, chunks: &chunks, steps, executed: 1, limits: Default::default() };
        self.engine.trace(self.pool, batch, costs.len(), TraceFields::default(), &mut self.trace)?;
        self.world.set_state(&plan.state)?;
        let start = self.task.end_effector().position(self.world.simulation());
        let path = |(i, mode): (usize, &usize)| {
            let [r, g, b] = COLOURS[mode % COLOURS.len()];
            let chosen = i == 0;
            let points = std::iter::once(start).chain((0..steps).map(|t| self.traced(i * steps + t))).collect();
            let rgba = [r, g, b, if chosen { 1.0 } else { FAINT }];
            Path { points, rgba, width: self.scale * WIDTHS[usize::from(chosen)], outlined: chosen }
        };
        self.paths = modes.iter().enumerate().map(path).collect();
        let count = modes.iter().collect::<std::collections::BTreeSet<_>>().len();
        self.counted = match (plan.costs.len(), count) {
            (0, _) => String::new(),
            (n, 1) => format!("{n} candidates, 1 mode"),
            (n, count) => format!("{n} candidates, {count} modes"),
        };
        Ok(())
    }

    /// Position of the hand in row `row` of the trace, (rollouts · steps).
    fn traced(&self, row: usize) -> [f64; 3] {
        self.trace.position(self.task.end_effector(), self.task.planning_model(), row)
    }

    /// The paths, the plan's first.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The caption of control step `step`; at the end of the episode with what came of it.
    pub fn caption(&self, step: usize, end: bool) -> Caption {
        let mode = self.episode.mode.map_or(String::new(), |mode| format!(" · {mode}"));
        let seconds = step as f64 / self.task.spec().control_rate;
        let (message, colour) = if end { self.verdict.clone() } else { Default::default() };
        Caption {
            left: format!("{} · episode {}{mode}", self.task.name(), self.episode.episode),
            right: format!("step {step:>3} · {seconds:>5.2} s"),
            middle: self.counted.clone(),
            message,
            colour,
        }
    }
}

/// Says what came of an episode, with the reason where it was not solved.
fn verdict(world: &mut World, episode: &EpisodeResult) -> imle_envs::Result<String> {
    if episode.success {
        return Ok("solved".into());
    }
    if let Some(reason) = &episode.failure {
        return Ok(format!("the simulation failed: {reason}"));
    }
    let Some(last) = episode.states.last() else { return Ok("not solved".into()) };
    world.set_state(last)?;
    let task = world.task();
    let (how, reasons) = match episode.lost {
        true => ("lost", task.lost_by(world.values())),
        false => ("not solved", task.unmet(world.values())),
    };
    let hold = task.hold_steps() as f64 / task.spec().control_rate;
    Ok(match (reasons.len(), episode.lost) {
        (0, true) => how.into(),
        (0, false) => format!("not solved: as it should be in the end, but not for {hold} s"),
        (n, _) if n > REASONS => format!("{how}: {}; and {} more", reasons[..REASONS].join("; "), n - REASONS),
        _ => format!("{how}: {}", reasons.join("; ")),
    })
}
