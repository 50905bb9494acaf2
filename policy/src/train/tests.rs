//! The training loop on toys: bits on resume, modes by probability, and what happens when things go wrong.

use super::*;
use crate::checkpoint::Checkpoint;
use crate::method::Sampling;
use crate::metrics::METRICS_FILE;
use crate::network::NetworkConfig;
use crate::normalizer::{ChunkFrame, Normalizer, Normalizers, Residual};
use crate::sampler::{LatentKey, Sampler};
use crate::targets::{TargetRow, TargetShape, TargetSource, WeightedState, WeightedTargets};
use crate::{Error, test_support};
use imle_configs::{files, spec::Horizons};
use rand_chacha::ChaCha8Rng;
use std::cell::Cell;
use std::path::Path;
use tch::Device;

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn settings(steps: u64) -> TrainSettings {
    TrainSettings {
        steps,
        batch_size: 32,
        samples: 10,
        learning_rate: 2e-3,
        warmup_steps: 10,
        log_every: 5,
        checkpoint_every: 0,
        seed: 3,
        gradient_threads: 1,
        horizons: Horizons { observation: 1, prediction: 2, action: 1 },
        network: NetworkConfig { width: 32, blocks: 2, ..NetworkConfig::default() },
        ..TrainSettings::default()
    }
}

fn fresh() -> Box<FreshStart> {
    let range = Normalizer::Range { min: vec![-1.0], max: vec![1.0] };
    let normalizers = Normalizers { observation: range.clone(), action: range, residual: None };
    Box::new(FreshStart { spec: test_support::spec(1, 1), normalizers, estimator: None, data: "toy".into() })
}

/// One observation with the chunk (+1, +1) of probability `p` and (−1, −1) otherwise, `draws` chunks a row.
fn modes(p: f64, draws: usize) -> WeightedTargets {
    let elites = vec![vec![1.0; 2], vec![-1.0; 2]];
    let state = WeightedState { observation: vec![0.3], elites, weights: vec![p, 1.0 - p], probability: 1.0 };
    WeightedTargets::new(&[state], draws).unwrap()
}

fn two_modes(p: f64) -> WeightedTargets {
    modes(p, 1)
}

/// Stops after a number of questions.
struct StopAfter(Cell<u64>);

impl TrainObserver for StopAfter {
    fn should_stop(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

/// Chunks of the two-mode test_support: shares near +1 and near −1.
fn shares(checkpoint: &Checkpoint) -> (f64, f64) {
    let sampler = Sampler::new(checkpoint, 1, Device::Cpu).unwrap();
    let pool = pool(1);
    let mut out = vec![0.0; 2 * 1000];
    sampler.sample(&pool, &[0.3], &[LatentKey::default()], 1000, &mut out).unwrap();
    let near = |mode: f32| out.chunks(2).filter(|c| c.iter().all(|x| (x - mode).abs() < 0.3)).count() as f64 / 1000.0;
    (near(1.0), near(-1.0))
}

#[test]
fn sampled_mass_follows_the_probability_of_sampling_a_target() {
    let dir = tempfile::tempdir().unwrap();
    let learn = |p: f64, name: &str, start: TrainStart<'_>| {
        let settings = settings(500);
        let out = dir.path().join(name);
        train(&settings, &pool(1), Device::Cpu, start, &modes(p, settings.samples), &out, &mut ()).unwrap();
        let checkpoint = Checkpoint::load(&out).unwrap();
        (shares(&checkpoint), checkpoint)
    };
    let (even, trained) = learn(0.5, "even", TrainStart::Fresh(fresh()));
    let (uneven, _) = learn(0.9, "uneven", TrainStart::Fresh(fresh()));
    // Mass also moves in a generator that has already converged on other shares.
    let (moved, _) = learn(0.9, "moved", TrainStart::Checkpoint { checkpoint: &trained, data: "toy".into() });
    println!("{even:?} {uneven:?} {moved:?}");
    for (found, p) in [(even, 0.5), (uneven, 0.9), (moved, 0.9)] {
        assert!((found.0 - p).abs() < 0.07 && (found.1 - (1.0 - p)).abs() < 0.07, "{found:?} for {p}");
    }
}

/// A hand that is always at 0 and shall be at 0. Its place is the base of the chunk, so that without noise a hand that is
/// pushed aside stays there.
#[test]
fn noise_on_observations_teaches_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let still =
        WeightedState { observation: vec![0.0], elites: vec![vec![0.0; 2]], weights: vec![1.0], probability: 1.0 };
    let source = WeightedTargets::new(&[still], 1).unwrap();
    let pushed = |observation_noise: f64| {
        let mut fresh = fresh();
        fresh.normalizers.residual =
            Some(Box::new(Residual { weights: vec![1.0, 0.0, 1.0, 0.0], scale: vec![0.5; 2] }));
        let settings = TrainSettings { method: "regression".into(), observation_noise, ..settings(600) };
        let out = dir.path().join(observation_noise.to_string());
        train(&settings, &pool(1), Device::Cpu, TrainStart::Fresh(fresh), &source, &out, &mut ()).unwrap();
        let sampler = Sampler::new(&Checkpoint::load(&out).unwrap(), 1, Device::Cpu).unwrap();
        let mut chunk = [0.0; 2];
        sampler.sample(&pool(1), &[0.4], &[LatentKey::default()], 1, &mut chunk).unwrap();
        chunk
    };
    let (with, without) = (pushed(0.3), pushed(0.0));
    assert!(with.iter().all(|x| x.abs() < 0.05), "{with:?}");
    assert!(without.iter().all(|x| *x > 0.2), "{without:?}");
}

