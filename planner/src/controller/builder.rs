//! Builder of controllers.

use super::{one::Controller, settings::ControllerSettings};
use crate::parameterization::{Parameterization, ParameterizationKind};
use crate::proposal::{Proposal, ProposalSource};
use crate::{optimizer::Optimizer, rollout::Simulator, selection::ActionRateLimit};
#[cfg(feature = "libtorch")]
use imle_configs::{episode::Episode, spec::Spec};
use imle_configs::{spec::Horizons, workers::Workers};
#[cfg(feature = "mujoco")]
use imle_envs::{rollout::RolloutEngine, task::Task};
#[cfg(feature = "libtorch")]
use imle_policy::{policy::Policy, targets::DemonstrationChunks};
#[cfg(feature = "mujoco")]
use std::sync::Arc;

/// Collects what a [`Controller`] is made of; [`build`](Self::build) checks it and makes the controller.
#[must_use]
#[derive(Default)]
pub struct ControllerBuilder {
    #[cfg(feature = "mujoco")]
    pub(super) task: Option<Arc<Task>>,
    #[cfg(feature = "libtorch")]
    pub(super) policy: Option<Policy>,
    /// A dataset to look in: what it is called, its spec, its episodes.
    #[cfg(feature = "libtorch")]
    pub(super) demonstrations: Option<(String, Spec, Vec<Episode>)>,
    /// Windows of the dataset, that retrieval looks in.
    #[cfg(feature = "libtorch")]
    pub(super) retrieval: Option<DemonstrationChunks>,
    pub(super) simulator: Option<Box<dyn Simulator>>,
    #[cfg(feature = "mujoco")]
    pub(super) engine: Option<Arc<RolloutEngine>>,
    pub(super) settings: ControllerSettings,
    /// Whether the proposals are chosen, not the default.
    pub(super) proposals_set: bool,
    pub(super) horizons: Option<Horizons>,
    pub(super) observation: Option<usize>,
    pub(super) seed: u64,
    pub(super) threads: Option<usize>,
    pub(super) workers: Option<Workers>,
    pub(super) optimizer: Option<Box<dyn Optimizer>>,
    pub(super) sources: Vec<Box<dyn Proposal>>,
    pub(super) parameterization: Option<Box<dyn Parameterization>>,
    pub(super) action_rate_limit: Option<ActionRateLimit>,
}

impl Controller {
    /// A controller of `task`, a [`Task`] or an `Arc` of one, whose rollouts run in the task's planning model.
    #[cfg(feature = "mujoco")]
    pub fn builder(task: impl Into<Arc<Task>>) -> ControllerBuilder {
        ControllerBuilder { task: Some(task.into()), ..ControllerBuilder::default() }
    }

    /// A controller without a task: dynamics and cost are `simulator`'s.
    ///
    /// ```
    /// use imle_planner::optimizer::Cem;
    /// use imle_planner::rollout::{Candidates, Score, Simulator};
    /// use imle_planner::Controller;
    ///
    /// /// A point that is moved by its action; the goal is at 1.
    /// struct Point;
    /// impl Simulator for Point {
    ///     fn state_size(&self) -> usize {
    ///         1
    ///     }
    ///     fn action_range(&self) -> (&[f32], &[f32]) {
    ///         (&[-0.2], &[0.2])
    ///     }
    ///     fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> imle_planner::Result<()> {
    ///         for (score, chunk) in out.iter_mut().zip(c.chunks.chunks(c.steps)) {
    ///             let (mut x, mut cost) = (c.states[0], 0.0);
    ///             for a in chunk {
    ///                 x += f64::from(*a);
    ///                 cost += (x - 1.0).abs();
    ///             }
    ///             *score = Score::of(cost);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut mpc = Controller::with_simulator(Point).optimizer(Cem::default()).threads(1).build()?;
    /// let mut x = 0.0;
    /// for _ in 0..20 {
    ///     x += f64::from(mpc.act(&[], &[x])?[0]);
    /// }
    /// assert!((x - 1.0).abs() < 0.3, "{x}");
    /// # Ok::<(), imle_planner::Error>(())
    /// ```
    pub fn with_simulator(simulator: impl Simulator + 'static) -> ControllerBuilder {
        ControllerBuilder::default().simulator(simulator)
    }
}

