//! State dicts of the public IMLE Policy code (arXiv 2502.12371, `krishanrana/imle_policy`).
//!
//! `config.json` is the task's configuration of that code with `"type": "imle_policy"` and the `method` it was trained
//! with; the normaliser is in the tensors `stats.obs.min`, `stats.obs.max`, `stats.action.min`, `stats.action.max`. The
//! code has its network's sizes as defaults; here `down_dims`, `kernel_size`, `n_groups` and `diffusion_step_embed_dim`
//! may be told. Index T_obs − 1 of a chunk is the current step's action.

use super::options::Options;
use super::tensors::Tensors;
use super::unet::Names;
use super::{Foreign, no_pictures, of_range};
use crate::checkpoint::MODEL_FILE;
use crate::method::{Sampling, Schedule};
use crate::network::NetworkConfig;
use crate::normalizer::Map;
use imle_configs::spec::{Horizons, Term};
use imle_configs::{Error, Result};
use std::path::Path;

/// What the code's flow matching multiplies a time with, and ours too.
const TIME_SCALE: usize = 100;

pub(super) fn read(folder: &Path, config: &Options<'_>) -> Result<Foreign> {
    let (observation, action) = (config.size("obs_dim")?, config.size("action_dim")?);
    let mut tensors = Tensors::read(&folder.join(MODEL_FILE))?;
    let vision = |name: &str| name.starts_with("vision_encoder");
    if config.size_if_any("lowdim_obs_dim")?.is_some_and(|n| n != observation) {
        let mut names = tensors.names().filter(|name| vision(name));
        if let Some(first) = names.next() {
            return Err(no_pictures(tensors.place(), first, 1 + names.count()));
        }
        return Err(Error::unexpected(config.place("lowdim_obs_dim"), observation, "another size than obs_dim"));
    }
    // The code makes a vision network for tasks without pictures too, and does not use it.
    let unused = tensors.drop_where(vision);
    let (method, sampling) = match config.text("method")?.as_str() {
        "rs_imle" => ("imle", Sampling::default()),
        "diffusion" => {
            let steps = config.size("num_diffusion_iters")?;
            let schedule = Schedule { steps, ..Schedule::default() };
            ("diffusion", Sampling { solver: "ddpm".into(), passes: steps, schedule, ..Sampling::default() })
        }
        "flow_matching" => ("flow", flow(config)?),
        other => {
            let known = ["rs_imle", "diffusion", "flow_matching"];
            return Err(Error::unknown("method", other, known).in_file(config.place("method")));
        }
    };
    let default = NetworkConfig::default();
    let network = NetworkConfig {
        kind: "unet".into(),
        down_dims: config.sizes("down_dims")?.unwrap_or(default.down_dims.clone()),
        kernel_size: config.size_if_any("kernel_size")?.unwrap_or(default.kernel_size),
        n_groups: config.size_if_any("n_groups")?.unwrap_or(default.n_groups),
        time_embedding: config.size_if_any("diffusion_step_embed_dim")?.unwrap_or(default.time_embedding),
        ..default
    };
    let mut range = |what: &str, size: usize| -> Result<Vec<Map>> {
        let low = tensors.take(&format!("stats.{what}.min"), &[size])?;
        let high = tensors.take(&format!("stats.{what}.max"), &[size])?;
        let mut maps = Vec::new();
        for (d, (low, high)) in low.iter().zip(&high).enumerate() {
            if low > high {
                let place = format!("{}: stats.{what}.max: dimension {d}", folder.join(MODEL_FILE).display());
                return Err(Error::unexpected(place, format!("at least the minimum, {low}"), high));
            }
            maps.push(of_range(*low, *high, 0.0));
        }
        Ok(maps)
    };
    let maps = [range("obs", observation)?, range("action", action)?];
    let horizons = Horizons {
        observation: config.size("obs_horizon")?,
        prediction: config.size("pred_horizon")?,
        action: config.size("action_horizon")?,
    };
    Ok(Foreign {
        kind: "IMLE Policy",
        method,
        observation: vec![Term { name: "obs".into(), size: observation }],
        action,
        maps,
        lead: horizons.observation - 1,
        horizons,
        network,
        sampling,
        names: Names::Public("policy_net."),
        tensors,
        unused,
    })
}

/// The code cuts the times of its passes down to whole numbers, ours does not.
fn flow(config: &Options<'_>) -> Result<Sampling> {
    let passes = config.size("num_flow_iters")?;
    if config.size("timestep_integer_scaler")? != TIME_SCALE {
        let place = config.place("timestep_integer_scaler");
        return Err(Error::unexpected(place, TIME_SCALE, config.size("timestep_integer_scaler")?));
    }
    if !TIME_SCALE.is_multiple_of(passes) {
        return Err(Error::unexpected(config.place("num_flow_iters"), "a divisor of 100", passes));
    }
    Ok(Sampling { passes, ..Sampling::default() })
}
