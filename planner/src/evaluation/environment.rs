//! Environment: a place for episodes, whoever simulates it.

use super::outcome::{EvaluationSettings, Outcome, Progress};
use crate::{decide::Decide, error::Result};
use imle_configs::{bounds::ActionBounds, spec::Horizons, spec::Spec};
use imle_envs::task::Task;
use std::sync::Arc;

/// An environment: a task of ours (`Arc<Task>`), or one of your own
/// ([`Vectorized`](crate::evaluation::Vectorized)).
///
/// Evaluation and online fine-tuning know no more of it than this. An episode ends solved, lost (the task ended it
/// otherwise) or cut off, by a time limit. Nothing asks for a state that could be saved: a run that was stopped goes on
/// from the last iteration whose episodes are all on disk, and an episode that was under way is run again.
pub trait Environment: Send + Sync {
    /// Names and sizes of observations and actions, that a checkpoint must agree with.
    fn spec(&self) -> &Spec;

    /// Longest episode, control steps.
    fn max_steps(&self) -> usize;

    /// Horizons in use of a policy that was trained with `trained`: T_act may be the environment's own.
    fn horizons(&self, trained: Horizons) -> Horizons {
        trained
    }

    /// Bounds of the action, (A,); actions are clipped to them.
    fn action_bounds(&self) -> &ActionBounds;

    /// Least and greatest reward of a control step.
    fn reward_bounds(&self) -> [f64; 2];

    /// Least and greatest discounted sum of the rewards of an episode, for critics, under the discount γ of a control
    /// step. By default what rewards within their bounds can add up to in the longest episode.
    fn return_bounds(&self, discount: f64) -> [f64; 2] {
        sums(self.reward_bounds(), self.max_steps(), discount)
    }

    /// Control steps a second, Hz, if they have a length in time.
    fn control_rate(&self) -> Option<f64> {
        Some(self.spec().control_rate)
    }

    /// Says in a line which environment it is: a run goes on in the same alone.
    fn identity(&self) -> String;

    /// The task, where it is one of ours: it has simulator states, costs and perhaps an expert.
    fn task(&self) -> Option<&Arc<Task>> {
        None
    }

    /// Runs the episodes of `settings` with `decider`. Episode `settings.first + i` is the same whatever it is run
    /// beside.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if `progress` says so; what the decider or the environment
    /// returns.
    fn run(
        &self,
        decider: &mut dyn Decide,
        settings: &EvaluationSettings,
        pool: &rayon::ThreadPool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome>;
}

/// Runs the episodes of `settings` in `environment` with `decider`: [`Environment::run`].
///
/// # Errors
/// As [`Environment::run`].
pub fn evaluate(
    environment: &dyn Environment,
    decider: &mut dyn Decide,
    settings: &EvaluationSettings,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    environment.run(decider, settings, pool, progress)
}

/// Between what the discounted sums of 1 to `steps` rewards within bounds lie.
pub(super) fn sums([low, high]: [f64; 2], steps: usize, discount: f64) -> [f64; 2] {
    let steps = steps as f64;
    let many = if discount == 1.0 { steps } else { (1.0 - discount.powf(steps)) / (1.0 - discount) };
    [low.min(low * many), high.max(high * many)]
}
