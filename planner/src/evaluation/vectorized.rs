//! Environments of your own: episodes in the copies of a vector environment.

use super::environment::{Environment, sums};
use super::episode_recorder::EpisodeRecorder;
use super::evaluator::{Lockstep, in_lockstep};
use super::outcome::{EpisodeResult, EvaluationSettings, Outcome, Progress};
use super::vector_environment::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment};
use crate::decide::{Decide, Decision};
use crate::{episode::EpisodeState, error::Result};
use imle_configs::seed::stream;
use imle_configs::{Error as InputError, bounds::ActionBounds, spec::Horizons, spec::Spec};
use rand::RngCore;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Share by which a reward may lie outside its bounds: it may come from single precision.
const ROUNDING: f64 = 1e-6;

/// An environment of the copies of `V`.
///
/// Episodes run in lockstep, in as many copies as the settings and `V` allow; a copy begins the next episode as soon as
/// its own is over. Whatever comes back is checked: sizes, finite values, rewards within their bounds. A decider is told
/// no simulator state, so it must be one that needs none: a generator. Rewards with their sign turned stand for costs.
///
/// ```
/// use imle_planner::evaluation::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment, Vectorized};
/// use imle_planner::evaluation::{EvaluationSettings, evaluate};
/// # use imle_configs::{bounds::ActionBounds, spec::{Horizons, Layout, Spec, Term}};
/// # use imle_planner::decide::{Decide, Decision, Situation};
/// # struct Right;
/// # impl Decide for Right {
/// #     fn sources(&self) -> Vec<&'static str> { vec!["right"] }
/// #     fn decide(&mut self, _: &rayon::ThreadPool, _: &Situation<'_>, chunks: &mut [f32], how: &mut [Decision])
/// #         -> imle_planner::Result<()> {
/// #         chunks.fill(0.2);
/// #         how.fill(Decision::default());
/// #         Ok(())
/// #     }
/// # }
///
/// /// Points on a line, each to be moved to 1.
/// struct Points(Vec<f32>);
///
/// impl VectorEnvironment for Points {
///     fn copies(&self) -> usize {
///         self.0.len()
///     }
///
///     fn reset(&mut self, starts: &[EpisodeStart]) -> imle_planner::Result<Vec<Seen>> {
///         let begin = |start: &EpisodeStart| {
///             self.0[start.slot] = 0.0;
///             Seen { observation: vec![0.0], pictures: vec![] }
///         };
///         Ok(starts.iter().map(begin).collect())
///     }
///
///     fn step(&mut self, slots: &[usize], actions: &[f32]) -> imle_planner::Result<Vec<Stepped>> {
///         let step = |(slot, action): (&usize, &f32)| {
///             self.0[*slot] += action;
///             let there = self.0[*slot] >= 0.99;
///             let seen = Seen { observation: vec![self.0[*slot]], pictures: vec![] };
///             Stepped { seen, reward: f64::from(u8::from(there)), terminated: there, truncated: false, success: there }
///         };
///         Ok(slots.iter().zip(actions).map(step).collect())
///     }
/// }
///
/// # let layout = |name: &str| Layout { terms: vec![Term { name: name.into(), size: 1 }] };
/// # let (observation, action) = (layout("position"), layout("step"));
/// # let spec = Spec { task: "points".into(), control_rate: 10.0, observation, action, pictures: None };
/// # let horizons = Horizons { observation: 1, prediction: 4, action: 2 };
/// # let (mut policy, pool) = (Right, imle_planner::threads::pool(1)?);
/// let about = EnvironmentInfo {
///     spec,
///     control_rate: None,
///     max_steps: 50,
///     execute: None,
///     action_bounds: ActionBounds::new([-0.25], [0.25]),
///     reward_bounds: [0.0, 1.0],
///     return_bounds: Some([0.0, 1.0]),
///     identity: "points 1.0".into(),
/// };
/// let points = Vectorized::new(about, Points(vec![0.0; 3]))?;
/// let outcome = evaluate(&points, &mut policy, &EvaluationSettings::held_out(10, 0, horizons), &pool, &mut ())?;
/// assert_eq!((outcome.solved(), outcome.mean_return(), outcome.episodes[9].steps), (10, 1.0, 5));
/// # Ok::<(), imle_planner::Error>(())
/// ```
pub struct Vectorized<V> {
    about: EnvironmentInfo,
    copies: Mutex<V>,
}