/// Sampled from one target a row, as demonstrations are: diffusion and flow learn the shares of the modes, by any
/// number of passes that suffices, and regression the mean.
#[test]
fn each_method_learns_what_it_is_said_to() {
    let dir = tempfile::tempdir().unwrap();
    let learn = |method: &str| {
        // The average over a whole way is learned later than the velocity on it.
        let steps = if method == "mean-flow" { 5000 } else { 1500 };
        let settings = TrainSettings { method: method.into(), batch_size: 128, ..settings(steps) };
        let out = dir.path().join(method);
        train(&settings, &pool(1), Device::Cpu, TrainStart::Fresh(fresh()), &modes(0.7, 1), &out, &mut ()).unwrap();
        Checkpoint::load(&out).unwrap()
    };
    let sampled = |checkpoint: &Checkpoint, solver: &str, passes: usize| {
        shares(
            &checkpoint
                .clone()
                .with_sampling(Sampling { solver: solver.parse().unwrap(), passes, ..Sampling::default() })
                .unwrap(),
        )
    };
    let near = |found: (f64, f64), what: &str| {
        println!("{what}: {found:?}");
        assert!((found.0 - 0.7).abs() < 0.08 && (found.1 - 0.3).abs() < 0.08, "{what}: {found:?}");
    };
    let diffusion = learn("diffusion");
    for (solver, passes) in [("ddpm", 100), ("ddim", 100), ("ddim", 10), ("", 0)] {
        near(sampled(&diffusion, solver, passes), &format!("{solver} {passes}"));
    }
    let flow = learn("flow");
    for passes in [32, 8] {
        near(sampled(&flow, "", passes), &format!("flow {passes}"));
    }
    // In one step a straight flow goes to the mean of what it might become.
    assert!(sampled(&flow, "", 1).0 < 0.4);
    let mean_flow = learn("mean-flow");
    near(sampled(&mean_flow, "", 2), "mean-flow 2");
    let one_pass = sampled(&mean_flow, "", 1);
    assert!(one_pass.0 > 0.5 && one_pass.1 > 0.1, "{one_pass:?}");
    let regression = learn("regression");
    assert_eq!(shares(&regression), (0.0, 0.0));
    let sampler = Sampler::new(&regression, 1, Device::Cpu).unwrap();
    let mut chunk = [0.0; 2];
    sampler.sample(&pool(1), &[0.3], &[LatentKey::default()], 1, &mut chunk).unwrap();
    assert!(chunk.iter().all(|x| (x - 0.4).abs() < 0.05), "{chunk:?}");
}

#[test]
fn what_a_method_cannot_do_is_named() {
    let text = |s: TrainSettings| s.check().unwrap_err().to_string();
    let of = |method: &str, solver: &str, passes, latent| TrainSettings {
        method: method.into(),
        sampling: Sampling { solver: solver.parse().unwrap(), passes, ..Sampling::default() },
        network: NetworkConfig { latent, ..NetworkConfig::default() },
        ..settings(1)
    };
    let unknown = "dimm".parse::<crate::method::Solver>().unwrap_err().to_string();
    assert!(unknown.contains("did you mean `ddim`"), "{unknown}");
    assert!(text(of("diffusion", "", 101, 0)).contains("sampling.passes: expected at most 100"));
    assert!(text(of("flow", "ddim", 1, 0)).contains("sampling.solver"));
    assert!(text(of("flow", "", 1, 8)).contains("network.latent"));
    assert!(text(of("imle", "", 2, 0)).contains("sampling.passes: expected 1"));
    of("imle", "", 0, 8).check().unwrap();
    assert!(text(of("difusion", "", 0, 0)).contains("did you mean `diffusion`"));
}

