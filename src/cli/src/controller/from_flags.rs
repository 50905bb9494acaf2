//! The controller that the flags of `--optimizer`, `--proposals`, … describe.

use crate::args::controller::ControllerArgs;
use crate::controller::shortcuts;
use crate::failure::Result;
use crate::load;
use imle_configs::Error as InputError;
use imle_configs::spec::Horizons;
use imle_envs::mismatch::Mismatch;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::alone::GeneratorAlone;
use imle_planner::decide::Decide;
use imle_planner::optimizer;
use imle_planner::planner::Planner;
use imle_planner::proposal::{self, Generator, Noise, Noisy, Proposal, Retrieval, Warm};
use imle_planner::simulator::Simulator;
use imle_planner::simulator::ensemble::{Ensemble, MOST_MODELS, Risk};
use imle_planner::simulator::halving::Halving;
use imle_planner::simulator::lookahead::{self, Lookahead};
use imle_planner::simulator::staged::Staged;
use imle_planner::space::{self, Latent, Range, Space};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::choice;
use imle_policy::latents::Latents;
use imle_policy::method::Precision;
use imle_policy::sampler::Sampler;
use imle_policy::targets::DemonstrationChunks;
use std::sync::Arc;

/// The word for the planner's own model.
const PLAIN: &str = "none";

/// Checks names and numbers, before anything is loaded.
///
/// # Errors
/// A bad input that names the flag.
pub fn check(args: &ControllerArgs) -> Result<()> {
    let parameterization = parameterization(args)?;
    if !space::NAMES.contains(&parameterization) {
        return Err(InputError::unknown("parameterization", parameterization, space::NAMES).into());
    }
    if !(args.lambda > 0.0 && args.lambda <= 100.0) {
        return Err(InputError::unexpected("--lambda", "above 0 and at most 100", args.lambda).into());
    }
    Risk::parse(&args.risk)?;
    shortcuts::check(args)?;
    if args.models.len() > MOST_MODELS {
        let expected = format!("at most {MOST_MODELS} models");
        return Err(InputError::unexpected("--models", expected, args.models.len()).into());
    }
    if args.models != [PLAIN] && args.depth > 1 {
        return Err(InputError::unexpected("--models", "the planner's own alone beside --depth", "others").into());
    }
    if !(args.margin >= 0.0 && args.margin.is_finite()) {
        return Err(InputError::unexpected("--margin", "a share of at least 0", args.margin).into());
    }
    for (flag, cost) in [("--proximal-cost", args.proximal_cost), ("--near-optimal", args.near_optimal)] {
        if !(cost >= 0.0 && cost.is_finite()) {
            return Err(InputError::unexpected(flag, "a cost of at least 0", cost).into());
        }
    }
    if !(args.elite > 0.0 && args.elite <= 1.0) {
        return Err(InputError::unexpected("--elite", "a share above 0 and at most 1", args.elite).into());
    }
    for (i, name) in args.proposals.iter().enumerate() {
        if !proposal::NAMES.contains(&name.as_str()) {
            return Err(InputError::unknown("proposal", name, proposal::NAMES).into());
        }
        if args.proposals[..i].contains(name) {
            return Err(InputError::unexpected("--proposals", "each source once", format!("`{name}` twice")).into());
        }
    }
    if !(args.noise > 0.0 && args.noise <= 10.0) {
        return Err(InputError::unexpected("--noise", "a share above 0 and at most 10", args.noise).into());
    }
    if choice::by_name(&args.choice, args.resample_every)?.is_some() && args.optimizer != "none" {
        return Err(InputError::unexpected(
            "--choice",
            "--optimizer none beside it",
            format!("--optimizer {}", args.optimizer),
        )
        .into());
    }
    Ok(())
}

/// Name of the parameterization that is searched in: as given, or the optimizer's own.
///
/// # Errors
/// A bad input, if there is no such optimizer, or it cannot search there.
pub fn parameterization(args: &ControllerArgs) -> Result<&str> {
    let only = match args.optimizer.as_str() {
        "none" => None,
        name => optimizer::by_name(name, settings(args))?.space(),
    };
    match (args.parameterization.as_deref(), only) {
        (Some(told), Some(only)) if told != only => Err(InputError::unexpected(
            "--parameterization",
            format!("{only} beside --optimizer {}", args.optimizer),
            told,
        )
        .into()),
        (told, only) => Ok(told.or(only).unwrap_or("linear")),
    }
}

/// Settings of the optimizer from the flags.
fn settings(args: &ControllerArgs) -> optimizer::Settings {
    optimizer::Settings {
        noise: args.noise,
        waves: args.waves.map(|w| w as usize),
        temperature: args.lambda,
        elite: args.elite,
        margin: args.margin,
    }
}

