//! Encoders against PyTorch's, and pictures on their way into them.

use super::encoder::Encoder;
use super::*;
use crate::method::{self, Sampling};
use crate::network::Precision;
use crate::network::parameters::Builder;
use crate::network::{ChunkShape, NetworkConfig, ObservationTensors};
use crate::sampler::{LatentKey, Observations, Sampler};
use crate::targets::{DemonstrationChunks, TargetSource};
use crate::test_support;
use crate::train::{FreshStart, TrainSettings, Trainer};
use imle_configs::episode::Episode;
use imle_configs::settings::load;
use imle_configs::spec::{Horizons, ImageLayout};
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

fn pictures(cameras: usize, height: usize, width: usize) -> ImageLayout {
    ImageLayout { cameras: (0..cameras).map(|i| format!("camera{i}")).collect(), height, width }
}

fn small() -> EncoderConfig {
    EncoderConfig { width: 4, keypoints: 3, features: 6, crop: OneOrMany::One(1.0), ..EncoderConfig::default() }
}

const HORIZONS: Horizons = Horizons { observation: 2, prediction: 4, action: 2 };

/// Bytes that differ from place to place.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| ((i * 37 + i * i / 97) % 256) as u8).collect()
}

/// The figures are those that `reference.py` prints.
#[test]
fn as_pytorch_and_torchvision_have_it() {
    let layout = pictures(1, 40, 36);
    let build = |config: &EncoderConfig, b: &mut Builder| Encoder::new(&config.shape(HORIZONS, &layout), "vision.0", b);
    let features = |config: &EncoderConfig| {
        let mut builder = Builder::declare();
        build(config, &mut builder).unwrap();
        let parameters = builder.into_table().parameters().to_vec();
        let sines = parameters.iter().enumerate().map(|(index, p)| {
            let sine = |i: usize| (0.37 * i as f64 + 1.1 * index as f64).sin();
            let norm = p.shape.len() == 1 && p.name.ends_with("weight");
            let value = |i| (if norm { 1.0 + 0.1 * sine(i) } else { 0.3 * sine(i) }) as f32;
            Tensor::from_slice(&(0..p.len()).map(value).collect::<Vec<_>>()).view(p.shape.as_slice())
        });
        let encoder = build(config, &mut Builder::bind(sines.collect())).unwrap();
        let x = Preprocessor::new(config, HORIZONS, &layout).centred(&bytes(2 * 40 * 36 * 3), Device::Cpu).unwrap();
        let found = encoder.encode(&x.flatten(0, 2)).unwrap();
        let names: Vec<String> = parameters.into_iter().map(|p| p.name).collect();
        (names, Vec::<f32>::try_from(found.view([-1])).unwrap())
    };
    let (names, found) = features(&small());
    let expected = [
        0.000_000, 0.000_000, 1.060_078, 0.000_000, 0.016_920, 1.054_501, 0.000_000, 0.614_131, 0.084_307, 0.020_342,
        0.778_367, 0.000_000,
    ];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-5), "{found:?}");
    for name in ["conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer4.0.downsample.1.weight", "out.bias"] {
        assert!(names.contains(&format!("vision.0.{name}")), "{names:?}");
    }
    let keypoints = features(&EncoderConfig { features: 0, ..small() }).1;
    let expected = [
        -0.670_526, 0.110_523, -0.788_746, -0.471_306, -0.802_319, -0.774_434, 0.321_005, 0.969_359, -0.119_131,
        0.599_273, -0.160_391, -0.763_731,
    ];
    assert!(keypoints.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-5), "{keypoints:?}");
    // Arithmetic of 8 bits, with parameters that amplify what it rounds.
    let half = features(&EncoderConfig { precision: Precision::Bf16, features: 0, ..small() }).1;
    assert!(half != keypoints && half.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.25), "{half:?}");
}

#[test]
fn the_standard_size_has_resnets_parameters() {
    let count = |config: EncoderConfig| {
        let mut builder = Builder::declare();
        Encoder::new(&config.shape(HORIZONS, &pictures(1, 96, 96)), "v", &mut builder).unwrap();
        builder.into_table().count()
    };
    // torchvision's resnet18 has 11689512, of which the classifier has 513000.
    let standard = EncoderConfig { width: 64, ..EncoderConfig::default() };
    let backbone = EncoderConfig { keypoints: 0, features: 0, ..standard.clone() };
    assert_eq!(count(backbone), 11_689_512 - 513_000);
    assert_eq!(count(standard), 11_689_512 - 513_000 + (512 + 1) * 32 + (64 + 1) * 64);
}

