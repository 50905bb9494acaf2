//! Settings of a training, from defaults, a file, words and flags.

use crate::args::common::{OptimizationArgs, SettingsArgs};
use crate::{args::learn::LearnArgs, failure::Result, output::print};
use imle_configs::{explained::explained, settings};
use imle_policy::{train, train::TrainSettings};
use schemars::JsonSchema;
use std::path::Path;

/// Settings from defaults, file, words and flags; of a resumed run those it was begun with are the defaults.
pub fn given(
    args: &SettingsArgs,
    flags: &OptimizationArgs,
    resumed: Option<&Path>,
    defaults: TrainSettings,
) -> Result<TrainSettings> {
    let defaults = resumed.map_or(Ok(defaults), train::saved_settings)?;
    let words = [args.set.clone(), flags.words("steps", "batch_size", "learning_rate")].concat();
    Ok(settings::load(&defaults, args.config.as_deref(), &words)?)
}

/// The settings that are [`given`], and flags; with terms to `estimate` those of an estimator.
pub fn resolve(args: &LearnArgs, method: &str, estimate: &[String]) -> Result<TrainSettings> {
    let estimates = !estimate.is_empty();
    let defaults = match estimates {
        true => TrainSettings::of_estimator(),
        false => TrainSettings { method: method.into(), evaluate_every: 5000, ..TrainSettings::default() },
    };
    let resumed = args.out.as_deref().filter(|_| args.resume);
    let mut settings = given(&args.settings, &args.optimization, resumed, defaults)?;
    if !args.resume && !estimates {
        settings.method = method.into();
    }
    if estimates {
        settings.vision.estimate = estimate.to_vec();
    }
    if !args.cameras.is_empty() {
        settings.vision.cameras.clone_from(&args.cameras);
    }
    if let Some(seed) = args.seed {
        settings.seed = seed;
    }
    settings.check()?;
    Ok(settings)
}

/// Prints settings, all or some of those of `T`, as a file that --config takes, with what they mean.
pub fn print_settings<T: JsonSchema>(settings: &impl serde::Serialize) -> Result<()> {
    print(&explained::<T>(settings)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_same_setting() {
        let set = vec!["steps=5".to_string(), "batch_size=3".to_string()];
        let args = SettingsArgs { config: None, set, settings: false };
        let flags = OptimizationArgs { steps: Some(7), learning_rate: Some(1e-7), ..OptimizationArgs::default() };
        let settings = given(&args, &flags, None, TrainSettings::default()).unwrap();
        assert_eq!((settings.steps, settings.batch_size, settings.learning_rate), (7, 3, 1e-7));
    }
}