impl<V: VectorEnvironment> Vectorized<V> {
    /// Of `copies`, which are as `about` says.
    ///
    /// # Errors
    /// A bad input that names what does not fit.
    pub fn new(about: EnvironmentInfo, copies: V) -> Result<Self> {
        about.check()?;
        let place = format!("environment {}: copies", about.spec.task);
        InputError::ensure(copies.copies() > 0, place, "at least 1", 0)?;
        Ok(Self { about, copies: Mutex::new(copies) })
    }

    /// The copies again.
    pub fn into_inner(self) -> V {
        self.copies.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One evaluation runs at a time; another waits for it.
impl<V: VectorEnvironment> Environment for Vectorized<V> {
    fn spec(&self) -> &Spec {
        &self.about.spec
    }

    fn max_steps(&self) -> usize {
        self.about.max_steps
    }

    fn horizons(&self, trained: Horizons) -> Horizons {
        let action = self.about.execute.map_or(trained.action, |n| n.min(trained.prediction));
        Horizons { action, ..trained }
    }

    fn action_bounds(&self) -> &ActionBounds {
        &self.about.action_bounds
    }

    fn reward_bounds(&self) -> [f64; 2] {
        self.about.reward_bounds
    }

    fn return_bounds(&self, discount: f64) -> [f64; 2] {
        self.about.return_bounds.unwrap_or_else(|| sums(self.about.reward_bounds, self.about.max_steps, discount))
    }

    fn control_rate(&self) -> Option<f64> {
        self.about.control_rate
    }

    fn identity(&self) -> String {
        self.about.identity.clone()
    }

    fn run(
        &self,
        decider: &mut dyn Decide,
        settings: &EvaluationSettings,
        pool: &rayon::ThreadPool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome> {
        let asked = [
            ("starts", settings.starts.is_some()),
            ("mode", settings.mode.is_some()),
            ("record", settings.record > 0),
        ];
        for (key, asked) in asked {
            let place = format!("environment {}: {key}", self.about.spec.task);
            InputError::ensure(!asked, place, "none where the simulator is not ours", "some")?;
        }
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (0..copies.copies()).rev().collect();
        let mut lanes = Lanes { about: &self.about, copies: &mut *copies, settings, free };
        in_lockstep(&mut lanes, decider, settings, pool, progress)
    }
}

/// The copies during an evaluation.
struct Lanes<'a, V> {
    about: &'a EnvironmentInfo,
    copies: &'a mut V,
    settings: &'a EvaluationSettings,
    /// Slots without an episode, the first last.
    free: Vec<usize>,
}

/// An episode in its slot.
struct Lane {
    slot: usize,
    steps: usize,
    over: bool,
    recorder: EpisodeRecorder,
}

impl Lane {
    fn place(&self, part: &str) -> String {
        format!("episode {}, step {}: {part}", self.recorder.result.episode, self.steps)
    }

    /// Takes in what is seen, if it fits.
    fn see(&mut self, seen: &Seen, about: &EnvironmentInfo) -> Result<()> {
        let pictures = about.spec.pictures.as_ref().map_or(0, |layout| layout.bytes());
        let parts = [
            ("observation", "values", seen.observation.len(), about.spec.observation.size()),
            ("pictures", "bytes", seen.pictures.len(), pictures),
        ];
        for (part, unit, found, expected) in parts {
            InputError::ensure(found == expected, self.place(part), format_args!("{expected} {unit}"), found)?;
        }
        if let Some((index, value)) = seen.observation.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let place = self.place(&format!("observation[{index}]"));
            return Err(InputError::unexpected(place, "a finite number", value).into());
        }
        match pictures {
            0 => self.recorder.state.observe(&seen.observation),
            _ => self.recorder.state.observe_with(&seen.observation, &seen.pictures),
        }
    }

    /// Notes what is seen and done now.
    fn act(&mut self) {
        self.recorder.act();
        let seen = self.recorder.state.pictures();
        if self.recorder.keep_actions && !seen.is_empty() {
            let one = seen.len() / self.recorder.state.horizons().observation;
            self.recorder.result.pictures.extend_from_slice(&seen[seen.len() - one..]);
        }
    }

    /// Takes in what came of an action.
    fn take(&mut self, stepped: &Stepped, about: &EnvironmentInfo) -> Result<()> {
        self.steps += 1;
        self.see(&stepped.seen, about)?;
        let ([low, high], reward) = (about.reward_bounds, stepped.reward);
        let within = low - ROUNDING * low.abs() <= reward && reward <= high + ROUNDING * high.abs();
        let expected = format_args!("a finite number from {low} to {high}");
        InputError::ensure(reward.is_finite() && within, self.place("reward"), expected, reward)?;
        self.recorder.earn(-reward, reward);
        self.recorder.realise();
        self.over = stepped.terminated || stepped.truncated || self.steps >= about.max_steps;
        let result = &mut self.recorder.result;
        (result.success, result.terminated) = (stepped.success, stepped.terminated);
        Ok(())
    }
}

/// Checks that there is something of each of `lanes`.
fn all(lanes: &[Lane], call: &str, found: usize) -> Result<()> {
    let place = || lanes.first().map_or_else(String::new, |lane| lane.place(call));
    let expected = format_args!("{} copies", lanes.len());
    if found == lanes.len() { Ok(()) } else { Err(InputError::unexpected(place(), expected, found).into()) }
}

impl<V: VectorEnvironment> Lockstep for Lanes<'_, V> {
    type Episode = Lane;

