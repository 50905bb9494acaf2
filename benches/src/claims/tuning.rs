//! Each baseline at its own best setting: learning rates and passes tried on validation episodes, of another seed than
//! what is reported, in IMLE's training time.

use super::contender::{ClaimContender, of as contender_of};
use super::speed::equal_time;
use super::work::{TrainingRecipe, Work};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::{Failure, Result};
use imle_configs::episode::fingerprint;
use serde_json::{Value, json};

/// Seed of the trainings, start states and draws of what is tried; `--seeds` cannot come to it.
pub const VALIDATION: u64 = 1_000_000;

/// The best of what was tried under one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    pub name: &'static str,
    pub learning_rate: f64,
    pub sampler: &'static str,
}

/// Settings tried of `method` on `task`: `{"tried": [{learning_rate, sampler, success_rate, …}]}`, tried now if it was
/// not yet.
///
/// # Errors
/// Errors of training and evaluation.
pub fn of(work: &Work<'_>, task: &str, method: &str) -> Result<Value> {
    let (rates, episodes) = (&work.args.learning_rates, work.args.validation_episodes);
    let data = fingerprint(&work.subject(task)?.dataset.episodes);
    let steps = equal_time(work, task, method)?;
    let of = json!([task, method, rates, episodes, steps, work.base_fingerprint()?, data]);
    work.remembered("tuning", &of, || {
        let mut tried = Vec::new();
        for (recipe, learning_rate) in recipes(work, task, method)?.into_iter().zip(rates) {
            work.output.note(format!("{method} with learning rate {learning_rate}"));
            let trained = work.trained(&recipe, None)?;
            for sampler in contender_of(method)?.tried() {
                let alone = ControllerArgs::of("none", "first", 1);
                let report = work.episodes(task, &trained, sampler, &alone, (episodes, VALIDATION))?;
                tried.push(json!({
                    "learning_rate": learning_rate, "sampler": sampler, "steps": recipe.steps,
                    "success_rate": report["success_rate"], "success_ci95": report["success_ci95"],
                }));
            }
        }
        Ok(json!({ "tried": tried }))
    })
}

/// The trainings that are tried, one a learning rate.
///
/// # Errors
/// Errors of measuring the machine's speed.
pub fn recipes(work: &Work<'_>, task: &str, method: &str) -> Result<Vec<TrainingRecipe>> {
    let steps = equal_time(work, task, method)?;
    let recipe = |rate: &f64| -> Result<TrainingRecipe> {
        Ok(TrainingRecipe { steps, words: words(*rate), ..work.recipe(task, method, VALIDATION)? })
    };
    work.args.learning_rates.iter().map(recipe).collect()
}

/// The settings that a learning rate is.
pub fn words(learning_rate: f64) -> Vec<String> {
    vec![format!("learning_rate={learning_rate:?}")]
}

/// Under each name of the contender the best of what was tried; of equals the first.
///
/// # Errors
/// [`Failure::Run`] if nothing was tried.
pub fn chosen(tuned: &Value, contender: &ClaimContender) -> Result<Vec<Best>> {
    let tried = tuned["tried"].as_array().map(Vec::as_slice).unwrap_or_default();
    let best = |(name, ways): &(&'static str, &[&'static str])| {
        let mut best: Option<(f64, Best)> = None;
        for entry in tried {
            let way = ways.iter().find(|way| Some(**way) == entry["sampler"].as_str());
            let figures = (entry["success_rate"].as_f64(), entry["learning_rate"].as_f64());
            if let (Some(sampler), (Some(success), Some(learning_rate))) = (way, figures)
                && best.is_none_or(|(most, _)| success > most)
            {
                best = Some((success, Best { name, learning_rate, sampler }));
            }
        }
        let best = best.ok_or_else(|| Failure::Run(format!("nothing was tried of {}", contender.method)))?;
        Ok(best.1)
    };
    contender.best.iter().map(best).collect()
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
        let best: Vec<_> = found.iter().map(|b| (b.name, b.learning_rate, b.sampler)).collect();
        assert_eq!(best, [("flow-1", 1e-3, "flow-1"), ("flow", 1e-4, "flow-10")]);
        assert!(chosen(&json!({}), contender_of("flow").unwrap()).is_err());
        assert_eq!(words(1e-4), ["learning_rate=0.0001"]);
    }
}
