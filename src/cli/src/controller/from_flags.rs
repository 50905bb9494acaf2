//! The controller that the flags `--optimizer`, `--proposals`, … describe.

use crate::{args::controller::ControllerArgs, failure::Result};
use imle_configs::{Error as InputError, spec::Horizons};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_planner::{Controller, ControllerBuilder, ControllerSettings};
use imle_planner::{controller::Decider, planner::Planner, proposal::ProposalSource};
use imle_policy::{checkpoint::Checkpoint, method::SamplingOverrides, policy::Policy};
use std::sync::Arc;

/// The flags as typed settings.
///
/// # Errors
/// A bad input that names the flag.
pub fn settings(args: &ControllerArgs) -> Result<ControllerSettings> {
    Ok(ControllerSettings {
        optimizer: args.optimizer.clone(),
        proposals: args.proposals.iter().map(|name| name.parse()).collect::<imle_configs::Result<_>>()?,
        demonstrations: args.demonstrations.clone(),
        candidates: args.candidates as usize,
        budget: args.budget.parse()?,
        shortcuts: args.shortcuts.iter().map(|name| name.parse()).collect::<imle_configs::Result<_>>()?,
        execute: args.execute.map(|n| n as usize),
        horizon: args.horizon.map(|n| n as usize),
        sampling: overrides(args)?,
        noise: args.noise,
        parameterization: args.parameterization.as_deref().map(str::parse).transpose()?,
        knots: args.knots as usize,
        waves: args.waves.map(|n| n as usize),
        lambda: args.lambda,
        elite: args.elite,
        margin: args.margin,
        proximal_cost: args.proximal_cost,
        near_optimal: args.near_optimal,
        depth: args.depth as usize,
        beam: args.beam as usize,
        branches: args.branches as usize,
        models: args.models.clone(),
        risk: args.risk.parse()?,
        choice: args.choice.parse()?,
        resample_every: args.resample_every,
    })
}

fn overrides(args: &ControllerArgs) -> Result<SamplingOverrides> {
    let ControllerArgs { passes, solver, latents, precision, temperature, .. } = args;
    Ok(SamplingOverrides {
        passes: passes.map(|n| n as usize),
        solver: solver.as_deref().map(str::parse).transpose()?,
        latents: latents.as_deref().map(str::parse).transpose()?,
        precision: precision.as_deref().map(str::parse).transpose()?,
        temperature: *temperature,
    })
}

/// Checks names and numbers, before anything is loaded.
///
/// # Errors
/// A bad input that names the flag.
pub fn check(args: &ControllerArgs) -> Result<()> {
    Ok(settings(args)?.check()?)
}

/// The checkpoint, sampled as the flags say.
///
/// # Errors
/// A bad input, if its method cannot be sampled so.
pub fn sampled(args: &ControllerArgs, checkpoint: Checkpoint) -> Result<Checkpoint> {
    Ok(checkpoint.with_overrides(&overrides(args)?)?)
}

/// The checkpoint with another number of passes or another solver, where they are given.
///
/// # Errors
/// As [`sampled`].
pub fn resampled(checkpoint: Checkpoint, passes: Option<u32>, solver: Option<&str>) -> Result<Checkpoint> {
    let solver = solver.map(str::parse).transpose()?;
    let overrides = SamplingOverrides { passes: passes.map(|n| n as usize), solver, ..Default::default() };
    Ok(checkpoint.with_overrides(&overrides)?)
}

/// The controller that the flags describe, and the horizons with which it is run.
///
/// # Errors
/// As [`check`], and what the planner refuses.
pub fn new(
    args: &ControllerArgs,
    seed: u64,
    task: &Arc<Task>,
    policy: Option<&Policy>,
    engine: &Arc<RolloutEngine>,
) -> Result<(Decider, Horizons)> {
    let settings = settings(args)?;
    let mut builder = Controller::builder(task.clone()).settings(&settings).seed(seed).engine(engine.clone());
    if let Some(policy) = policy {
        builder = builder.policy(policy.clone());
    }
    let retrieval = [ProposalSource::Retrieval, ProposalSource::NoisyRetrieval];
    if let Some(folder) = &settings.demonstrations
        && settings.proposals.iter().any(|source| retrieval.contains(source))
    {
        let dataset = imle_data::read(folder)?;
        builder = builder.demonstrations(folder.display(), dataset.spec, dataset.episodes);
    }
    Ok(builder.decider()?)
}

/// The generator alone, of whatever task, as the flags describe it, and the horizons with which it is run.
///
/// # Errors
/// As [`check`].
pub fn alone(args: &ControllerArgs, seed: u64, policy: &Policy) -> Result<(Decider, Horizons)> {
    let builder = ControllerBuilder::default().settings(&settings(args)?).policy(policy.clone());
    Ok(builder.policy_only().seed(seed).decider()?)
}

/// The planner that the flags describe, other than `--optimizer none`, and the horizons with which it is run.
///
/// # Errors
/// As [`new`].
pub fn planner(
    args: &ControllerArgs,
    seed: u64,
    task: &Arc<Task>,
    policy: Option<&Policy>,
    engine: &Arc<RolloutEngine>,
) -> Result<(Planner, Horizons)> {
    let (decider, horizons) = new(args, seed, task, policy, engine)?;
    let alone = || InputError::unexpected("--optimizer", "an optimizer", "none");
    Ok((decider.into_planner().ok_or_else(alone)?, horizons))
}
