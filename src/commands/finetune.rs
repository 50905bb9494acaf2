//! `planner finetune`

use imle_cli::failure::{Failure, Result};
use imle_cli::training::finetune::{Learned, learn};
use imle_cli::{args::finetune::FinetuneArgs, output::percent, report};
use serde_json::json;
use std::time::Instant;

/// Fine-tunes a generator.
pub fn run(args: &FinetuneArgs) -> Result<()> {
    let begun = Instant::now();
    match learn(args)? {
        Some(learned) => summarise(args, &learned, begun),
        None => Ok(()),
    }
}

/// Says what came of it.
fn summarise(args: &FinetuneArgs, learned: &Learned, begun: Instant) -> Result<()> {
    let output = args.common.output();
    let Learned { algorithm, rounds, episodes } = learned;
    let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else {
        return Err(Failure::Run("no round was run".into()));
    };
    let (before, after) = (percent(first.success_rate), percent(last.success_rate));
    output.say(format!(
        "generator alone: {before} before, {after} after ({episodes} episodes each); {} control steps in the world and {} \
         physics steps of rollouts",
        last.env_steps, last.simulation_steps
    ));
    if let Some(out) = &args.out {
        output.say(format!("checkpoint in {}", out.display()));
        output.hint(format!("to look at it: {}", report::command(out)));
    }
    output.result(&json!({
        "success_rate": last.success_rate, "success_ci95": last.success_ci95, "success_rate_before": first.success_rate,
        "success_ci95_before": first.success_ci95, "episodes": episodes, "algorithm": algorithm,
        "env_steps": last.env_steps, "physics_steps": last.simulation_steps, "gradient_steps": last.gradient_steps,
        "rounds": rounds, "seed": args.seed, "wall_s": begun.elapsed().as_secs_f64(),
    }))
}
