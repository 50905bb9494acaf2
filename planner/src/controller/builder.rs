//! Builder of controllers.

use super::assemble::{Decider, Parts};
use super::one::Controller;
use super::settings::ControllerSettings;
#[cfg(feature = "mujoco")]
use super::settings::{NONE, Shortcut};
#[cfg(feature = "mujoco")]
use crate::error::Error;
use crate::error::Result;
use crate::optimizer::Optimizer;
use crate::parameterization::{Parameterization, ParameterizationKind};
use crate::proposal::{Proposal, ProposalSource};
use crate::rollout::Simulator;
use crate::rollout::ensemble::Risk;
use crate::rollout::terminal::TerminalValue;
use crate::selection::ActionRateLimit;
use imle_configs::Error as InputError;
use imle_configs::spec::Horizons;
use imle_configs::workers::Workers;
#[cfg(feature = "libtorch")]
use imle_configs::{episode::Episode, spec::Spec};
#[cfg(feature = "mujoco")]
use imle_envs::{rollout::RolloutEngine, task::Task, task::mismatch::Mismatch};
#[cfg(feature = "libtorch")]
use imle_policy::{policy::Policy, targets::DemonstrationChunks};
#[cfg(feature = "mujoco")]
use std::sync::Arc;

/// Collects what a [`Controller`] is made of; [`build`](Self::build) checks it and makes the controller.
#[must_use]
#[derive(Default)]
pub struct ControllerBuilder {
    #[cfg(feature = "mujoco")]
    task: Option<Arc<Task>>,
    #[cfg(feature = "libtorch")]
    policy: Option<Policy>,
    /// A dataset to look in: what it is called, its spec, its episodes.
    #[cfg(feature = "libtorch")]
    demonstrations: Option<(String, Spec, Vec<Episode>)>,
    simulator: Option<Box<dyn Simulator>>,
    #[cfg(feature = "mujoco")]
    engine: Option<Arc<RolloutEngine>>,
    settings: ControllerSettings,
    /// Whether the proposals are chosen, not the default.
    proposals_set: bool,
    horizons: Option<Horizons>,
    observation: Option<usize>,
    seed: u64,
    threads: Option<usize>,
    workers: Option<Workers>,
    optimizer: Option<Box<dyn Optimizer>>,
    sources: Vec<Box<dyn Proposal>>,
    parameterization: Option<Box<dyn Parameterization>>,
    terminal: Option<(Box<dyn TerminalValue>, f64)>,
    action_rate_limit: Option<ActionRateLimit>,
}

/// Parts of a controller.
struct Assembled {
    decider: Decider,
    horizons: Horizons,
    observation: usize,
    sizes: (usize, usize),
    #[cfg(feature = "mujoco")]
    task: Option<Arc<Task>>,
    #[cfg(feature = "mujoco")]
    engine: Option<Arc<RolloutEngine>>,
    #[cfg(feature = "mujoco")]
    seed: u64,
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

    /// Lets a plan cost so much more than the best, if it is one that the generator would draw anyway.
    pub fn near_optimal(mut self, cost: f64) -> Self {
        self.settings.near_optimal = cost;
        self
    }

    /// Charges candidates for their distance from the generator's own: `weight` for half the range of every action.
    pub fn proximal_cost(mut self, weight: f64) -> Self {
        self.settings.proximal_cost = weight;
        self
    }

    /// Limits how fast the actions that a search draws may change.
    pub fn action_rate_limit(mut self, limit: ActionRateLimit) -> Self {
        self.action_rate_limit = Some(limit);
        self
    }