/// The checkpoint, sampled as the flags say.
///
/// # Errors
/// A bad input, if its method cannot be sampled so.
pub fn sampled(args: &ControllerArgs, checkpoint: Checkpoint) -> Result<Checkpoint> {
    let checkpoint = resampled(checkpoint, args.passes, args.solver.as_deref())?;
    let mut sampling = checkpoint.config().sampling.clone();
    if let Some(name) = &args.latents {
        sampling.latents = Latents::by_name(name)?;
    }
    if let Some(temperature) = args.temperature {
        sampling.temperature = temperature;
    }
    if let Some(name) = &args.precision {
        sampling.precision = Precision::by_name(name)?;
    }
    Ok(checkpoint.with_sampling(sampling)?)
}

/// The checkpoint with another number of passes or another solver, where they are given.
///
/// # Errors
/// As [`sampled`].
pub fn resampled(checkpoint: Checkpoint, passes: Option<u32>, solver: Option<&str>) -> Result<Checkpoint> {
    let mut sampling = checkpoint.config().sampling.clone();
    if let Some(passes) = passes {
        sampling.passes = passes as usize;
    }
    if let Some(solver) = solver {
        sampling.solver = solver.to_string();
    }
    Ok(checkpoint.with_sampling(sampling)?)
}

/// The controller that the flags describe, and the horizons with which it is run.
///
/// # Errors
/// As [`check`], and what the planner refuses.
pub fn new<'a>(
    args: &ControllerArgs,
    seed: u64,
    task: &Task,
    sampler: Option<&'a Sampler>,
    engine: &'a RolloutEngine,
) -> Result<(Box<dyn Decide + 'a>, Horizons)> {
    if args.optimizer == "none" {
        let sampler = there(sampler, task)?;
        let horizons = horizons(args.execute, task, sampler.config().horizons)?;
        let alone = GeneratorAlone::new(sampler, seed, horizons);
        let alone = match choice::by_name(&args.choice, args.resample_every)? {
            Some(choice) => alone.with_choice(choice, args.candidates as usize),
            None => alone,
        };
        return Ok((Box::new(alone), horizons));
    }
    let (planner, horizons) = planner(args, seed, task, sampler, engine)?;
    Ok((Box::new(planner), horizons))
}

/// The generator, which is needed.
fn there<'a>(sampler: Option<&'a Sampler>, task: &Task) -> Result<&'a Sampler> {
    sampler.ok_or_else(|| load::no_checkpoint(&task.spec().task))
}

/// The planner that the flags describe, which are not `--optimizer none`, and the horizons with which it is run.
///
/// # Errors
/// As [`new`].
pub fn planner<'a>(
    args: &ControllerArgs,
    seed: u64,
    task: &Task,
    sampler: Option<&'a Sampler>,
    engine: &'a RolloutEngine,
) -> Result<(Planner<'a>, Horizons)> {
    let trained = trained(args, sampler)?;
    let horizons = horizons(args.execute, task, trained)?;
    let (low, high) = task.control().range();
    let noise =
        || Noise { seed, scale: args.noise, knots: args.knots as usize, low: low.to_vec(), high: high.to_vec() };
    let generator = || -> Result<_> { Ok(Box::new(Generator::new(there(sampler, task)?, seed))) };
    let source = |name: &String| -> Result<Box<dyn Proposal + 'a>> {
        Ok(match name.as_str() {
            "imle" => generator()?,
            "warm" => Box::new(Warm),
            "noise" => Box::new(noise()),
            "retrieval" => Box::new(retrieval(args, task, horizons)?),
            "imle+noise" => Box::new(Noisy::new(generator()?, "imle+noise", noise())),
            "retrieval+noise" => {
                Box::new(Noisy::new(Box::new(retrieval(args, task, horizons)?), "retrieval+noise", noise()))
            }
            other => return Err(InputError::unknown("proposal", other, proposal::NAMES).into()),
        })
    };
    let sources = args.proposals.iter().map(source).collect::<Result<_>>()?;
    let optimizer = optimizer::by_name(&args.optimizer, settings(args))?;
    let mut simulator = simulator(args, seed, task, sampler, engine)?;
    if shortcuts::has(args, "halving") {
        simulator = Box::new(Halving::new(simulator));
    }
    if let Some(stages) = shortcuts::stages(args)? {
        simulator = Box::new(Staged::new(simulator, stages));
    }
    let planner = Planner::new(simulator, sources, optimizer, horizons, args.candidates as usize)?;
    let planner = planner.staying(args.proximal_cost).with_slack(args.near_optimal);
    let planner = match planner.searches() {
        true => planner.searching(search_space(args, seed, task, sampler, horizons)?, seed),
        false => planner,
    };
    Ok((planner, horizons))
}

