//! Each baseline at its own best setting: learning rates and passes tried on validation episodes, of another seed than
//! what is reported, in IMLE's training time.

use super::contender::{ClaimContender, Sampled, of as contender_of};
use super::speed::equal_time;
use super::work::{TrainingRecipe, Work};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::{Failure, Result};
use imle_cli::sweep::{crc, remembered};
use serde_json::{Value, json};

/// Seed of the trainings, start states and draws of what is tried; `--seeds` cannot come to it.
pub const VALIDATION: u64 = 1_000_000;

/// The best of what was tried under one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    pub learning_rate: f64,
    pub sampled: Sampled,
}

/// Settings tried of `method` on `task`: `{"tried": [{learning_rate, sampler, success_rate, …}]}`, tried now if it was
/// not yet.
///
/// # Errors
/// Errors of training and evaluation.
pub fn of(work: &Work<'_>, task: &str, method: &str) -> Result<Value> {
    let args = work.args;
    let data = imle_configs::episode::fingerprint(&work.subject(task)?.dataset.episodes);
    let of = json!([
        task,
        method,
        args.learning_rates,
        args.validation_episodes,
        equal_time(work, task, method, work.base.steps)?,
        work.base_fingerprint()?,
        data,
    ]);
    remembered(&args.work.join("tuning").join(format!("{}.json", crc(&of))), &of, || {
        let mut tried = Vec::new();
        for ((recipe, ways), learning_rate) in tries(work, task, method)?.into_iter().zip(&args.learning_rates) {
            work.output.note(format!("{method} with learning rate {learning_rate}"));
            let trained = work.trained(&recipe, None)?;
            for sampled in ways {
                let alone = ControllerArgs::of("none", "first", 1);
                let counted = (args.validation_episodes, VALIDATION);
                let report = work.episodes(task, &trained, sampled, &alone, counted)?;
                tried.push(json!({
                    "learning_rate": learning_rate, "sampler": sampled.name, "steps": recipe.steps,
                    "success_rate": report["success_rate"], "success_ci95": report["success_ci95"],
                }));
            }
        }
        Ok(json!({ "tried": tried }))
    })
}

fn recipe(work: &Work<'_>, task: &str, method: &str, learning_rate: f64) -> Result<TrainingRecipe> {
    Ok(TrainingRecipe {
        task: task.into(),
        method: method.into(),
        demonstrations: work.subject(task)?.demos,
        seed: VALIDATION,
        steps: equal_time(work, task, method, work.base.steps)?,
        words: words(learning_rate),
    })
}

/// The settings that a learning rate is.
pub fn words(learning_rate: f64) -> Vec<String> {
    vec![format!("learning_rate={learning_rate:?}")]
}

/// Under each name of the contender the best of what was tried; of equals the first.
///
/// # Errors
/// [`Failure::Run`] if nothing was tried.
pub fn chosen(tuned: &Value, contender: &ClaimContender) -> Result<Vec<(&'static str, Best)>> {
    let tried = tuned["tried"].as_array().map(Vec::as_slice).unwrap_or_default();
    let best = |ways: &[Sampled]| {
        let mut best: Option<(f64, Best)> = None;
        for entry in tried {
            let way = ways.iter().find(|w| Some(w.name) == entry["sampler"].as_str());
            let figures = (entry["success_rate"].as_f64(), entry["learning_rate"].as_f64());
            if let (Some(sampled), (Some(success), Some(learning_rate))) = (way, figures)
                && best.is_none_or(|(most, _)| success > most)
            {
                best = Some((success, Best { learning_rate, sampled: *sampled }));
            }
        }
        best.map(|(_, best)| best)
    };
    let of = |(name, ways): &(&'static str, &[Sampled])| {
        let best = best(ways).ok_or_else(|| Failure::Run(format!("nothing was tried of {}", contender.method)))?;
        Ok((*name, best))
    };
    contender.best.iter().map(of).collect()
}

/// The trainings that are tried, and how each is sampled.
///
/// # Errors
/// Errors of measuring the machine's speed.
pub fn tries(work: &Work<'_>, task: &str, method: &str) -> Result<Vec<(TrainingRecipe, Vec<Sampled>)>> {
    let rates = work.args.learning_rates.iter();
    rates.map(|rate| Ok((recipe(work, task, method, *rate)?, contender_of(method)?.tried()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_gets_the_best_of_its_own_ways() {
        let try_ = |rate: f64, sampler: &str, success: f64| json!({ "learning_rate": rate, "sampler": sampler, "success_rate": success });
        let tuned = json!({ "tried": [
            try_(1e-4, "flow-1", 0.3), try_(1e-4, "flow-10", 0.7), try_(1e-3, "flow-1", 0.4), try_(1e-3, "flow-10", 0.7),
        ]});
        let found = chosen(&tuned, contender_of("flow").unwrap()).unwrap();
        let best: Vec<_> = found.iter().map(|(n, b)| (*n, b.learning_rate, b.sampled.name)).collect();
        assert_eq!(best, [("flow-1", 1e-3, "flow-1"), ("flow", 1e-4, "flow-10")]);
        assert!(chosen(&json!({}), contender_of("flow").unwrap()).is_err());
        assert_eq!(words(1e-4), ["learning_rate=0.0001"]);
    }
}
