//! A dataset of the solved episodes of a run.

use crate::failure::{Failure, Result};
use imle_configs::{episode::Episode, spec::Spec};
use imle_envs::task::Task;
use imle_planner::evaluation::{EpisodeResult, Outcome};
use std::path::Path;

/// Writes the solved episodes as a dataset; returns how many there are.
///
/// # Errors
/// [`Failure::Run`] if none was solved; a folder that cannot be written.
pub fn write(path: &Path, seed: u64, task: &Task, outcome: &Outcome) -> Result<usize> {
    let episode = |e: &EpisodeResult| Episode {
        observations: e.observations.clone(),
        actions: e.actions.clone(),
        success: true,
        seed,
        index: e.episode,
        mode: e.mode.unwrap_or_default().into(),
        mismatch: task.mismatch().map_or_else(String::new, |m| m.name.clone()),
        len: e.steps,
    };
    let solved: Vec<Episode> = outcome.episodes.iter().filter(|e| e.success).map(episode).collect();
    if solved.is_empty() {
        return Err(Failure::Run("no episode was solved; nothing was recorded".into()));
    }
    imle_data::write(path, &Spec { pictures: None, ..task.spec().clone() }, &solved)?;
    Ok(solved.len())
}
