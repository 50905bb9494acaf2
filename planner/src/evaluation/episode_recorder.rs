//! Record of one episode under way, whatever simulates it: what it has seen, planned, done and earned.

use super::outcome::{DecisionRecord, EpisodeResult, EvaluationSettings};
use crate::{decide::Decision, episode::EpisodeState};
use imle_configs::bounds::ActionBounds;

/// State and result of an episode under way.
pub(crate) struct EpisodeRecorder {
    /// Observations and plan.
    pub(crate) state: EpisodeState,
    pub(crate) result: EpisodeResult,
    pub(crate) keep_actions: bool,
    /// Sum of the costs of all states, and of those before the plan.
    cost_sum: f64,
    cost_before: f64,
}

impl EpisodeRecorder {
    /// Of episode `offset` of `settings`, with O and A.
    pub(crate) fn new(settings: &EvaluationSettings, offset: usize, (observation, action): (usize, usize)) -> Self {
        let episode = settings.first + offset as u64;
        let mut state = EpisodeState::new(settings.horizons, observation, action);
        state.reset(episode);
        let result = EpisodeResult { episode, ..EpisodeResult::default() };
        Self { state, result, keep_actions: settings.keep_actions, cost_sum: 0.0, cost_before: 0.0 }
    }

    /// Notes that the plan in its state, which `decision` says the origin of, is executed from now on.
    pub(crate) fn begin_plan(&mut self, decision: Decision, bounds: &ActionBounds) {
        let (low, high) = bounds.range();
        let horizons = self.state.horizons();
        let switched = self.state.switched(horizons.prediction - horizons.action, low, high);
        self.result.decisions.push(DecisionRecord { decision, realised: 0.0, switched });
        if self.keep_actions {
            let planned = self.state.plan().len() / horizons.prediction * horizons.action;
            self.result.planned.extend_from_slice(&self.state.plan()[..planned]);
        }
        self.cost_before = self.cost_sum;
    }

    /// Notes what is seen and done at the beginning of a control step.
    pub(crate) fn act(&mut self) {
        if self.keep_actions {
            self.result.observations.extend_from_slice(self.state.newest());
            self.result.actions.extend_from_slice(self.state.next_action());
        }
    }

    /// Notes what a control step brought, once its end is observed.
    pub(crate) fn earn(&mut self, cost: f64, reward: f64) {
        self.cost_sum += cost;
        self.result.total_reward += reward;
        self.result.best_reward = Some(self.result.best_reward.map_or(reward, |best| best.max(reward)));
        if self.keep_actions {
            self.result.rewards.push(reward);
        }
    }

    /// Brings the realised cost of the plan up to date.
    pub(crate) fn realise(&mut self) {
        if let Some(record) = self.result.decisions.last_mut() {
            record.realised = (self.cost_sum - self.cost_before) / self.state.executed() as f64;
        }
    }

    pub(crate) fn finish(mut self, steps: usize) -> EpisodeResult {
        if self.keep_actions {
            self.result.last_observation = self.state.newest().to_vec();
        }
        let mean_cost = self.cost_sum / steps.max(1) as f64;
        EpisodeResult { steps, mean_cost, ..self.result }
    }
}
