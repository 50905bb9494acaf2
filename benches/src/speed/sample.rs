//! `planner bench sample`: the time to draw N chunks for one observation, and what share of the device's peak that is;
//! with peers also by the paper's U-Net, against LeRobot's in PyTorch with the same weights. Ours draws the latents,
//! encodes and normalises; theirs draws the latents.

use super::args::BenchSampleArgs;
use super::peers::ScratchFolder;
use super::unet::{self, UnetPeer};
use crate::case::{Case, report};
use imle_cli::failure::Result;
use imle_cli::load;
use imle_configs::seed::Purpose;
use imle_envs::world::World;
use imle_planner::evaluation::ObservationRenderer;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::device::roofline::peak_flops;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};
use serde_json::json;
use std::time::Instant;

/// Draws before any is timed.
const WARM_UP: u32 = 5;

/// Measures.
pub fn run(args: &BenchSampleArgs) -> Result<()> {
    let pool = load::pool(&args.common)?;
    let (checkpoint, history, pictures) = generator(args)?;
    let seen = Observations { values: &history, pictures: &pictures };
    let peak = peak_flops(&pool, load::device(args.device)?)?;
    let mut cases = measure(args, (&pool, peak), &checkpoint, seen, UnetPeer::default())?;
    if args.peers {
        let folder = ScratchFolder::new()?;
        for dims in unet::SIZES {
            let checkpoint = unet::checkpoint(unet::network(dims), args.seed)?;
            let peer = unet::peer("sample", &checkpoint, &folder, &args.common)?;
            let history = unet::history(&checkpoint);
            cases.extend(measure(args, (&pool, peak), &checkpoint, (&history).into(), peer)?);
        }
    }
    report(&args.common, args.seed, args.repeats, &cases)
}

/// The generator, an observation history, at a start state of the task, or where there is none in the middle, and its
/// pictures, black where there is no task.
fn generator(args: &BenchSampleArgs) -> Result<(Checkpoint, Vec<f32>, Vec<u8>)> {
    if let (None, Some(folder)) = (&args.task, &args.checkpoint) {
        let checkpoint = load::checkpoint_in(folder)?;
        let mut history = vec![0.0; checkpoint.config().shape().observation];
        checkpoint.config().normalizers.observation.denormalize(&mut history);
        let bytes = checkpoint.config().shape().vision.map_or(0, |v| v.bytes);
        return Ok((checkpoint, history, vec![0; bytes]));
    }
    let task = load::task(args.task.as_deref().unwrap_or("stack"))?;
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), task)?;
    let mut world = World::new(task.clone())?;
    world.reset(args.seed, Purpose::Bench, 0)?;
    let mut observation = vec![0.0; task.spec().observation.size()];
    world.observe(&mut observation);
    let steps = checkpoint.config().horizons.observation;
    let pictures = match ObservationRenderer::new(&task)? {
        Some(mut sight) => {
            let (mut state, mut drawn) = (vec![0.0; world.state_size()], vec![0; sight.bytes()]);
            world.get_state(&mut state)?;
            sight.draw(&state, world.episode(), &mut drawn)?;
            drawn.repeat(steps)
        }
        None => Vec::new(),
    };
    Ok((checkpoint, observation.repeat(steps), pictures))
}

/// A case for every N; a pool with the device's peak, `peer` with its difference.
fn measure(
    args: &BenchSampleArgs,
    (pool, peak): (&rayon::ThreadPool, f64),
    checkpoint: &Checkpoint,
    seen: Observations<'_>,
    mut peer: UnetPeer,
) -> Result<Vec<Case>> {
    let sampler = Policy::with_threads(checkpoint, args.common.threads(), load::device(args.device)?)?;
    let (network, chunk) = (&checkpoint.config().network, sampler.sampler().shape().chunk());
    let operations = 2.0 * network.multiplications(&checkpoint.config().network_shape())? as f64;
    let passes = checkpoint.config().sampling.passes.max(1) as f64;
    let mut cases = Vec::new();
    for n in args.candidates.iter().map(|n| *n as usize) {
        let mut out = vec![0.0; n * chunk];
        let draw = |step: u64| -> Result<f64> {
            let begun = Instant::now();
            sampler.sampler().sample(pool, seen, &[LatentKey { seed: args.seed, episode: 0, step }], n, &mut out)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        let turns = unet::measure((args.repeats, WARM_UP), draw, &mut peer, &n.to_string())?;
        let rate = n as f64 / (turns.ours * 1e-3);
        let mut more = json!({
            "candidates": n, "candidates_per_second": rate, "peak_share": rate * operations * passes / peak,
            "peak_gflops": peak * 1e-9, "network": network.kind, "parameters": checkpoint.table().count(),
            "threads": args.common.threads(),
        });
        if let Some(difference) = peer.difference {
            more["chunk_difference"] = difference.into();
        }
        let name = format!("sample {} N = {n}", unet::name(network));
        cases.push(Case { name, unit: "ms", rate: false, turns, more });
    }
    Ok(cases)
}
