//! `planner bench shortcuts`: what cheaper rollouts save, and whether the same plans are chosen.
//!
//! Episodes are planned with whole rollouts, everything awake; at each decision the same candidates are rolled out in
//! every way, in turn.

use super::args::{BenchArgs, Loaded};
use crate::case::{Case, Turns, median, report};
use crate::observed::Observed;
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::score::Score;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::decide::Situation;
use imle_planner::evaluation::evaluate;
use imle_planner::optimizer::{PredictiveSampling, Scored};
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::rollout::halving::Halving;
use imle_planner::rollout::staged::{self, Staged};
use imle_planner::rollout::{Candidates, Simulator};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Candidates rolled out in one of the ways.
struct Way {
    name: &'static str,
    simulator: Box<dyn Simulator>,
    scores: Vec<Score>,
    ms: Vec<f64>,
    figures: WayFigures,
}

/// Sums over the decisions of a way.
#[derive(Default)]
struct WayFigures {
    physics_steps: u64,
    /// Decisions in which the same plan is chosen as with whole rollouts.
    same: usize,
    /// By how much what is chosen costs more, as a share of the best cost: greatest, and sum.
    largest_loss: f64,
    loss: f64,
}

impl Way {
    fn new(name: &'static str, simulator: Box<dyn Simulator>) -> Self {
        Self { name, simulator, scores: Vec::new(), ms: Vec::new(), figures: WayFigures::default() }
    }
}

/// Rolls the candidates of a decision out again in all `ways`, of which the first is whole; `decisions` were before it.
fn compare(
    ways: &mut [Way],
    pool: &rayon::ThreadPool,
    candidates: Candidates<'_>,
    decisions: usize,
) -> imle_planner::Result<()> {
    let count = ways.len();
    // In turn, so that none always has the warmer caches.
    for i in 0..count {
        let way = &mut ways[(i + decisions) % count];
        way.scores.resize(candidates.offered.len(), Score::default());
        let begun = Instant::now();
        way.simulator.rollout(pool, candidates, &mut way.scores)?;
        way.ms.push(begun.elapsed().as_secs_f64() * 1e3);
        way.figures.physics_steps += way.scores.iter().map(|s| u64::from(s.physics_steps)).sum::<u64>();
        // What was not offered cannot be chosen here either.
        let idle = way.scores.iter_mut().zip(candidates.offered).filter(|(_, offered)| !**offered);
        idle.for_each(|(own, _)| own.failed = true);
    }
    let best = |scores: &[Score]| Scored { scores, warm: None }.best();
    let Some(right) = best(&ways[0].scores) else { return Ok(()) };
    let whole: Vec<f64> = ways[0].scores.iter().map(|s| s.cost).collect();
    for Way { scores, figures, .. } in ways {
        let chosen = best(scores).unwrap_or(right);
        let loss = (whole[chosen] - whole[right]) / whole[right].abs().max(1e-9);
        figures.same += usize::from(chosen == right);
        figures.largest_loss = figures.largest_loss.max(loss);
        figures.loss += loss;
    }
    Ok(())
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let Loaded { task, sampler, horizons, pool, threads } = args.load()?;
    let awake = load::alone(args.task())?.with_planning_sleep(false);
    let engine =
        |task: Task| -> Result<Arc<RolloutEngine>> { Ok(Arc::new(RolloutEngine::new(Arc::new(task), threads)?)) };
    let asleep = engine(awake.clone().with_planning_sleep(true))?;
    let coarse = imle_planner::controller::coarse(&awake).map_err(Failure::from).and_then(engine);
    let whole = engine(awake)?;
    let staged =
        |abort, enough| Box::new(Staged::new(Box::new(whole.clone()), staged::StagedSettings { abort, enough }));
    let mut ways = vec![
        Way::new("whole", Box::new(whole.clone())),
        Way::new("sleep", Box::new(asleep)),
        Way::new("abort", staged(true, None)),
        Way::new("halving", Box::new(Halving::new(Box::new(whole.clone())))),
        Way::new("budget auto", staged(false, Some(imle_planner::controller::ENOUGH))),
        Way::new("whole, again", Box::new(whole.clone())),
    ];
    match coarse {
        Ok(coarse) => ways.push(Way::new("coarse", Box::new(coarse))),
        Err(Failure::Input(message)) => args.common.output().note(format!("left out: {message}")),
        Err(other) => return Err(other),
    }
    let candidates = args.candidates.unwrap_or(32) as usize;
    let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Generator::new(sampler, args.seed)), Box::new(Warm)];
    let mut planner =
        Planner::new(Box::new(whole.clone()), sources, Box::new(PredictiveSampling), horizons, candidates)?;
    let mut decisions = 0;
    let look = |planner: &Planner, pool: &rayon::ThreadPool, s: &Situation<'_>, _| {
        let (chunks, scores) = planner.last();
        let offered: Vec<bool> = scores.iter().map(|s| s.cost.is_finite()).collect();
        let (steps, executed) = (horizons.prediction, horizons.action);
        let (keys, states, offered) = (s.keys, s.states, &offered[..]);
        let candidates = Candidates { keys, states, chunks, steps, executed, offered, ..Candidates::default() };
        compare(&mut ways, pool, candidates, decisions)?;
        decisions += 1;
        Ok(())
    };
    let mut observed = Observed { decider: &mut planner, look };
    evaluate(&task, &mut observed, &args.episodes(horizons), &pool, &mut ())?;
    let made = decisions.max(1) as f64;
    let plain = median(ways[0].ms.clone());
    let steps = ways[0].figures.physics_steps as f64;
    let again = ways.iter().find(|w| w.name == "whole, again").map_or(plain, |w| median(w.ms.clone()));
    let shown = ways.iter().skip(1).filter(|w| w.name != "whole, again");
    let case = |way: &Way| {
        let (figures, noise) = (&way.figures, (plain - again).abs() / plain);
        let turns = Turns { ours: median(way.ms.clone()), noise, peers: BTreeMap::from([("whole", plain)]) };
        let more = json!({
            "physics_share": figures.physics_steps as f64 / steps, "same_plan": figures.same as f64 / made,
            "mean_loss": figures.loss / made, "largest_loss": figures.largest_loss,
            "decisions": decisions, "candidates": candidates, "threads": threads,
        });
        let name = format!("{} {}", way.name, args.task());
        Case { name, unit: "ms of rollouts a decision", rate: false, turns, more }
    };
    let cases: Vec<Case> = shown.map(case).collect();
    report(&args.common, args.seed, args.repeats, &cases)
}
