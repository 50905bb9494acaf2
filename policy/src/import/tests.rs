//! The policies in `policy/fixtures`, which `benches/peers/import.py` makes with the code that people train them with.

mod vision;

use super::*;
use crate::sampler::Sampler;
use safetensors::SafeTensors;
use serde_json::json;
use std::fs;
use tch::{Device, Tensor};

const POLICIES: [&str; 5] = ["imle_policy", "imle_policy_flow", "diffusion_policy", "lerobot", "lerobot_old"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn wanted() -> ImportTarget {
    ImportTarget { control_rate: 10.0, ..ImportTarget::default() }
}

/// Tensors by their names, in no order.
fn expected(name: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(fixture(name).join("expected.safetensors")).unwrap();
    let floats = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.tensors().into_iter().map(|(name, t)| (name, t.shape().to_vec(), floats(t.data()))).collect()
}

/// Within 1e-5 of the original, of the size of the values where that is above 1.
fn same(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{what}: {a} at {i}, expected {b}");
    }
    // Answers that hardly differ would show nothing.
    let mean = expected.iter().sum::<f32>() / expected.len() as f32;
    assert!(expected.iter().any(|x| (x - mean).abs() > 0.05), "{what}: {expected:?}");
}

#[test]
fn the_network_answers_as_the_original() {
    for name in POLICIES {
        let imported = import(&fixture(name), &wanted()).unwrap();
        let all = expected(name);
        let find = |key: &str| all.iter().find(|(name, ..)| name == key).map(|(_, shape, values)| (shape, values));
        let config = imported.checkpoint.config();
        let mut observation = find("observation").unwrap().1.clone();
        config.normalizers.observation.normalize(&mut observation);
        let network = imported.checkpoint.network(Device::Cpu).unwrap();
        let features = network.encode(&Tensor::from_slice(&observation).view([1, -1]).into()).unwrap();
        let time = find("network.time").map(|(_, time)| Tensor::from_slice(time).view([1, 1]));
        let conditioning = network.condition(&features, time.as_ref()).unwrap();
        let (shape, x) = find("network.x").unwrap();
        let x = Tensor::from_slice(x).view([1, shape[0] as i64, -1]);
        let y = network.generate(&x, &conditioning).unwrap();
        same(name, &Vec::<f32>::try_from(y.view([-1])).unwrap(), find("network.y").unwrap().1);
    }
}

#[test]
fn chunks_from_the_same_noise_are_those_of_the_original() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut chains = 0;
    for name in POLICIES {
        let imported = import(&fixture(name), &wanted()).unwrap();
        let all = expected(name);
        let find = |key: &str| all.iter().find(|(name, ..)| name == key).map(|(.., values)| values).unwrap();
        for (noise, shape, latents) in all.iter().filter(|(name, ..)| name.ends_with(".noise")) {
            let chain = noise.trim_end_matches(".noise");
            let (solver, passes) = chain.split_once('-').unwrap();
            let mut sampling = imported.checkpoint.config().sampling.clone();
            if solver.starts_with("dd") {
                (sampling.solver, sampling.passes) = (solver.parse().unwrap(), passes.parse().unwrap());
            }
            let checkpoint = imported.checkpoint.clone().with_sampling(sampling).unwrap();
            let sampler = Sampler::new(&checkpoint, 1, Device::Cpu).unwrap();
            let actions = find(&format!("{chain}.actions"));
            let mut found = vec![0.0; actions.len()];
            sampler.sample_latents(&pool, find("observation"), latents, shape[0], &mut found).unwrap();
            same(&format!("{name}: {chain}"), &found, actions);
            chains += 1;
        }
    }
    assert_eq!(chains, 8);
}

/// A copy of a fixture, to be damaged.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

fn fails(folder: &Path, wanted: &ImportTarget, parts: &[&str]) {
    let error = import(folder, wanted).map(|_| "nothing is refused").unwrap_err();
    let text = error.to_string();
    assert!(error.is_input() && text.lines().count() == 1, "{text}");
    assert!(parts.iter().all(|p| text.contains(p)), "{text}: expected {parts:?}");
}

