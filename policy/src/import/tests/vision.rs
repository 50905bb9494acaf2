//! Policies that see pictures.

#[path = "complete.rs"]
mod complete;

use super::*;
use crate::network::ObservationTensors;
use crate::sampler::Observations;
use crate::vision::OneOrMany;
use complete::complete;
use imle_configs::spec::ImageLayout;

/// The bytes of the pictures that the originals have seen.
fn pictures(count: usize) -> Vec<u8> {
    (0..count).map(|i| ((i * 37 + i * i / 97) % 256) as u8).collect()
}

/// Within 1e-5 of the original, as [`same`], of a fixture that is whole.
fn answers_as_the_original(name: &str) -> Imported {
    let folder = tempfile::tempdir().unwrap();
    complete(&fixture(name), folder.path(), true);
    let imported = import(folder.path(), &wanted()).unwrap();
    let all = expected(name);
    let find = |key: &str| all.iter().find(|(name, ..)| name == key).map(|(_, shape, values)| (shape, values));
    let config = imported.checkpoint.config();
    let bytes = pictures(config.horizons.observation * config.spec.pictures.as_ref().unwrap().bytes());

    let mut values = find("observation").unwrap().1.clone();
    config.normalizers.observation.normalize(&mut values);
    let values = Tensor::from_slice(&values).view([1, -1]);
    let seen = config.preprocessor().unwrap().centred(&bytes, Device::Cpu).unwrap();
    let network = imported.checkpoint.network(Device::Cpu).unwrap();
    let condition = network.encode(&ObservationTensors { values, pictures: Some(seen) }).unwrap();
    let steps = condition.view([config.horizons.observation as i64, -1]);
    let state = config.spec.observation.size() as i64;
    let features = steps.narrow(1, state, steps.size()[1] - state).contiguous().view([-1]);
    same(&format!("{name}: features"), &Vec::<f32>::try_from(features).unwrap(), find("features").unwrap().1);

    let time = find("network.time").map(|(_, time)| Tensor::from_slice(time).view([1, 1]));
    let conditioning = network.condition(&condition, time.as_ref()).unwrap();
    let (shape, x) = find("network.x").unwrap();
    let y = network.generate(&Tensor::from_slice(x).view([1, shape[0] as i64, -1]), &conditioning).unwrap();
    same(name, &Vec::<f32>::try_from(y.view([-1])).unwrap(), find("network.y").unwrap().1);

    let observations = Observations { values: find("observation").unwrap().1, pictures: &bytes };
    for chain in all.iter().filter_map(|(name, ..)| name.strip_suffix(".noise")) {
        let (solver, passes) = chain.split_once('-').unwrap();
        let mut sampling = config.sampling.clone();
        if solver.starts_with("dd") {
            (sampling.solver, sampling.passes) = (solver.parse().unwrap(), passes.parse().unwrap());
        }
        let sampler = Sampler::new(&imported.checkpoint.clone().with_sampling(sampling).unwrap(), 1, Device::Cpu);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (actions, (shape, noise)) =
            (find(&format!("{chain}.actions")).unwrap().1, find(&format!("{chain}.noise")).unwrap());
        let mut found = vec![0.0; actions.len()];
        sampler.unwrap().sample_latents(&pool, observations, noise, shape[0], &mut found).unwrap();
        same(&format!("{name}: {chain}"), &found, actions);
    }
    imported
}

/// Pictures of 75×80 of which 68×76 are kept: half of what is cut off is no whole number of rows. Each camera has its
/// own colours, and the state of the environment stands behind what is seen.
#[test]
fn two_cameras_of_lerobot_as_the_original() {
    let imported = answers_as_the_original("lerobot_seeing");
    let config = imported.checkpoint.config();
    let pictures = config.spec.pictures.as_ref().unwrap();
    // In the order of the file, which is not the alphabet's.
    assert_eq!(pictures.to_string(), "wrist, base of 80×75 pixels");
    let vision = config.vision.as_ref().unwrap();
    assert_eq!((vision.kept(pictures), vision.shared, vision.mean.values().len()), ([68, 76], false, 2));
    let shown = vision.to_string();
    assert!(shown.contains("width 64, 32 keypoints, 64 features, 90.7 % of the height and 95.0 %"), "{shown}");
    let folder = tempfile::tempdir().unwrap();
    imported.checkpoint.save(folder.path()).unwrap();
    assert!(Checkpoint::load(folder.path()).unwrap() == imported.checkpoint);
}

/// As LeRobot's `diffusion_pusht` sees.
#[test]
fn one_camera_of_an_old_lerobot_as_the_original() {
    let imported = answers_as_the_original("lerobot_old_seeing");
    let vision = imported.checkpoint.config().vision.clone().unwrap();
    assert_eq!((vision.crop, vision.shared), (OneOrMany::One(0.875), true));
    assert_eq!(imported.unused, 2);
}

