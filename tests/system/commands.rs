//! Every command from end to end.

use crate::call::Call;
use crate::fixtures::{TINY, TINY_FINETUNE, checkpoint, demonstrations, easy_task, folder};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Keys that every evaluation has under `--json`.
const SHARED: [&str; 13] = [
    "success_rate",
    "success_ci95",
    "episodes",
    "mean_cost",
    "plan_ms",
    "candidates",
    "rollouts",
    "physics_steps",
    "env_steps",
    "wall_s",
    "seed",
    "version",
    "task",
];

fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(!value[*key].is_null(), "no `{key}` in {value}");
    }
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn easy_run(words: &str) -> Call {
    let call = Call::new("run --episodes 3 --candidates 6 --seed 5").with("--task", easy_task());
    call.with("--checkpoint", checkpoint()).and(words)
}

#[test]
fn tasks_lists_sizes_and_modes() {
    let tasks = Call::new("tasks").json()["tasks"].as_array().unwrap().clone();
    let stack = tasks.iter().find(|t| t["name"] == "stack").unwrap();
    assert_eq!((stack["action"].as_u64(), stack["control_rate"].as_f64()), (Some(6), Some(20.0)));
    assert!(stack["observation"].as_u64() > Some(0) && stack["modes"].as_array().unwrap().len() >= 4);
    assert!(Call::new("tasks").ok().out.contains("stack"));
}

#[test]
fn demo_writes_a_dataset_of_solved_episodes() {
    let dir = folder();
    let out = dir.path().join("new/demos");
    let result = Call::new("demo --task stack --episodes 2 --seed 1").with("--out", &out).json();
    has(&result, &["success_rate", "success_ci95", "env_steps", "wall_s", "seed", "version", "tried"]);
    assert_eq!(result["episodes"], 2);
    let modes = result["modes"].as_object().unwrap();
    assert_eq!(modes.values().filter_map(Value::as_u64).sum::<u64>(), 2);
    let dataset = imle_data::read(&out).unwrap();
    assert!(dataset.episodes.len() == 2 && dataset.episodes.iter().all(|e| e.success && e.seed == 1));
    assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
}

/// Replays are equal to the bit: the states beside the pictures are those of a dataset without.
#[test]
fn demo_stores_pictures_beside_the_state() {
    let dir = folder();
    let (plain, pictured) = (dir.path().join("plain"), dir.path().join("pictured"));
    let call = Call::new("demo --task stack --episodes 2 --seed 1");
    let done = call.clone().and("--images").with("--out", &pictured).run();
    if done.err.contains("cannot render") {
        eprintln!("skipped: {}", done.err.trim());
        return;
    }
    assert_eq!(done.code, Some(0), "{done:?}");
    call.with("--out", &plain).ok();
    let dataset = imle_data::read(&pictured).unwrap();
    assert_eq!(dataset, imle_data::read(&plain).unwrap());
    for (number, episode) in dataset.episodes.iter().enumerate() {
        let images = imle_data::read_images(&pictured, number).unwrap();
        assert_eq!((images.layout.height, images.layout.width), (96, 96));
        assert_eq!(images.layout.cameras, ["front", "wrist"]);
        let picture = 96 * 96 * 3;
        assert_eq!(images.rgb.len(), episode.len * 2 * picture);
        assert_ne!(images.rgb[..picture], images.rgb[images.rgb.len() - 2 * picture..][..picture]);
    }
    assert!(imle_data::read_images(&plain, 0).is_err());
}

