//! From settings to what decides.

use super::settings::{ControllerSettings, NONE, Shortcut};
use crate::decide::{Decide, Decision, Situation};
use crate::error::{Error, Result};
use crate::optimizer::{self, Optimizer};
use crate::parameterization::{self, ActionBounds, Parameterization, ParameterizationKind};
use crate::planner::Planner;
#[cfg(feature = "libtorch")]
use crate::policy_controller::PolicyController;
#[cfg(feature = "libtorch")]
use crate::proposal::{Generator, Noisy, Retrieval};
use crate::proposal::{Noise, Proposal, ProposalSource, Warm};
use crate::rollout::Simulator;
use crate::rollout::halving::Halving;
use crate::rollout::staged::Staged;
use crate::rollout::terminal::{TerminalValue, Valued};
use crate::selection::ActionRateLimit;
use imle_configs::Error as InputError;
use imle_configs::spec::Horizons;
#[cfg(feature = "libtorch")]
use imle_policy::{choice::Choice, policy::Policy};

/// The part of a controller that decides: a planner, or the generator alone.
pub enum Decider {
    /// Searches with rollouts.
    Planner(Box<Planner>),
    /// Executes what the generator draws.
    #[cfg(feature = "libtorch")]
    Policy(Box<PolicyController>),
}

impl Decider {
    /// The planner, unless the generator is alone.
    pub fn into_planner(self) -> Option<Planner> {
        match self {
            Self::Planner(planner) => Some(*planner),
            #[cfg(feature = "libtorch")]
            Self::Policy(_) => None,
        }
    }
}

impl Decide for Decider {
    fn sources(&self) -> Vec<&'static str> {
        match self {
            Self::Planner(planner) => planner.sources(),
            #[cfg(feature = "libtorch")]
            Self::Policy(policy) => policy.sources(),
        }
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        match self {
            Self::Planner(planner) => planner.decide(pool, situation, chunks, how),
            #[cfg(feature = "libtorch")]
            Self::Policy(policy) => policy.decide(pool, situation, chunks, how),
        }
    }
}

/// Everything that a controller is made from.
pub(super) struct Parts {
    pub settings: ControllerSettings,
    pub seed: u64,
    pub horizons: Horizons,
    /// Name of the task, for errors.
    #[cfg(feature = "libtorch")]
    pub task: String,
    #[cfg(feature = "libtorch")]
    pub policy: Option<Policy>,
    #[cfg(feature = "libtorch")]
    pub retrieval: Option<imle_policy::targets::DemonstrationChunks>,
    /// An optimizer and sources of the user's own, in place of those of the settings.
    pub optimizer: Option<Box<dyn Optimizer>>,
    pub sources: Vec<Box<dyn Proposal>>,
    pub parameterization: Option<Box<dyn Parameterization>>,
    pub terminal: Option<(Box<dyn TerminalValue>, f64)>,
    pub action_rate_limit: Option<ActionRateLimit>,
    /// O
    pub observation: usize,
}

impl Parts {
    #[cfg(feature = "libtorch")]
    fn policy(&self) -> Result<Policy> {
        self.policy.clone().ok_or_else(|| Error::NoPolicy { task: self.task.clone() })
    }

    /// The generator alone.
    #[cfg(feature = "libtorch")]
    pub fn policy_controller(&self) -> Result<PolicyController> {
        let settings = &self.settings;
        let alone = PolicyController::new(self.policy()?, self.seed, self.horizons);
        Ok(match Choice::by_name(settings.choice.name(), settings.resample_every)? {
            Choice::First => alone,
            choice => alone.with_choice(choice, settings.candidates),
        })
    }

    /// The planner that tries candidates in `simulator`.
    pub fn planner(mut self, simulator: Box<dyn Simulator>) -> Result<Planner> {
        let bounds = {
            let (low, high) = simulator.action_range();
            ActionBounds::new(low, high)
        };
        let sources = self.sources(&bounds)?;
        let optimizer = match self.optimizer.take() {
            Some(own) => own,
            None => optimizer::by_name(&self.settings.optimizer, self.settings.optimizer_settings())?,
        };
        let only = optimizer.parameterization();
        let simulator = self.simulator(simulator)?;
        let settings = &self.settings;
        let planner = Planner::new(simulator, sources, optimizer, self.horizons, settings.candidates)?
            .with_proximal_cost(settings.proximal_cost)
            .with_near_optimal(settings.near_optimal)
            .with_action_rate_limit(self.action_rate_limit.take());
        if !planner.searches() {
            return Ok(planner);
        }
        let parameterization = match self.parameterization.take() {
            Some(own) => own,
            None => self.parameterization(only, bounds)?,
        };
        Ok(planner.searching(parameterization, self.seed))
    }

