//! From a builder to the controller.

use super::one::{Controller, Parts};
#[cfg(feature = "libtorch")]
use super::settings::ControllerSettings;
use super::settings::{NONE, Shortcut};
use super::{builder::ControllerBuilder, decider::Decider};
use crate::error::{Error, Result};
use crate::parameterization::{self, ActionBounds, Parameterization, ParameterizationKind};
#[cfg(feature = "libtorch")]
use crate::policy_controller::PolicyController;
#[cfg(feature = "libtorch")]
use crate::proposal::{Generator, Noisy, Retrieval};
use crate::proposal::{Noise, Proposal, ProposalSource, Warm};
use crate::rollout::{Simulator, halving::Halving, staged::Staged};
use crate::{optimizer, planner::Planner};
use imle_configs::{Error as InputError, spec::Horizons, workers::Workers};
#[cfg(feature = "mujoco")]
use imle_envs::{rollout::RolloutEngine, task::Task, task::mismatch::Mismatch};
#[cfg(feature = "libtorch")]
use imle_policy::{choice::Choice, policy::Policy, targets::DemonstrationChunks};
#[cfg(feature = "mujoco")]
use std::sync::Arc;

/// Flags of a planner without a generator.
#[cfg(feature = "libtorch")]
const ALONE: &str = "--optimizer cma-es --proposals noise,warm";

