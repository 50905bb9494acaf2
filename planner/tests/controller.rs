//! The front door: the same bits as the evaluator's, at any rate and with own dynamics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::optimizer::{Cem, CmaEs};
use imle_planner::proposal::ProposalSource;
use imle_planner::rollout::{Candidates, Score, Simulator};
use imle_planner::{Controller, ControllerBuilder, ControllerSettings, Error};
use imle_policy::Policy;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEPS: usize = 20;

fn task() -> Arc<Task> {
    Arc::new(Task::load("cylinder_push").unwrap())
}

fn builders() -> [ControllerBuilder; 3] {
    let policy = Policy::pretrained("cylinder_push").unwrap();
    let settings = ControllerSettings { optimizer: "cem".into(), candidates: 16, ..ControllerSettings::default() };
    [
        Controller::builder(task()).policy(policy.clone()).candidates(8).seed(3),
        Controller::builder(task()).policy(policy).settings(&settings).seed(3),
        Controller::builder(task()).optimizer(CmaEs::default()).candidates(16).seed(3),
    ]
}

/// Actions of the first steps of episode 5 with `act`.
fn acted(mut mpc: Controller) -> Vec<f32> {
    let mut world = World::new(task()).unwrap();
    world.reset(3, Purpose::Reset, 5).unwrap();
    let (mut observation, mut state) = (vec![0.0; mpc.observation_size()], vec![0.0; mpc.state_size()]);
    let mut actions = Vec::new();
    mpc.reset(5);
    for _ in 0..STEPS {
        world.observe(&mut observation);
        world.get_state(&mut state).unwrap();
        let action = mpc.act(&observation, &state).unwrap();
        actions.extend_from_slice(action);
        world.step(action);
    }
    actions
}

#[test]
fn what_is_not_finite_or_of_another_size_is_refused() {
    let mut mpc = Controller::builder(task()).optimizer(CmaEs::default()).candidates(16).build().unwrap();
    let world = World::new(task()).unwrap();
    let (mut observation, mut state) = (vec![0.0; mpc.observation_size()], vec![0.0; mpc.state_size()]);
    world.observe(&mut observation);
    world.get_state(&mut state).unwrap();
    let mut refused = |observation: &[f32], state: &[f64]| {
        mpc.reset(0);
        let error = mpc.act(observation, state).unwrap_err();
        assert!(error.is_input());
        error.to_string()
    };
    let mut broken = state.clone();
    broken[2] = f64::NAN;
    assert_eq!(refused(&observation, &broken), "state[2]: expected a finite number, found NaN");
    assert!(refused(&observation, &state[1..]).starts_with("state: expected"));
    observation[1] = f32::INFINITY;
    assert_eq!(refused(&observation, &state), "observation[1]: expected a finite number, found inf");
}

#[test]
fn acting_is_what_the_evaluator_does_at_any_number_of_threads() {
    for (one, two) in builders().into_iter().zip(builders()) {
        let mut mpc = one.threads(2).build().unwrap();
        let settings =
            EvaluationSettings { first: 5, keep_actions: true, ..EvaluationSettings::held_out(1, 3, mpc.horizons()) };
        let workers = mpc.workers().clone();
        let outcome = evaluate(&task(), mpc.decider(), &settings, &workers, &mut ()).unwrap();
        let evaluated = &outcome.episodes[0].actions;
        let acted = acted(two.threads(1).build().unwrap());
        let both = evaluated.len().min(acted.len());
        assert!(both > 10);
        assert_eq!(evaluated[..both], acted[..both]);
    }
}

