//! Names, numbers and settings on the command line.

use crate::call::Call;
use crate::fixtures::{checkpoint, demonstrations, folder};

fn run(words: &str) -> Call {
    Call::new("run --task stack --episodes 1").with("--checkpoint", checkpoint()).and(words)
}

#[test]
fn unknown_names_come_with_the_nearest() {
    let dir = folder();
    let train = |words: &str| Call::new("train").and(words).with("--data", demonstrations());
    let cases = [
        (Call::new("run --task stak"), ["unknown task `stak`", "`stack`"]),
        (Call::new("demo --task stac"), ["unknown task `stac`", "`stack`"]),
        (Call::new("finetune --task Stack"), ["unknown task `Stack`", "`stack`"]),
        (train("--task stuck"), ["unknown task `stuck`", "`stack`"]),
        (train("--method imel"), ["unknown method `imel`", "`imle`"]),
        (train("--set network.kind=mpl"), ["unknown network `mpl`", "`mlp`"]),
        (run("--optimizer predictiv-sampling"), ["unknown optimizer `predictiv-sampling`", "`predictive-sampling`"]),
        (
            run("--optimizer ilqg --parameterization cubic"),
            ["--parameterization: expected chunk beside --optimizer ilqg", "found cubic"],
        ),
        (run("--optimizer nne"), ["unknown optimizer `nne`", "`none`"]),
        (run("--latents antithetc"), ["unknown latents `antithetc`", "`antithetic`"]),
        (run("--precision bf6"), ["unknown precision `bf6`", "`bf16`"]),
        (run("--proposals imle,wram"), ["unknown proposal `wram`", "`warm`"]),
        (
            Call::new("finetune --task stack --algorithm expert").with("--checkpoint", checkpoint()),
            ["unknown algorithm `expert`", "`expert-iteration`"],
        ),
    ];
    for (call, parts) in cases {
        call.refused_without_trace(dir.path(), &parts);
    }
    Call::new("bench decision --task stak").refused(&["unknown task `stak`", "`stack`"]);
}

#[test]
fn numbers_out_of_range_name_the_flag() {
    let dir = folder();
    for flag in ["--candidates", "--threads", "--lockstep", "--video-episodes"] {
        run(flag).and("0").refused_without_trace(dir.path(), &[flag, "'0'"]);
    }
    let twice = ["the argument '--episodes", "cannot be used multiple times"];
    run("--episodes 0").refused_without_trace(dir.path(), &twice);
    Call::new("run --task stack --episodes 0").refused_without_trace(dir.path(), &["--episodes", "'0'"]);
    Call::new("demo --task stack --episodes 0").refused_without_trace(dir.path(), &["--episodes", "'0'"]);
    Call::new("finetune --task stack --env-steps 0").refused_without_trace(dir.path(), &["--env-steps", "'0'"]);
    run("--threads many").refused_without_trace(dir.path(), &["--threads", "'many'"]);
    run("--noise -1").refused_without_trace(dir.path(), &["--noise"]);
    run("--noise=nan").refused_without_trace(dir.path(), &["--noise", "NaN"]);
    run("--temperature=-1").refused_without_trace(dir.path(), &["sampling.temperature", "0 to 10", "-1"]);
    Call::new("demo --task stack --poor 1.5").refused_without_trace(dir.path(), &["--poor", "0 to 1", "1.5"]);
    let train = |set: &str| Call::new("train").and(set).with("--data", demonstrations());
    train("--set epsilon_decay=0").refused_without_trace(dir.path(), &["settings: epsilon_decay", "above 0", "0"]);
    train("--set quality=-1").refused_without_trace(dir.path(), &["settings: quality", "-1"]);
    run("--seed -1").refused_without_trace(dir.path(), &["-1"]);
    let many = Call::new("train --episodes 99").with("--data", demonstrations());
    many.refused_without_trace(dir.path(), &["--episodes", "at most the 6", "99"]);
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let dir = folder();
    run("--choice typical").refused_without_trace(dir.path(), &["--choice", "--optimizer none"]);
    run("--choice typicl").refused_without_trace(dir.path(), &["unknown choice `typicl`", "`typical`"]);
    // What only a generator heeds, where none is asked: `run` and `serve` alike.
    for flag in ["--passes 2", "--solver ddpm", "--latents antithetic", "--precision bf16", "--temperature 0.5"] {
        let parts = [flag.split(' ').next().unwrap(), "imle among --proposals", "found --proposals noise,warm"];
        let words = format!("--optimizer cma-es --proposals noise,warm {flag}");
        run(&words).refused_without_trace(dir.path(), &parts);
        Call::new("serve --task stack").and(&words).refused(&parts);
    }
    run("--proposals noise,warm --proximal-cost 1")
        .refused_without_trace(dir.path(), &["--proximal-cost", "imle among"]);
    run("--proposals warm,warm").refused_without_trace(dir.path(), &["--proposals", "`warm` twice"]);
}