#[test]
fn crops_and_colours_are_those_of_their_seed_and_step() {
    let config = EncoderConfig {
        crop: OneOrMany::One(0.9),
        mean: OneOrMany::One([0.0; 3]),
        std: OneOrMany::One([1.0; 3]),
        ..small()
    };
    let layout = pictures(2, 40, 50);
    let cut =
        |jitter: f64| Preprocessor::new(&EncoderConfig { colour_jitter: jitter, ..config.clone() }, HORIZONS, &layout);
    // Both pictures of a history are the same, so that crops show.
    let one = bytes(layout.bytes());
    let rows = [one.repeat(2), one.repeat(2), one.repeat(2)].concat();
    let values = |t: Tensor| Vec::<f32>::try_from(t.contiguous().view([-1])).unwrap();
    let middle = cut(0.0).centred(&rows, Device::Cpu).unwrap();
    assert_eq!(middle.size(), [3, 2, 2, 36, 45, 3]);
    let corner = f64::from(one[(2 * 50 + 2) * 3]) / 255.0;
    assert!((middle.double_value(&[0, 0, 0, 0, 0, 0]) - corner).abs() < 1e-6);
    let draw = |jitter: f64, seed, step| cut(jitter).augmented(&rows, seed, step, Device::Cpu).unwrap();
    for jitter in [0.0, 0.3] {
        let x = draw(jitter, 1, 5);
        assert_eq!(x.size(), middle.size());
        assert_eq!(values(x.select(1, 0)), values(x.select(1, 1)));
        assert_ne!(values(x.select(0, 0)), values(x.select(0, 1)));
        assert_eq!(values(x.shallow_clone()), values(draw(jitter, 1, 5)));
        assert_ne!(values(x.shallow_clone()), values(draw(jitter, 1, 6)));
        assert_ne!(values(x.shallow_clone()), values(draw(jitter, 2, 5)));
        assert!(x.min().double_value(&[]) >= 0.0 && x.max().double_value(&[]) <= 1.0);
    }
    // Without jitter each is a part of its picture.
    let x = values(draw(0.0, 1, 5).get(1).get(0).get(1));
    let picture = &one[layout.picture_bytes()..];
    let part = |top: usize, left: usize| {
        let at = |row: usize, i: usize| picture[((top + row) * 50 + left) * 3 + i];
        (0..36).all(|row| (0..135).all(|i| (x[row * 135 + i] - f32::from(at(row, i)) / 255.0).abs() < 1e-6))
    };
    assert_eq!((0..=4).flat_map(|t| (0..=5).map(move |l| (t, l))).filter(|(t, l)| part(*t, *l)).count(), 1);
    assert!(cut(0.0).centred(&rows[1..], Device::Cpu).unwrap_err().to_string().contains("pictures"));
}

/// The formulas of torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation` on a grey ramp and a
/// red.
#[test]
fn colour_factors_are_torchvisions() {
    let config = EncoderConfig {
        crop: OneOrMany::One(1.0),
        colour_jitter: 0.4,
        mean: OneOrMany::One([0.0; 3]),
        std: OneOrMany::One([1.0; 3]),
        ..small()
    };
    let layout = pictures(1, 33, 33);
    let horizons = Horizons { observation: 1, ..HORIZONS };
    let mut picture = vec![100u8; 33 * 33 * 3];
    picture[..3].copy_from_slice(&[200, 40, 0]);
    let x = Preprocessor::new(&config, horizons, &layout).augmented(&picture, 3, 4, Device::Cpu).unwrap();
    // The factors come out of the grey pixels and the red one's brightness; the mean is nearly that of the grey.
    let red = [0i64, 1, 2].map(|c| x.double_value(&[0, 0, 0, 0, 0, c]));
    let grey = x.double_value(&[0, 0, 0, 5, 5, 0]);
    let of_red = |b: f64, c: f64, s: f64| {
        let weights = [0.2989, 0.587, 0.114];
        let dot = |x: [f64; 3]| x.iter().zip(weights).map(|(a, w)| a * w).sum::<f64>();
        let bright = [200.0, 40.0, 0.0].map(|v| (v / 255.0 * b).clamp(0.0, 1.0));
        let mean = (dot(bright) + 1088.0 * 0.9999 * 100.0 / 255.0 * b) / 1089.0;
        let contrasted = bright.map(|v| (c * v + (1.0 - c) * mean).clamp(0.0, 1.0));
        contrasted.map(|v| (s * v + (1.0 - s) * dot(contrasted)).clamp(0.0, 1.0))
    };
    let mut rng = imle_configs::seed::stream(3, imle_configs::seed::Purpose::Augmentation, 0, 4, 0);
    use rand::Rng;
    // The corner of the crop comes first.
    let _corner = [(); 2].map(|()| rng.random_range(0..=0usize));
    let mut factor = || 1.0 + 0.4 * (2.0 * rng.random::<f64>() - 1.0);
    let (b, c, s) = (factor(), factor(), factor());
    let expected = of_red(b, c, s);
    assert!(red.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-4), "{red:?} and {expected:?}");
    assert!((grey - 100.0 / 255.0 * b).abs() < 2e-3, "{grey}");
}