    const REFILLS: bool = true;

    fn most(&self) -> usize {
        self.copies.copies()
    }

    fn begin(&mut self, offsets: Range<usize>) -> Result<Vec<Lane>> {
        let (settings, spec) = (self.settings, &self.about.spec);
        let sizes = (spec.observation.size(), spec.action.size());
        let lane = |(slot, offset)| {
            let recorder = EpisodeRecorder::new(settings, offset, sizes);
            Lane { slot, steps: 0, over: false, recorder }
        };
        let slots = self.free.split_off(self.free.len().saturating_sub(offsets.len()));
        let mut lanes: Vec<Lane> = slots.into_iter().rev().zip(offsets).map(lane).collect();
        let start = |lane: &Lane| {
            let (slot, episode) = (lane.slot, lane.recorder.result.episode);
            let seed = stream(settings.seed, settings.purpose, episode, 0, 0).next_u32();
            EpisodeStart { slot, episode, seed }
        };
        let seen = self.copies.reset(&lanes.iter().map(start).collect::<Vec<_>>())?;
        all(&lanes, "reset", seen.len())?;
        lanes.iter_mut().zip(&seen).try_for_each(|(lane, seen)| lane.see(seen, self.about))?;
        Ok(lanes)
    }

    fn state(lane: &mut Lane) -> &mut EpisodeState {
        &mut lane.recorder.state
    }

    fn look(&mut self, _: &mut Lane, _: &mut Vec<f64>) -> Result<()> {
        Ok(())
    }

    fn begin_plan(&self, lane: &mut Lane, decision: Decision) {
        lane.recorder.begin_plan(decision, &self.about.action_bounds);
    }

    /// One control step: an episode that ends makes room at once.
    fn execute(&mut self, running: &mut [Lane]) -> Result<()> {
        let slots: Vec<usize> = running.iter().map(|lane| lane.slot).collect();
        let mut actions = Vec::with_capacity(running.len() * self.about.action_bounds.size());
        for lane in running.iter_mut() {
            lane.act();
            let planned = lane.recorder.state.next_action().iter().enumerate();
            actions.extend(planned.map(|(i, value)| self.about.action_bounds.clamp(i, *value)));
        }
        let stepped = self.copies.step(&slots, &actions)?;
        all(running, "step", stepped.len())?;
        running.iter_mut().zip(&stepped).try_for_each(|(lane, stepped)| lane.take(stepped, self.about))
    }

    fn over(lane: &Lane) -> Option<bool> {
        lane.over.then_some(lane.recorder.result.success)
    }

    fn finish(&mut self, lane: Lane) -> Result<EpisodeResult> {
        self.free.push(lane.slot);
        let mut result = lane.recorder.finish(lane.steps);
        result.lost = result.terminated && !result.success;
        if !result.success {
            result.pictures = Vec::new();
        }
        Ok(result)
    }
}