impl ControllerBuilder {
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
            (Some(_), Some(n)) => {
                let found = format!("{n} threads");
                return Err(InputError::unexpected("threads", "none beside shared workers", found).into());
            }
        };
        Controller::new(self.assemble(workers.threads())?, workers)
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

    fn assemble(mut self, threads: usize) -> Result<Parts> {
        if !self.proposals_set && !self.has_policy() {
            self.settings.proposals = vec![ProposalSource::Noise, ProposalSource::LastPlan];
        }
        if !self.proposals_set && !self.sources.is_empty() {
            self.settings.proposals.clear();
        }
        self.check()?;
        #[cfg(feature = "libtorch")]
        self.prepare_policy()?;
        let horizons = self.horizons_of()?;
        #[cfg(feature = "libtorch")]
        self.find_windows(horizons)?;
        #[cfg(feature = "mujoco")]
        let engine = match (&self.simulator, &self.task, self.engine.take()) {
            (None, Some(_), Some(own)) => Some(own),
            (None, Some(task), None) => Some(Arc::new(RolloutEngine::new(task.clone(), threads)?)),
            // Of a simulator in the task's own states.
            (Some(_), Some(_), own) => own,
            _ => None,
        };
        #[cfg(feature = "mujoco")]
        let simulator = match (self.simulator.take(), &engine) {
            (None, Some(engine)) => Some(self.rollouts(engine)?),
            (own, _) => own,
        };
        #[cfg(not(feature = "mujoco"))]
        let (simulator, _) = (self.simulator.take(), threads);
        let (sizes, decider) = match simulator {
            #[cfg(feature = "libtorch")]
            simulator if self.settings.is_policy_only() => {
                let alone = self.policy_controller(horizons)?;
                let state = simulator.as_deref().map_or(0, |s| s.state_size());
                ((state, alone.action_size()), Decider::Policy(Box::new(alone)))
            }
            Some(simulator) => {
                let sizes = (simulator.state_size(), simulator.action_size());
                (sizes, Decider::Planner(Box::new(self.planner(simulator, horizons)?)))
            }
            None => return Err(InputError::unexpected("controller", "a task or a simulator", "neither").into()),
        };
        Ok(Parts {
            decider,
            horizons,
            observation: self.observation_of(),
            sizes,
            #[cfg(feature = "mujoco")]
            task: self.task,
            #[cfg(feature = "mujoco")]
            engine,
            #[cfg(feature = "mujoco")]
            seed: self.seed,
        })
    }

    /// Checks the settings; an optimizer of the user's own has no name to look up, and a source may be a generator.
    fn check(&self) -> Result<()> {
        let mut settings = self.settings.clone();
        if self.optimizer.is_some() && !crate::optimizer::NAMES.contains(&settings.optimizer.as_str()) {
            settings.optimizer = "cem".into();
        }
        if !self.sources.is_empty() && !settings.uses_generator() {
            settings.proposals.push(ProposalSource::Policy);
        }
        settings.check()
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

    /// Cuts the demonstrations into the windows that retrieval looks in.
    #[cfg(feature = "libtorch")]
    fn find_windows(&mut self, horizons: Horizons) -> Result<()> {
        #[cfg_attr(not(feature = "mujoco"), allow(unused_variables))]
        let Some((place, spec, episodes)) = &self.demonstrations else { return Ok(()) };
        #[cfg(feature = "mujoco")]
        if let Some(task) = &self.task {
            let (own, expected) = (task.spec(), format!("a dataset of `{}`", task.spec().task));
            let found = format!("a dataset of `{}`, whose observation or action differs", spec.task);
            InputError::ensure(
                spec.observation == own.observation && spec.action == own.action,
                place,
                expected,
                found,
            )?;
        }
        self.retrieval = Some(DemonstrationChunks::new(spec, horizons, episodes)?);
        Ok(())
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

    #[cfg(feature = "libtorch")]
    fn generator(&self, wanted: &'static str, instead: &'static str) -> Result<Policy> {
        self.policy.clone().ok_or_else(|| Error::NoPolicy { task: self.task_name(), wanted, instead })
    }

    /// The generator alone.
    #[cfg(feature = "libtorch")]
    fn policy_controller(&self, horizons: Horizons) -> Result<PolicyController> {
        let settings = &self.settings;
        let alone = PolicyController::new(self.generator("--optimizer none", ALONE)?, self.seed, horizons);
        Ok(match Choice::by_name(settings.choice.name(), settings.resample_every)? {
            Choice::First => alone,
            choice => alone.with_choice(choice, settings.candidates),
        })
    }

    /// The planner that tries candidates in `simulator`.
    fn planner(&mut self, simulator: Box<dyn Simulator>, horizons: Horizons) -> Result<Planner> {
        let bounds = {
            let (low, high) = simulator.action_range();
            ActionBounds::new(low, high)
        };
        let sources = self.proposed(&bounds, horizons)?;
        let optimizer = match self.optimizer.take() {
            Some(own) => own,
            None => optimizer::by_name(&self.settings.optimizer, self.settings.optimizer_settings())?,
        };
        let only = optimizer.parameterization();
        let simulator = self.around(simulator)?;
        let settings = &self.settings;
        let planner = Planner::new(simulator, sources, optimizer, horizons, settings.candidates)?
            .with_proximal_cost(settings.proximal_cost)
            .with_near_optimal(settings.near_optimal)
            .with_action_rate_limit(self.action_rate_limit.take());
        if !planner.searches() {
            return Ok(planner);
        }
        let parameterization = match self.parameterization.take() {
            Some(own) => own,
            None => self.search_space(self.settings.parameterization.or(only).unwrap_or_default(), bounds, horizons)?,
        };
        Ok(planner.searching(parameterization, self.seed))
    }

    fn proposed(&mut self, bounds: &ActionBounds, horizons: Horizons) -> Result<Vec<Box<dyn Proposal>>> {
        let settings = &self.settings;
        #[cfg_attr(not(feature = "libtorch"), allow(unused_variables))]
        let chunk = horizons.prediction * bounds.size();
        let noise = || Noise { seed: self.seed, scale: settings.noise, knots: settings.knots, bounds: bounds.clone() };
        let source = |source: &ProposalSource| -> Result<Box<dyn Proposal>> {
            Ok(match source {
                ProposalSource::LastPlan => Box::new(Warm),
                ProposalSource::Noise => Box::new(noise()),
                #[cfg(feature = "libtorch")]
                ProposalSource::Policy => Box::new(self.proposing()?),
                #[cfg(feature = "libtorch")]
                ProposalSource::Retrieval => Box::new(self.retrieved(chunk)?),
                #[cfg(feature = "libtorch")]
                ProposalSource::NoisyPolicy => {
                    Box::new(Noisy::new(Box::new(self.proposing()?), source.name(), noise()))
                }
                #[cfg(feature = "libtorch")]
                ProposalSource::NoisyRetrieval => {
                    Box::new(Noisy::new(Box::new(self.retrieved(chunk)?), source.name(), noise()))
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
    fn proposing(&self) -> Result<Generator> {
        Ok(Generator::new(self.generator("--proposals imle", ALONE)?, self.seed))
    }

    #[cfg(feature = "libtorch")]
    fn retrieved(&self, chunk: usize) -> Result<Retrieval> {
        let Some(windows) = &self.retrieval else {
            let expected = "a dataset for retrieval to look in";
            return Err(InputError::unexpected("--demonstrations", expected, "none").into());
        };
        Retrieval::new(windows, self.observation_of(), chunk)
    }

    /// `simulator` with everything that the settings put around it.
    fn around(&self, mut simulator: Box<dyn Simulator>) -> Result<Box<dyn Simulator>> {
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
        Ok(Box::new(Lookahead::new(simulator, self.generator("--depth", "--depth 1")?, self.seed, ahead)))
    }

    #[cfg(not(feature = "libtorch"))]
    fn lookahead(&self, _: Box<dyn Simulator>) -> Result<Box<dyn Simulator>> {
        Err(needs_libtorch("--depth".into()))
    }

    /// The built-in parameterization of this kind.
    fn search_space(
        &self,
        kind: ParameterizationKind,
        bounds: ActionBounds,
        horizons: Horizons,
    ) -> Result<Box<dyn Parameterization>> {
        match kind {
            ParameterizationKind::Latent => self.latent(),
            kind => Ok(parameterization::of_kind(kind, bounds, horizons.prediction, self.settings.knots)?),
        }
    }

    #[cfg(feature = "libtorch")]
    fn latent(&self) -> Result<Box<dyn Parameterization>> {
        let policy = self.generator("--parameterization latent", "--parameterization linear")?;
        let found = format!("a generator of method {}, which has none", policy.method());
        InputError::ensure(policy.latent_size() > 0, "--parameterization latent", "a generator with latents", found)?;
        Ok(Box::new(parameterization::Latent::new(policy, self.seed)))
    }

    #[cfg(not(feature = "libtorch"))]
    fn latent(&self) -> Result<Box<dyn Parameterization>> {
        Err(needs_libtorch("--parameterization latent".into()))
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

#[cfg(not(feature = "libtorch"))]
fn needs_libtorch(what: String) -> Error {
    InputError::unexpected(what, "a build with the feature `libtorch`", "one without").into()
}