#[test]
fn missing_and_unknown_words_are_refused() {
    Call::new("runn").refused(&["'runn'", "'run'"]);
    Call::new("run").refused(&["--task"]);
    Call::new("train").refused(&["--data", "--out"]);
    Call::new("run --task stack --candidats 3").refused(&["--candidats", "--candidates"]);
    Call::new("completions basch").refused(&["'basch'", "bash"]);
}

#[test]
fn settings_name_key_and_place() {
    let dir = folder();
    let config = dir.path().join("settings.toml");
    let outs = dir.path().join("outs");
    std::fs::create_dir(&outs).unwrap();
    let train = |words: &str| Call::new("train").and(words).with("--data", demonstrations());
    let finetune = |words: &str| Call::new("finetune --task stack").and(words).with("--checkpoint", checkpoint());
    let cases: [(Call, &[&str]); 13] = [
        (train("--set step=3"), &["--set", "unknown key `step`", "`steps`"]),
        (train("--set network.widht=3"), &["--set", "`network.widht`"]),
        (train("--set steps=x"), &["--set: steps", "integer", "`\"x\"`"]),
        (train("--set steps"), &["--set", "key=value", "`steps`"]),
        (train("--set steps=0"), &["settings: steps", "at least 1"]),
        (train("--set batch_size=-1"), &["batch_size"]),
        (train("--set network.width=0"), &["network.width"]),
        (train("--set horizons.action=99"), &["horizons.action", "99"]),
        (train("--set learning_rate=nan"), &["learning_rate", "NaN"]),
        (train("--config nowhere.toml"), &["nowhere.toml", "cannot read"]),
        (finetune("--set candidates=1"), &["settings: candidates", "2 to 65536"]),
        (finetune("--set attemts=1"), &["--set", "`attemts`"]),
        (finetune("--set demonstration_share=1.5"), &["settings: demonstration_share", "1.5"]),
    ];
    for (call, parts) in cases {
        call.refused_without_trace(&outs, parts);
    }
    for (text, parts) in [
        ("steps = \"many\"", ["steps", "integer"]),
        ("stepz = 3", ["`stepz`", "`steps`"]),
        ("steps =", ["settings.toml", "line 1"]),
    ] {
        std::fs::write(&config, text).unwrap();
        train("").with("--config", &config).refused_without_trace(&outs, &[&["settings.toml"], &parts[..]].concat());
    }
}

#[test]
fn a_nested_key_comes_with_the_nearest() {
    let dir = folder();
    let train = Call::new("train --set network.widht=3").with("--data", demonstrations());
    train.refused_without_trace(dir.path(), &["`network.widht`", "`width`"]);
    let finetune = Call::new("finetune --task stack --algorithm best-of-n --set best_of_n.elits=1");
    finetune.with("--checkpoint", checkpoint()).refused_without_trace(dir.path(), &["`best_of_n.elits`", "`elites`"]);
}

#[test]
fn all_settings_of_finetuning_are_checked_before_it_begins() {
    let dir = folder();
    let sets = ["batch_size=0", "train_steps=0", "samples=0", "epsilon=-1", "learning_rate=-1", "candidates=99999999"];
    for set in sets {
        let call = Call::new("finetune --task stack --set").and(set).with("--checkpoint", checkpoint());
        call.refused_without_trace(dir.path(), &["settings: ", set.split('=').next().unwrap()]);
    }
}

#[test]
fn cuda_without_cuda_says_what_is_missing() {
    let dir = folder();
    let calls = [
        run("--optimizer none --device cuda"),
        Call::new("train --device cuda --set steps=1 --evaluation-episodes 0").with("--data", demonstrations()),
    ];
    for call in calls {
        if call.clone().with("--out", dir.path().join("out")).run().code == Some(0) {
            // There is a GPU, and it works.
            return;
        }
        call.refused_without_trace(dir.path(), &["device cuda: "]);
    }
    run("--optimizer none --device gpu").refused(&["--device", "'gpu'", "cuda"]);
}

#[test]
fn a_video_of_an_unknown_kind_is_refused_before_anything_is_run() {
    for name in ["a.gif", "a", "a.mp4.avi"] {
        Call::new("run --task stack --video").and(name).refused(&["--video", ".mp4 or .png", name]);
    }
    Call::new("run --task stack --execute 17").refused(&["--execute", "at most the 16 actions"]);
    Call::new("run --task cartpole --mode left").refused(&["unknown mode `left`", "there is none"]);
}

#[test]
fn an_unknown_mode_or_mismatch_comes_with_the_nearest() {
    Call::new("run --task stack --mode far-hihg").refused(&["unknown mode `far-hihg`", "`far-high`"]);
    Call::new("run --task stack --mismatch slipery").refused(&["unknown mismatch `slipery`", "`slippery`"]);
}