/// Where candidates are tried out.
fn simulator<'a>(
    args: &ControllerArgs,
    seed: u64,
    task: &Task,
    sampler: Option<&'a Sampler>,
    engine: &'a RolloutEngine,
) -> Result<Box<dyn Simulator + 'a>> {
    if args.models != [PLAIN] {
        let model = |name: &String| -> Result<Box<dyn Simulator + 'a>> {
            if name == PLAIN {
                return Ok(Box::new(engine));
            }
            let mismatch = Mismatch::find(name).map_err(imle_envs::Error::from)?;
            let task = Arc::new(task.clone().with_planning_mismatch(&mismatch)?);
            Ok(Box::new(RolloutEngine::new(task, engine.threads())?))
        };
        let models = args.models.iter().map(model).collect::<Result<_>>()?;
        return Ok(Box::new(Ensemble::new(models, Risk::parse(&args.risk)?)?));
    }
    let engine: Box<dyn Simulator + 'a> = match shortcuts::has(args, "coarse") {
        true => Box::new(RolloutEngine::new(Arc::new(shortcuts::coarse(task)?), engine.threads())?),
        false => Box::new(engine),
    };
    if args.depth > 1 {
        let (depth, beam, branches) = (args.depth as usize, args.beam as usize, args.branches as usize);
        let ahead = lookahead::Settings { depth, beam, branches };
        return Ok(Box::new(Lookahead::new(engine, there(sampler, task)?, seed, ahead)));
    }
    Ok(engine)
}

/// The demonstrations to look in.
fn retrieval(args: &ControllerArgs, task: &Task, horizons: Horizons) -> Result<Retrieval> {
    let Some(folder) = &args.demonstrations else {
        return Err(InputError::unexpected("--demonstrations", "a dataset for retrieval to look in", "none").into());
    };
    let dataset = imle_data::read(folder)?;
    let spec = task.spec();
    if dataset.spec.observation != spec.observation || dataset.spec.action != spec.action {
        let found = format!("a dataset of `{}`, whose observation or action differs", dataset.spec.task);
        return Err(InputError::unexpected(folder.display(), format!("a dataset of `{}`", spec.task), found).into());
    }
    let windows = DemonstrationChunks::new(&dataset.spec, horizons, &dataset.episodes)?;
    Ok(Retrieval::new(&windows, spec.observation.size(), horizons.prediction * spec.action.size())?)
}

/// The parameterization of a search.
fn search_space<'a>(
    args: &ControllerArgs,
    seed: u64,
    task: &Task,
    sampler: Option<&'a Sampler>,
    horizons: Horizons,
) -> Result<Box<dyn Space + 'a>> {
    let (low, high) = task.control().range();
    let name = parameterization(args)?;
    if name == "latent" {
        let sampler = there(sampler, task)?;
        if sampler.latent_size() == 0 {
            let found = format!("a generator of method {}, which has none", sampler.config().method);
            return Err(InputError::unexpected("--parameterization latent", "a generator with latents", found).into());
        }
        return Ok(Box::new(Latent::new(sampler, seed)));
    }
    Ok(space::by_name(name, Range::new(low, high), horizons.prediction, args.knots as usize)?)
}

/// The horizons of the generator; without one those of `--horizon`.
fn trained(args: &ControllerArgs, sampler: Option<&Sampler>) -> Result<Horizons> {
    let usual = Horizons::default();
    match (sampler, args.horizon) {
        (None, None) => Ok(usual),
        (None, Some(n)) => Ok(Horizons { prediction: n as usize, action: usual.action.min(n as usize), ..usual }),
        (Some(sampler), None) => Ok(sampler.config().horizons),
        (Some(sampler), Some(n)) => {
            let expected =
                format!("none beside a generator, whose chunks have {} actions", sampler.config().horizons.prediction);
            Err(InputError::unexpected("--horizon", expected, n).into())
        }
    }
}

/// The horizons of a generator with T_act as `--execute` or the task wants it.
fn horizons(execute: Option<u32>, task: &Task, trained: Horizons) -> Result<Horizons> {
    match execute {
        None => Ok(task.horizons(trained)),
        Some(n) if n as usize <= trained.prediction => Ok(Horizons { action: n as usize, ..trained }),
        Some(n) => {
            let expected = format!("at most the {} actions of a chunk", trained.prediction);
            Err(InputError::unexpected("--execute", expected, n).into())
        }
    }
}
