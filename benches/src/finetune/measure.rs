//! Measurement of a cell: the run, and the generator before and after it in the same held-out episodes.

use super::args::FinetuneBenchArgs;
use super::bases::{self, Base, HELD_OUT};
use super::cell::{FinetuneCell, FinetuneFigures, GeneratorFigures};
use crate::episodes::Success;
use imle_cli::args::common::{OptimizationArgs, SettingsArgs, WorldArgs};
use imle_cli::args::finetune::FinetuneArgs;
use imle_cli::controller::held_out;
use imle_cli::failure::{Failure, Result};
use imle_cli::training::finetune;
use imle_cli::{load, sweep};
use imle_planner::evaluation::{EvaluationSettings, Report};
use imle_planner::policy_controller::PolicyController;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::fidelity::HeldOutWindows;
use imle_policy::policy::Policy;
use imle_policy::targets::DemonstrationChunks;
use imle_rl::run::Round;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Seed of the held-out episodes before and after: others than those of the curve, which rounds are evaluated on.
const SEED: u64 = 1_000;
/// Samples a held-out window, neighbours of each, and windows at most, of which recall is taken.
const SAMPLES: usize = 64;
const NEIGHBOURS: usize = 10;
const WINDOWS: usize = 200;

/// Runs the cell, or goes on with it.
pub fn measure(args: &FinetuneBenchArgs, cell: &FinetuneCell) -> Result<FinetuneFigures> {
    let base = bases::made(args, &cell.task, cell.base)?;
    let begun = Instant::now();
    // By all settings, so that a run with other defaults is another run.
    let key = sweep::crc(&json!([cell, finetune::resolved(&cell.algorithm, &cell.settings)?]));
    let folder = args.work.join("runs").join(format!("{}-{}-{}-{key}", cell.task, cell.base, cell.algorithm));
    let resume = folder.join("state.json").exists();
    // A run that goes on has its settings.
    let set = if resume { Vec::new() } else { cell.settings.clone() };
    let given = FinetuneArgs {
        task: Some(cell.task.clone()),
        checkpoint: Some(base.folder.clone()),
        data: Some(base.data.clone()),
        episodes: Some(base.demonstrations as u32),
        algorithm: Some(cell.algorithm.clone()),
        reward: None,
        env_steps: cell.env_steps,
        resume,
        out: Some(folder.clone()),
        seed: cell.seed,
        device: args.device,
        world: WorldArgs { mismatch: cell.mismatch.clone() },
        optimization: OptimizationArgs::default(),
        settings: SettingsArgs { config: None, set, settings: false },
        common: args.common.clone(),
    };
    let learned = finetune::learn(&given)?.ok_or_else(|| Failure::Run("nothing was learned".into()))?;
    // How long a run took that was stopped meanwhile is not known.
    let wall_s = (!resume).then(|| begun.elapsed().as_secs_f64());
    let before = base_judged(args, cell, &base)?;
    let after = judged(args, cell, &base, &folder)?;
    // The world without mismatch, to measure how much of the lost success is regained.
    let planned = cell.mismatch.is_some().then(|| FinetuneCell { mismatch: None, ..cell.clone() });
    let as_planned = planned.map(|cell| base_judged(args, &cell, &base)).transpose()?;
    let last = learned.rounds.last().cloned().unwrap_or_default();
    Ok(FinetuneFigures {
        before,
        after,
        as_planned,
        to_90: to_90(&learned.rounds),
        rounds: learned.rounds,
        env_steps: last.env_steps,
        simulation_steps: last.simulation_steps,
        gradient_steps: last.gradient_steps,
        curve_episodes: learned.episodes,
        train_s: wall_s,
    })
}

