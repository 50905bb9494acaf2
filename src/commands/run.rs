//! `planner run`

use clap::Args;
use imle_cli::args::common::{Common, DeviceArgument, WorldArgs};
use imle_cli::args::video::VideoArgs;
use imle_cli::episodes::{folder, recording, states::EPISODES_KEPT, video};
use imle_cli::output::{Output, extend, percent};
use imle_cli::{args::controller::ControllerArgs, controller::from_flags, failure::Result, load, place::Place, report};
use imle_configs::{Error as InputError, files, seed::Purpose, spec::Horizons};
use imle_envs::rollout::RolloutEngine;
use imle_planner::decide::Decide;
use imle_planner::evaluation::realtime::{self, Timing};
use imle_planner::evaluation::report::{Percentiles, PlanQuality, Report, quantiles};
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_policy::policy::Policy;
use imle_rl::online::edit::edited::{self, EditedGenerator};
use serde_json::json;
use std::time::{Duration, Instant};
use std::{path::PathBuf, sync::Arc};

/// `planner run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Built-in task, or the path of a task's TOML file
    #[arg(long)]
    pub task: Option<String>,
    /// Folder of the generator's checkpoint [default: the one shipped for the task. Without either the planner searches
    /// alone: --optimizer cma-es --proposals noise,warm]
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Folder of a run of planner finetune --algorithm edit: act with its generator and the learned edits, which decide
    /// every control step
    #[arg(long, value_name = "RUN", conflicts_with_all = ["checkpoint", "optimizer", "execute", "realtime"])]
    pub edits: Option<PathBuf>,
    /// Episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub episodes: u32,
    /// Number of the first episode. An episode can be repeated alone, with the same result (but with --realtime)
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub first: u64,
    /// Seed of start states and of all draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Start in states that force this mode of the expert (planner inspect TASK lists them). The expert acts until its
    /// way is fixed; steps, costs and times count from there
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// Episodes that share a batch of decisions. 1 measures the latency of one decision. The results are the same
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub lockstep: u32,
    /// Run the world at wall-clock speed, one episode at a time, while the planner plans ahead. By default the world
    /// waits for every plan, and the results are the same every time
    #[arg(long)]
    pub realtime: bool,
    /// With --realtime: milliseconds from an observation to its plan. At the deadline the best candidate so far is the
    /// plan
    #[arg(long, default_value_t = 60, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub deadline: u64,
    /// The video
    #[command(flatten)]
    pub video: VideoArgs,
    /// Episodes in the video, the first ones
    #[arg(long, help_heading = "Video", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub video_episodes: u32,
    /// Folder for the resolved settings, summary and episodes; must be empty or new
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Folder for a dataset of the solved episodes; must not exist. They begin in start states of demonstrations, not
    /// in the held-out ones
    #[arg(long, value_name = "DATASET", conflicts_with_all = ["realtime", "mode"])]
    pub record: Option<PathBuf>,
    /// Where the generator runs
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceArgument,
    /// The controller
    #[command(flatten)]
    pub controller: ControllerArgs,
    /// The world
    #[command(flatten)]
    pub world: WorldArgs,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Unsolved episodes that are named.
const NAMED: usize = 12;