/// With one target a row a probability is no share: what the documentation of `rs_imle` says.
#[test]
fn one_target_a_row_covers_without_rejection_and_takes_all_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let learn = |p: f64, epsilon: f64| {
        let settings = TrainSettings { epsilon, ..settings(500) };
        let out = dir.path().join(format!("{p}-{epsilon}"));
        train(&settings, &pool(1), Device::Cpu, TrainStart::Fresh(fresh()), &modes(p, 1), &out, &mut ()).unwrap();
        shares(&Checkpoint::load(&out).unwrap())
    };
    let (covered, taken) = (learn(0.9, 0.0), learn(0.9, 0.05));
    assert!(covered.1 > 0.2, "{covered:?}");
    assert!(taken.1 < 0.01, "{taken:?}");
}

fn run(settings: &TrainSettings, out: &Path, start: TrainStart<'_>, observer: &mut dyn TrainObserver) -> TrainOutcome {
    train(settings, &pool(1), Device::Cpu, start, &two_modes(0.5), out, observer).unwrap()
}

#[test]
fn n_and_n_steps_are_two_n_steps_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    run(&settings(40), &whole, TrainStart::Fresh(fresh()), &mut ());
    let stopped = run(&settings(40), &parts, TrainStart::Fresh(fresh()), &mut StopAfter(Cell::new(17)));
    assert!(stopped.interrupted && stopped.step == 17);
    assert_ne!(Checkpoint::load(&whole).unwrap(), Checkpoint::load(&parts).unwrap());
    let saved = saved_settings(&parts).unwrap();
    assert_eq!(saved, settings(40));
    let finished = run(&saved, &parts, TrainStart::Resume, &mut ());
    assert!(!finished.interrupted && finished.step == 40);
    for file in ["config.json", "model.safetensors", "training_state/state.json"] {
        assert_eq!(std::fs::read(whole.join(file)).unwrap(), std::fs::read(parts.join(file)).unwrap(), "{file}");
    }
    let tensors = "training_state/state-0000000040.safetensors";
    assert_eq!(std::fs::read(whole.join(tensors)).unwrap(), std::fs::read(parts.join(tensors)).unwrap());
    assert_eq!(std::fs::read_dir(parts.join(STATE_FOLDER)).unwrap().count(), 2);
    let steps = |out: &Path| -> Vec<u64> {
        let text = std::fs::read_to_string(out.join(METRICS_FILE)).unwrap();
        text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["step"].as_u64().unwrap()).collect()
    };
    assert_eq!(steps(&whole), steps(&parts));
    // Nothing is left to do: the same again, and no step more.
    assert_eq!(run(&saved, &parts, TrainStart::Resume, &mut ()).step, 40);
}

/// A state of before `chunk_frame`.
#[test]
fn settings_under_an_old_name_are_resumed_from() {
    let dir = tempfile::tempdir().unwrap();
    run(&settings(5), dir.path(), TrainStart::Fresh(fresh()), &mut ());
    let place = dir.path().join(STATE_FOLDER).join("state.json");
    let mut state = files::read_checked(&place, "a state").unwrap();
    let saved = state["settings"].as_object_mut().unwrap();
    assert_eq!(saved.remove("chunk_frame").unwrap(), "absolute");
    saved.insert("residual".into(), true.into());
    files::write_checked(&place, &state).unwrap();
    assert_eq!(saved_settings(dir.path()).unwrap().chunk_frame, ChunkFrame::Residual);
}

#[test]
fn the_pool_does_not_show_in_the_result() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["mlp", "unet"] {
        let network = NetworkConfig { kind: kind.into(), down_dims: vec![8, 16], ..settings(8).network };
        // 33 states of 10 candidates: two tiles, the last one short.
        let settings = TrainSettings { batch_size: 33, network, ..settings(8) };
        let weights = [1, 2].map(|threads| {
            let out = dir.path().join(format!("{kind}-{threads}"));
            let start = TrainStart::Fresh(fresh());
            train(&settings, &pool(threads), Device::Cpu, start, &two_modes(0.5), &out, &mut ()).unwrap();
            Checkpoint::load(&out).unwrap().weights().to_vec()
        });
        assert_eq!(weights[0], weights[1]);
    }
}

#[test]
fn other_settings_and_used_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    run(&settings(5), &out, TrainStart::Fresh(fresh()), &mut ());
    let again = |settings: &TrainSettings, start| {
        train(settings, &pool(1), Device::Cpu, start, &two_modes(0.5), &out, &mut ()).unwrap_err().to_string()
    };
    assert!(again(&settings(5), TrainStart::Fresh(fresh())).contains("exists already"));
    let text = again(&TrainSettings { samples: 11, ..settings(5) }, TrainStart::Resume);
    assert!(text.contains("settings: samples: expected 10") && text.contains("found 11"), "{text}");
    std::fs::write(out.join(STATE_FOLDER).join("state.json"), "{}").unwrap();
    assert!(again(&settings(5), TrainStart::Resume).contains("state.json: format"));
    let nowhere = train(
        &settings(5),
        &pool(1),
        Device::Cpu,
        TrainStart::Resume,
        &two_modes(0.5),
        &dir.path().join("no"),
        &mut (),
    );
    assert!(nowhere.unwrap_err().to_string().contains("found no training_state/state.json"));
}

