//! Learning in an environment that somebody else simulates: a point on a line.

use super::{algorithm::Algorithm, best_of_n, edit, ppo, settings::OnlineSettings, training_loop};
use crate::error::Error;
use crate::expert_iteration::{self, ExpertIterationSettings};
use crate::run::{Observer, Round, Run};
use imle_configs::bounds::ActionBounds;
use imle_configs::spec::{Horizons, Layout, Spec, Term};
use imle_planner::evaluation::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment, Vectorized};
use imle_planner::threads;
use imle_policy::normalizer::{Normalizer, Normalizers};
use imle_policy::targets::{WeightedState, WeightedTargets};
use imle_policy::train::{FreshStart, TrainSettings, Trainer};
use imle_policy::{checkpoint::Checkpoint, network::NetworkConfig};
use std::{cell::Cell, path::Path};
use tch::Device;

/// Points that begin within ±0.2, each a place and a speed: right of GOAL they are solved, left of −GOAL lost.
struct Points {
    at: Vec<f32>,
    /// Whether each step earns what it moved, and the sign of that.
    dense: Option<f64>,
}

const GOAL: f32 = 0.6;
const STEP: f32 = 0.25;

impl Points {
    fn seen(&self, slot: usize) -> Seen {
        Seen { observation: vec![self.at[slot]], pictures: vec![] }
    }
}

impl VectorEnvironment for Points {
    fn copies(&self) -> usize {
        self.at.len()
    }

    fn reset(&mut self, starts: &[EpisodeStart]) -> imle_planner::Result<Vec<Seen>> {
        starts.iter().for_each(|s| self.at[s.slot] = 0.4 * (s.seed as f32 / u32::MAX as f32 - 0.5));
        Ok(starts.iter().map(|s| self.seen(s.slot)).collect())
    }

    fn step(&mut self, slots: &[usize], actions: &[f32]) -> imle_planner::Result<Vec<Stepped>> {
        let step = |(slot, action): (&usize, &f32)| {
            self.at[*slot] += action;
            let (x, moved) = (self.at[*slot], f64::from(*action));
            let success = x > GOAL;
            let reward = self.dense.map_or(f64::from(u8::from(success)), |sign| sign * moved - 0.25);
            Stepped { seen: self.seen(*slot), reward, terminated: x.abs() > GOAL, truncated: false, success }
        };
        Ok(slots.iter().zip(actions).map(step).collect())
    }
}

fn layout(name: &str) -> Layout {
    Layout { terms: vec![Term { name: name.into(), size: 1 }] }
}

fn spec() -> Spec {
    let (observation, action) = (layout("place"), layout("step"));
    Spec { task: "points".into(), control_rate: 10.0, observation, action, pictures: None }
}

fn points(copies: usize, dense: Option<f64>) -> Vectorized<Points> {
    let about = EnvironmentInfo {
        spec: spec(),
        control_rate: None,
        max_steps: 8,
        execute: None,
        action_bounds: ActionBounds::new([-STEP], [STEP]),
        reward_bounds: if dense.is_some() { [-0.5, 0.0] } else { [0.0, 1.0] },
        return_bounds: dense.is_none().then_some([0.0, 1.0]),
        identity: format!("points, dense {dense:?}"),
    };
    Vectorized::new(about, Points { at: vec![0.0; copies], dense }).unwrap()
}

/// A random walk: of each chunk the steps are alike, and as often to the left as to the right.
fn generator() -> Checkpoint {
    let settings = TrainSettings {
        steps: 300,
        batch_size: 16,
        samples: 10,
        learning_rate: 4e-3,
        warmup_steps: 10,
        gradient_threads: 1,
        horizons: Horizons { observation: 1, prediction: 2, action: 2 },
        network: NetworkConfig { width: 32, blocks: 1, ..NetworkConfig::default() },
        ..TrainSettings::default()
    };
    let range = |most: f32| Normalizer::Range { min: vec![-most], max: vec![most] };
    let normalizers = Normalizers { observation: range(GOAL), action: range(STEP), residual: None };
    let fresh = FreshStart { spec: spec(), normalizers, estimator: None, data: "points".into() };
    let state = |x: i8| WeightedState {
        observation: vec![0.2 * f32::from(x)],
        elites: [-1.0, -0.5, 0.0, 0.5, 1.0].map(|share| vec![share * STEP; 2]).into(),
        weights: Vec::new(),
        probability: 1.0,
    };
    let targets = WeightedTargets::new(&(-3..=3).map(state).collect::<Vec<_>>(), settings.samples).unwrap();
    let (mut trainer, pool) = (Trainer::fresh(&settings, &fresh, Device::Cpu).unwrap(), threads::pool(1).unwrap());
    (0..settings.steps).for_each(|_| drop(trainer.step(&targets, &pool).unwrap()));
    trainer.current_checkpoint().unwrap()
}

