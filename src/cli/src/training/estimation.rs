//! The training of an estimator: terms of the observation from pictures, judged by episodes that it does not learn from.

use super::job::TrainingJob;
use super::view::View;
use crate::failure::Result;
use imle_configs::Error as InputError;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::targets::{self, TargetSource};
use imle_policy::train::TrainObserver;
use serde_json::{Map, Value, json};

/// The view that an estimator learns from, and the one that it is judged by, if a share is held out.
///
/// # Errors
/// A bad input, if nothing is left to learn from.
pub fn parts(view: &View, held_out: f64) -> Result<(View, Option<View>)> {
    let episodes = view.dataset.episodes.len();
    let held = (held_out * episodes as f64).round() as usize;
    let expected = format!("a share that leaves some of {episodes} episodes to learn from");
    InputError::ensure(held < episodes, "settings: vision.held_out", expected, held_out)?;
    if held == 0 {
        return Ok((view.clone(), None));
    }
    let [learned, judged] = view.split(held);
    Ok((learned, Some(judged)))
}

/// Trains the estimator of `job`, and judges it by `judged`: `errors` has the root mean square error of every term, in
/// its units, and `errors_of_range` as a share of its range.
///
/// # Errors
/// As [`TrainingJob::imitate_watched`].
pub fn estimate(job: &TrainingJob<'_>, judged: Option<&View>, watch: &mut dyn TrainObserver) -> Result<Value> {
    let mut result = job.imitate_watched(watch)?;
    let Some(judged) = judged else { return Ok(result) };
    let estimator = Checkpoint::load(job.out)?;
    let windows = judged.windows(job.settings.horizons)?;
    let found = targets::estimates(&estimator, job.pool, job.device, &windows, None)?;
    // Of the largest dimension a range is 2 in normalised units.
    let (spec, scales) = (estimator.spec(), estimator.config().normalizers.action.scales());
    let width = windows.shape().chunk;
    let (mut at, mut errors, mut shares) = (0, Map::new(), Map::new());
    for term in &spec.action.terms {
        let of = |row: &[f32]| row[at..at + term.size].to_vec();
        let squares =
            found.chunks_exact(width).zip(windows.actions().chunks_exact(width)).flat_map(|(found, truth)| {
                of(found).into_iter().zip(of(truth)).map(|(x, y)| f64::from(x - y).powi(2)).collect::<Vec<_>>()
            });
        let error = (squares.sum::<f64>() / (windows.len() * term.size).max(1) as f64).sqrt();
        let spans =
            scales[at..at + term.size].iter().filter(|scale| **scale > 0.0).map(|scale| 2.0 / f64::from(*scale));
        errors.insert(term.name.clone(), json!(error));
        shares.insert(term.name.clone(), json!(error / spans.fold(f64::MIN_POSITIVE, f64::max)));
        at += term.size;
    }
    result["held_out_episodes"] = json!(judged.dataset.episodes.len());
    result["errors"] = Value::Object(errors);
    result["errors_of_range"] = Value::Object(shares);
    Ok(result)
}
