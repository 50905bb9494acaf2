//! State dicts of the public Diffusion Policy code (arXiv 2303.04137, `real-stanford/diffusion_policy`):
//! `DiffusionUnetLowdimPolicy` with the observation as global condition.
//!
//! `config.json` is `{"type": "diffusion_policy", "policy": …}` with the code's own configuration of the policy. The
//! normaliser is in the state dict: n = x · scale + offset.

use super::weights::{Names, same};
use super::{options::Options, scheduler::schedule, source_policy::SourcePolicy, tensors::Tensors};
use crate::method::{Sampling, Schedule, Solver};
use crate::{checkpoint::MODEL_FILE, network::NetworkConfig, normalizer::AffineMap};
use imle_configs::spec::{Horizons, Term};
use imle_configs::{Error, Result};
use serde_json::json;
use std::path::Path;

const POLICY: &str = "DiffusionUnetLowdimPolicy";
const NETWORK: &str = "ConditionalUnet1D";

pub(super) fn read(folder: &Path, config: &Options<'_>) -> Result<SourcePolicy> {
    let policy = config.object("policy")?;
    let mut tensors = Tensors::read(&folder.join(MODEL_FILE))?;
    let pictures: Vec<&String> = tensors.names().filter(|name| name.starts_with("obs_encoder.")).collect();
    if let Some(first) = pictures.first() {
        let (place, found) =
            (format!("{}: {first}", tensors.place()), format!("{} of a vision network", pictures.len()));
        return Err(Error::unexpected(place, "no tensors but of a policy that sees states, not pictures", found));
    }
    class(&policy, &[POLICY])?;
    policy.only_known(&[
        "_target_",
        "model",
        "noise_scheduler",
        "horizon",
        "obs_dim",
        "action_dim",
        "n_action_steps",
        "n_obs_steps",
        "num_inference_steps",
        "obs_as_local_cond",
        "obs_as_global_cond",
        "pred_action_steps_only",
        "oa_step_convention",
    ])?;
    policy.only("obs_as_local_cond", &json!(false))?;
    let conditions = policy.flag("obs_as_global_cond", false)?;
    Error::ensure(conditions, policy.place("obs_as_global_cond"), "true, all that is supported", "false")?;
    let (observation, action) = (policy.size("obs_dim")?, policy.size("action_dim")?);
    let (seen, executed) = (policy.size("n_obs_steps")?, policy.size("n_action_steps")?);
    // Without it the action of a step is that which led to it.
    let start = if policy.flag("oa_step_convention", false)? { seen - 1 } else { seen };
    let (prediction, lead) = match policy.flag("pred_action_steps_only", false)? {
        true => (executed, 0),
        false => (policy.size("horizon")?, start),
    };
    let network = network(&policy, seen * observation, action)?;
    let (schedule, solver) = scheduler(&policy)?;
    let passes = policy.size_if_any("num_inference_steps")?.unwrap_or(schedule.steps);
    let sampling = Sampling { solver, passes, schedule, ..Sampling::default() };
    let maps = [maps(&mut tensors, "obs", observation)?, maps(&mut tensors, "action", action)?];
    let unused =
        tensors.drop_where(|name| name.ends_with("_dummy_variable") || name.starts_with("normalizer.params_dict."));
    Ok(SourcePolicy {
        kind: "Diffusion Policy",
        method: "diffusion",
        observation: vec![Term { name: "obs".into(), size: observation }],
        action,
        maps,
        horizons: Horizons { observation: seen, prediction, action: executed },
        lead,
        network,
        sampling,
        names: Names::Public("model."),
        vision: None,
        tensors,
        unused,
    })
}

/// The last part of the `_target_`, which must be one of `known`.
fn class(options: &Options<'_>, known: &[&str]) -> Result<String> {
    let target = options.text("_target_")?;
    let name = target.rsplit('.').next().unwrap_or_default();
    let expected = format!("{}, all that is supported", known.join(" or "));
    Error::ensure(known.contains(&name), options.place("_target_"), expected, &target)?;
    Ok(name.to_string())
}

fn network(policy: &Options<'_>, condition: usize, action: usize) -> Result<NetworkConfig> {
    let model = policy.object("model")?;
    class(&model, &[NETWORK])?;
    model.only_known(&[
        "_target_",
        "input_dim",
        "local_cond_dim",
        "global_cond_dim",
        "diffusion_step_embed_dim",
        "down_dims",
        "kernel_size",
        "n_groups",
        "cond_predict_scale",
    ])?;
    model.only("local_cond_dim", &json!(null))?;
    same(model.place("input_dim"), action, model.size("input_dim")?)?;
    same(model.place("global_cond_dim"), condition, model.size("global_cond_dim")?)?;
    let film_scale = model.flag("cond_predict_scale", false)?;
    model.unet(NetworkConfig {
        kernel_size: 3,
        n_groups: 8,
        time_embedding: 256,
        film_scale,
        ..NetworkConfig::default()
    })
}

fn scheduler(policy: &Options<'_>) -> Result<(Schedule, Solver)> {
    let options = policy.object("noise_scheduler")?;
    let solver = match class(&options, &["DDPMScheduler", "DDIMScheduler"])?.as_str() {
        "DDIMScheduler" => Solver::Ddim,
        _ => Solver::Ddpm,
    };
    options.only_known(&[
        "_target_",
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "variance_type",
        "clip_sample",
        "clip_sample_range",
        "prediction_type",
        "trained_betas",
        "thresholding",
        "timestep_spacing",
        "steps_offset",
        "set_alpha_to_one",
        "rescale_betas_zero_snr",
        "dynamic_thresholding_ratio",
        "sample_max_value",
    ])?;
    for (key, supported) in [
        ("trained_betas", json!(null)),
        ("thresholding", json!(false)),
        ("timestep_spacing", json!("leading")),
        ("steps_offset", json!(0)),
        ("set_alpha_to_one", json!(true)),
        ("rescale_betas_zero_snr", json!(false)),
    ] {
        options.only(key, &supported)?;
    }
    Ok((schedule(&options)?, solver))
}

fn maps(tensors: &mut Tensors, what: &str, size: usize) -> Result<Vec<AffineMap>> {
    let name = |part: &str| format!("normalizer.params_dict.{what}.{part}");
    let scale = tensors.take(&name("scale"), &[size])?;
    let offset = tensors.take(&name("offset"), &[size])?;
    let map = |(scale, offset): (f32, f32)| {
        let place = format!("{}: {}", tensors.place(), name("scale"));
        Error::ensure(scale > 0.0 && (1.0 / scale).is_finite(), place, "numbers above 0", scale)?;
        Ok(AffineMap { center: 0.0, scale: 1.0 / scale, offset })
    };
    scale.into_iter().zip(offset).map(map).collect()
}