#[test]
fn every_network_and_method_goes_on_from_the_features() {
    let config = small();
    for (cameras, shared) in [(1, false), (2, false), (2, true)] {
        let layout = pictures(cameras, 36, 36);
        let vision = EncoderConfig { shared, ..config.clone() };
        let mlp = NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() };
        let unet = NetworkConfig { kind: "unet".into(), down_dims: vec![16, 32], ..NetworkConfig::default() };
        for network in [mlp, unet] {
            let shape = ChunkShape { vision: Some(vision.shape(HORIZONS, &layout)), ..ChunkShape::new(HORIZONS, 3, 2) };
            let table = network.parameters(&shape).unwrap();
            let encoders = table.parameters().iter().filter(|p| p.name.ends_with(".out.weight")).count();
            assert_eq!(encoders, if shared { 1 } else { cameras });
            let flat = Tensor::from_slice(&table.initial(1)).set_requires_grad(true);
            let built = network.build(&shape, &table, &flat).unwrap();
            let x = Preprocessor::new(&vision, HORIZONS, &layout)
                .centred(&bytes(3 * HORIZONS.observation * layout.bytes()), Device::Cpu)
                .unwrap();
            let values = Tensor::ones([3, 6], (Kind::Float, Device::Cpu));
            let seen = ObservationTensors { values: values.shallow_clone(), pictures: Some(x) };
            let conditioning = built.condition(&built.encode(&seen).unwrap(), None).unwrap();
            let z = Tensor::ones([3, 5, 8], (Kind::Float, Device::Cpu));
            let chunks = built.generate(&z, &conditioning).unwrap();
            assert_eq!(chunks.size(), [3, 5, 4, 2]);
            let rows = |b: i64| Vec::<f32>::try_from(chunks.get(b).contiguous().view([-1])).unwrap();
            assert_ne!(rows(0), rows(1));
            let gradient = Tensor::run_backward(&[chunks.square().mean(Kind::Float)], &[&flat], false, false);
            let gradient = Vec::<f32>::try_from(&gradient[0]).unwrap();
            for (p, range) in table.ranges().filter(|(p, _)| p.name.contains("conv1.weight")) {
                assert!(gradient[range].iter().any(|g| *g != 0.0), "{}", p.name);
            }
            let blind = built.encode(&values.into()).unwrap_err().to_string();
            assert!(blind.contains("pictures"), "{blind}");
        }
    }
}

#[test]
fn sides_are_cut_and_cameras_normalised_each_in_its_own_way() {
    let layout = pictures(2, 47, 50);
    let config = EncoderConfig {
        crop: OneOrMany::Many(vec![40.0 / 47.0, 36.0 / 50.0]),
        mean: OneOrMany::Many(vec![[0.0, 0.1, 0.2], [0.5; 3]]),
        std: OneOrMany::Many(vec![[1.0, 2.0, 4.0], [0.25; 3]]),
        ..small()
    };
    let one = bytes(layout.bytes() * HORIZONS.observation);
    let x = Preprocessor::new(&config, HORIZONS, &layout).centred(&one, Device::Cpu).unwrap();
    assert_eq!(x.size(), [1, 2, 2, 40, 36, 3]);
    // Half of 7 rows is rounded to 4, as by Python.
    for (step, camera, [low, high], colour) in [(0, 0, [0.1, 2.0], 1), (1, 1, [0.5, 0.25], 2)] {
        let at = (step * 2 + camera) * layout.picture_bytes() + (4 * 50 + 7) * 3 + colour;
        let expected = (f64::from(one[at]) / 255.0 - low) / high;
        let found = x.double_value(&[0, step as i64, camera as i64, 0, 0, colour as i64]);
        assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
    }
}

