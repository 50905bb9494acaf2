//! The options of `diffusers` schedulers, as our schedule.

use super::options::Options;
use crate::method::{Betas, Prediction, Schedule, Variance};
use imle_configs::Result;

/// The schedule that `options` give in the names of `diffusers`' `DDPMScheduler` and `DDIMScheduler`.
pub(super) fn schedule(options: &Options<'_>) -> Result<Schedule> {
    let default = Schedule::default();
    let (cosine, linear, scaled) = (Betas::SquaredCosine, Betas::Linear, Betas::ScaledLinear);
    let betas = [("squaredcos_cap_v2", cosine), ("linear", linear), ("scaled_linear", scaled)];
    let betas = options.choice("beta_schedule", "schedule", &betas)?;
    let predictions = [("epsilon", Prediction::Epsilon), ("sample", Prediction::Sample)];
    let prediction = options.choice("prediction_type", "prediction", &predictions)?;
    // The logarithm is taken and undone again.
    let (small, large) = (Variance::FixedSmall, Variance::FixedLarge);
    let variances = [("fixed_small", small), ("fixed_small_log", small), ("fixed_large", large)];
    let variance = match options.text_if_any("variance_type")? {
        None => small,
        Some(_) => options.choice("variance_type", "variance", &variances)?,
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
