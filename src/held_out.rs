//! Held-out episodes of a generator under a controller, summarised as every verb reports them.

use crate::cli::ControllerArgs;
use crate::controller;
use crate::failure::Result;
use crate::output::Output;
use crate::watch::Watch;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::evaluate::{self, evaluate};
use imle_planner::report::Report;
use imle_policy::sampler::Sampler;
use std::sync::Arc;

/// Runs `episodes` from start states of `seed` that no training has used, in the world of `task`.
///
/// # Errors
/// As [`controller::new`]; [`imle_planner::Error::Interrupted`] after Ctrl-C.
pub fn run(
    task: &Arc<Task>,
    sampler: &Sampler,
    flags: &ControllerArgs,
    (episodes, seed): (u32, u64),
    pool: &rayon::ThreadPool,
    output: Output,
) -> Result<Report> {
    let engine = RolloutEngine::new(task.clone(), pool.current_num_threads())?;
    let (mut decider, horizons) = controller::new(flags, seed, task, sampler, &engine)?;
    let settings = evaluate::Settings::held_out(episodes as usize, seed, horizons);
    let mut watch = Watch::new(output, settings.episodes, "evaluate");
    let outcome = evaluate(task, decider.as_mut(), &settings, pool, &mut watch);
    watch.finish();
    Ok(Report::new(&outcome?, task.spec().control_rate))
}