    fn sources(&mut self, bounds: &ActionBounds) -> Result<Vec<Box<dyn Proposal>>> {
        let settings = &self.settings;
        let noise = || Noise { seed: self.seed, scale: settings.noise, knots: settings.knots, bounds: bounds.clone() };
        let source = |source: &ProposalSource| -> Result<Box<dyn Proposal>> {
            Ok(match source {
                ProposalSource::LastPlan => Box::new(Warm),
                ProposalSource::Noise => Box::new(noise()),
                #[cfg(feature = "libtorch")]
                ProposalSource::Policy => Box::new(Generator::new(self.policy()?, self.seed)),
                #[cfg(feature = "libtorch")]
                ProposalSource::Retrieval => Box::new(self.retrieval(bounds)?),
                #[cfg(feature = "libtorch")]
                ProposalSource::NoisyPolicy => {
                    Box::new(Noisy::new(Box::new(Generator::new(self.policy()?, self.seed)), source.name(), noise()))
                }
                #[cfg(feature = "libtorch")]
                ProposalSource::NoisyRetrieval => {
                    Box::new(Noisy::new(Box::new(self.retrieval(bounds)?), source.name(), noise()))
                }
                #[cfg(not(feature = "libtorch"))]
                other => return Err(needs_libtorch(format!("proposal `{other}`"))),
            })
        };
        let mut sources: Vec<Box<dyn Proposal>> = settings.proposals.iter().map(source).collect::<Result<_>>()?;
        sources.append(&mut self.sources);
        Ok(sources)
    }

    #[cfg(feature = "libtorch")]
    fn retrieval(&self, bounds: &ActionBounds) -> Result<Retrieval> {
        let Some(windows) = &self.retrieval else {
            let expected = "a dataset for retrieval to look in";
            return Err(InputError::unexpected("--demonstrations", expected, "none").into());
        };
        Retrieval::new(windows, self.observation, self.horizons.prediction * bounds.size())
    }

    /// `simulator` with everything that the settings put around it.
    fn simulator(&mut self, mut simulator: Box<dyn Simulator>) -> Result<Box<dyn Simulator>> {
        if let Some((value, weight)) = self.terminal.take() {
            let history = self.horizons.observation * self.observation;
            simulator = Box::new(Valued::new(simulator, value, weight, history));
        }
        if self.settings.depth > 1 && self.settings.models == [NONE] {
            simulator = self.lookahead(simulator)?;
        }
        if self.settings.has(Shortcut::Halving) {
            simulator = Box::new(Halving::new(simulator));
        }
        if let Some(stages) = self.settings.stages() {
            simulator = Box::new(Staged::new(simulator, stages));
        }
        Ok(simulator)
    }

    #[cfg(feature = "libtorch")]
    fn lookahead(&self, simulator: Box<dyn Simulator>) -> Result<Box<dyn Simulator>> {
        use crate::rollout::lookahead::{Lookahead, LookaheadSettings};
        let ControllerSettings { depth, beam, branches, .. } = self.settings;
        let ahead = LookaheadSettings { depth, beam, branches };
        Ok(Box::new(Lookahead::new(simulator, self.policy()?, self.seed, ahead)))
    }

    #[cfg(not(feature = "libtorch"))]
    fn lookahead(&self, _: Box<dyn Simulator>) -> Result<Box<dyn Simulator>> {
        Err(needs_libtorch("--depth".into()))
    }

    /// Parameterization of the search; `only` is the one that the optimizer can search in, if it is limited to one.
    fn parameterization(
        &self,
        only: Option<ParameterizationKind>,
        bounds: ActionBounds,
    ) -> Result<Box<dyn Parameterization>> {
        let kind = self.settings.parameterization.or(only).unwrap_or_default();
        if kind == ParameterizationKind::Latent {
            return self.latent();
        }
        Ok(parameterization::of_kind(kind, bounds, self.horizons.prediction, self.settings.knots)?)
    }

    #[cfg(feature = "libtorch")]
    fn latent(&self) -> Result<Box<dyn Parameterization>> {
        let policy = self.policy()?;
        if policy.latent_size() == 0 {
            let found = format!("a generator of method {}, which has none", policy.method());
            return Err(InputError::unexpected("--parameterization latent", "a generator with latents", found).into());
        }
        Ok(Box::new(parameterization::Latent::new(policy, self.seed)))
    }

    #[cfg(not(feature = "libtorch"))]
    fn latent(&self) -> Result<Box<dyn Parameterization>> {
        Err(needs_libtorch("--parameterization latent".into()))
    }
}

#[cfg(not(feature = "libtorch"))]
fn needs_libtorch(what: String) -> Error {
    InputError::unexpected(what, "a build with the feature `libtorch`", "one without").into()
}
