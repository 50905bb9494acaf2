//! The options of `diffusers` schedulers, as our schedule.

use super::options::Options;
use crate::method::{Betas, Prediction, Schedule, Variance};
use imle_configs::{Error, Result};

/// The schedule that `options` give in the names of `diffusers`' `DDPMScheduler` and `DDIMScheduler`.
pub(super) fn schedule(options: &Options<'_>) -> Result<Schedule> {
    let default = Schedule::default();
    let betas = match options.text("beta_schedule")?.as_str() {
        "squaredcos_cap_v2" => Betas::SquaredCosine,
        "linear" => Betas::Linear,
        "scaled_linear" => Betas::ScaledLinear,
        other => {
            let known = ["squaredcos_cap_v2", "linear", "scaled_linear"];
            return Err(Error::unknown("schedule", other, known).in_file(options.place("beta_schedule")));
        }
    };
    let prediction = match options.text("prediction_type")?.as_str() {
        "epsilon" => Prediction::Epsilon,
        "sample" => Prediction::Sample,
        other => {
            let place = options.place("prediction_type");
            return Err(Error::unknown("prediction", other, ["epsilon", "sample"]).in_file(place));
        }
    };
    let variance = match options.text_if_any("variance_type")?.as_deref() {
        // The logarithm is taken and undone again.
        None | Some("fixed_small" | "fixed_small_log") => Variance::FixedSmall,
        Some("fixed_large") => Variance::FixedLarge,
        Some(other) => {
            let known = ["fixed_small", "fixed_small_log", "fixed_large"];
            return Err(Error::unknown("variance", other, known).in_file(options.place("variance_type")));
        }
    };
    let clips = options.flag("clip_sample", true)?;
    Ok(Schedule {
        steps: options.size("num_train_timesteps")?,
        betas,
        beta_start: options.number("beta_start", default.beta_start)?,
        beta_end: options.number("beta_end", default.beta_end)?,
        prediction,
        clip: if clips { options.number("clip_sample_range", 1.0)? } else { 0.0 },
        variance,
    })
}
