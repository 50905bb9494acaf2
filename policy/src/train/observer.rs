//! Logs and evaluations of a training, for its caller.

use crate::policy::Policy;

/// One line of the log: means over the steps since the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainMetrics {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// `train/loss`: for `imle` the mean distance per element of assigned candidates, normalised units.
    pub loss: f64,
    /// `train/grad_norm`: before clipping.
    pub grad_norm: f64,
    /// `train/learning_rate` of the last step.
    pub learning_rate: f64,
    /// `train/…`: the method's own figures (`survivor_share`, `nearest`, `nearest_unrejected`, `dropped`).
    pub parts: Vec<(String, f64)>,
    /// `train/skipped_steps`: so far, for a loss or gradient that was not finite.
    pub skipped: u64,
    /// `train/empty_steps`: so far, because nothing survived.
    pub empty: u64,
    /// `time/steps_per_second`: since the last line, evaluations and checkpoints left out.
    pub steps_per_second: f64,
}

impl TrainMetrics {
    /// The figures by their names in the log.
    pub fn figures(&self) -> Vec<(String, f64)> {
        let step = [("loss", self.loss), ("grad_norm", self.grad_norm), ("learning_rate", self.learning_rate)];
        let all = [("skipped_steps", self.skipped as f64), ("empty_steps", self.empty as f64)];
        let own = self.parts.iter().map(|(name, value)| (name.as_str(), *value));
        let train = step.into_iter().chain(own).chain(all);
        let mut figures: Vec<_> = train.map(|(name, value)| (format!("train/{name}"), value)).collect();
        figures.push(("time/steps_per_second".to_string(), self.steps_per_second));
        figures
    }
}

/// The result of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvalPoint {
    /// `eval/success_rate`, 0 to 1; the best one's checkpoint is kept.
    pub success_rate: f64,
    /// `eval/episodes`.
    pub episodes: u64,
    /// More figures by their full names (`eval/mean_reward`).
    pub figures: Vec<(String, f64)>,
}

/// The caller's side of a training. This crate has no simulator: evaluation is a callback.
pub trait TrainObserver {
    /// A line was logged.
    fn logged(&mut self, _metrics: &TrainMetrics) {}

    /// Evaluates the averaged weights after `step` steps; `None` if there is nothing to evaluate with, or if it was
    /// stopped (then [`should_stop`](Self::should_stop) says so, and a resume begins with this evaluation). The policy
    /// has as many workers as the training's pool has threads.
    ///
    /// # Errors
    /// Any error ends the training, after a checkpoint.
    fn evaluate(
        &mut self,
        _step: u64,
        _policy: &Policy,
    ) -> Result<Option<EvalPoint>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    /// Whether to stop now (Ctrl-C); asked after every step. A checkpoint is written first.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Watches nothing, evaluates nothing.
impl TrainObserver for () {}
