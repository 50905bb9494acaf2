//! Held-out episodes of a generator under a controller, summarised as every command reports them.

use crate::{args::controller::ControllerArgs, controller::from_flags, failure::Result, output::Output};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_planner::evaluation::{EvaluationSettings, Outcome};
use imle_planner::{decide::Decide, evaluation::evaluate_sequentially, evaluation::report::Report};
use imle_policy::policy::Policy;
use std::sync::Arc;

/// Runs `episodes` from start states of `seed` that no training has used, in the world of `task`.
///
/// # Errors
/// As [`from_flags::new`]; [`imle_planner::Error::Interrupted`] after Ctrl-C.
pub fn run(
    task: &Arc<Task>,
    sampler: &Policy,
    flags: &ControllerArgs,
    episodes: u32,
    seed: u64,
    pool: &rayon::ThreadPool,
    output: Output,
) -> Result<Report> {
    let engine = Arc::new(RolloutEngine::new(task.clone(), pool.current_num_threads())?);
    let (mut decider, horizons) = from_flags::new(flags, seed, task, Some(sampler), &engine)?;
    let settings = EvaluationSettings::held_out(episodes as usize, seed, horizons);
    let outcome = watched(task, &mut decider, &settings, pool, output, &[], |_| false)?;
    Ok(Report::new(&outcome, task.spec().control_rate))
}

/// Runs the episodes of `settings` behind a progress bar; stops at one of the `looks` (numbers of episodes) at which
/// `enough` says so of all episodes so far.
///
/// # Errors
/// As [`imle_planner::evaluation::evaluate`]; [`imle_planner::Error::Interrupted`] after Ctrl-C.
pub fn watched(
    task: &Arc<Task>,
    decider: &mut dyn Decide,
    settings: &EvaluationSettings,
    pool: &rayon::ThreadPool,
    output: Output,
    looks: &[usize],
    enough: impl FnMut(&Outcome) -> bool,
) -> Result<Outcome> {
    let mut watch = output.progress(settings.episodes as u64, "evaluate", "episodes");
    let outcome = evaluate_sequentially(task, decider, settings, pool, &mut watch, looks, enough);
    watch.finish();
    Ok(outcome?)
}