/// Runs episodes.
pub fn run(args: &RunArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let mut controller = args.controller.clone();
    if args.realtime && from_flags::settings(&controller)?.may_have_stages() {
        controller.shortcuts.push("stages".into());
    }
    from_flags::check(&controller)?;
    let task = load::task_in(name(args)?, &args.world)?;
    args.video.check(&task)?;
    let mode = load::mode(args.mode.as_deref(), &task)?;
    let device = load::device(args.device)?;
    let threads = args.common.threads();
    let generator =
        args.edits.as_deref().map(|run| EditedGenerator::load(run, args.seed, threads, device)).transpose()?;
    let edits = args.edits.as_ref().map(|run| run.join(edited::FOLDER));
    let (task, checkpoint) = load::any_checkpoint(args.checkpoint.as_deref().or(edits.as_deref()), task)?;
    let checkpoint = checkpoint.map(|c| from_flags::sampled(&args.controller, c)).transpose()?;
    args.record.as_deref().map_or(Ok(()), files::ensure_absent)?;
    let pool = load::pool(&args.common)?;
    let _folder = args.out.as_deref().map(Place::locked).transpose()?;
    let _video = args.video.video.as_deref().map(Place::file).transpose()?;
    drop(args.record.as_deref().map(Place::folder).transpose()?);
    let sampler = checkpoint.as_ref().map(|c| Policy::with_threads(c, threads, device)).transpose()?;
    let engine = Arc::new(RolloutEngine::new(task.clone(), threads)?);
    let (mut decider, horizons): (Box<dyn Decide>, Horizons) = match generator {
        Some(edited) => {
            let horizons = edited.horizons();
            (Box::new(edited), horizons)
        }
        None => {
            let (decider, horizons) = from_flags::new(&controller, args.seed, &task, sampler.as_ref(), &engine)?;
            (Box::new(decider), horizons)
        }
    };
    let settings = EvaluationSettings {
        lockstep: args.lockstep as usize,
        record: filmed(args).max(args.out.as_ref().map_or(0, |_| EPISODES_KEPT)),
        keep_plans: filmed(args),
        first: args.first,
        mode,
        keep_actions: args.record.is_some(),
        purpose: if args.record.is_some() { Purpose::Demonstration } else { Purpose::Reset },
        ..EvaluationSettings::held_out(args.episodes as usize, args.seed, horizons)
    };
    let mut watch = output.progress(settings.episodes as u64, "run", "episodes");
    let outcome = if args.realtime {
        let deadline = Duration::from_millis(args.deadline);
        let outcome = realtime::run(&task, decider.as_mut(), &engine, &settings, deadline, &pool, &mut watch);
        outcome.map(|(outcome, timing)| (outcome, Some(timing)))
    } else {
        evaluate(&task, decider.as_mut(), &settings, &pool, &mut watch).map(|outcome| (outcome, None))
    };
    watch.finish();
    let (outcome, timing) = outcome?;
    let report = Report::new(&outcome, task.spec().control_rate);
    summarise(output, args, &report);
    let unsolved: Vec<u64> = outcome.episodes.iter().filter(|e| !e.success).map(|e| e.episode).collect();
    if let Some(one) = unsolved.first() {
        let more = if unsolved.len() > NAMED { ", …" } else { "" };
        let named = unsolved.iter().take(NAMED).map(u64::to_string).collect::<Vec<_>>().join(", ");
        output.say(format!("not solved: {named}{more} (to look at one: --first {one} --episodes 1 --video FILE)"));
    }
    if let Some(timing) = &timing {
        output.say(clock(timing));
    }
    let filmed = &outcome.episodes[..filmed(args).min(outcome.episodes.len())];
    video::write(output, &task, filmed, &args.video, (&engine, &pool))?;
    if let Some(path) = &args.record {
        let recorded = recording::write(path, args.seed, &task, &outcome)?;
        output.say(format!("dataset: {} ({recorded} solved episodes)", path.display()));
    }
    let mut result = json!(report);
    result["plan_ms"]["quantiles"] = json!(quantiles(outcome.decisions_ms.iter().map(|d| d.0).collect()));
    let more = json!({
        "task": task.spec().task, "optimizer": args.controller.optimizer, "candidates": args.controller.candidates,
        "execute": horizons.action,
    });
    extend(&mut result, more);
    if let Some(timing) = &timing {
        result["realtime"] = json!(timing);
    }
    let more = json!({
        "first": args.first, "unsolved": unsolved, "seed": args.seed, "mismatch": args.world.mismatch, "mode": args.mode,
        "wall_s": begun.elapsed().as_secs_f64(),
    });
    extend(&mut result, more);
    if let Some(out) = &args.out {
        folder::write(out, &config(args, checkpoint.is_some(), horizons.action)?, &result, &outcome)?;
        output.say(format!("summary: {}", out.join("summary.json").display()));
        output.hint(format!("to look at it: {}", report::command(out)));
    }
    output.result(&result)
}

/// Episodes in the video.
fn filmed(args: &RunArgs) -> usize {
    args.video.video.as_ref().map_or(0, |_| args.video_episodes as usize)
}

/// Name of the task, without which there is no simulator to run episodes in.
fn name(args: &RunArgs) -> Result<&str> {
    let expected = "a task to simulate (planner serve --checkpoint FOLDER serves a generator without one)";
    Ok(args.task.as_deref().ok_or_else(|| InputError::unexpected("--task", expected, "none"))?)
}

/// Success below which another optimizer is worth a try.
const WEAK: f64 = 0.8;

