//! `planner bench collect`: physics steps a second of collecting episodes, with a policy that does nothing and with the
//! generator, against a thread pool over `mj_step` in C.
//!
//! All episodes begin in the same state of the world's model. With the null policy every action holds still, so that
//! the peer, which holds the controls, does the same physics; ours also observes, scores, and keeps what is learned
//! from.

use super::args::{BenchArgs, Loaded};
use super::peers::{Peers, ScratchFolder, in_turns};
use super::physics::{self, Of, POOL};
use crate::case::{Case, report};
use imle_cli::failure::Result;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EvaluationSettings, Outcome, Start, evaluate};
use imle_planner::policy_controller::PolicyController;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Holds still.
struct Still;

impl Decide for Still {
    fn sources(&self) -> Vec<&'static str> {
        vec!["still"]
    }

    fn decide(
        &mut self,
        _: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        // The action that holds still, as long as no other is chosen.
        chunks.copy_from_slice(situation.warm);
        how.fill(Decision::default());
        Ok(())
    }
}

/// Measures.
pub fn run(args: &BenchArgs) -> Result<()> {
    let Loaded { task, sampler, horizons, pool, threads } = args.load()?;
    let episodes = args.candidates.unwrap_or(64) as usize;
    let (start, ctrl) = begun(&task, horizons, args.seed)?;
    let settings = EvaluationSettings {
        purpose: Purpose::Bench,
        keep_actions: true,
        starts: Some(vec![start.clone(); episodes].into()),
        ..EvaluationSettings::held_out(episodes, args.seed, horizons)
    };
    // The seconds that it takes, the control steps in it, and what came of it.
    let collect = |decider: &mut dyn Decide| -> Result<(f64, usize, Outcome)> {
        let begun = Instant::now();
        let outcome = evaluate(&task, decider, &settings, &pool, &mut ())?;
        Ok((begun.elapsed().as_secs_f64(), outcome.episodes.iter().map(|e| e.steps).sum(), outcome))
    };
    let substeps = task.substeps();
    let steps = task.max_steps() * substeps;
    let folder = ScratchFolder::new()?;
    let mut peers = Peers::new();
    if args.peers {
        physics::save_model(&task, Of::World, &folder.0)?;
        let held = std::iter::repeat_n(&ctrl, episodes * steps).flatten().copied();
        physics::write_inputs(&folder.0, &start.state, held)?;
        peers.push(("mj_step_pool", physics::start(POOL, &folder.0, threads, steps)?.0));
    }
    let still = |_| -> Result<f64> {
        let (seconds, control_steps, _) = collect(&mut Still)?;
        Ok((control_steps * substeps) as f64 / seconds)
    };
    still(0)?;
    let turns = in_turns(args.repeats, still, &mut peers, "", |seconds| (episodes * steps) as f64 / seconds)?;
    let (seconds, control_steps, real) = collect(&mut PolicyController::new(sampler, args.seed, horizons))?;
    let deciding_s: f64 = real.decisions_ms.iter().map(|(ms, _)| ms / 1e3).sum();
    let more = json!({
        "episodes": episodes, "timestep_s": task.compiled_model().opt().timestep, "threads": threads,
        "generator_physics_steps_per_s": (control_steps * substeps) as f64 / seconds,
        "generator_control_steps_per_s": control_steps as f64 / seconds,
        "generator_share_deciding": deciding_s / seconds,
    });
    let case = Case { name: format!("collect {}", args.task()), unit: "physics steps/s", rate: true, turns, more };
    report(&args.common, args.seed, args.repeats, &[case])
}

/// A start state, and the controls in it.
fn begun(task: &Arc<Task>, horizons: Horizons, seed: u64) -> Result<(Start, Vec<f64>)> {
    let mut world = World::new(task.clone())?;
    world.reset(seed, Purpose::Bench, 0)?;
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state)?;
    let mut seen = vec![0.0; task.spec().observation.size()];
    world.observe(&mut seen);
    let start = Start { state, history: seen.repeat(horizons.observation), steps_left: task.max_steps() };
    Ok((start, world.simulation().data().ctrl().to_vec()))
}
