//! The planners of a round: the generator's candidates and the last plan, searched on from.

use super::state::ExpertIteration;
use crate::error::Result;
use imle_configs::spec::Horizons;
use imle_planner::optimizer::{self, Optimizer, OptimizerSettings};
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::rollout::{Simulator, action_perturbation::with_tolerance};
use imle_planner::{parameterization, planner::Planner, selection::ActionRateLimit};
use imle_policy::{checkpoint::Checkpoint, policy::Policy};
use std::sync::Arc;

/// The generator's candidates and the last plan.
const SOURCES: usize = 2;

impl ExpertIteration<'_> {
    /// The planner of an attempt: each has twice as many candidates as the one before, later ones drawn twice as
    /// widely.
    pub(super) fn planner(&self, sampler: &Policy, horizons: Horizons, attempt: usize) -> Result<Planner> {
        let settings = self.settings;
        let simulator: Box<dyn Simulator> = match settings.tolerance {
            0.0 => Box::new(self.engine.clone()),
            sigma => {
                let engine: Arc<dyn Simulator> = self.engine.clone();
                Box::new(with_tolerance(&engine, sigma, settings.shifts, self.run.seed)?)
            }
        };
        let (name, noise) = match attempt {
            0 => (&settings.optimizer, settings.noise),
            n => (&settings.retry_optimizer, settings.retry_noise * (1u64 << (n - 1)) as f64),
        };
        let optimizer = optimizer::by_name(name, OptimizerSettings { noise, ..OptimizerSettings::default() })?;
        self.searching(simulator, optimizer, settings.candidates << attempt, sampler, horizons)
    }

    /// The planner of a first attempt with `candidates`; it takes the best of them if they are too few for the
    /// optimizer's first wave.
    pub(super) fn planner_of(&self, candidates: usize, sampler: &Policy, horizons: Horizons) -> Result<Planner> {
        let settings = OptimizerSettings { noise: self.settings.noise, ..OptimizerSettings::default() };
        let mut optimizer = optimizer::by_name(&self.settings.optimizer, settings)?;
        let mut waves = Vec::new();
        optimizer.waves(candidates, &mut waves);
        if waves.first().is_none_or(|first| *first < SOURCES) {
            optimizer = optimizer::by_name("predictive-sampling", settings)?;
        }
        self.searching(Box::new(self.engine.clone()), optimizer, candidates, sampler, horizons)
    }

    fn searching(
        &self,
        simulator: Box<dyn Simulator>,
        optimizer: Box<dyn Optimizer>,
        candidates: usize,
        sampler: &Policy,
        horizons: Horizons,
    ) -> Result<Planner> {
        let (run, settings) = (self.run, self.settings);
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Generator::new(sampler.clone(), run.seed)), Box::new(Warm)];
        let planner = Planner::new(simulator, sources, optimizer, horizons, candidates)?
            .with_action_rate_limit(self.action_rate_limit());
        if !planner.searches() {
            return Ok(planner);
        }
        let (kind, bounds) = (settings.parameterization.parse()?, self.task.action_bounds().clone());
        let space = parameterization::of_kind(kind, bounds, horizons.prediction, settings.knots)?;
        Ok(planner.searching(space, run.seed))
    }

    /// Horizons of plans while collecting.
    pub(super) fn horizons(&self, current: &Checkpoint) -> Horizons {
        let trained = current.config().horizons;
        match self.settings.execute {
            0 => self.task.horizons(trained),
            n => Horizons { action: n.min(trained.prediction), ..trained },
        }
    }

    /// Action-rate limit of plans, from the demonstrations.
    fn action_rate_limit(&self) -> Option<ActionRateLimit> {
        let (share, demonstrations) = (self.settings.action_rate_limit, self.run.demonstrations);
        let of = || ActionRateLimit::of(demonstrations, self.task.spec().action.size(), share);
        (share > 0.0 && !demonstrations.is_empty()).then(of)
    }
}