    /// Tries candidates in several models: `none` for the planner's own, and mismatches by name.
    pub fn models(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.models = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how the costs in several models become one; their mean by default.
    pub fn risk(mut self, risk: Risk) -> Self {
        self.settings.risk = risk;
        self
    }

    /// Looks `depth` chunks ahead, the generator going on in `branches` ways from each of the `beam` cheapest.
    pub fn lookahead(mut self, depth: usize, beam: usize, branches: usize) -> Self {
        (self.settings.depth, self.settings.beam, self.settings.branches) = (depth, beam, branches);
        self
    }

    /// Dynamics and cost of your own, in place of the task's rollouts in MuJoCo.
    pub fn simulator(mut self, simulator: impl Simulator + 'static) -> Self {
        self.simulator = Some(Box::new(simulator));
        self
    }

    /// Adds `weight` · `value` of where candidates end to their costs.
    pub fn terminal_value(mut self, value: impl TerminalValue + 'static, weight: f64) -> Self {
        self.terminal = Some((Box::new(value), weight));
        self
    }

    /// O, length of an observation, where neither task nor generator says it.
    pub fn observation_size(mut self, size: usize) -> Self {
        self.observation = Some(size);
        self
    }

    /// Rollouts in MuJoCo that exist already, of the task as the generator sees it; by default they are made.
    #[cfg(feature = "mujoco")]
    pub fn engine(mut self, engine: Arc<RolloutEngine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Makes the controller.
    ///
    /// # Errors
    /// A bad input that names what does not fit; [`Error::NoPolicy`](crate::Error::NoPolicy) if a generator is needed
    /// and there is none.
    pub fn build(mut self) -> Result<Controller> {
        let workers = match (self.workers.take(), self.threads) {
            (Some(workers), None) => workers,
            (None, None) => Workers::shared()?,
            (None, Some(threads)) => Workers::new(threads)?,
            (Some(_), Some(threads)) => {
                let found = format!("{threads} threads");
                return Err(InputError::unexpected("threads", "none beside shared workers", found).into());
            }
        };
        let built = self.assemble(workers.threads())?;
        let controller = Controller::new(built.decider, built.horizons, built.observation, built.sizes, workers);
        #[cfg(feature = "mujoco")]
        let controller = controller.of_task(built.task, built.engine, built.seed)?;
        Ok(controller)
    }

    /// Builds the decider without an episode, and its horizons: for an evaluation or a server, which bring their own
    /// threads ([`engine`](Self::engine) is for as many).
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn decider(self) -> Result<(Decider, Horizons)> {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let own = self.workers.as_ref().map(Workers::threads);
        let threads = self.threads.or(own).unwrap_or_else(cores);
        let built = self.assemble(threads)?;
        Ok((built.decider, built.horizons))
    }

    fn assemble(mut self, threads: usize) -> Result<Assembled> {
        if !self.proposals_set && !self.has_policy() {
            self.settings.proposals = vec![ProposalSource::Noise, ProposalSource::LastPlan];
        }
        if !self.proposals_set && !self.sources.is_empty() {
            self.settings.proposals.clear();
        }
        self.check()?;
        #[cfg(feature = "libtorch")]
        self.prepare_policy()?;
        let (observation, horizons) = (self.observation_of(), self.horizons_of()?);
        #[cfg(feature = "libtorch")]
        let retrieval = self.windows(horizons)?;
        #[cfg(feature = "mujoco")]
        let engine = match (&self.simulator, &self.task, self.engine.take()) {
            (None, Some(_), Some(own)) => Some(own),
            (None, Some(task), None) => Some(Arc::new(RolloutEngine::new(task.clone(), threads)?)),
            _ => None,
        };
        #[cfg(not(feature = "mujoco"))]
        let _ = threads;
        let parts = Parts {
            seed: self.seed,
            horizons,
            #[cfg(feature = "libtorch")]
            task: self.task_name(),
            #[cfg(feature = "libtorch")]
            policy: self.policy.take(),
            #[cfg(feature = "libtorch")]
            retrieval,
            optimizer: self.optimizer.take(),
            sources: std::mem::take(&mut self.sources),
            parameterization: self.parameterization.take(),
            terminal: self.terminal.take(),
            action_rate_limit: self.action_rate_limit.take(),
            observation,
            settings: self.settings.clone(),
        };
        #[cfg(feature = "mujoco")]
        let simulator = match (self.simulator.take(), &engine) {
            (None, Some(engine)) => Some(self.rollouts(engine)?),
            (own, _) => own,
        };
        #[cfg(not(feature = "mujoco"))]
        let simulator = self.simulator.take();
        let (sizes, decider) = match simulator {
            #[cfg(feature = "libtorch")]
            simulator if self.settings.is_policy_only() => {
                let alone = parts.policy_controller()?;
                let state = simulator.as_deref().map_or(0, |s| s.state_size());
                ((state, alone.action_size()), Decider::Policy(Box::new(alone)))
            }
            Some(simulator) => {
                let sizes = (simulator.state_size(), simulator.action_size());
                (sizes, Decider::Planner(Box::new(parts.planner(simulator)?)))
            }
            None => return Err(InputError::unexpected("controller", "a task or a simulator", "neither").into()),
        };
        Ok(Assembled {
            decider,
            horizons,
            observation,
            sizes,
            #[cfg(feature = "mujoco")]
            task: self.task,
            #[cfg(feature = "mujoco")]
            engine,
            #[cfg(feature = "mujoco")]
            seed: self.seed,
        })
    }

    /// Checks the settings; an optimizer of the user's own has no name to look up.
    fn check(&self) -> Result<()> {
        let built_in = crate::optimizer::NAMES.contains(&self.settings.optimizer.as_str());
        match self.optimizer.is_some() && !built_in {
            true => ControllerSettings { optimizer: "cem".into(), ..self.settings.clone() }.check(),
            false => self.settings.check(),
        }
    }

    fn has_policy(&self) -> bool {
        #[cfg(feature = "libtorch")]
        return self.policy.is_some();
        #[cfg(not(feature = "libtorch"))]
        false
    }

    #[cfg(feature = "libtorch")]
    fn task_name(&self) -> String {
        #[cfg(feature = "mujoco")]
        if let Some(task) = &self.task {
            return task.spec().task.clone();
        }
        "of your own".into()
    }

    /// Samples the generator as the settings say, and fits task and generator to each other.
    #[cfg(feature = "libtorch")]
    fn prepare_policy(&mut self) -> Result<()> {
        let Some(policy) = self.policy.take() else { return Ok(()) };
        let sampling = self.settings.sampling.apply(policy.sampling().clone());
        let policy = policy.with_sampling(sampling)?;
        #[cfg(feature = "mujoco")]
        if let Some(task) = self.task.take() {
            let spec = policy.spec();
            let task = match spec.pictures {
                Some(_) => Arc::new(Arc::unwrap_or_clone(task).seen_as(spec, "policy")?),
                None => task,
            };
            policy.check_matches(task.spec(), "policy")?;
            self.task = Some(task);
        }
        self.policy = Some(policy);
        Ok(())
    }

    fn observation_of(&self) -> usize {
        #[cfg(feature = "libtorch")]
        if let Some(policy) = &self.policy {
            return policy.spec().observation.size();
        }
        #[cfg(feature = "mujoco")]
        if let Some(task) = &self.task {
            return task.spec().observation.size();
        }
        self.observation.unwrap_or(0)
    }

    /// The horizons of the generator, or those that are set without one, with T_act as `execute` or the task has it.
    fn horizons_of(&self) -> Result<Horizons> {
        let usual = self.horizons.unwrap_or_default();
        let set = match self.settings.horizon {
            None => usual,
            Some(n) => Horizons { prediction: n, action: usual.action.min(n), ..usual },
        };
        #[cfg(feature = "libtorch")]
        let set = match (&self.policy, self.settings.horizon) {
            (None, _) => set,
            (Some(policy), None) => {
                let own = policy.horizons();
                self.horizons.map_or(own, |h| Horizons { action: h.action, ..own })
            }
            (Some(policy), Some(n)) => {
                let expected =
                    format!("none beside a generator, whose chunks have {} actions", policy.horizons().prediction);
                return Err(InputError::unexpected("--horizon", expected, n).into());
            }
        };
        match self.settings.execute {
            Some(n) if (1..=set.prediction).contains(&n) => Ok(Horizons { action: n, ..set }),
            Some(n) => {
                let expected = format!("at most the {} actions of a chunk", set.prediction);
                Err(InputError::unexpected("--execute", expected, n).into())
            }
            #[cfg(feature = "mujoco")]
            None if self.horizons.is_none() => Ok(self.task.as_ref().map_or(set, |task| task.horizons(set))),
            None => Ok(set),
        }
    }

    /// The windows of the demonstrations that retrieval looks in.
    #[cfg(feature = "libtorch")]
    fn windows(&self, horizons: Horizons) -> Result<Option<DemonstrationChunks>> {
        let Some((place, spec, episodes)) = &self.demonstrations else { return Ok(None) };
        #[cfg(feature = "mujoco")]
        if let Some(task) = &self.task {
            let own = task.spec();
            if spec.observation != own.observation || spec.action != own.action {
                let found = format!("a dataset of `{}`, whose observation or action differs", spec.task);
                return Err(InputError::unexpected(place, format!("a dataset of `{}`", own.task), found).into());
            }
        }
        #[cfg(not(feature = "mujoco"))]
        let _ = place;
        Ok(Some(DemonstrationChunks::new(spec, horizons, episodes)?))
    }

    /// Rollouts in MuJoCo: in the planner's model, a coarser one, or several.
    #[cfg(feature = "mujoco")]
    fn rollouts(&self, engine: &Arc<RolloutEngine>) -> Result<Box<dyn Simulator>> {
        use crate::rollout::ensemble::Ensemble;
        let (task, settings) = (engine.task(), &self.settings);
        if settings.models != [NONE] {
            let model = |name: &String| -> Result<Box<dyn Simulator>> {
                if name == NONE {
                    return Ok(Box::new(engine.clone()));
                }
                let mismatch = Mismatch::find(name)?;
                let task = Arc::new(Task::clone(task).with_planning_mismatch(&mismatch)?);
                Ok(Box::new(RolloutEngine::new(task, engine.threads())?))
            };
            let models = settings.models.iter().map(model).collect::<Result<_>>()?;
            return Ok(Box::new(Ensemble::new(models, settings.risk)?));
        }
        Ok(match settings.has(Shortcut::Coarse) {
            true => Box::new(RolloutEngine::new(Arc::new(coarse(task)?), engine.threads())?),
            false => Box::new(engine.clone()),
        })
    }
}

/// `task` with a planner's model of twice the timestep, as [`Shortcut::Coarse`] has it.
///
/// # Errors
/// A bad input, if a control step is not a whole number of such steps.
#[cfg(feature = "mujoco")]
pub fn coarse(task: &Task) -> Result<Task> {
    let own = task.planning_model().opt().timestep;
    task.clone().with_planning_timestep_times(2.0).map_err(|e| match e {
        imle_envs::Error::Input(_) => {
            let expected = format!("a control step of a whole number of steps of 2 · {own} s");
            let found = format!("{} s", 1.0 / task.spec().control_rate);
            InputError::unexpected("--shortcuts coarse", expected, found).into()
        }
        other => Error::from(other),
    })
}