/// Changes the weights file: gets all tensors by name as (shape, bytes).
fn edit_weights(folder: &Path, edit: impl FnOnce(&mut std::collections::BTreeMap<String, (Vec<usize>, Vec<u8>)>)) {
    let path = folder.join(MODEL_FILE);
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let all = file.tensors().into_iter().map(|(name, t)| (name, (t.shape().to_vec(), t.data().to_vec())));
    let mut all = all.collect();
    edit(&mut all);
    let view = |(shape, data): &'static (Vec<usize>, Vec<u8>)| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap()
    };
    let all: &'static std::collections::BTreeMap<String, (Vec<usize>, Vec<u8>)> = Box::leak(Box::new(all));
    let bytes = safetensors::serialize(all.iter().map(|(name, t)| (name, view(t))), None).unwrap();
    fs::write(path, bytes).unwrap();
}

fn edit_config(folder: &Path, edit: impl FnOnce(&mut Value)) {
    let path = folder.join(CONFIG_FILE);
    let mut json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    edit(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

#[test]
fn every_damaged_tensor_is_named() {
    type Edit = fn(&mut std::collections::BTreeMap<String, (Vec<usize>, Vec<u8>)>);
    let cases: [(&str, Edit, &[&str]); 9] = [
        (
            "lerobot",
            |t| drop(t.remove("diffusion.unet.mid_modules.0.conv1.block.0.weight")),
            &[
                "model.safetensors: diffusion.unet.mid_modules.0.conv1.block.0.weight",
                "[16, 16, 3]",
                "none of that name",
            ],
        ),
        (
            "imle_policy",
            |t| t.get_mut("policy_net.final_conv.1.bias").unwrap().0 = vec![1, 2],
            &["policy_net.final_conv.1.bias: expected a tensor [2], found [1, 2]"],
        ),
        (
            "diffusion_policy",
            |t| t.get_mut("model.final_conv.1.bias").unwrap().1[4..].copy_from_slice(&f32::NAN.to_le_bytes()),
            &["model.final_conv.1.bias: expected finite weights, found NaN"],
        ),
        (
            "diffusion_policy",
            |t| drop(t.insert("model.local_cond_encoder.0.weight".into(), (vec![1], vec![0; 4]))),
            &["model.local_cond_encoder.0.weight", "an extra one"],
        ),
        (
            "diffusion_policy",
            |t| t.get_mut("normalizer.params_dict.action.scale").unwrap().1.fill(0),
            &["normalizer.params_dict.action.scale: expected numbers above 0, found 0"],
        ),
        (
            "imle_policy",
            |t| drop(t.remove("stats.action.max")),
            &["model.safetensors: stats.action.max", "none of that name"],
        ),
        (
            "lerobot_old",
            |t| drop(t.remove("unnormalize_outputs.buffer_action.std")),
            &["unnormalize_outputs.buffer_action.std", "none of that name"],
        ),
        (
            "lerobot",
            |t| drop(t.insert("diffusion.rgb_encoder.out.weight".into(), (vec![1], vec![0; 4]))),
            &["diffusion.rgb_encoder.out.weight", "an extra one"],
        ),
        (
            "diffusion_policy",
            |t| drop(t.insert("obs_encoder.obs_nets.rgb.nets.0.weight".into(), (vec![1], vec![0; 4]))),
            &["obs_encoder.obs_nets.rgb.nets.0.weight", "sees states, not pictures", "1 of a vision network"],
        ),
    ];
    for (name, edit, parts) in cases {
        let folder = copy(name);
        edit_weights(folder.path(), edit);
        fails(folder.path(), &wanted(), parts);
    }
}

#[test]
fn options_that_are_not_supported_are_named() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, &[&str]); 14] = [
        ("lerobot", |c| c["type"] = json!("act"), &["config.json: unknown policy type `act`", "`diffusion`"]),
        ("lerobot", |c| c["type"] = json!(null), &["9", "10"]),
        ("lerobot", |c| c["kernel_size"] = json!("5"), &["config.json: kernel_size", "a whole number"]),
        ("lerobot", |c| c["beta_schedule"] = json!("cosine"), &["beta_schedule: unknown schedule `cosine`"]),
        ("lerobot", |c| c["prediction_type"] = json!("v_prediction"), &["prediction_type: unknown prediction"]),
        ("lerobot", |c| c["down_dims"] = json!([8, 32]), &["down_modules.1.0.conv1.block.0.weight", "[32, 8, 3]"]),
        ("lerobot", |c| c["n_action_steps"] = json!(16), &["horizons.action", "at most horizons.prediction, 15"]),
        ("lerobot", |c| c["horizon"] = json!(1), &["predicted actions: expected more than the 1"]),
        ("imle_policy", |c| c["method"] = json!("gan"), &["method: unknown method `gan`", "`rs_imle`"]),
        (
            "imle_policy",
            |c| c["lowdim_obs_dim"] = json!(2),
            &["obs_dim: expected 2 values of the state and 512 of each of 1", "5"],
        ),
        (
            "diffusion_policy",
            |c| c["policy"]["obs_as_global_cond"] = json!(false),
            &["policy: obs_as_global_cond: expected true, all that is supported"],
        ),
        ("diffusion_policy", |c| c["policy"]["eta"] = json!(0.5), &["policy: eta: expected no such option", "0.5"]),
        (
            "diffusion_policy",
            |c| c["policy"]["_target_"] = json!("a.policy.DiffusionTransformerLowdimPolicy"),
            &["_target_: expected DiffusionUnetLowdimPolicy", "a.policy.DiffusionTransformerLowdimPolicy"],
        ),
        (
            "diffusion_policy",
            |c| c["policy"]["noise_scheduler"]["thresholding"] = json!(true),
            &["noise_scheduler: thresholding: expected false, all that is supported, found true"],
        ),
    ];
    for (name, edit, parts) in cases {
        let folder = copy(name);
        edit_config(folder.path(), edit);
        if parts == ["9", "10"] {
            // A configuration of 2024 has no type; this one is otherwise whole.
            import(folder.path(), &wanted()).unwrap();
            continue;
        }
        fails(folder.path(), &wanted(), parts);
    }
}