#[test]
fn two_cameras_of_imle_policy_as_the_original() {
    let imported = answers_as_the_original("imle_policy_seeing");
    let config = imported.checkpoint.config();
    assert_eq!(config.spec.pictures.as_ref().unwrap().to_string(), "camera_0, camera_1 of 40×40 pixels");
    assert_eq!((config.method.as_str(), config.shape().vision.unwrap().features), ("imle", 512));
}

/// A fixture whose files are changed before its weights, all zeros, are put in place.
fn changed(name: &str, change: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = copy(name);
    change(folder.path());
    complete(folder.path(), folder.path(), false);
    folder
}

#[test]
fn what_encoders_lack_or_have_too_much_is_named() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &[&str]); 7] = [
        (
            "lerobot_old_seeing",
            |p| drop(p.as_object_mut().unwrap().remove("diffusion.rgb_encoder.backbone.5.0.downsample.1.bias")),
            &["diffusion.rgb_encoder.backbone.5.0.downsample.1.bias", "[128]", "none of that name"],
        ),
        (
            "lerobot_old_seeing",
            |p| p["diffusion.rgb_encoder.pool.nets.weight"][0] = json!([16, 512, 1, 1]),
            &["diffusion.rgb_encoder.pool.nets.weight", "[32, 512, 1, 1]", "[16, 512, 1, 1]"],
        ),
        (
            "lerobot_old_seeing",
            |p| p["diffusion.rgb_encoder.backbone.4.2.conv1.weight"] = json!([[1], 0.0, 0.0]),
            &["diffusion.rgb_encoder.backbone.4.2.conv1.weight", "an extra one"],
        ),
        (
            "lerobot_old_seeing",
            |p| p["diffusion.rgb_encoder.backbone.1.running_mean"] = json!([[64], 0.0, 0.0]),
            &["backbone.1.running_mean", "expected group normalisation", "found batch normalisation"],
        ),
        (
            "imle_policy_seeing",
            |p| p["vision_encoder_1.bn1.running_mean"] = json!([[64], 0.0, 0.0]),
            &["vision_encoder_1.bn1.running_mean", "found batch normalisation"],
        ),
        (
            "imle_policy_seeing",
            |p| drop(p.as_object_mut().unwrap().remove("vision_encoder_1.layer4.1.conv2.weight")),
            &["vision_encoder_1.layer4.1.conv2.weight", "[512, 512, 3, 3]", "none of that name"],
        ),
        (
            "lerobot_seeing",
            |p| p["policy.rgb_encoder.1.out.bias"] = p["diffusion.rgb_encoder.1.out.bias"].take(),
            &["diffusion.rgb_encoder.1.out.bias", "[64]", "none of that name"],
        ),
    ];
    for (name, change, parts) in cases {
        let folder = changed(name, |folder| {
            let path = folder.join("parameters.json");
            let mut parameters = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            change(&mut parameters);
            if let Some(parameters) = parameters.as_object_mut() {
                parameters.retain(|_, parameter| !parameter.is_null());
            }
            fs::write(path, parameters.to_string()).unwrap();
        });
        fails(folder.path(), &wanted(), parts);
    }
    let folder = changed("lerobot_old_seeing", |_| ());
    let file = fs::OpenOptions::new().write(true).open(folder.path().join(MODEL_FILE)).unwrap();
    let end = file.metadata().unwrap().len();
    // The last tensor of the file, and places that are not those of a map of 3×3.
    std::os::unix::fs::FileExt::write_all_at(&file, &f32::INFINITY.to_le_bytes(), end - 4).unwrap();
    fails(folder.path(), &wanted(), &["diffusion.unet.", "expected finite weights, found inf"]);
    let folder = changed("lerobot_old_seeing", |folder| {
        edit_weights(folder, |t| t.get_mut("diffusion.rgb_encoder.pool.pos_grid").unwrap().1.fill(0));
    });
    fails(folder.path(), &wanted(), &["diffusion.rgb_encoder.pool.pos_grid", "a map of 3×3, here -1", "found 0"]);
}