/// Says nothing; asks to stop when it was asked so often itself.
struct Quiet(Cell<u64>);

impl Observer for Quiet {
    fn phase(&mut self, _: u64, _: &'static str, _: u64, _: u64, _: &str) {}

    fn round(&mut self, _: &Round) {}

    fn warn(&mut self, _: &str) {}

    fn should_stop(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

fn settings(algorithm: &dyn Algorithm) -> OnlineSettings {
    let mut settings = OnlineSettings {
        episodes: 32,
        discount: 0.9,
        evaluate_every: 1_000_000,
        evaluation_episodes: 100,
        warmup_steps: 500,
        ..algorithm.defaults()
    };
    settings.actor.learning_rate = 2e-3;
    (settings.critic.width, settings.critic.learning_rate, settings.critic.follow) = (32, 3e-3, 0.05);
    settings
}

fn learn(
    name: &'static str,
    algorithm: &mut dyn Algorithm,
    settings: &OnlineSettings,
    environment: &Vectorized<Points>,
    (env_steps, out, resume): (u64, &Path, bool),
    patience: u64,
) -> crate::Result<Vec<Round>> {
    let checkpoint = generator();
    let run = Run {
        environment,
        checkpoint: &checkpoint,
        demonstrations: &[],
        pictures: None,
        env_steps,
        seed: 3,
        out,
        resume,
        device: Device::Cpu,
        threads: 1,
    };
    training_loop::run(name, algorithm, settings, &run, &mut Quiet(Cell::new(patience)))
}

/// The critic alone says which candidates are imitated.
#[test]
fn best_of_n_learns_to_reach_the_goal() {
    let mut settings = settings(&best_of_n::BestOfN);
    (settings.anchor.weight, settings.best_of_n.elite_share) = (0.0, 1.0);
    let folder = tempfile::tempdir().unwrap();
    let place = (3000, &*folder.path().join("run"), false);
    let rounds =
        learn(best_of_n::NAME, &mut best_of_n::BestOfN, &settings, &points(16, None), place, u64::MAX).unwrap();
    let (first, last) = (&rounds[0], rounds.last().unwrap());
    assert!(first.success_rate < 0.6 && last.success_rate > 0.9, "{rounds:?}");
    assert_eq!(last.figures["eval/mean_reward"], last.success_rate, "the last step alone earns 1");
    assert!(!last.figures.contains_key("modes/seen") && last.figures.contains_key("modes/energy_distance"));
}

fn edits() -> OnlineSettings {
    let mut settings = settings(&edit::Edit::default());
    // An edit can undo what the generator does, and more; there is nothing to choose from but it.
    settings.edit.candidates = 1;
    (settings.edit.scale, settings.edit.learning_rate, settings.edit.critic_updates) = (60.0, 1e-3, 300);
    (settings.edit.updates_per_step, settings.edit.explore) = (0.5, 0.3);
    (settings.edit.distill_states, settings.edit.distill_steps) = (500, 300);
    settings
}

/// The edit carries the walk to the goal, and at the end the generator goes there without it.
#[test]
fn edits_learn_to_reach_the_goal_and_the_generator_learns_it_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let place = (4000, &*folder.path().join("run"), false);
    let mut algorithm = edit::Edit::default();
    let rounds = learn(edit::NAME, &mut algorithm, &edits(), &points(16, None), place, u64::MAX).unwrap();
    let [first, edited, alone] = &rounds[..] else { panic!("{rounds:?}") };
    assert!(first.success_rate < 0.6 && !first.edited && edited.edited && !alone.edited, "{rounds:?}");
    assert!(edited.success_rate > 0.9 && alone.success_rate > 0.85, "{rounds:?}");
}

#[test]
fn stopped_edits_go_on_with_the_same_bits() {
    let settings = OnlineSettings { episodes: 8, warmup_steps: 100, evaluation_episodes: 10, ..edits() };
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let go = |out: &Path, resume, patience| {
        let place = (600, out, resume);
        learn(edit::NAME, &mut edit::Edit::default(), &settings, &points(16, None), place, patience)
    };
    let rounds = go(&whole, false, u64::MAX).unwrap();
    let mut stops = 0;
    let resumed = loop {
        match go(&stopped, stops > 0, 20 + 10 * stops) {
            Ok(rounds) => break rounds,
            Err(Error::Planner(imle_planner::Error::Interrupted)) => stops += 1,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(stops >= 2 && resumed == rounds, "{stops} stops");
    let weights = |out: &Path| Checkpoint::load(out).unwrap().fingerprint();
    assert_eq!(weights(&whole), weights(&stopped));
    assert_ne!(weights(&whole), generator().fingerprint());
}

/// Every reward is a loss, and the returns are bounded by nothing but what rewards add up to.
#[test]
fn ppo_learns_to_go_where_less_is_lost() {
    let of = |sign: f64| {
        let mut settings = settings(&ppo::Ppo::default());
        settings.ppo =
            super::settings::PpoSettings { sigma: 0.3, clip: 0.2, target_kl: 0.5, anchor: 0.0, ..settings.ppo };
        let folder = tempfile::tempdir().unwrap();
        let place = (6000, &*folder.path().join("run"), false);
        let environment = points(16, Some(sign));
        let rounds = learn(ppo::NAME, &mut ppo::Ppo::default(), &settings, &environment, place, u64::MAX).unwrap();
        (rounds[0].clone(), rounds.last().unwrap().clone())
    };
    let ((first, right), (_, left)) = (of(1.0), of(-1.0));
    assert!(right.success_rate > 0.9 && right.success_rate > first.success_rate + 0.3, "{right:?}");
    assert!(right.figures["eval/mean_reward"] > first.figures["eval/mean_reward"] + 0.2, "{first:?} {right:?}");
    assert!(left.success_rate < 0.1, "{left:?}");
}

#[test]
fn a_stopped_run_goes_on_with_the_same_bits_in_the_same_environment_alone() {
    let settings = OnlineSettings { warmup_steps: 100, evaluation_episodes: 10, ..settings(&best_of_n::BestOfN) };
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let go = |environment: &Vectorized<Points>, out: &Path, resume, patience| {
        let place = (600, out, resume);
        learn(best_of_n::NAME, &mut best_of_n::BestOfN, &settings, environment, place, patience)
    };
    let rounds = go(&points(16, None), &whole, false, u64::MAX).unwrap();
    // While it collects.
    let error = go(&points(16, None), &stopped, false, 60).unwrap_err();
    assert!(matches!(error, Error::Planner(imle_planner::Error::Interrupted)), "{error}");
    let error = go(&points(16, Some(1.0)), &stopped, true, u64::MAX).unwrap_err().to_string();
    assert!(error.starts_with("environment: expected points, dense None, with which"), "{error}");
    // In any number of copies.
    let resumed = go(&points(5, None), &stopped, true, u64::MAX).unwrap();
    assert_eq!(resumed, rounds);
    let weights = |out: &Path| Checkpoint::load(out).unwrap().fingerprint();
    assert_eq!(weights(&whole), weights(&stopped));
    assert_ne!(weights(&whole), generator().fingerprint());
}

#[test]
fn what_cannot_be_learned_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let settings = settings(&best_of_n::BestOfN);
    let refused = |about: EnvironmentInfo| {
        let environment = Vectorized::new(about, Points { at: vec![0.0], dense: None }).unwrap();
        let place = (100, &*out, false);
        let error = learn(best_of_n::NAME, &mut best_of_n::BestOfN, &settings, &environment, place, u64::MAX);
        error.unwrap_err().to_string()
    };
    let about = |spec| EnvironmentInfo {
        spec,
        control_rate: None,
        max_steps: 8,
        execute: None,
        action_bounds: ActionBounds::new([-STEP], [STEP]),
        reward_bounds: [0.0, f64::INFINITY],
        return_bounds: None,
        identity: "other".into(),
    };
    let told = refused(about(spec()));
    assert!(told.starts_with("environment points: return_bounds: expected finite bounds"), "{told}");
    let wide = Layout { terms: vec![Term { name: "place".into(), size: 2 }] };
    let told = refused(about(Spec { observation: wide, ..spec() }));
    assert!(told.starts_with("environment points: observation: expected 1 values"), "{told}");

    let (checkpoint, environment) = (generator(), points(1, None));
    let run = Run {
        environment: &environment,
        checkpoint: &checkpoint,
        demonstrations: &[],
        pictures: None,
        env_steps: 1,
        seed: 0,
        out: &out,
        resume: false,
        device: Device::Cpu,
        threads: 1,
    };
    let told = expert_iteration::run(&ExpertIterationSettings::default(), &run, &mut Quiet(Cell::new(u64::MAX)));
    let told = told.unwrap_err().to_string();
    assert!(told.starts_with("--algorithm: expected edit, best-of-n or ppo where the simulator is not ours"), "{told}");
    assert!(!out.exists());
}