fn summarise(output: Output, args: &RunArgs, report: &Report) {
    let [low, high] = report.success_ci95;
    let solved = (report.success_rate * report.episodes as f64).round();
    let optimizer = args.controller.optimizer.as_str();
    let how = match optimizer {
        _ if args.edits.is_some() => "generator with edits".into(),
        "none" => "generator alone".into(),
        _ => format!("{optimizer} with {} candidates", args.controller.candidates),
    };
    let [share, low, high] = [report.success_rate, low, high].map(percent);
    output.say(format!(
        "{}: {solved} of {} episodes solved: {share} (95 % interval {low} to {high})",
        args.task.as_deref().unwrap_or_default(),
        report.episodes
    ));
    let steps = report.mean_steps_to_success.map_or(String::new(), |s| format!(", {s:.0} control steps to success"));
    let reached: String = report.reached.iter().map(|(name, most)| format!(", at best {name} {most:.3}")).collect();
    output.say(format!("{how}; {}{steps}{reached}", report.told_cost()));
    report.failures().into_iter().for_each(|line| output.say(line));
    let (Percentiles { p50, p95 }, batch) = (report.plan_ms, report.plan_batch);
    output.say(match batch {
        0 | 1 => format!("a decision took {p50:.1} ms (median), 95 % of them at most {p95:.1} ms"),
        _ => format!(
            "{batch} episodes at a time: a decision for all of them took {p50:.0} ms (median), {:.1} ms an episode",
            p50 / batch as f64
        ),
    });
    if let (Some(predicted), Some(realised)) = (report.predicted_cost, report.realised_cost) {
        let winners: Vec<String> =
            report.winners.iter().map(|(name, share)| format!("{name} {}", percent(*share))).collect();
        let winners = winners.join(", ");
        output.say(format!("plans came from {winners}; their cost: {predicted:.3} predicted, {realised:.3} realised"));
    }
    if let Some(PlanQuality { beat_warm, modes, improvable, .. }) = &report.quality {
        output.say(format!(
            "{} of the proposals were cheaper than the last plan; the better half had {modes:.1} modes; twice as many would \
             make a plan 1 % cheaper with probability {improvable:.2}",
            percent(*beat_warm)
        ));
    }
    let limits = [(report.peak_velocity, "joint's speed"), (report.peak_torque, "actuator's force")];
    let limits = limits.into_iter().filter(|(share, _)| *share > 0.0);
    let limits: String = limits.map(|(share, of)| format!("at most {} of any {of} limit; ", percent(share))).collect();
    let (meeting, inside) = (report.boundary_jerk, report.inner_jerk);
    output.say(format!("{limits}jerk {meeting:.0} where chunks meet, {inside:.0} inside (rad/s³ or m/s³)"));
    let named = report.modes.iter().filter(|(mode, _)| **mode != "none");
    let modes: Vec<String> = named.map(|(mode, (n, solved))| format!("{mode} {solved} of {n}")).collect();
    let modes = if modes.is_empty() { String::new() } else { format!("solved by mode: {}; ", modes.join(", ")) };
    output.say(format!("{modes}the plan changed course {:.1} times an episode", report.mode_switches));
    if report.success_rate < WEAK && args.edits.is_none() && !["none", "cma-es"].contains(&optimizer) {
        output.note("hint: --optimizer cma-es searches further from the same proposals");
    }
}

/// Timing of `--realtime`, as a line.
fn clock(timing: &Timing) -> String {
    let Timing { world_s, missed, hand_overs, cut, fallbacks, plan_ms, deadline_ms, late_steps, .. } = timing;
    let Percentiles { p50, p95 } = plan_ms;
    format!(
        "real time, {world_s:.0} s: {missed} of {hand_overs} hand-overs missed, {cut} plans cut short, {fallbacks} fallbacks; a \
         plan took {p50:.1} ms median, {p95:.1} ms 95th percentile, of {deadline_ms:.0}; {late_steps} control steps began late"
    )
}

/// The resolved settings of the run.
fn config(args: &RunArgs, generator: bool, execute: usize) -> Result<serde_json::Value> {
    let shipped = if generator { "shipped" } else { "none" };
    let checkpoint = args.checkpoint.as_ref().map_or(shipped.to_string(), |c| c.display().to_string());
    let mut config = json!(args.controller);
    let more = json!({
        "task": args.task, "checkpoint": checkpoint, "edits": args.edits, "episodes": args.episodes, "first": args.first, "seed": args.seed,
        "lockstep": args.lockstep, "realtime": args.realtime, "deadline": args.deadline, "execute": execute,
        "parameterization": from_flags::settings(&args.controller)?.parameterization()?, "mode": args.mode, "mismatch": args.world.mismatch,
        "threads": args.common.threads(), "version": imle_configs::VERSION,
    });
    extend(&mut config, more);
    Ok(config)
}
