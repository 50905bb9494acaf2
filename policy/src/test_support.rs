//! Small shapes shared by this crate's tests.

use crate::checkpoint::{Checkpoint, CheckpointConfig, FORMAT, Provenance};
use crate::method::{Sampling, Solver};
use crate::network::{NetworkConfig, Precision};
use crate::normalizer::{Normalizer, Normalizers};
use crate::sampler::Latents;
use crate::train::TrainSettings;
use crate::vision::EncoderConfig;
use imle_configs::spec::{Horizons, ImageLayout, Layout, Spec, Term};

/// A task with `observation` and `action` values.
pub fn spec(observation: usize, action: usize) -> Spec {
    let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
    Spec {
        task: "toy".into(),
        control_rate: 10.0,
        observation: layout("position", observation),
        action: layout("target", action),
        pictures: None,
    }
}

/// A small untrained MLP checkpoint.
pub fn checkpoint(observation: usize, action: usize, seed: u64) -> Checkpoint {
    let range = |size: usize| Normalizer::Range { min: vec![-2.0; size], max: vec![3.0; size] };
    let config = CheckpointConfig {
        format: FORMAT,
        version: imle_configs::VERSION.into(),
        method: "imle".into(),
        spec: spec(observation, action),
        horizons: Horizons { observation: 2, prediction: 4, action: 2 },
        network: NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() },
        lead: 0,
        normalizers: Normalizers { observation: range(observation), action: range(action), residual: None },
        sampling: Sampling::default(),
        vision: None,
        provenance: Provenance { data: "toy".into(), steps: 0, seed },
    };
    let table = config.network.parameters(&config.shape()).unwrap();
    Checkpoint::new(config, table.initial(seed)).unwrap()
}

/// A small untrained estimator of two values from `observation` values and a picture of 12×12 pixels.
pub fn estimator(observation: usize, seed: u64) -> Checkpoint {
    let mut config = checkpoint(observation, 2, seed).config().clone();
    config.method = "regression".into();
    config.horizons = Horizons { observation: 1, prediction: 1, action: 1 };
    config.spec.observation.terms[0].name = "known".into();
    config.spec.action.terms[0].name = "estimated".into();
    config.spec.pictures = Some(ImageLayout { cameras: vec!["top".into()], height: 12, width: 12 });
    let encoder = TrainSettings::of_estimator().vision.encoder;
    config.vision = Some(EncoderConfig { width: 4, keypoints: 3, ..encoder });
    let table = config.network.parameters(&config.shape()).unwrap();
    Checkpoint::new(config, table.initial(seed)).unwrap()
}

/// A pool of `threads` threads.
pub fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Untrained checkpoints of every network and method.
pub fn checkpoints() -> Vec<Checkpoint> {
    let mlp = checkpoint(5, 3, 1);
    let with = |network: NetworkConfig, horizons| {
        let mut config = mlp.config().clone();
        (config.network, config.horizons) = (network, horizons);
        let table = config.network.parameters(&config.shape()).unwrap();
        Checkpoint::new(config, table.initial(4)).unwrap()
    };
    let wide = with(NetworkConfig::default(), Default::default());
    let unet = NetworkConfig { kind: "unet".into(), down_dims: vec![16, 32], ..NetworkConfig::default() };
    let unet = with(unet, Default::default());
    let transformer = NetworkConfig { kind: "transformer".into(), width: 16, blocks: 2, ..NetworkConfig::default() };
    let transformer = with(transformer, Default::default());
    let low = with(NetworkConfig { latent: 3, ..mlp.config().network.clone() }, mlp.config().horizons);
    let by = |method: &str, solver: Solver, passes| {
        let mut config = mlp.config().clone();
        config.method = method.into();
        config.sampling = Sampling { solver, passes, ..Sampling::default() };
        let table = config.network.parameters(&config.shape()).unwrap();
        Checkpoint::new(config, table.initial(4)).unwrap()
    };
    let drawn = |latents, temperature, precision| {
        mlp.clone().with_sampling(Sampling { latents, temperature, precision, ..Sampling::default() }).unwrap()
    };
    let spread =
        [drawn(Latents::Antithetic, 1.0, Precision::Bf16), drawn(Latents::LowDiscrepancy, 0.5, Precision::F32)];
    let many = [
        by("diffusion", Solver::Ddim, 4),
        by("diffusion", Solver::Ddpm, 4),
        by("flow", Solver::Default, 2),
        by("mean-flow", Solver::Default, 1),
    ];
    [mlp.clone(), wide, unet, transformer, low].into_iter().chain(many).chain(spread).collect()
}
