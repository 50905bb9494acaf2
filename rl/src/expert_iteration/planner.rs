//! The planners of a round.

use super::search::Search;
use super::settings::ExpertIterationSettings;
use super::state::ExpertIteration;
use crate::error::Result;
use imle_configs::spec::Horizons;
use imle_planner::planner::Planner;
use imle_planner::rollout::Simulator;
use imle_planner::rollout::action_perturbation::with_tolerance;
use imle_planner::selection::ActionRateLimit;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::policy::Policy;
use std::sync::Arc;

impl ExpertIteration<'_> {
    /// The planner of an attempt: each has twice as many candidates as the one before, later ones drawn twice as
    /// widely.
    pub(super) fn planner(&self, sampler: &Policy, horizons: Horizons, attempt: usize) -> Result<Planner> {
        let settings = self.settings;
        let simulator: Box<dyn Simulator> = match settings.tolerance {
            0.0 => Box::new(self.engine.clone()),
            sigma => Box::new(with_tolerance(
                &(self.engine.clone() as Arc<dyn Simulator>),
                sigma,
                settings.shifts,
                self.run.seed,
            )?),
        };
        let search = Search {
            optimizer: if attempt == 0 { &settings.optimizer } else { &settings.retry_optimizer },
            noise: match attempt {
                0 => settings.noise,
                n => settings.retry_noise * (1u64 << (n - 1)) as f64,
            },
            ..self.search(settings.candidates << attempt)
        };
        search.planner(self.run, simulator, sampler, horizons)
    }

    /// The search of a first attempt with `candidates`.
    pub(super) fn search(&self, candidates: usize) -> Search<'_> {
        let ExpertIterationSettings { optimizer, noise, parameterization, knots, .. } = self.settings;
        Search {
            optimizer,
            noise: *noise,
            parameterization,
            knots: *knots,
            candidates,
            action_rate_limit: self.action_rate_limit(),
        }
    }

    /// Horizons of plans while collecting.
    pub(super) fn horizons(&self, current: &Checkpoint) -> Horizons {
        let trained = current.config().horizons;
        match self.settings.execute {
            0 => self.run.task.horizons(trained),
            n => Horizons { action: n.min(trained.prediction), ..trained },
        }
    }

    /// Action-rate limit of plans, from the demonstrations.
    fn action_rate_limit(&self) -> Option<ActionRateLimit> {
        let of = |share| ActionRateLimit::of(self.run.demonstrations, self.run.task.spec().action.size(), share);
        Some(self.settings.action_rate_limit)
            .filter(|share| *share > 0.0 && !self.run.demonstrations.is_empty())
            .map(of)
    }
}
