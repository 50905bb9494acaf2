//! A plan and the candidates that it was chosen from.

use crate::{decide::Decision, selection::quality::Quality};
use std::time::Duration;

/// A controller's decision: the actions, and all candidates tried for them.
///
/// A plan can be kept and written again by [`Controller::plan_into`](crate::Controller::plan_into), which then
/// allocates nothing.
///
/// ```
/// use imle_envs::task::Task;
/// use imle_planner::{Controller, optimizer::Cem};
///
/// let task = Task::load("cartpole")?;
/// let state = task.state_at(&[0.0, 3.0], &[0.0, 0.0], None)?;
/// let observation = task.observe(&state)?;
/// let mut mpc = Controller::builder(task).optimizer(Cem::default()).candidates(16).threads(1).build()?;
/// mpc.observe(&observation)?;
/// let plan = mpc.plan(&state)?;
/// let [n, steps, size] = plan.candidates_shape();
/// assert_eq!((n, plan.actions().len(), plan.costs().len()), (16, steps * size, n));
/// let best = plan.costs().iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
/// assert_eq!(best.and_then(|(index, _)| plan.candidate(index)), Some(plan.actions()));
/// # Ok::<(), imle_planner::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub(super) actions: Vec<f32>,
    pub(super) candidates: Vec<f32>,
    pub(super) costs: Vec<f64>,
    /// Index of the source of each candidate.
    pub(super) origins: Vec<usize>,
    pub(super) sources: Vec<&'static str>,
    pub(super) steps: usize,
    pub(super) size: usize,
    pub(super) decision: Decision,
    /// Whether the plan was simulated, or comes from a generator alone.
    pub(super) known: bool,
    pub(super) time: Duration,
}

impl Plan {
    /// The planned actions, row-major (T_pred, A), the first of them for the present control step.
    pub fn actions(&self) -> &[f32] {
        &self.actions
    }

    /// T_pred and A.
    pub fn shape(&self) -> [usize; 2] {
        [self.steps, self.size]
    }

    /// The action of step `step`, (A), counted from the present.
    pub fn action(&self, step: usize) -> Option<&[f32]> {
        self.actions.chunks_exact(self.size.max(1)).nth(step)
    }

    /// All candidates, row-major (N, T_pred, A); empty without an optimizer.
    pub fn candidates(&self) -> &[f32] {
        &self.candidates
    }

    /// N, T_pred and A.
    pub fn candidates_shape(&self) -> [usize; 3] {
        [self.costs.len(), self.steps, self.size]
    }

    /// Candidate `index`, (T_pred, A).
    pub fn candidate(&self, index: usize) -> Option<&[f32]> {
        self.candidates.chunks_exact((self.steps * self.size).max(1)).nth(index)
    }

    /// Costs of the candidates, (N): J of the task. Infinite for one that failed, was not simulated, or was not
    /// offered.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// Names of the candidates' sources, N of them: proposals, and the optimizer for those that it drew.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &'static str> {
        self.origins.iter().map(|i| self.sources.get(*i).copied().unwrap_or_default())
    }

    /// Name of the source of the plan; `None` if nothing could be simulated, so that the last plan goes on.
    pub fn source(&self) -> Option<&'static str> {
        self.sources.get(self.decision.source).copied().filter(|_| self.known)
    }

    /// Predicted mean cost over the T_act steps to be executed, if the plan was simulated.
    pub fn predicted_cost(&self) -> Option<f64> {
        self.decision.predicted
    }

    /// Quality of the plan beside its candidates, if there were any.
    pub fn quality(&self) -> Option<Quality> {
        self.decision.quality
    }

    /// Rollouts begun.
    pub fn rollouts(&self) -> u64 {
        self.decision.rollouts
    }

    /// Rollouts that diverged.
    pub fn failed_rollouts(&self) -> u64 {
        self.decision.failed
    }

    /// Physics steps simulated.
    pub fn physics_steps(&self) -> u64 {
        self.decision.physics_steps
    }

    /// Wall-clock time of the decision.
    pub fn plan_time(&self) -> Duration {
        self.time
    }
}