#[test]
fn processors_are_checked_too() {
    let damage = |from: &str, to: &str, parts: &[&str]| {
        let folder = copy("lerobot");
        let path = folder.path().join("policy_preprocessor.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        fails(folder.path(), &wanted(), parts);
    };
    damage("device_processor", "delta_actions", &["steps.2: registry_name", "found `delta_actions`"]);
    damage("\"MIN_MAX\"", "\"ROBUST\"", &["norm_map: ", "unknown normalization `ROBUST`"]);
    damage("step_3_normalizer_processor.safe", "step_9.safe", &["step_9.safetensors: cannot read"]);
    damage("normalizer_processor\"", "device_processor\"", &["steps: expected a `normalizer_processor`"]);
    let folder = copy("lerobot");
    fs::remove_file(folder.path().join("policy_postprocessor.json")).unwrap();
    fails(folder.path(), &wanted(), &["policy_postprocessor.json: cannot read"]);
}

#[test]
fn pickles_are_never_opened() {
    for head in [&b"PK\x03\x04rest"[..], b"\x80\x02}q"] {
        let folder = copy("imle_policy");
        let pickle = folder.path().join("weights.pth");
        fs::write(&pickle, head).unwrap();
        let line = "convert it: planner import --converter | python3 - ";
        fails(&pickle, &wanted(), &["weights.pth: expected a safetensors file, found a pickle", line]);
        fs::remove_file(folder.path().join(MODEL_FILE)).unwrap();
        fails(folder.path(), &wanted(), &["weights.pth", line]);
        fs::rename(&pickle, folder.path().join(MODEL_FILE)).unwrap();
        fails(folder.path(), &wanted(), &["model.safetensors: expected a safetensors file, found a pickle"]);
    }
    let folder = copy("imle_policy");
    fails(&folder.path().join("nowhere"), &wanted(), &["nowhere: cannot read"]);
}

#[test]
fn a_task_gives_names_and_may_be_seen_in_another_order() {
    let term = |name: &str, size| Term { name: name.into(), size };
    let spec = |terms: Vec<Term>| Spec {
        task: "push".into(),
        control_rate: 20.0,
        observation: Layout { terms },
        action: Layout { terms: vec![term("target", 2)] },
        pictures: None,
    };
    let folder = fixture("lerobot");
    let plain = import(&folder, &wanted()).unwrap().checkpoint;
    let named = ImportTarget { spec: Some(spec(vec![term("tip", 2), term("block", 3)])), ..wanted() };
    let served = import(&folder, &named).unwrap().checkpoint;
    assert_eq!(served.weights(), plain.weights());
    assert_eq!(served.config().spec, named.spec.clone().unwrap());

    // The task has more terms in another order: what the policy does not see must not matter.
    let wide = Some(spec(vec![term("block", 3), term("speed", 4), term("tip", 2)]));
    let wide = ImportTarget { spec: wide, observation: vec!["tip".into(), "block".into()], ..wanted() };
    let served = import(&folder, &wide).unwrap().checkpoint;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let sample = |checkpoint: &Checkpoint, observation: &[f32]| {
        let sampler = Sampler::new(checkpoint, 1, Device::Cpu).unwrap();
        let mut chunk = vec![0.0; sampler.shape().chunk()];
        sampler.sample(&pool, observation, &[Default::default()], 1, &mut chunk).unwrap();
        chunk
    };
    let few = [0.1, 0.2, 0.3, 0.4, 0.5, -0.1, -0.2, -0.3, -0.4, -0.5];
    let spread = |o: &[f32], junk: f32| [&o[2..5], &[junk; 4], &o[..2]].concat();
    let many = [spread(&few[..5], 7.0), spread(&few[5..], -3.0)].concat();
    same("wide", &sample(&served, &many), &sample(&plain, &few));

    fails(
        &folder,
        &ImportTarget { observation: vec!["tpi".into()], ..wide.clone() },
        &["unknown term", "did you mean `tip`"],
    );
    let twice = ImportTarget { observation: vec!["tip".into(), "tip".into()], ..wide.clone() };
    fails(&folder, &twice, &["each term once", "`tip` twice"]);
    let all = ImportTarget { observation: Vec::new(), ..wide };
    let parts = ["expected 9 values, those of task push: block[3] speed[4] tip[2]", "5: observation.state[2]"];
    fails(&folder, &all, &parts);
    let mut narrow = named;
    narrow.spec.as_mut().unwrap().action.terms[0].size = 3;
    fails(&folder, &narrow, &["action: expected 3 values, the action of task push: target[3], found 2"]);
}

#[test]
fn a_checkpoint_that_begins_early_is_cut_and_not_trained_on() {
    let imported = import(&fixture("diffusion_policy"), &wanted()).unwrap();
    let config = imported.checkpoint.config();
    assert_eq!((config.lead, config.horizons.prediction, config.shape().prediction), (1, 15, 15));
    assert_eq!((config.sampling.solver.to_string().as_str(), config.sampling.passes), ("ddpm", 100));
    assert_eq!(imported.unused, 10);
    let folder = tempfile::tempdir().unwrap();
    imported.checkpoint.save(folder.path()).unwrap();
    assert_eq!(Checkpoint::load(folder.path()).unwrap(), imported.checkpoint);
    fails(folder.path(), &wanted(), &["expected a policy trained elsewhere, found a checkpoint of planner"]);
    let settings = crate::train::TrainSettings { method: "diffusion".into(), ..Default::default() };
    let trainer = crate::train::Trainer::from_checkpoint(&settings, &imported.checkpoint, "here", Device::Cpu);
    assert!(trainer.err().unwrap().to_string().contains("lead: expected 0"));
}

#[test]
fn of_a_run_the_newest_checkpoint_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let put = |name: &str, files: &[&str]| {
        let folder = run.join("checkpoints").join(name).join("pretrained_model");
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "{}").unwrap());
        folder
    };
    let whole = ["config.json", "model.safetensors"];
    put("000900", &whole);
    let newest = put("010000", &whole);
    // Saved by halves, and no step.
    put("020000", &whole[..1]);
    put("best", &whole);
    assert_eq!(folder_of(&run).unwrap(), newest);
    assert_eq!(folder_of(&run.join("checkpoints")).unwrap(), newest);
    assert_eq!(folder_of(&run.join("checkpoints/000900")).unwrap(), run.join("checkpoints/000900/pretrained_model"));
    let last = put("last", &whole);
    assert_eq!(folder_of(&run).unwrap(), last);
    assert_eq!([&last, &newest, &run].map(|folder| name_of(folder)), ["run"; 3]);
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    assert_eq!(folder_of(&run).unwrap(), run);
}