/// Two states that differ in their pictures only: bright ones ask for +1, dark ones for −1.
fn bright_and_dark(layout: &ImageLayout) -> (FreshStart, DemonstrationChunks) {
    let spec = imle_configs::spec::Spec { pictures: Some(layout.clone()), ..test_support::spec(1, 1) };
    let episode = |action: f32| Episode {
        observations: vec![0.5, -0.5, 0.5, -0.5],
        actions: vec![action; 4],
        len: 4,
        ..Episode::default()
    };
    let horizons = Horizons { observation: 1, prediction: 2, action: 1 };
    let windows = DemonstrationChunks::new(&spec, horizons, &[episode(1.0), episode(-1.0)]).unwrap();
    let mut frames = bytes(8 * layout.bytes());
    frames[..4 * layout.bytes()].iter_mut().for_each(|v| *v = 128 + *v / 2);
    frames[4 * layout.bytes()..].iter_mut().for_each(|v| *v /= 2);
    let windows = windows.with_pictures(Arc::new(frames)).unwrap();
    (FreshStart { spec, normalizers: windows.normalizers().unwrap(), estimator: None, data: "toy".into() }, windows)
}

fn settings(layout: &ImageLayout) -> TrainSettings {
    TrainSettings {
        method: "regression".into(),
        steps: 60,
        batch_size: 8,
        learning_rate: 3e-3,
        warmup_steps: 5,
        ema_max: 0.9,
        horizons: Horizons { observation: 1, prediction: 2, action: 1 },
        network: NetworkConfig { width: 16, blocks: 1, ..NetworkConfig::default() },
        vision: VisionSettings {
            cameras: layout.cameras.clone(),
            encoder: EncoderConfig { colour_jitter: 0.1, crop: OneOrMany::One(0.95), ..small() },
            ..VisionSettings::default()
        },
        ..TrainSettings::default()
    }
}

#[test]
fn what_only_pictures_tell_is_learned_and_sampled_the_same_at_any_thread_count() {
    let layout = pictures(1, 36, 36);
    let (fresh, windows) = bright_and_dark(&layout);
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let mut trainer = Trainer::fresh(&settings(&layout), &fresh, Device::Cpu).unwrap();
    for _ in 0..60 {
        trainer.step(&windows, &pool(1)).unwrap();
    }
    let checkpoint = trainer.checkpoint().unwrap();
    let sampler = Sampler::new(&checkpoint, 2, Device::Cpu).unwrap();
    assert_eq!(sampler.picture_bytes(), layout.bytes());
    let mut batch = crate::targets::TargetBatch::default();
    windows.batch(9, 0, 12, &mut batch);
    let seen = Observations { values: &batch.observations, pictures: &batch.pictures };
    let keys: Vec<_> = (0..12).map(|episode| LatentKey { seed: 1, episode, step: 0 }).collect();
    let sample = |threads: usize| {
        let mut out = vec![0.0; 12 * 2];
        sampler.sample(&pool(threads), seen, &keys, 1, &mut out).unwrap();
        out
    };
    let (out, again) = (sample(1), sample(2));
    assert_eq!(out, again);
    let off = out.iter().zip(&batch.targets).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 0.5, "{off}: {out:?} and {:?}", batch.targets);
    let half = Sampling { precision: Precision::Bf16, ..Sampling::default() };
    let half = Sampler::new(&checkpoint.with_sampling(half).unwrap(), 1, Device::Cpu).unwrap();
    let mut rounded = vec![0.0; 12 * 2];
    half.sample(&pool(1), seen, &keys, 1, &mut rounded).unwrap();
    let off = rounded.iter().zip(&out).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off > 0.0 && off < 0.1, "{off}");
    let mut one = vec![0.0; 2];
    let blind = sampler.sample(&pool(1), &batch.observations[..1], &keys[..1], 1, &mut one).unwrap_err().to_string();
    assert!(blind.contains(&format!("pictures: expected (1, {})", layout.bytes())), "{blind}");
}

