//! A planning step allocates nothing once its buffers are there: no Rust code in it asks for memory, whatever the
//! planner.
//!
//! MuJoCo's own arena is made with the workers; CMA-ES makes its matrices anew every wave, and libtorch its tensors, so
//! both are left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::decide::{Decide, Decision, Key, Situation};
use imle_planner::optimizer::{OptimizerSettings, PredictiveSampling, by_name};
use imle_planner::parameterization::{self, ParameterizationKind};
use imle_planner::planner::Planner;
use imle_planner::proposal::{Noise, Proposal, Warm};
use imle_planner::{Controller, Plan, threads};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counted.
struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_planning_step_allocates_nothing() {
    let task = Arc::new(Task::load("push_t").unwrap());
    let engine = Arc::new(RolloutEngine::new(task.clone(), 2).unwrap());
    let pool = threads::pool(2).unwrap();
    let horizons = Horizons { observation: 2, prediction: 8, action: 2 };
    let mut world = World::new(task.clone()).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    let (mut state, mut hold) = (vec![0.0; world.state_size()], vec![0.0; task.action_bounds().size()]);
    world.get_state(&mut state).unwrap();
    world.hold(&mut hold);
    let warm = hold.repeat(horizons.prediction);
    for (name, kind) in [
        ("predictive-sampling", ParameterizationKind::Chunk),
        ("mppi", ParameterizationKind::Chunk),
        ("cem", ParameterizationKind::Linear),
        ("dial", ParameterizationKind::Cubic),
        ("mode-preserving", ParameterizationKind::Zero),
    ] {
        let noise = Noise { seed: 1, scale: 0.2, knots: 4, bounds: task.action_bounds().clone() };
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Warm), Box::new(noise)];
        let optimizer = by_name(name, OptimizerSettings { waves: Some(3), ..OptimizerSettings::default() });
        let optimizer =
            if name == "predictive-sampling" { by_name(name, OptimizerSettings::default()) } else { optimizer };
        let space = parameterization::of_kind(kind, task.action_bounds().clone(), horizons.prediction, 4).unwrap();
        let planner = Planner::new(Box::new(engine.clone()), sources, optimizer.unwrap(), horizons, 16).unwrap();
        let mut planner = planner.searching(space, 1).with_proximal_cost(0.5);
        let (mut plan, mut how) = (vec![0.0; warm.len()], [Decision::default()]);
        let mut decide = |decision: u64| {
            let keys = [Key { episode: 0, decision }];
            let situation = Situation {
                observations: &[],
                pictures: &[],
                states: &state,
                warm: &warm,
                warm_left: &[8],
                keys: &keys,
                deadline: None,
                lockstep: false,
            };
            planner.decide(&pool, &situation, &mut plan, &mut how).unwrap();
        };
        // From within the pool, as a controller that plans on it does: handing work to a pool from outside allocates a
        // block of its queue now and then.
        pool.install(|| {
            (0..40).for_each(&mut decide);
            let before = COUNT.load(Ordering::Relaxed);
            (40..50).for_each(&mut decide);
            assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0, "{name} in {kind}");
        });
        assert!(how[0].quality.is_some() && how[0].rollouts == 16);
    }
    controllers_plan_into_a_kept_plan(&task, &state);
}

/// One test, since the counter is the process's.
fn controllers_plan_into_a_kept_plan(task: &Arc<Task>, state: &[f64]) {
    let horizons = Horizons { observation: 2, prediction: 8, action: 2 };
    let builder = || Controller::builder(task.clone()).horizons(horizons).candidates(16).threads(2);
    for name in ["predictive-sampling", "mppi", "cem"] {
        let waves = OptimizerSettings { waves: Some(3), ..OptimizerSettings::default() };
        let mut mpc = match name {
            "predictive-sampling" => builder().optimizer(PredictiveSampling).build().unwrap(),
            name => builder().optimizer(by_name(name, waves).unwrap()).build().unwrap(),
        };
        let (mut plan, observation) = (Plan::default(), vec![0.0; mpc.observation_size()]);
        let workers = mpc.workers().clone();
        mpc.reset(0);
        let mut step = |_: u64| {
            mpc.observe(&observation).unwrap();
            mpc.plan_into(&mut plan, state).unwrap();
        };
        workers.install(|| {
            (0..40).for_each(&mut step);
            let before = COUNT.load(Ordering::Relaxed);
            (40..50).for_each(&mut step);
            assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0, "{name}");
        });
        assert_eq!((plan.costs().len(), plan.shape(), plan.rollouts()), (16, [8, task.spec().action.size()], 16));
    }
}
