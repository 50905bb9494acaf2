//! The planner that collects: the generator's candidates and the last plan, searched on from.

use crate::error::Result;
use crate::run::Run;
use imle_configs::spec::Horizons;
use imle_planner::optimizer::{self, Optimizer};
use imle_planner::parameterization;
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::rollout::Simulator;
use imle_planner::selection::ActionRateLimit;
use imle_policy::policy::Policy;

/// Settings of the search.
pub(crate) struct Search<'s> {
    /// A name of [`optimizer::NAMES`].
    pub(crate) optimizer: &'s str,
    /// Deviation of the first draws, in halves of an action's range.
    pub(crate) noise: f64,
    /// linear, zero or cubic splines, or chunk.
    pub(crate) parameterization: &'s str,
    /// Knots of the splines.
    pub(crate) knots: usize,
    /// Candidates of a decision.
    pub(crate) candidates: usize,
    /// Action-rate limit of its plans.
    pub(crate) action_rate_limit: Option<ActionRateLimit>,
}

/// The generator's candidates and the last plan.
const SOURCES: usize = 2;

impl Search<'_> {
    fn optimizer(&self) -> imle_configs::Result<Box<dyn Optimizer>> {
        optimizer::by_name(
            self.optimizer,
            optimizer::OptimizerSettings { noise: self.noise, ..optimizer::OptimizerSettings::default() },
        )
    }

    /// The same if there are candidates enough for its first wave; else the best of them is taken.
    ///
    /// # Errors
    /// An unknown optimizer.
    pub(crate) fn or_best_of(self) -> Result<Self> {
        let mut waves = Vec::new();
        self.optimizer()?.waves(self.candidates, &mut waves);
        let enough = waves.first().is_some_and(|first| *first >= SOURCES);
        Ok(if enough { self } else { Self { optimizer: "predictive-sampling", ..self } })
    }

    /// The planner over `simulator` with what `sampler` draws.
    ///
    /// # Errors
    /// Unknown names; too few candidates.
    pub(crate) fn planner(
        &self,
        run: &Run<'_>,
        simulator: Box<dyn Simulator>,
        sampler: &Policy,
        horizons: Horizons,
    ) -> Result<Planner> {
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Generator::new(sampler.clone(), run.seed)), Box::new(Warm)];
        let optimizer = self.optimizer()?;
        let planner = Planner::new(simulator, sources, optimizer, horizons, self.candidates)?
            .with_action_rate_limit(self.action_rate_limit.clone());
        if !planner.searches() {
            return Ok(planner);
        }
        let space = parameterization::of_kind(
            self.parameterization.parse()?,
            run.task.action_bounds().clone(),
            horizons.prediction,
            self.knots,
        )?;
        Ok(planner.searching(space, run.seed))
    }
}