#[test]
fn train_logs_evaluates_and_writes_a_checkpoint() {
    let dir = folder();
    let out = dir.path().join("generator");
    let call = Call::new(
        "train --set steps=30 --set evaluate_every=15 --set log_every=10 --evaluation-episodes 2 --episodes 4",
    );
    let call = call.and(TINY).with("--data", demonstrations()).with("--task", easy_task()).with("--out", &out);
    let result = call.json();
    has(&result, &["loss", "success_ci95", "wall_s", "version"]);
    assert_eq!((result["steps"].as_u64(), result["episodes"].as_u64()), (Some(30), Some(2)));
    assert_eq!((result["success_rate"].as_f64(), result["seed"].as_u64()), (Some(1.0), Some(0)));
    let log = lines(&out.join("metrics.jsonl"));
    assert_eq!(log.iter().filter(|l| l["train/loss"].is_f64()).count(), 3, "{log:?}");
    assert_eq!(log.iter().filter(|l| l["eval/success_rate"] == 1.0).count(), 2, "{log:?}");
    for file in ["config.json", "model.safetensors", "best/model.safetensors", "training_state/state.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let events = |name: &str| name.starts_with("events.out.tfevents");
    assert!(fs::read_dir(&out).unwrap().any(|e| events(&e.unwrap().file_name().to_string_lossy())));
    easy_run("").with("--checkpoint", out.join("best")).refused(&["cannot be used multiple times"]);
}

/// Draws of candidates may be chosen afterwards: the first antithetic latent is the first of all.
#[test]
fn run_draws_candidates_as_asked() {
    let run = |words: &str| easy_run("--optimizer none").and(words).json()["inner_jerk"].clone();
    let plain = run("");
    assert_eq!(run("--latents antithetic"), plain);
    assert_ne!(run("--latents low-discrepancy"), plain);
    assert_ne!(run("--temperature 0.5"), plain);
    assert_ne!(run("--precision bf16"), plain);
}

#[test]
fn poor_demonstrations_are_slower_and_are_told() {
    let dir = folder();
    let demo = |share: &str| {
        let out = dir.path().join(share);
        Call::new("demo --task lift --episodes 3 --poor").and(share).with("--out", out).json()
    };
    let (good, poor) = (demo("0"), demo("1"));
    assert_eq!(
        (good["poor_episodes"].as_array().unwrap().len(), poor["poor_episodes"].as_array().unwrap().len()),
        (0, 3)
    );
    assert!(poor["env_steps"].as_u64() > good["env_steps"].as_u64(), "{poor} {good}");
}

/// One network, loop and evaluator for all; how many passes a sample takes may be chosen afterwards.
#[test]
fn every_method_trains_and_is_sampled_as_asked() {
    let dir = folder();
    let run = |method: &str, words: &str| {
        let call = Call::new("run --optimizer none --episodes 1").with("--task", easy_task()).and(words);
        call.with("--checkpoint", dir.path().join(method))
    };
    for (method, words) in [
        ("diffusion", "--passes 3 --solver ddpm"),
        ("flow", "--passes 2"),
        ("mean-flow", "--passes 2"),
        ("regression", ""),
    ] {
        let call = Call::new("train --set steps=5 --evaluation-episodes 0 --quiet").and(TINY).with("--method", method);
        call.with("--data", demonstrations()).with("--out", dir.path().join(method)).ok();
        for words in ["", words] {
            assert_eq!(run(method, words).json()["success_rate"], 1.0, "{method} {words}");
        }
    }
    run("flow", "--solver ddim").refused(&["sampling.solver", "only diffusion"]);
    run("diffusion", "--passes 101").refused(&["sampling.passes", "at most 100"]);
    run("diffusion", "--solver dimm").refused(&["unknown solver `dimm`", "`ddim`"]);
    run("regression", "--passes 2").refused(&["sampling.passes", "expected 1"]);
    let train = Call::new("train --method difusion").with("--data", demonstrations());
    train.refused_without_trace(folder().path(), &["unknown method `difusion`", "`diffusion`"]);
}

#[test]
fn distill_makes_a_generator_of_one_pass_from_any_teacher() {
    let dir = folder();
    let (teacher, student) = (dir.path().join("teacher"), dir.path().join("student"));
    let train = Call::new("train --method flow --set steps=20 --evaluation-episodes 0 --quiet").and(TINY);
    train.with("--data", demonstrations()).with("--out", &teacher).ok();
    let distill = |words: &str| {
        let call = Call::new("distill --samples 4 --passes 2").and(TINY).and(words).with("--task", easy_task());
        call.with("--teacher", &teacher).with("--data", demonstrations())
    };
    let call = distill("--episodes 3 --set steps=20 --evaluation-episodes 2").with("--out", &student);
    let result = call.json();
    for (name, method) in [("teacher", "flow"), ("student", "imle")] {
        assert_eq!((result[name]["method"].as_str(), result[name]["success_rate"].as_f64()), (Some(method), Some(1.0)));
        has(&result[name], &["latency_ms", "success_ci95", "modes", "mode_entropy"]);
    }
    let inspected = Call::new("inspect").and(student.to_str().unwrap()).json();
    assert_eq!(inspected["method"], "imle");
    let of = inspected["provenance"]["data"].as_str().unwrap();
    assert!(of.starts_with("demos: 4 samples a state of flow (") && of.contains("in 3 episodes ("), "{of}");
    distill("--resume").with("--out", &student).refused(&["--data", "was begun with"]);
    let none = Call::new("distill").with("--teacher", dir.path().join("none")).with("--data", demonstrations());
    none.refused_without_trace(folder().path(), &["none/config.json", "cannot read"]);
}

#[test]
fn settings_are_printed_in_the_form_that_config_takes() {
    let dir = folder();
    let file = dir.path().join("settings.toml");
    for (verb, key, set) in [
        ("train", "steps", "network.width=48"),
        ("finetune", "train_steps", "attempts=3"),
        ("finetune --algorithm best-of-n", "warmup_steps", "best_of_n.elites=2"),
        ("finetune --algorithm ppo", "warmup_steps", "critic.members=2"),
    ] {
        let printed = Call::new("").and(verb).and("--settings --set").and(set).ok().out;
        assert!(printed.lines().any(|l| l.starts_with(&format!("{key} = "))), "{printed}");
        let lines: Vec<&str> = printed.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[1].starts_with(|c: char| c.is_alphabetic())) {
            assert!(pair[0].starts_with("# "), "not explained: {}", pair[1]);
        }
        fs::write(&file, &printed).unwrap();
        let again = Call::new("").and(verb).and("--settings").with("--config", &file).ok().out;
        assert_eq!(again, printed);
    }
}

