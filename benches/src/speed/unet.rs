//! Shared parts of the benchmarks against PyTorch: the paper's U-Net with random weights, and LeRobot's with the same.

use super::peers::{LEROBOT, Peer, Peers, ScratchFolder, in_turns, python};
use crate::case::Turns;
use imle_cli::args::common::Common;
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::Error as InputError;
use imle_configs::spec::{Horizons, Layout, Spec, Term};
use imle_policy::checkpoint::{Checkpoint, CheckpointConfig, FORMAT, MODEL_FILE, Provenance};
use imle_policy::method::Sampling;
use imle_policy::network::NetworkConfig;
use imle_policy::normalizer::{Normalizer, Normalizers};
use imle_policy::sampler::Sampler;
use serde_json::json;
use std::path::Path;

const SCRIPT: &str = include_str!("../../peers/unet.py");
/// Channels of a small one, and the paper's.
pub const SIZES: [[usize; 3]; 2] = [[64, 128, 256], [256, 512, 1024]];
/// Values of an observation, and of an action.
const OBSERVATION: usize = 10;
const ACTION: usize = 7;
/// States of a training step, latents a state, rejection distance.
pub const BATCH: usize = 64;
pub const SAMPLES: usize = 20;
pub const EPSILON: f64 = 0.005;

/// The observation and action of the benchmark, which have no meaning.
pub fn spec() -> Spec {
    let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
    Spec {
        task: "bench".into(),
        control_rate: 10.0,
        observation: layout("observation", OBSERVATION),
        action: layout("action", ACTION),
        pictures: None,
    }
}

/// Ranges that change nothing.
pub fn normalizers() -> Normalizers {
    let range = |size| Normalizer::Range { min: vec![-1.0; size], max: vec![1.0; size] };
    Normalizers { observation: range(OBSERVATION), action: range(ACTION), residual: None }
}

/// The U-Net with `down_dims` channels.
pub fn network(down_dims: [usize; 3]) -> NetworkConfig {
    NetworkConfig { kind: "unet".into(), down_dims: down_dims.to_vec(), ..NetworkConfig::default() }
}

/// A network's name in a table.
pub fn name(network: &NetworkConfig) -> String {
    if network.kind == "unet" { format!("unet {:?}", network.down_dims) } else { network.kind.clone() }
}

/// A generator of one pass with random weights.
pub fn checkpoint(network: NetworkConfig, seed: u64) -> Result<Checkpoint> {
    let config = CheckpointConfig {
        format: FORMAT,
        version: imle_configs::VERSION.into(),
        method: "imle".into(),
        spec: spec(),
        horizons: Horizons::default(),
        network,
        lead: 0,
        normalizers: normalizers(),
        sampling: Sampling::default(),
        vision: None,
        provenance: Provenance { data: "random weights".into(), steps: 0, seed },
    };
    let weights = config.network.parameters(&config.network_shape())?.initial(seed);
    Ok(Checkpoint::new(config, weights)?)
}

/// Input of the draws: an observation history of which every value is 0.1.
pub fn history(checkpoint: &Checkpoint) -> Vec<f32> {
    vec![0.1; checkpoint.config().shape().observation]
}

/// Times `ours` in ms and the peer's answers to `what` in turns, after `warm_up` rounds that are not counted.
///
/// # Errors
/// As [`in_turns`].
pub fn measure(
    (repeats, warm_up): (u32, u32),
    mut ours: impl FnMut(u64) -> Result<f64>,
    peer: &mut UnetPeer,
    what: &str,
) -> Result<Turns> {
    for round in 0..warm_up.min(repeats) {
        ours(round.into())?;
        peer.peers.iter_mut().try_for_each(|(_, peer)| peer.measure(what).map(|_| ()))?;
    }
    in_turns(repeats, ours, &mut peer.peers, what, |seconds| seconds * 1e3)
}

/// LeRobot's U-Net at work beside us, if there is one.
#[derive(Default)]
pub struct UnetPeer {
    peers: Peers,
    /// Largest difference of its chunks to ours.
    pub difference: Option<f64>,
}

/// LeRobot's U-Net with the weights of `checkpoint`. `mode` is `sample` or `train`.
pub fn peer(mode: &str, checkpoint: &Checkpoint, folder: &ScratchFolder, common: &Common) -> Result<UnetPeer> {
    let folder: &Path = &folder.0;
    checkpoint.save(folder)?;
    let (shape, network) = (checkpoint.config().shape(), &checkpoint.config().network);
    let sizes = json!({
        "prediction": shape.prediction, "action": shape.action, "observation": shape.observation,
        "down_dims": network.down_dims, "kernel_size": network.kernel_size, "n_groups": network.n_groups,
        "batch": BATCH, "samples": SAMPLES, "epsilon": EPSILON,
    });
    imle_configs::files::write_text(&folder.join("sizes.json"), &sizes.to_string())?;
    let arguments = [mode, MODEL_FILE, "sizes.json", &common.threads().to_string()].map(str::to_string);
    let (peer, ready) = Peer::python(&python(&LEROBOT, common.output())?, SCRIPT, folder, &arguments)?;
    let theirs: Vec<f64> =
        serde_json::from_str(&ready).map_err(|e| Failure::Run(format!("the peer said `{ready}`: {e}")))?;
    let sampler = Sampler::new(checkpoint, 1, tch::Device::Cpu)?;
    let latents: Vec<f32> = (0..2 * shape.chunk()).map(|i| (i as f64).sin() as f32).collect();
    let mut ours = vec![0.0; latents.len()];
    sampler.sample_latents(&load::pool(common)?, &history(checkpoint), &latents, 2, &mut ours)?;
    if ours.len() != theirs.len() {
        return Err(InputError::unexpected("the peer", format!("{} values", ours.len()), theirs.len()).into());
    }
    let differences = ours.iter().zip(&theirs).map(|(a, b)| (f64::from(*a) - b).abs());
    Ok(UnetPeer { peers: vec![("pytorch", peer)], difference: Some(differences.fold(0.0, f64::max)) })
}
