//! The part `latency`: one decision of every sampler, in turn in one run, on the same network and device.
//!
//! A turn is two decisions: the first finds the weights of another sampler in the processor's cache, as it would be
//! after the physics of a control step; the second, which is the figure that counts, its own, as in a loop of nothing
//! else.

use super::cell::network_words;
use super::work::{TrainingRecipe, Work};
use super::{contender, speed};
use crate::case::median_and_noise;
use imle_cli::failure::{Failure, Result};
use imle_cli::interrupt;
use imle_planner::decide::{Decide, Decision, Key, Situation};
use imle_planner::evaluation::report::percentiles;
use imle_planner::policy_controller::PolicyController;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::choice::Choice;
use imle_policy::device::DeviceChoice;
use imle_policy::policy::Policy;
use imle_policy::targets::{DemonstrationChunks, TargetSource};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// Decisions of each before the first that counts.
const WARM_UP: usize = 3;
/// Fewest decisions, whatever they take.
const FEWEST: usize = 5;
/// Seconds after which no more are begun.
const MOST_SECONDS: f64 = 120.0;
/// As in the paper.
const RESAMPLE_EVERY: u64 = 10;

/// Seconds that it takes to time decisions of samplers that take `each` seconds.
pub fn expected(each: &[f64], repeats: u32) -> f64 {
    let round = 2.0 * each.iter().chain(each.first()).sum::<f64>();
    let counted = (round * f64::from(repeats)).min(MOST_SECONDS.max(round * FEWEST as f64));
    counted + round * WARM_UP as f64
}

/// Where [`found`] keeps the times of `network` on the sweep's device, and the key that identifies them.
pub fn place(work: &Work<'_>, task: &str, network: &str, candidates: u32) -> Result<(PathBuf, Value)> {
    let device = device_name(work.device);
    let of = json!(["straight after", task, network, device, candidates, work.args.methods, work.base_fingerprint()?]);
    Ok((work.kept_at("latencies", &of), of))
}

/// As [`measure`] on the sweep's device, once for all cells that report it beside other figures.
///
/// # Errors
/// As [`measure`].
pub fn found(work: &Work<'_>, task: &str, network: &str, candidates: u32) -> Result<Value> {
    let (_, of) = place(work, task, network, candidates)?;
    work.remembered("latencies", &of, || measure(work, task, network, device_name(work.device), candidates))
}

/// The name that a device is opened with.
fn device_name(device: tch::Device) -> &'static str {
    if device == tch::Device::Cpu { "cpu" } else { "cuda" }
}

/// Times one decision of one sample, or the consistent one of `candidates`, by each sampler of the sweep's methods.
///
/// # Errors
/// A device that is not there; what sampling returns.
pub fn measure(work: &Work<'_>, task: &str, network: &str, device: &str, candidates: u32) -> Result<Value> {
    let mut rows: Vec<(&str, Checkpoint)> = Vec::new();
    for method in work.args.methods.iter().filter(|m| *m != "regression") {
        let recipe = TrainingRecipe { words: network_words(network)?, ..work.recipe(task, method, 0)? };
        let checkpoint = speed::untrained(work, &recipe)?;
        for sampler in contender::of(method)?.samplers {
            rows.push((sampler, contender::sampled(sampler, checkpoint.clone())?));
        }
    }
    compare(work, task, &rows, device.parse::<DeviceChoice>()?.open()?, candidates)
}

/// As [`measure`], of given checkpoints.
///
/// # Errors
/// As [`measure`].
pub fn compare(
    work: &Work<'_>,
    task: &str,
    rows: &[(&str, Checkpoint)],
    device: tch::Device,
    candidates: u32,
) -> Result<Value> {
    let subject = work.subject(task)?;
    let windows = DemonstrationChunks::new(&subject.dataset.spec, work.base.horizons, &subject.dataset.episodes)?;
    let (mut history, mut chunk) = (vec![0.0; windows.shape().observation], vec![0.0; windows.shape().chunk]);
    windows.window(windows.len() / 2, &mut history, &mut chunk);

    // The first sampler has two turns a round, apart from each other: their difference is the noise.
    let again = rows.len().min(2);
    let mut turns: Vec<(usize, PolicyController, [Vec<f64>; 2])> = Vec::new();
    for index in (0..again).chain(rows.first().map(|_| 0)).chain(again..rows.len()) {
        let policy = Policy::with_threads(&rows[index].1, work.pool.current_num_threads(), device)?;
        let mut alone = PolicyController::new(policy, work.args.seed, work.base.horizons);
        if candidates > 1 {
            alone = alone.with_choice(Choice::by_name("consistent", RESAMPLE_EVERY)?, candidates as usize);
        }
        turns.push((index, alone, Default::default()));
    }
    let begun = Instant::now();
    let mut progress = work.output.progress(u64::from(work.args.repeats), "measure", "decisions");
    for round in 0..WARM_UP + work.args.repeats as usize {
        if interrupt::asked() {
            return Err(Failure::Run("interrupted".into()));
        }
        if round >= WARM_UP + FEWEST && begun.elapsed().as_secs_f64() > MOST_SECONDS {
            break;
        }
        for (_, alone, times) in &mut turns {
            let keys = [Key { episode: 0, decision: 1 + round as u64 }];
            let (observations, warm, keys) = (&history[..], &chunk[..], &keys[..]);
            let situation = Situation { observations, warm, warm_left: &[0], keys, ..Situation::default() };
            let (mut plan, mut how) = (vec![0.0; chunk.len()], [Decision::default()]);
            for times in times {
                let begun = Instant::now();
                alone.decide(work.pool, &situation, &mut plan, &mut how)?;
                if round >= WARM_UP {
                    times.push(begun.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        progress.set(round as u64, "");
    }
    progress.finish();
    let noise = match (turns.first(), turns.get(again)) {
        (Some((_, _, [_, first])), Some((_, _, [_, again]))) => median_and_noise(first.clone(), again.clone()).1,
        _ => 0.0,
    };
    let count = turns.first().map_or(0, |(_, _, [_, times])| times.len());
    let mut samplers = Map::new();
    for (index, _, [cold, times]) in turns {
        let (cold, p) = (percentiles(cold), percentiles(times));
        let (sampler, checkpoint) = &rows[index];
        let figures = json!({
            "p50_ms": p.p50, "p95_ms": p.p95, "cold_p50_ms": cold.p50, "parameters": checkpoint.table().count(),
        });
        // The first of the two turns of the first sampler.
        samplers.entry(*sampler).or_insert(figures);
    }
    Ok(json!({
        "samplers": samplers, "noise": noise, "decisions": count, "threads": work.pool.current_num_threads(),
    }))
}
