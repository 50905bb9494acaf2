//! LeRobot's `pretrained_model` folders of type `diffusion`: `config.json` and `model.safetensors`, with the normaliser
//! in the weights (before LeRobot 0.4) or in the files of the pre- and postprocessor (from 0.4 on).
//!
//! An observation is `observation.state`, what encoders make of the pictures, and `observation.environment_state`.
//! Index T_obs − 1 of a chunk is the current step's action.

mod encoder;
mod features;
mod normalizer;

use super::{options::Options, scheduler::schedule, source_policy::SourcePolicy, tensors::Tensors, weights::Names};
use crate::method::{Sampling, Solver};
use crate::{checkpoint::MODEL_FILE, network::NetworkConfig};
use features::Features;
use imle_configs::{Error, Result, spec::Horizons};
use normalizer::Maps;
use std::path::Path;

pub(super) fn read(folder: &Path, config: &Options<'_>) -> Result<SourcePolicy> {
    let mut tensors = Tensors::read(&folder.join(MODEL_FILE))?;
    let features = Features::of(folder, config)?;
    let horizons = Horizons {
        observation: config.size("n_obs_steps")?,
        prediction: config.size("horizon")?,
        action: config.size("n_action_steps")?,
    };
    let down_dims = config.sizes("down_dims")?;
    let network = NetworkConfig {
        kind: "unet".into(),
        down_dims: down_dims
            .ok_or_else(|| Error::unexpected(config.place("down_dims"), "numbers of channels", "none"))?,
        kernel_size: config.size("kernel_size")?,
        n_groups: config.size("n_groups")?,
        time_embedding: config.size("diffusion_step_embed_dim")?,
        film_scale: config.flag("use_film_scale_modulation", true)?,
        ..NetworkConfig::default()
    };
    let schedule = schedule(config)?;
    let solvers = [("DDPM", Solver::Ddpm), ("DDIM", Solver::Ddim)];
    let solver = config.choice("noise_scheduler_type", "scheduler", &solvers)?;
    let passes = config.size_if_any("num_inference_steps")?.unwrap_or(schedule.steps);
    let maps = Maps::read(folder, config, &features, &mut tensors)?;
    let vision = encoder::vision(config, &features, &maps.pictures)?;
    // What training normalises with, and buffers of features that the policy does not use.
    let unused = tensors.drop_where(|name| name.starts_with("normalize_") || name.starts_with("unnormalize_"));
    Ok(SourcePolicy {
        kind: "LeRobot diffusion",
        method: "diffusion",
        observation: features.observation,
        action: features.action.size,
        maps: [maps.observation, maps.action],
        lead: horizons.observation - 1,
        horizons,
        network,
        sampling: Sampling { solver, passes, schedule, ..Sampling::default() },
        names: Names::LeRobot("diffusion.unet."),
        vision,
        tensors,
        unused,
    })
}