#[test]
fn a_training_with_pictures_resumes_to_the_bit_and_its_checkpoint_comes_back() {
    let layout = pictures(2, 36, 36);
    let (fresh, windows) = bright_and_dark(&layout);
    let vision = VisionSettings { encoder: EncoderConfig { shared: true, ..small() }, ..settings(&layout).vision };
    let settings = TrainSettings { method: "imle".into(), samples: 4, vision, ..settings(&layout) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let run = |trainer: &mut Trainer, steps| (0..steps).for_each(|_| drop(trainer.step(&windows, &pool).unwrap()));
    let dir = tempfile::tempdir().unwrap();
    let mut whole = Trainer::fresh(&settings, &fresh, Device::Cpu).unwrap();
    run(&mut whole, 4);
    let mut first = Trainer::fresh(&settings, &fresh, Device::Cpu).unwrap();
    run(&mut first, 2);
    first.save(dir.path()).unwrap();
    let mut second = Trainer::resume(&settings, dir.path(), Device::Cpu).unwrap();
    run(&mut second, 2);
    let checkpoint = second.checkpoint().unwrap();
    assert_eq!(checkpoint.weights(), whole.checkpoint().unwrap().weights());
    let folder = dir.path().join("c");
    checkpoint.save(&folder).unwrap();
    let loaded = crate::checkpoint::Checkpoint::load(&folder).unwrap();
    assert_eq!(loaded, checkpoint);
    assert_eq!(loaded.config().vision_settings().encoder, settings.vision.encoder);
    assert!(method::NAMES.contains(&loaded.config().method.as_str()));
    // Cameras that the data do not have, and data without any.
    let others = TrainSettings { vision: VisionSettings::default(), ..settings.clone() };
    assert!(Trainer::fresh(&others, &fresh, Device::Cpu).err().unwrap().to_string().contains("vision.cameras"));
    let mut blind = Trainer::fresh(&settings, &fresh, Device::Cpu).unwrap();
    let windows = DemonstrationChunks::new(
        &test_support::spec(1, 1),
        settings.horizons,
        &[Episode { observations: vec![0.0; 2], actions: vec![0.0; 2], len: 2, ..Episode::default() }],
    );
    let message = blind.step(&windows.unwrap(), &pool).unwrap_err().to_string();
    assert!(message.contains("bytes of pictures"), "{message}");
}

#[test]
fn a_shift_moves_the_picture_and_repeats_its_edge() {
    let layout = pictures(1, 8, 8);
    let horizons = Horizons { observation: 1, prediction: 1, action: 1 };
    let one = bytes(layout.bytes());
    let config = EncoderConfig {
        shift: 3,
        colour_jitter: 0.0,
        crop: OneOrMany::One(1.0),
        mean: OneOrMany::One([0.0; 3]),
        std: OneOrMany::One([1.0 / 255.0; 3]),
        ..EncoderConfig::default()
    };
    let preprocessor = Preprocessor::new(&config, horizons, &layout);
    let at = |x: &Tensor, place: [i64; 2]| x.double_value(&[0, 0, 0, place[0], place[1], 1]).round() as u8;
    let wanted = |y: i64, x: i64| one[((y.clamp(0, 7) * 8 + x.clamp(0, 7)) * 3 + 1) as usize];
    let shift_of = |x: &Tensor| {
        let fits = |dy: i64, dx: i64| (0..64).all(|i| at(x, [i / 8, i % 8]) == wanted(i / 8 + dy, i % 8 + dx));
        (-3..=3).flat_map(|dy| (-3..=3).map(move |dx| (dy, dx))).find(|(dy, dx)| fits(*dy, *dx))
    };
    let shifts: Vec<_> =
        (0..24).map(|step| shift_of(&preprocessor.augmented(&one, 1, step, Device::Cpu).unwrap()).unwrap()).collect();
    assert!(shifts.iter().any(|s| s.0 < 0) && shifts.iter().any(|s| s.0 > 0) && shifts.iter().any(|s| s.1 != 0));
    assert_eq!(shift_of(&preprocessor.centred(&one, Device::Cpu).unwrap()), Some((0, 0)));
}

/// Where a bright spot is, to a quarter of a pixel, by `conv` as an estimator has it.
#[test]
fn an_estimator_finds_a_spot() {
    let layout = pictures(1, 16, 16);
    let spec = imle_configs::spec::Spec { pictures: Some(layout.clone()), ..test_support::spec(1, 2) };
    let places: Vec<[usize; 2]> = (0..100).map(|i| [3 + i % 10, 3 + i / 10]).collect();
    let frame = |place: &[usize; 2]| {
        let mut picture = vec![40; layout.bytes()];
        for at in [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[y, x]| (place[0] + y) * 16 + place[1] + x) {
            picture[at * 3..][..3].fill(220);
        }
        picture
    };
    let episode = Episode {
        observations: vec![0.0; 100],
        actions: places.iter().flatten().map(|x| *x as f32).collect(),
        len: 100,
        ..Episode::default()
    };
    let settings = TrainSettings::of_estimator();
    let encoder =
        EncoderConfig { width: 8, keypoints: 4, shift: 0, colour_jitter: 0.0, ..settings.vision.encoder.clone() };
    let vision = VisionSettings { cameras: layout.cameras.clone(), encoder, ..VisionSettings::default() };
    let network = NetworkConfig { width: 32, blocks: 1, ..NetworkConfig::default() };
    let settings = TrainSettings {
        steps: 250,
        batch_size: 32,
        warmup_steps: 20,
        learning_rate: 5e-3,
        vision,
        network,
        ..settings
    };
    let windows = DemonstrationChunks::new(&spec, settings.horizons, &[episode]).unwrap();
    let windows = windows.with_pictures(Arc::new(places.iter().flat_map(frame).collect())).unwrap();
    let fresh = FreshStart { spec, normalizers: windows.normalizers().unwrap(), estimator: None, data: "spot".into() };
    let mut trainer = Trainer::fresh(&settings, &fresh, Device::Cpu).unwrap();
    (0..settings.steps).for_each(|_| drop(trainer.step(&windows, &test_support::pool(1)).unwrap()));
    let found =
        crate::targets::estimates(&trainer.checkpoint().unwrap(), &test_support::pool(2), Device::Cpu, &windows, None);
    let errors: f32 = found.unwrap().iter().zip(windows.actions()).map(|(a, b)| (a - b).powi(2)).sum();
    let error = (errors / 200.0).sqrt();
    assert!(error < 0.25, "{error}");
}

#[test]
fn bad_settings_name_the_key() {
    let check = |word: &str| {
        let settings = load(&TrainSettings::default(), None, &[word.into()]);
        settings.map_err(|e| e.to_string()).and_then(|s: TrainSettings| s.check().map_err(|e| e.to_string()))
    };
    for (word, parts) in [
        ("vision.kind=resnet81", ["vision encoder `resnet81`", "`resnet18`"]),
        ("vision.width=20", ["settings: vision.width", "a multiple of 16"]),
        ("vision.crop=1.5", ["settings: vision.crop", "at most 1"]),
        ("vision.colour_jitter=-0.1", ["settings: vision.colour_jitter", "at least 0"]),
        ("vision.std=[0.0, 1.0, 1.0]", ["settings: vision.std", "above 0"]),
        ("vision.precision=f64", ["f64", "`bf16`"]),
        ("vision.crop=[0.9]", ["settings: vision.crop", "one of the height and one of the width"]),
        ("vision.crop=[0.9, 1.5]", ["settings: vision.crop", "at most 1"]),
        ("vision.std=[1.0, 2.0]", ["found neither one value for all nor a list with one for each", "`std`"]),
        ("vision.shift=65", ["settings: vision.shift", "at most 64 pixels"]),
        ("vision.held_out=1.0", ["settings: vision.held_out", "below 1"]),
        ("vision.copies=65", ["settings: vision.copies", "at most 64"]),
        ("vision.estimate=[\"cube\"]", ["settings: vision.cameras", "cameras to estimate from"]),
        ("vision.camera=[\"top\"]", ["vision.camera", "`cameras`"]),
    ] {
        let message = check(word).unwrap_err();
        assert!(parts.iter().all(|p| message.contains(p)), "{word}: {message}");
    }
    for word in ["vision.width=16", "vision.crop=[0.9, 0.8]", "vision.mean=[[0, 0, 0], [0.5, 0.5, 0.5]]"] {
        assert_eq!(check(word), Ok(()), "{word}");
    }
    let two = EncoderConfig { std: OneOrMany::Many(vec![[0.5; 3]; 2]), ..EncoderConfig::default() };
    two.check(Some(&pictures(2, 96, 96)), "c").unwrap();
    let message = two.check(Some(&pictures(3, 96, 96)), "c").unwrap_err().to_string();
    assert!(message.contains("c: vision.std: expected three numbers, or three for each of 3 cameras"), "{message}");
    let tiny = EncoderConfig::default().check(Some(&pictures(1, 96, 36)), "c").unwrap_err().to_string();
    assert!(tiny.contains("c: vision.crop: expected at least 33 pixels") && tiny.contains("32×84"), "{tiny}");
}
