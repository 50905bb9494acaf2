//! `planner bench sample`: the time to draw N chunks for one observation.

use super::{Case, median_and_noise, report};
use crate::cli::BenchArgs;
use crate::failure::Result;
use crate::load;
use imle_configs::seed::Purpose;
use imle_envs::world::World;
use imle_policy::sampler::{LatentKey, Sampler};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let task = load::task(&args.task)?;
    let checkpoint = load::checkpoint(args.checkpoint.as_deref(), &task)?;
    let pool = load::pool(&args.common)?;
    let sampler = Sampler::new(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
    let mut world = World::new(task.clone())?;
    world.reset(args.seed, Purpose::Bench, 0)?;
    let mut observation = vec![0.0; task.spec().observation.size()];
    world.observe(&mut observation);
    let history = observation.repeat(checkpoint.config().horizons.observation);
    let chunk = checkpoint.config().shape().chunk();
    let sizes = args.candidates.map_or(vec![1, 32, 256], |n| vec![n as usize]);
    let mut cases = Vec::new();
    for n in sizes {
        let mut out = vec![0.0; n * chunk];
        let mut draw = |step: u64| -> Result<f64> {
            let begun = Instant::now();
            sampler.sample(&pool, &history, &[LatentKey { seed: args.seed, episode: 0, step }], n, &mut out)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        (0..5).try_for_each(|step| draw(step).map(|_| ()))?;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for step in 0..u64::from(args.repeats) {
            first.push(draw(step)?);
            second.push(draw(step)?);
        }
        let (ours, noise) = median_and_noise(first, second);
        let network = &checkpoint.config().network.kind;
        let more = json!({ "candidates": n, "network": network, "parameters": checkpoint.table().count() });
        cases.push(Case {
            name: format!("sample N = {n}"),
            unit: "ms",
            rate: false,
            ours,
            noise,
            peers: BTreeMap::new(),
            more,
        });
    }
    report(args, &cases)
}
