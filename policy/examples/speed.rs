//! Speed of training and sampling at the default sizes on random data: 30 observation values, 6 actions, and a 96×96
//! picture of each camera, if there are any.
//!
//! ```text
//! cargo run --release -p imle-policy --example speed -- [--threads 2] [--steps 100] [--set network.kind=unet]…
//! cargo run --release -p imle-policy --example speed -- --steps 10 --set 'vision.cameras=["top"]' --set vision.width=16
//! ```

use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};
use imle_configs::{episode::Episode, settings};
use imle_policy::sampler::{LatentKey, Observations, Sampler};
use imle_policy::targets::DemonstrationChunks;
use imle_policy::train::{FreshStart, TrainSettings, Trainer};
use std::sync::Arc;
use std::time::Instant;
use tch::Device;

const OBSERVATION: usize = 30;
const ACTION: usize = 6;
const SIDE: usize = 96;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut threads, mut steps, mut sets) = (2usize, 100u64, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        match word.as_str() {
            "--threads" => threads = value.parse()?,
            "--steps" => steps = value.parse()?,
            "--set" => sets.push(value),
            other => return Err(format!("unknown flag {other}").into()),
        }
    }
    let settings: TrainSettings = settings::load(&TrainSettings::default(), None, &sets)?;
    let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
    let spec = Spec {
        task: "speed".into(),
        control_rate: 20.0,
        observation: layout("o", OBSERVATION),
        action: layout("a", ACTION),
        pictures: (!settings.vision.cameras.is_empty()).then(|| ImageLayout {
            cameras: settings.vision.cameras.clone(),
            height: SIDE,
            width: SIDE,
        }),
    };
    let episodes: Vec<Episode> = (0..50).map(episode).collect();
    let mut source = DemonstrationChunks::new(&spec, settings.horizons, &episodes)?;
    if let Some(layout) = &spec.pictures {
        let bytes = source.len() * layout.bytes();
        source = source.with_pictures(Arc::new((0..bytes).map(|i| (i * 31 % 251) as u8).collect()))?;
    }
    let fresh = FreshStart { spec, normalizers: source.normalizers()?, estimator: None, data: "random".into() };

    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut trainer = Trainer::fresh(&settings, &fresh, Device::Cpu)?;
    for _ in 0..steps.div_ceil(5) {
        trainer.step(&source, &pool)?;
    }
    let began = Instant::now();
    for _ in 0..steps {
        trainer.step(&source, &pool)?;
    }
    let rate = steps as f64 / began.elapsed().as_secs_f64();
    println!("training: {rate:.1} steps/s, batch {}, m {}, {threads} threads", settings.batch_size, settings.samples);

    let sampler = Sampler::new(&trainer.checkpoint()?.with_sampling(settings.sampling.clone())?, threads, Device::Cpu)?;
    for (decisions, n) in [(1, 1), (1, 32), (1, 256), (32, 1), (32, 32)] {
        let values = vec![0.1; decisions * sampler.shape().observation];
        let pictures = vec![100; decisions * sampler.picture_bytes()];
        let observations = Observations { values: &values, pictures: &pictures };
        let mut out = vec![0.0; decisions * n * sampler.shape().chunk()];
        let mut times = Vec::new();
        for step in 0..steps {
            let keys: Vec<_> = (0..decisions).map(|b| LatentKey { seed: 0, episode: b as u64, step }).collect();
            let began = Instant::now();
            sampler.sample(&pool, observations, &keys, n, &mut out)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let (p50, p95) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        println!("sampling: {decisions} × N = {n}: p50 {p50:.2} ms, p95 {p95:.2} ms, {threads} threads");
    }
    Ok(())
}

fn episode(index: u64) -> Episode {
    let len = 100;
    let (mut observations, mut actions) = (vec![0.0; len * OBSERVATION], vec![0.0; len * ACTION]);
    let mut rng = stream(0, Purpose::Bench, index, 0, 0);
    fill_normal(&mut rng, &mut observations);
    fill_normal(&mut rng, &mut actions);
    Episode { observations, actions, len, index, ..Episode::default() }
}