impl ControllerBuilder {
    /// The generator that proposes. Without one candidates are noise around the last plan.
    #[cfg(feature = "libtorch")]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// All settings at once, as flags and files give them. What is set after it changes them.
    pub fn settings(mut self, settings: &ControllerSettings) -> Self {
        self.settings = settings.clone();
        self.proposals_set = true;
        self
    }

    /// The optimizer; [`PredictiveSampling`](crate::optimizer::PredictiveSampling) by default.
    pub fn optimizer(mut self, optimizer: impl Optimizer + 'static) -> Self {
        self.settings.optimizer = optimizer.name().to_string();
        self.optimizer = Some(Box::new(optimizer));
        self
    }

    /// The generator alone: no optimizer, no rollouts.
    pub fn policy_only(mut self) -> Self {
        self.settings.optimizer = "none".into();
        self.optimizer = None;
        self
    }

    /// N, candidates a decision, those of all waves of a search together; 32 by default.
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.settings.candidates = candidates;
        self
    }

    /// Where candidates come from; the generator and the last plan by default, noise and the last plan without a
    /// generator.
    pub fn proposals(mut self, sources: impl IntoIterator<Item = ProposalSource>) -> Self {
        self.settings.proposals = sources.into_iter().collect();
        self.proposals_set = true;
        self
    }

    /// A source of your own, besides [`proposals`](Self::proposals).
    pub fn proposal(mut self, source: impl Proposal + 'static) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Demonstrations that retrieval looks in; `place` names them in errors.
    #[cfg(feature = "libtorch")]
    pub fn demonstrations(mut self, place: impl ToString, spec: Spec, episodes: Vec<Episode>) -> Self {
        self.demonstrations = Some((place.to_string(), spec, episodes));
        self
    }

    /// T_obs, T_pred and T_act, where no generator says them.
    pub fn horizons(mut self, horizons: Horizons) -> Self {
        self.horizons = Some(horizons);
        self
    }

    /// T_act, control steps between two plans; by default the task's or the generator's.
    pub fn execute(mut self, steps: usize) -> Self {
        self.settings.execute = Some(steps);
        self
    }

    /// Seed of all draws; 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A pool of its own with so many threads. The results are the same for any number.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// A pool that is shared; [`Workers::shared`] by default.
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Sets the parameterization of the search; [`ParameterizationKind::Linear`] by default.
    pub fn parameterization(mut self, kind: ParameterizationKind) -> Self {
        self.settings.parameterization = Some(kind);
        self
    }

    /// A parameterization of your own.
    pub fn own_parameterization(mut self, parameterization: impl Parameterization + 'static) -> Self {
        self.parameterization = Some(Box::new(parameterization));
        self
    }

    /// Deviation of the noise proposals, in halves of an action's range; 0.1 by default.
    pub fn noise(mut self, deviation: f64) -> Self {
        self.settings.noise = deviation;
        self
    }

    /// Limits how fast the actions that a search draws may change.
    pub fn action_rate_limit(mut self, limit: ActionRateLimit) -> Self {
        self.action_rate_limit = Some(limit);
        self
    }

    /// Dynamics and cost of your own, in place of the task's rollouts in MuJoCo.
    pub fn simulator(mut self, simulator: impl Simulator + 'static) -> Self {
        self.simulator = Some(Box::new(simulator));
        self
    }

    /// O, length of an observation, where neither task nor generator says it.
    pub fn observation_size(mut self, size: usize) -> Self {
        self.observation = Some(size);
        self
    }

    /// Rollouts in MuJoCo that exist already, of the task as the generator sees it; by default they are made. Beside a
    /// [`simulator`](Self::simulator) of your own they say that its states are the task's.
    #[cfg(feature = "mujoco")]
    pub fn engine(mut self, engine: Arc<RolloutEngine>) -> Self {
        self.engine = Some(engine);
        self
    }
}