#[test]
fn run_plans_and_reports_under_the_shared_keys() {
    let result = easy_run("--proposals imle,warm,noise").json();
    has(&result, &SHARED);
    has(&result["plan_ms"], &["p50", "p95"]);
    assert_eq!((result["episodes"].as_u64(), result["seed"].as_u64()), (Some(3), Some(5)));
    assert_eq!((result["success_rate"].as_f64(), result["env_steps"].as_u64()), (Some(1.0), Some(30)));
    assert_eq!((result["candidates"].as_u64(), result["rollouts"].as_u64()), (Some(6), Some(2 * 3 * 6)));
    assert_eq!(result["winners"].as_object().unwrap().keys().collect::<Vec<_>>(), ["imle", "noise", "warm"]);
    has(&result, &["predicted_cost", "realised_cost", "prediction_error", "mode_switches", "modes"]);
}

#[test]
fn run_executes_the_generator_alone_however_its_chunk_is_chosen() {
    for choice in ["first", "consistent --resample-every 2", "typical"] {
        let words = &format!("--optimizer none --choice {choice}");
        let result = easy_run(words).json();
        has(&result, &SHARED);
        assert_eq!((result["rollouts"].as_u64(), result["physics_steps"].as_u64()), (Some(0), Some(0)), "{words}");
        assert_eq!(result["optimizer"], "none");
        assert!(result["predicted_cost"].is_null());
    }
}