#[test]
fn a_plan_has_its_candidates_and_follows_the_observations() {
    let policy = Policy::pretrained("cylinder_push").unwrap();
    let mut mpc =
        Controller::builder(task()).policy(policy).optimizer(Cem::default()).candidates(16).threads(2).build().unwrap();
    let mut world = World::new(task()).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    let (mut observation, mut state) = (vec![0.0; mpc.observation_size()], vec![0.0; mpc.state_size()]);
    world.get_state(&mut state).unwrap();
    assert!(matches!(mpc.plan(&state), Err(Error::Shape { what: "observations", .. })));
    world.observe(&mut observation);
    mpc.observe(&observation).unwrap();
    let plan = mpc.plan(&state).unwrap();
    let [n, steps, size] = plan.candidates_shape();
    assert_eq!((n, [steps, size], plan.rollouts()), (16, plan.shape(), 16));
    assert_eq!(plan.sources().len(), 16);
    assert!(plan.source().is_some() && plan.predicted_cost().is_some() && plan.physics_steps() > 0);
    let best = plan.costs().iter().copied().fold(f64::INFINITY, f64::min);
    let chosen = (0..n).find(|i| plan.candidate(*i) == Some(plan.actions())).unwrap();
    assert_eq!(plan.costs()[chosen], best);
    // Three control steps later the warm start is the plan from its fourth action on.
    for _ in 0..3 {
        mpc.observe(&observation).unwrap();
    }
    let mut warm = vec![0.0; steps * size];
    assert_eq!(mpc.episode().remaining(&mut warm), steps - 3);
    assert_eq!(warm[..size], plan.actions()[3 * size..4 * size]);
    // Without time nothing is simulated: the last plan goes on.
    let late = mpc.plan_by(&state, Instant::now() - Duration::from_millis(1)).unwrap();
    assert_eq!((late.actions(), late.source()), (&warm[..], None));
    assert!(mpc.plan(&state[1..]).unwrap_err().to_string().contains("state: expected"));
}

/// A point that is moved by its action; the goal is at 1.
struct Point;

impl Simulator for Point {
    fn state_size(&self) -> usize {
        1
    }
    fn action_range(&self) -> (&[f32], &[f32]) {
        (&[-0.2], &[0.2])
    }
    fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> imle_planner::Result<()> {
        for (score, chunk) in out.iter_mut().zip(c.chunks.chunks(c.steps)) {
            let (mut x, mut cost) = (c.states[0], 0.0);
            for a in chunk {
                x += f64::from(*a);
                cost += (x - 1.0).abs();
            }
            *score = Score::of(cost);
        }
        Ok(())
    }
}

#[test]
fn own_dynamics_need_no_task() {
    fn assert_send<T: Send + 'static>(_: &T) {}
    let horizons = Horizons { observation: 1, prediction: 6, action: 1 };
    let mut mpc =
        Controller::with_simulator(Point).horizons(horizons).optimizer(Cem::default()).threads(1).build().unwrap();
    assert_send(&mpc);
    let mut x = 0.0;
    for _ in 0..20 {
        x += f64::from(mpc.act(&[], &[x]).unwrap()[0]);
    }
    assert!((x - 1.0).abs() < 0.1, "{x}");
}

#[test]
fn what_cannot_be_built_is_an_input_error() {
    let message = |builder: ControllerBuilder| {
        let error = builder.build().err().unwrap();
        assert!(error.is_input(), "{error}");
        error.to_string()
    };
    assert!(
        message(Controller::builder(task()).policy_only())
            .contains("no checkpoint is shipped for task `cylinder_push`")
    );
    let of_stack = Policy::pretrained("stack").unwrap();
    assert!(message(Controller::builder(task()).policy(of_stack.clone())).contains("stack"));
    assert!(message(Controller::builder(task()).candidates(0)).contains("candidates"));
    assert!(message(Controller::builder(task()).execute(99)).contains("--execute"));
    assert!(message(Controller::builder(task()).proposals([ProposalSource::Policy])).contains("no checkpoint"));
    assert!(message(ControllerBuilder::default()).contains("neither"));
    let alone =
        Controller::builder(Arc::new(Task::load("stack").unwrap())).policy(of_stack).policy_only().build().unwrap();
    assert!(!alone.needs_state());
}