#[test]
fn ways_to_see_that_are_not_supported_are_named() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, &[&str]); 12] = [
        (
            "lerobot_seeing",
            |c| c["vision_backbone"] = json!("resnet34"),
            &["vision_backbone: expected \"resnet18\", all that is supported, found \"resnet34\""],
        ),
        ("lerobot_seeing", |c| c["use_group_norm"] = json!(false), &["use_group_norm: expected true", "found false"]),
        ("lerobot_seeing", |c| c["resize_shape"] = json!([64, 64]), &["resize_shape: expected null", "[64,64]"]),
        ("lerobot_seeing", |c| c["crop_shape"] = json!([76, 76]), &["crop_shape", "at most [75, 80]", "[76, 76]"]),
        ("lerobot_seeing", |c| c["crop_shape"] = json!([30, 76]), &["vision.crop", "at least 33 pixels", "76×30"]),
        ("lerobot_seeing", |c| c["crop_shape"] = json!([40, 76]), &["0.pool.pos_grid", "tensor [6, 2]", "[9, 2]"]),
        (
            "lerobot_seeing",
            |c| c["input_features"]["observation.images.wrist"]["shape"] = json!([3, 80, 80]),
            &["observation.images.base: expected [3, 80, 80], the size of the other pictures, found [3, 75, 80]"],
        ),
        (
            "lerobot_seeing",
            |c| c["input_features"]["observation.images.base"]["shape"] = json!([75, 80, 3]),
            &["input_features: observation.images.base: expected [3, height, width], found [75, 80, 3]"],
        ),
        (
            "lerobot_old_seeing",
            |c| c["normalization_mapping"]["VISUAL"] = json!("MEAN_STD"),
            &["normalize_inputs.buffer_observation_image.mean", "[3, 1, 1]", "none of that name"],
        ),
        ("imle_policy_seeing", |c| c["num_cameras"] = json!(1), &["obs_dim", "512 of each of 1 cameras", "1026"]),
        ("imle_policy_seeing", |c| c["vision_feature_dim"] = json!(64), &["vision_feature_dim: expected 512", "64"]),
        ("imle_policy_seeing", |c| c["image_shape"] = json!(null), &["image_shape: expected [height, width]", "none"]),
    ];
    let folders = ["lerobot_seeing", "lerobot_old_seeing", "imle_policy_seeing"].map(|n| (n, changed(n, |_| ())));
    for (name, edit, parts) in cases {
        let folder = folders.iter().find(|(n, _)| *n == name).unwrap().1.path();
        let whole = fs::read(folder.join(CONFIG_FILE)).unwrap();
        edit_config(folder, edit);
        fails(folder, &wanted(), parts);
        fs::write(folder.join(CONFIG_FILE), whole).unwrap();
    }
    let flat = changed("lerobot_old_seeing", |folder| {
        edit_weights(folder, |t| {
            let low = t["normalize_inputs.buffer_observation_image.min"].clone();
            t.insert("normalize_inputs.buffer_observation_image.max".into(), low);
        });
    });
    fails(flat.path(), &wanted(), &["statistics of observation.image", "above 0", "found 0"]);
}

#[test]
fn cameras_of_a_task_are_the_policys() {
    let term = |name: &str, size| Term { name: name.into(), size };
    let spec = Spec {
        task: "push".into(),
        control_rate: 20.0,
        observation: Layout { terms: vec![term("block", 3), term("tip", 2)] },
        action: Layout { terms: vec![term("target", 2)] },
        pictures: None,
    };
    let there = |cameras: &[&str], height| {
        let cameras = cameras.iter().map(ToString::to_string).collect();
        Some(ImageLayout { cameras, height, width: 80 })
    };
    let two = changed("lerobot_seeing", |_| ());
    let three = ImportTarget { spec: Some(spec), pictures: there(&["a", "b", "c"], 75), ..wanted() };
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let fits = ImportTarget { cameras: names(&["c", "a"]), observation: names(&["tip", "block"]), ..three.clone() };
    let config = import(two.path(), &fits).unwrap().checkpoint.config().clone();
    assert_eq!(config.spec.pictures.unwrap().cameras, ["c", "a"]);
    assert_eq!(config.spec.observation.terms, [term("tip", 2), term("block", 3)]);
    // Beside pictures the terms are those that a robot knows of itself, unless others are named.
    let beside = ImportTarget { observation: Vec::new(), beside: names(&["tip"]), ..fits.clone() };
    fails(two.path(), &beside, &["observation: expected 2 values, those of task push: tip[2]", "found 5"]);
    let place = format!("{}: ", two.path().display());
    for (wanted, parts) in [
        (three.clone(), ["cameras of task push: expected 2 cameras: wrist, base", "found 3 cameras: a, b, c"]),
        (ImportTarget { cameras: names(&["c", "d"]), ..three.clone() }, ["unknown camera `d`", "`a`, `b`, `c`"]),
        (
            ImportTarget { cameras: names(&["c", "c"]), ..three.clone() },
            ["--cameras: expected each camera once", "`c` twice"],
        ),
        (
            ImportTarget { pictures: there(&["a", "b"], 60), ..three.clone() },
            ["pictures of 80×75 pixels", "found 80×60"],
        ),
        (ImportTarget { pictures: None, ..three.clone() }, ["cameras of task push: expected pictures", "found none"]),
        (ImportTarget { cameras: names(&["c"]), ..super::wanted() }, ["--cameras: expected a task or dataset", "none"]),
    ] {
        fails(two.path(), &wanted, &[&place, parts[0], parts[1]]);
    }
    let blind = ImportTarget { spec: None, ..fits };
    fails(&fixture("lerobot"), &blind, &["--cameras: expected none, as the policy sees no pictures", "found `c`"]);
}