/// Control steps and steps of simulation at which the curve first reaches 90 %, along straight lines between its
/// points.
fn to_90(rounds: &[Round]) -> Option<[f64; 2]> {
    const REACHED: f64 = 0.9;
    let at = rounds.iter().position(|r| r.success_rate >= REACHED)?;
    let now = &rounds[at];
    let Some(before) = at.checked_sub(1).map(|i| &rounds[i]) else {
        return Some([now.env_steps as f64, now.simulation_steps as f64]);
    };
    let part = (REACHED - before.success_rate) / (now.success_rate - before.success_rate);
    let along = |a: u64, b: u64| a as f64 + part * (b as f64 - a as f64);
    Some([along(before.env_steps, now.env_steps), along(before.simulation_steps, now.simulation_steps)])
}

/// The base as [`judged`]; once for all cells that begin with it.
fn base_judged(args: &FinetuneBenchArgs, cell: &FinetuneCell, base: &Base) -> Result<GeneratorFigures> {
    let of = json!([cell.task, cell.mismatch, base.checkpoint.fingerprint(), args.episodes, SEED]);
    let path = args.work.join("judged").join(format!("{}.json", sweep::crc(&of)));
    sweep::remembered(&path, &of, || judged(args, cell, base, &base.folder))
}

/// Success, modes, success by forced mode, and recall of the generator in `folder`, alone.
fn judged(args: &FinetuneBenchArgs, cell: &FinetuneCell, base: &Base, folder: &Path) -> Result<GeneratorFigures> {
    let task = load::task_in(&cell.task, &WorldArgs { mismatch: cell.mismatch.clone() })?;
    let (pool, output) = (load::pool(&args.common)?, args.common.output());
    let checkpoint = Checkpoint::load(folder)?;
    let sampler = Policy::with_threads(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
    let horizons = task.horizons(checkpoint.config().horizons);
    let episodes = |count: usize, mode: Option<usize>| -> Result<Report> {
        let settings = EvaluationSettings { mode, ..EvaluationSettings::held_out(count, SEED, horizons) };
        let mut alone = PolicyController::new(sampler.clone(), SEED, horizons);
        let outcome = held_out::watched(&task, &mut alone, &settings, &pool, output, &[], |_| false)?;
        Ok(Report::new(&outcome, task.spec().control_rate))
    };
    let report = episodes(args.episodes as usize, None)?;
    let mut forced = BTreeMap::new();
    let modes = task.expert().map_or(&[][..], |expert| expert.modes());
    for (index, name) in modes.iter().enumerate().filter(|_| modes.len() > 1) {
        let each = (2 * args.episodes as usize / modes.len()).max(10);
        forced.insert(name.to_string(), Success::of(&episodes(each, Some(index))?));
    }
    let windows = DemonstrationChunks::new(&base.dataset.spec, checkpoint.config().horizons, &base.dataset.episodes)?;
    let first = base.dataset.episodes.len() - HELD_OUT;
    let judge =
        HeldOutWindows::new(&pool, &windows, &base.checkpoint.config().normalizers, first, NEIGHBOURS, WINDOWS)?;
    let found = judge.measure(&pool, sampler.sampler(), SAMPLES, SEED, &mut |_| true)?;
    let success = Success::of(&report);
    let shown = report.modes.into_iter().map(|(mode, (shown, solved))| (mode.to_string(), [shown, solved]));
    Ok(GeneratorFigures {
        success,
        modes: shown.collect(),
        mode_entropy: Some(report.mode_entropy),
        boundary_jerk: Some(report.boundary_jerk),
        forced,
        recall: found.as_ref().map(|f| f.recall),
        precision: found.as_ref().map(|f| f.precision),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_curve_reaches_ninety_percent_is_between_its_points() {
        let round = |env_steps: u64, success_rate: f64| Round {
            env_steps,
            simulation_steps: 10 * env_steps,
            success_rate,
            ..Round::default()
        };
        let found = to_90(&[round(0, 0.5), round(100, 0.8), round(200, 1.0), round(300, 0.7)]).unwrap();
        assert!((found[0] - 150.0).abs() < 1e-9 && (found[1] - 1500.0).abs() < 1e-9);
        assert_eq!(to_90(&[round(0, 0.95)]), Some([0.0, 0.0]));
        assert_eq!(to_90(&[round(0, 0.5), round(100, 0.89)]), None);
    }
}
