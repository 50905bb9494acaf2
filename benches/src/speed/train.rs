//! `planner bench train`: the time of a training step of RS-IMLE with the paper's U-Net, against LeRobot's in PyTorch
//! from the same weights. Both draw candidates without gradient, choose, and take the gradient through the survivors
//! only; both clip, step AdamW and move the average. Ours also draws the batch.

use super::args::BenchTrainArgs;
use super::peers::ScratchFolder;
use super::unet::{self, UnetPeer};
use crate::case::{Case, report};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_configs::episode::Episode;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_policy::network::NetworkConfig;
use imle_policy::targets::DemonstrationChunks;
use imle_policy::train::{FreshStart, TrainSettings, Trainer};
use serde_json::json;
use std::time::Instant;

/// Control steps of the random episode that is learned from.
const STEPS: usize = 500;

/// Measures.
pub fn run(args: &BenchTrainArgs) -> Result<()> {
    let pool = load::pool(&args.common)?;
    let source = source(args.seed)?;
    let folder = ScratchFolder::new()?;
    let mut networks: Vec<NetworkConfig> = unet::SIZES.map(unet::network).into();
    networks.truncate(if args.small { 1 } else { networks.len() });
    if !args.peers {
        networks.insert(0, NetworkConfig::default());
    }
    let mut cases = Vec::new();
    for network in networks {
        let settings = TrainSettings {
            batch_size: unet::BATCH,
            samples: unet::SAMPLES,
            epsilon: unet::EPSILON,
            gradient_threads: args.common.threads(),
            seed: args.seed,
            network: network.clone(),
            ..TrainSettings::default()
        };
        let fresh =
            FreshStart { spec: unet::spec(), normalizers: unet::normalizers(), estimator: None, data: "random".into() };
        let mut trainer = Trainer::fresh(&settings, &fresh, tch::Device::Cpu)?;
        let checkpoint = unet::checkpoint(network.clone(), args.seed)?;
        let mut peer = match args.peers {
            true => unet::peer("train", &checkpoint, &folder, &args.common)?,
            false => UnetPeer::default(),
        };
        let step = |_| -> Result<f64> {
            let begun = Instant::now();
            trainer.step(&source, &pool)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        let turns = unet::measure((args.repeats, 1), step, &mut peer, "step")?;
        let mut more = json!({
            "batch": unet::BATCH, "samples": unet::SAMPLES, "network": network.kind,
            "parameters": checkpoint.table().count(), "threads": args.common.threads(),
        });
        if let Some(difference) = peer.difference {
            more["chunk_difference"] = difference.into();
        }
        let name = format!("train {}", unet::name(&network));
        cases.push(Case { name, unit: "ms/step", rate: false, turns, more });
    }
    report(&args.common, args.seed, args.repeats, &cases)
}

/// Every window of one random episode.
fn source(seed: u64) -> Result<DemonstrationChunks> {
    let spec = unet::spec();
    let mut rng = stream(seed, Purpose::Bench, 2, 0, 0);
    let mut random = |size: usize| {
        let mut values = vec![0.0; STEPS * size];
        fill_normal(&mut rng, &mut values);
        values
    };
    let (observations, actions) = (random(spec.observation.size()), random(spec.action.size()));
    let episode = Episode { observations, actions, len: STEPS, ..Episode::default() };
    Ok(DemonstrationChunks::new(&spec, TrainSettings::default().horizons, &[episode])?)
}
