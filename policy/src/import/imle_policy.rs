//! State dicts of the public IMLE Policy code (arXiv 2502.12371, `krishanrana/imle_policy`).
//!
//! `config.json` is the task's configuration of that code with `"type": "imle_policy"` and the `method` it was trained
//! with; the normaliser is in the tensors `stats.obs.min`, `stats.obs.max` (`stats.agent_pos` in its push task),
//! `stats.action.min`, `stats.action.max`. The code has its network's sizes as defaults; here `down_dims`,
//! `kernel_size`, `n_groups` and `diffusion_step_embed_dim` may be set. Index T_obs − 1 of a chunk is the current
//! step's action.
//!
//! With pictures an observation is what a ResNet18 a camera makes of them, the mean of its last maps, and then the
//! state. Pictures are in [0, 1] and whole; nothing gives their size, but `image_shape`, [height, width], may.

use super::source_policy::{SourcePolicy, of_range};
use super::vision_input::{Naming, VisionInput};
use super::weights::{Names, same};
use super::{options::Options, tensors::Tensors};
use crate::method::{Sampling, Schedule, Solver};
use crate::vision::{EncoderConfig, OneOrMany};
use crate::{checkpoint::MODEL_FILE, network::NetworkConfig, normalizer::AffineMap};
use imle_configs::spec::{CHANNELS, Horizons, Term};
use imle_configs::{Error, Result};
use std::path::Path;

/// Factor of a time in the code's flow matching, and in ours.
const TIME_SCALE: usize = 100;
/// Features of a picture: the channels of ResNet18's last maps.
const FEATURES: usize = 512;
const ENCODERS: &str = "vision_encoder_";

pub(super) fn read(folder: &Path, config: &Options<'_>) -> Result<SourcePolicy> {
    let action = config.size("action_dim")?;
    let mut tensors = Tensors::read(&folder.join(MODEL_FILE))?;
    let (observation, vision) = vision(config)?;
    // The code makes a vision network for tasks without pictures too, and does not use it.
    let unused = if vision.is_none() { tensors.drop_where(|name| name.starts_with("vision_encoder")) } else { 0 };
    let (method, sampling) = match config.text("method")?.as_str() {
        "rs_imle" => ("imle", Sampling::default()),
        "diffusion" => {
            let steps = config.size("num_diffusion_iters")?;
            let schedule = Schedule { steps, ..Schedule::default() };
            ("diffusion", Sampling { solver: Solver::Ddpm, passes: steps, schedule, ..Sampling::default() })
        }
        "flow_matching" => ("flow", flow(config)?),
        other => {
            let known = ["rs_imle", "diffusion", "flow_matching"];
            return Err(Error::unknown("method", other, known).in_file(config.place("method")));
        }
    };
    let network = config.unet(NetworkConfig::default())?;
    let pusher = tensors.names().any(|name| name.starts_with("stats.agent_pos."));
    let seen = if pusher { "agent_pos" } else { "obs" };
    let mut range = |what: &str, size: usize| -> Result<Vec<AffineMap>> {
        let low = tensors.take(&format!("stats.{what}.min"), &[size])?;
        let high = tensors.take(&format!("stats.{what}.max"), &[size])?;
        let map = |(d, (low, high)): (usize, (&f32, &f32))| {
            let place = format!("{}: stats.{what}.max: dimension {d}", tensors.place());
            Error::ensure(low <= high, place, format_args!("at least the minimum, {low}"), high)?;
            Ok(of_range(*low, *high, 0.0))
        };
        low.iter().zip(&high).enumerate().map(map).collect()
    };
    let maps = [range(seen, observation)?, range("action", action)?];
    let horizons = Horizons {
        observation: config.size("obs_horizon")?,
        prediction: config.size("pred_horizon")?,
        action: config.size("action_horizon")?,
    };
    Ok(SourcePolicy {
        kind: "IMLE Policy",
        method,
        observation: vec![Term { name: seen.into(), size: observation }],
        action,
        maps,
        lead: horizons.observation - 1,
        horizons,
        network,
        sampling,
        names: Names::Public("policy_net."),
        vision,
        tensors,
        unused,
    })
}

/// The size of the state that the policy sees, and how it sees pictures, if it does.
fn vision(config: &Options<'_>) -> Result<(usize, Option<VisionInput>)> {
    let all = config.size("obs_dim")?;
    let state = config.size_if_any("lowdim_obs_dim")?.unwrap_or(all);
    if state == all {
        return Ok((all, None));
    }
    let cameras = config.size("num_cameras")?;
    let features = config.size_if_any("vision_feature_dim")?.unwrap_or(FEATURES);
    let (place, expected) = (config.place("vision_feature_dim"), format!("{FEATURES}, a ResNet18's"));
    Error::ensure(features == FEATURES, place, expected, features)?;
    let expected = format!("{state} values of the state and {FEATURES} of each of {cameras} cameras");
    Error::ensure(all == state + cameras * FEATURES, config.place("obs_dim"), expected, all)?;
    let size = match config.sizes("image_shape")?.as_deref() {
        None => None,
        Some([height, width]) => Some([*height, *width]),
        Some(found) => {
            return Err(Error::unexpected(config.place("image_shape"), "[height, width]", format!("{found:?}")));
        }
    };
    let encoder = EncoderConfig {
        width: 64,
        keypoints: 0,
        features: 0,
        shared: false,
        crop: OneOrMany::One(1.0),
        colour_jitter: 0.0,
        mean: OneOrMany::One([0.0; CHANNELS]),
        std: OneOrMany::One([1.0; CHANNELS]),
        ..EncoderConfig::default()
    };
    let cameras = (0..cameras).map(|i| format!("camera_{i}")).collect();
    Ok((state, Some(VisionInput { cameras, size, encoder, after: 0, naming: Naming::Torchvision(ENCODERS) })))
}

/// The code cuts the times of its passes down to whole numbers, ours does not.
fn flow(config: &Options<'_>) -> Result<Sampling> {
    let passes = config.size("num_flow_iters")?;
    same(config.place("timestep_integer_scaler"), TIME_SCALE, config.size("timestep_integer_scaler")?)?;
    let divides = TIME_SCALE.is_multiple_of(passes);
    Error::ensure(divides, config.place("num_flow_iters"), "a divisor of 100", passes)?;
    Ok(Sampling { passes, ..Sampling::default() })
}
