//! Vector environment: copies of an environment that somebody else simulates.

use crate::error::Result;
use imle_configs::Error as InputError;
use imle_configs::{bounds::ActionBounds, seed::Purpose, spec::Spec};

/// Sizes, bounds and name of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentInfo {
    /// Names and sizes of observations and actions, and the pictures that are seen beside them, if any.
    pub spec: Spec,
    /// Control steps a second, Hz, if they have a length in time.
    pub control_rate: Option<f64>,
    /// Longest episode, control steps: one that goes on is cut off there.
    pub max_steps: usize,
    /// Actions executed of each chunk; as many as the policy was trained with if there is no number.
    pub execute: Option<usize>,
    /// Bounds of the action, (A,): what is executed is clipped to them. They may be infinite.
    pub action_bounds: ActionBounds,
    /// Least and greatest reward of a control step. They may be infinite, but then no critic can learn.
    pub reward_bounds: [f64; 2],
    /// Least and greatest discounted sum of an episode's rewards, if that is less than what rewards within their bounds
    /// can add up to: \[0, 1\] where the last step alone earns 1.
    pub return_bounds: Option<[f64; 2]>,
    /// Says in a line which environment it is, version and options included: a run goes on in the same alone.
    pub identity: String,
}

impl EnvironmentInfo {
    /// Checks that all parts fit each other.
    ///
    /// # Errors
    /// A bad input that names the part.
    pub fn check(&self) -> imle_configs::Result<()> {
        let place = |part: &str| format!("environment {}: {part}", self.spec.task);
        let sizes = [("observation", self.spec.observation.size()), ("action", self.spec.action.size())];
        for (part, count) in sizes.into_iter().chain([("max_steps", self.max_steps)]) {
            InputError::ensure(count > 0, place(part), "at least 1", count)?;
        }
        InputError::ensure(self.execute != Some(0), place("execute"), "at least 1", 0)?;
        let (low, high) = self.action_bounds.range();
        for (part, found) in [("action_bounds.low", low.len()), ("action_bounds.high", high.len())] {
            let expected = self.spec.action.size();
            InputError::ensure(found == expected, place(part), format_args!("{expected} values"), found)?;
        }
        let actions = low.iter().zip(high).map(|(l, h)| ("action_bounds", [f64::from(*l), f64::from(*h)]));
        let returns = self.return_bounds.iter().map(|b| ("return_bounds", *b));
        for (part, [low, high]) in actions.chain([("reward_bounds", self.reward_bounds)]).chain(returns) {
            InputError::ensure(low <= high, place(part), "low to high", format_args!("{low} to {high}"))?;
        }
        let rate = self.control_rate.unwrap_or(1.0);
        InputError::ensure(rate > 0.0 && rate.is_finite(), place("control_rate"), "a positive number", rate)
    }
}

/// An episode that is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpisodeStart {
    /// Purpose: starts to learn from and those of evaluations must not mix.
    pub purpose: Purpose,
    /// Which copy.
    pub slot: usize,
    /// Index of the episode.
    pub episode: u64,
    /// Seed of its start state and of all its chance: another for every seed, purpose and index of the evaluation.
    pub seed: u32,
}

/// Sight of one copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The observation, (O).
    pub observation: Vec<f32>,
    /// Pictures of all cameras, (cameras, H, W, 3); empty where the spec has none.
    pub pictures: Vec<u8>,
}

/// Consequence of one action in one copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stepped {
    /// Sight after it; of an episode that is over the last one, not the first of the next.
    pub seen: Seen,
    /// Reward.
    pub reward: f64,
    /// Whether the task ended the episode: nothing can be earned after it.
    pub terminated: bool,
    /// Whether the episode was cut off, by a time limit: more could have been earned.
    pub truncated: bool,
    /// Whether the task is solved now; that of the last step counts for the episode.
    pub success: bool,
}

/// B copies of an environment that somebody else simulates, each with an episode of its own.
///
/// A copy is reset before it is stepped, at any time, and never stepped after its episode is over. Episodes that follow
/// from their seed and actions alone are the same at any B. Nothing asks for a state: a run that is resumed begins the
/// episodes again that it had not finished.
pub trait VectorEnvironment: Send {
    /// B, at least 1.
    fn copies(&self) -> usize;

    /// Begins episodes, each in its slot; returns what is seen first in each, in that order.
    ///
    /// # Errors
    /// [`Error::Environment`](crate::Error::Environment).
    fn reset(&mut self, starts: &[EpisodeStart]) -> Result<Vec<Seen>>;

    /// Executes `actions` (b, A) in the copies `slots` (b), for one control step; returns what came of each, in that
    /// order.
    ///
    /// # Errors
    /// [`Error::Environment`](crate::Error::Environment).
    fn step(&mut self, slots: &[usize], actions: &[f32]) -> Result<Vec<Stepped>>;
}