#[test]
fn run_keeps_settings_summary_and_episodes() {
    let dir = folder();
    let out = dir.path().join("a/run");
    let printed = easy_run("").with("--out", &out).json();
    let read = |name: &str| serde_json::from_str::<Value>(&fs::read_to_string(out.join(name)).unwrap()).unwrap();
    let config = read("config.json");
    assert_eq!((config["candidates"].as_u64(), config["seed"].as_u64()), (Some(6), Some(5)));
    let summary = read("summary.json");
    for key in ["success_rate", "mean_cost", "env_steps", "plan_ms"] {
        assert_eq!(summary[key], printed[key]);
    }
    let decisions = lines(&out.join("decisions.jsonl"));
    assert_eq!(decisions.len() as u64, printed["decisions"].as_u64().unwrap());
    let episodes = lines(&out.join("episodes.jsonl"));
    let numbers: Vec<_> = episodes.iter().map(|e| e["episode"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(episodes.iter().all(|e| e["success"] == true && e["steps"] == 10));
    let inspected = Call::new("inspect").and(out.to_str().unwrap()).json();
    assert_eq!((inspected["kind"].as_str(), inspected["episodes"].as_u64()), (Some("run"), Some(3)));
    let later = dir.path().join("later");
    easy_run("--first 2").with("--out", &later).json();
    assert_eq!(lines(&later.join("episodes.jsonl"))[0], episodes[2], "an episode is the same in any company");
}

/// A machine without EGL runs all the same, and says why there is no video.
#[test]
fn run_writes_a_video_or_says_why_not() {
    let dir = folder();
    let video = dir.path().join("new/easy.mp4");
    let done = easy_run("--video-episodes 1").with("--video", &video).ok();
    if video.exists() {
        let bytes = fs::read(&video).unwrap();
        assert!(&bytes[4..8] == b"ftyp" && bytes.len() > 1000, "{} bytes", bytes.len());
        assert!(done.out.contains("easy.mp4 (21 pictures)"), "{done:?}");
    } else {
        assert!(done.err.contains("no video: cannot render"), "{done:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn finetune_runs_rounds_and_becomes_a_checkpoint() {
    let dir = folder();
    let out = dir.path().join("finetuned");
    let call = Call::new("finetune --algorithm expert-iteration").and(TINY_FINETUNE).with("--task", easy_task());
    let call = call.and("--set candidate_sweep=[2,4] --set candidate_sweep_episodes=2");
    let call = call.with("--checkpoint", checkpoint()).with("--data", demonstrations()).with("--out", &out);
    let result = call.json();
    let figures = |round: usize| &result["rounds"][round]["figures"];
    for round in [0, 2] {
        has(figures(round), &["planned/success_rate_002", "planned/at_least_002", "modes/recall"]);
        assert_eq!(figures(round)["planned/candidates_for_95"], 2.0);
        assert!(figures(round).get("planned/success_rate_004").is_none());
    }
    has(&result, &["success_ci95", "success_rate_before", "wall_s", "seed", "version"]);
    assert_eq!((result["success_rate"].as_f64(), result["env_steps"].as_u64()), (Some(1.0), Some(80)));
    assert_eq!((result["gradient_steps"].as_u64(), result["episodes"].as_u64()), (Some(400), Some(3)));
    assert!(result["physics_steps"].as_u64() > Some(0));
    let rounds: Vec<_> = result["rounds"].as_array().unwrap().iter().map(|r| r["round"].as_u64().unwrap()).collect();
    assert_eq!(rounds, [0, 1, 2]);
    let alone = Call::new("run --optimizer none --episodes 1").with("--task", easy_task()).with("--checkpoint", &out);
    assert_eq!(alone.json()["success_rate"], 1.0);
    let before = imle_policy::checkpoint::Checkpoint::load(checkpoint()).unwrap();
    let after = imle_policy::checkpoint::Checkpoint::load(&out).unwrap();
    assert_ne!(before.weights(), after.weights());
    let inspected = Call::new("inspect").and(out.to_str().unwrap()).json();
    assert_eq!(inspected["rounds"], result["rounds"]);
}

#[test]
fn expert_iteration_keeps_the_method_of_the_generator() {
    let dir = folder();
    for method in ["diffusion", "flow", "regression"] {
        let (base, out) = (dir.path().join(method), dir.path().join(format!("{method}-finetuned")));
        let train = Call::new("train --set steps=40 --evaluation-episodes 0 --method").and(method).and(TINY);
        train.with("--data", demonstrations()).with("--out", &base).ok();
        let call = Call::new("finetune --algorithm expert-iteration").and(&TINY_FINETUNE.replace("=200", "=20"));
        let call = call.and("--set episodes_per_round=2").with("--task", easy_task()).with("--checkpoint", &base);
        call.with("--data", demonstrations()).with("--out", &out).ok();
        let after = imle_policy::checkpoint::Checkpoint::load(&out).unwrap();
        assert_eq!(after.config().method, method);
        assert_ne!(imle_policy::checkpoint::Checkpoint::load(&base).unwrap().weights(), after.weights());
        Call::new("run --optimizer none --episodes 1").with("--task", easy_task()).with("--checkpoint", &out).ok();
    }
}

#[test]
fn what_a_handed_over_episode_teaches_is_the_same_at_any_number_of_threads() {
    let dir = folder();
    let collected = |threads: &str, settings: &str| {
        let out = dir.path().join(format!("{threads}-{}", settings.len()));
        let tiny = TINY_FINETUNE.replace("--threads 1", "").replace("--env-steps 50", "--env-steps 1");
        let call = Call::new("finetune --algorithm expert-iteration --quiet").and(&tiny);
        let call = call.and("--set episodes_per_round=12").and(settings).with("--threads", threads);
        let call = call.with("--task", easy_task()).with("--checkpoint", checkpoint()).with("--data", demonstrations());
        call.with("--out", &out).ok();
        let first = out.join("rounds/001");
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(first.join("collected.json")).unwrap()).unwrap();
        (report, fs::read(first.join("episodes/data/chunk-000/file-000.parquet")).unwrap())
    };
    let shared = "--set student_share=0.6 --set student_decisions=1 --set attempts=2 --set smooth=[1.0] --set tolerance=0.01 --set kept_rounds=1";
    let (report, episodes) = collected("1", shared);
    assert!((1..12).contains(&report["handed_over"].as_u64().unwrap()), "{report}");
    assert_eq!((report, episodes), collected("2", shared));
    let limited = "--set optimizer=cem --set noise=0.30 --set action_rate_limit=0.2";
    let (report, episodes) = collected("1", limited);
    let (_, leaping) = collected("2", "--set optimizer=cem --set noise=0.3");
    assert_ne!(episodes, leaping);
    assert_eq!((report, episodes), collected("2", limited));
    let (alone, _) = collected("2", "--set attempts=2 --set student_share=0.6 --set planner_rounds=1");
    assert_eq!(alone["handed_over"], 0);
    let (planned, _) =
        collected("2", "--set attempts=2 --set student_share=0.6 --set student_first=true --set planner_rounds=1");
    assert_eq!((&planned["handed_over"], &planned["success_rate"]), (&alone["handed_over"], &alone["success_rate"]));
    let first = "--set student_first=true --set student_share=0.9 --set attempts=2 --set disturbance=0 --set stay=0 --set mended_weight=1";
    let (tried, episodes) = collected("1", first);
    assert!(tried["success_rate"].as_f64() > Some(0.0), "{tried}");
    assert_eq!((tried, episodes), collected("2", first));
}

#[test]
fn finetune_without_a_success_says_what_to_try() {
    let dir = folder();
    let call = Call::new("finetune --task stack --quiet").and(TINY_FINETUNE).with("--checkpoint", checkpoint());
    let done =
        call.and("--set episodes_per_round=1 --set evaluation_episodes=1").with("--out", dir.path().join("out")).run();
    assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{done:?}");
    assert!(done.err.starts_with("error: round 1: none of 1 planned episodes succeeded"), "{done:?}");
}

#[test]
fn bench_measures_our_side() {
    let call =
        |what: &str| Call::new("bench").and(what).and("--repeats 1 --candidates 4").with("--checkpoint", checkpoint());
    for what in ["rollout", "sample", "decision", "collect"] {
        let result = call(what).with("--task", easy_task()).json();
        assert_eq!(result["repeats"], 1);
        let cases = result["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            has(case, &["case", "unit", "noise", "peers", "ratio"]);
            assert!(case["ours"].as_f64().unwrap() > 0.0, "{case}");
        }
    }
}

#[test]
fn inspect_knows_what_it_is_shown() {
    let kind = |path: &str| Call::new("inspect").and(path).json()["kind"].as_str().unwrap().to_string();
    assert_eq!(kind("stack"), "task");
    assert_eq!(kind(easy_task().to_str().unwrap()), "task");
    assert_eq!(kind(demonstrations().to_str().unwrap()), "dataset");
    assert_eq!(kind(checkpoint().to_str().unwrap()), "checkpoint");
    let text = Call::new("inspect").and(demonstrations().to_str().unwrap()).ok().out;
    assert!(text.contains("6 episodes") && text.contains("cube_a_position_0"), "{text}");
    let text = Call::new("inspect").and(checkpoint().to_str().unwrap()).ok().out;
    assert!(text.contains("network mlp") && text.contains("learned from demos: 6 episodes ("), "{text}");
    let dir = folder();
    Call::new("inspect").and(dir.path().to_str().unwrap()).refused(&["the folder of a dataset, checkpoint or run"]);
    Call::new("inspect stakc").refused(&["unknown task or folder `stakc`", "`stack`"]);
}