/// Good targets until `from`, then targets that are not finite.
struct Poisoned {
    from: u64,
    good: WeightedTargets,
}

impl TargetSource for Poisoned {
    fn shape(&self) -> TargetShape {
        self.good.shape()
    }
    fn states(&self) -> usize {
        self.good.states()
    }
    fn draw(&self, rng: &mut ChaCha8Rng, row: TargetRow<'_>) -> usize {
        self.good.draw(rng, row)
    }
    fn batch(&self, seed: u64, step: u64, size: usize, batch: &mut crate::targets::TargetBatch) {
        self.good.batch(seed, step, size, batch);
        if step >= self.from {
            batch.observations.fill(f32::NAN);
            batch.targets.fill(f32::NAN);
        }
    }
}

#[test]
fn poison_stops_training_and_keeps_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let source = Poisoned { from: 12, good: two_modes(0.5) };
    let settings = TrainSettings { checkpoint_every: 10, ..settings(100) };
    let error =
        train(&settings, &pool(1), Device::Cpu, TrainStart::Fresh(fresh()), &source, &out, &mut ()).unwrap_err();
    assert!(error.to_string().lines().count() == 1 && !error.is_input());
    match error {
        Error::NonFinite { step, count, .. } => assert_eq!((step, count), (17, 5)),
        other => panic!("{other}"),
    }
    assert_eq!(Checkpoint::load(&out).unwrap().config().provenance.steps, 10);
}

struct Graded(Vec<f64>);

impl TrainObserver for Graded {
    fn evaluate(
        &mut self,
        _: u64,
        sampler: &crate::policy::Policy,
    ) -> Result<Option<EvalPoint>, Box<dyn std::error::Error + Send + Sync>> {
        assert_eq!(sampler.sampler().shape().chunk(), 2);
        let success_rate = self.0.pop().ok_or("no more\ngrades")?;
        Ok(Some(EvalPoint { success_rate, episodes: 10, figures: vec![("eval/mean_reward".into(), 1.0)] }))
    }
}

#[test]
fn the_best_evaluation_is_kept_and_a_failed_one_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let settings = TrainSettings { evaluate_every: 10, ..settings(30) };
    let outcome = run(&settings, &out, TrainStart::Fresh(fresh()), &mut Graded(vec![0.3, 0.9, 0.5]));
    assert_eq!(outcome.best, Some(BestEvaluation { step: 20, success_rate: 0.9 }));
    assert_eq!(outcome.evaluation.unwrap().success_rate, 0.3);
    assert_eq!(Checkpoint::load(&out.join(BEST_FOLDER)).unwrap().config().provenance.steps, 20);
    assert!(std::fs::read_to_string(out.join(METRICS_FILE)).unwrap().contains("\"eval/mean_reward\":1.0"));

    let failed = dir.path().join("failed");
    let result = train(
        &settings,
        &pool(1),
        Device::Cpu,
        TrainStart::Fresh(fresh()),
        &two_modes(0.5),
        &failed,
        &mut Graded(vec![0.1]),
    );
    assert_eq!(result.unwrap_err().to_string(), "evaluation at step 20: no more");
    assert_eq!(Checkpoint::load(&failed).unwrap().config().provenance.steps, 20);
}

#[test]
fn fine_tuning_starts_from_the_checkpoint_and_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let (base, tuned) = (dir.path().join("base"), dir.path().join("tuned"));
    run(&settings(20), &base, TrainStart::Fresh(fresh()), &mut ());
    let checkpoint = Checkpoint::load(&base).unwrap();
    let start = || TrainStart::Checkpoint { checkpoint: &checkpoint, data: "elites".into() };
    // The network in the settings is another one: the checkpoint's counts. No weight moves at that rate.
    let settings = TrainSettings { network: NetworkConfig::default(), learning_rate: 1e-30, ..settings(10) };
    run(&settings, &tuned, start(), &mut StopAfter(Cell::new(4)));
    let saved = saved_settings(&tuned).unwrap();
    assert_eq!(saved.network, checkpoint.config().network);
    run(&saved, &tuned, TrainStart::Resume, &mut ());
    let after = Checkpoint::load(&tuned).unwrap();
    assert_eq!((after.config().provenance.data.as_str(), after.config().provenance.steps), ("elites", 10));
    assert_eq!(after.weights(), checkpoint.weights());
}
