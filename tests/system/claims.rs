//! `planner bench claims`: a tiny sweep, killed and resumed, and what it refuses.

use crate::call::Call;
use crate::fixtures::{TINY, demonstrations, easy_task, folder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Two methods, two sizes, on six demonstrations, in a task that any generator solves.
fn sweep(folder: &Path) -> Call {
    let call = Call::new("bench claims --parts data,modes --protocols equal-steps --methods imle,flow --seeds 1");
    let call = call.and("--held-out 2 --sizes 2 --steps 60 --episodes 2 --set checkpoint_every=5").and(TINY);
    let call = call.with("--data", demonstrations()).with("--tasks", easy_task()).with("--work", folder.join("work"));
    call.with("--results", folder.join("claims.jsonl"))
}

/// The results by their cells, without what trainings took.
fn results(folder: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(folder.join("claims.jsonl")).unwrap();
    let parse = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for entry in line["result"]["entries"].as_array_mut().unwrap() {
            entry["train"] = json!({ "steps": entry["train"]["steps"] });
        }
        (line["cell"].to_string(), line["result"].take())
    };
    text.lines().map(parse).collect()
}

#[test]
fn a_sweep_goes_on_after_being_killed_and_is_reported() {
    let (whole, killed) = (folder(), folder());
    let all = sweep(whole.path()).json();
    assert_eq!((all["open"].as_u64(), all["cells"].as_array().unwrap().len()), (Some(0), 6));

    let running = sweep(killed.path()).start();
    running.wait_until("a training to be resumed", || {
        let trainings = fs::read_dir(killed.path().join("work/trainings")).into_iter().flatten().flatten();
        trainings.into_iter().any(|t| t.path().join("training_state/state.json").exists())
    });
    running.kill();
    let resumed = sweep(killed.path()).ok();
    assert!(resumed.out.contains("### Success against demonstrations"), "{}", resumed.out);
    let found = results(killed.path());
    assert_eq!(found, results(whole.path()));
    // The modes part finds what the data part has trained and measured.
    let of = |part: &str| found.iter().find(|(cell, _)| cell.contains(part) && cell.contains("imle")).unwrap().1;
    assert!(of("\"modes\"")["entries"][0]["fidelity"]["recall"].is_f64());
    assert_eq!(fs::read_dir(killed.path().join("work/trainings")).unwrap().count(), 8);

    let report = Call::new("bench claims --report").with("--results", killed.path().join("claims.jsonl"));
    let out = killed.path().join("report");
    let message = report.with("--out", &out).ok().out;
    assert_eq!(message.matches("| stack | equal steps |").count(), 2, "{message}");
    assert!(message.contains("flow-1") && message.contains("| 2 demonstrations | 4 demonstrations |"), "{message}");
    assert!(fs::read_to_string(out.join("tables.md")).unwrap().contains("### Modes"));
    for plot in ["data-stack.svg", "fidelity-stack.svg"] {
        assert!(fs::read_to_string(out.join(plot)).unwrap().starts_with("<svg"), "{plot}");
    }
}

#[test]
fn a_plan_tells_what_each_cell_costs_and_a_foreign_task_is_measured_on_its_windows() {
    let dir = folder();
    let data = dir.path().join("data");
    let mut theirs = imle_data::read(demonstrations()).unwrap();
    theirs.spec.task = "their_robot".into();
    imle_data::write(&data, &theirs.spec, &theirs.episodes).unwrap();
    let of = |words: &str| {
        let call = Call::new("bench claims --seeds 1 --held-out 2 --sizes 4 --steps 20").and(words).and(TINY);
        call.with("--data", &data).with("--work", dir.path().join("work")).with("--results", dir.path().join("r.jsonl"))
    };
    let plan = of("--plan --parts data --methods imle,flow").json();
    let cells = plan["open"].as_array().unwrap();
    // Without episodes there is no best setting to be found.
    assert_eq!(cells.len(), 3, "{plan}");
    // A training that an earlier cell makes too costs nothing again, and whether one does depends on measured speeds.
    assert!(cells[..2].iter().all(|c| c["seconds"].as_f64().unwrap() > 0.0), "{plan}");
    assert!(!dir.path().join("r.jsonl").exists());
    let found = of("--parts data --methods imle --protocols equal-steps").json();
    let row = &found["cells"][0]["result"]["entries"][0];
    assert!(row["report"].is_null() && row["fidelity"]["precision"].is_f64(), "{row}");
}

#[test]
fn bad_input_is_refused() {
    let dir = folder();
    let sweep = |words: &str| {
        let call = Call::new("bench claims").and(words).with("--work", dir.path().join("work"));
        call.with("--results", dir.path().join("r.jsonl"))
    };
    let mine = |words: &str| sweep(words).with("--data", demonstrations());
    let cases: [(Call, &[&str]); 12] = [
        (sweep("--parts dat"), &["'dat'", "'data'"]),
        (sweep("--methods imle,difusion"), &["unknown method `difusion`", "`diffusion`"]),
        (sweep("--tasks stak"), &["unknown task `stak`", "`stack`"]),
        (sweep("--networks unett"), &["unknown network `unett`", "`unet`"]),
        (sweep("--learning-rates 0"), &["--learning-rates", "above 0"]),
        (sweep("--shard 3/2"), &["--shard", "'3/2'"]),
        (sweep("--set widht=3"), &["unknown key `widht`"]),
        (mine("--tasks push_t"), &["task `push_t`", "task `stack`"]),
        (mine("--tasks stack,push_t"), &["--tasks", "the one task"]),
        (mine("--held-out 6"), &["6 to hold out", "found 6"]),
        (mine("--held-out 2 --sizes 5"), &["--sizes", "at most the 4", "5"]),
        (sweep("--out somewhere"), &["--report"]),
    ];
    for (call, parts) in cases {
        call.refused(parts);
    }
    let other = dir.path().join("other.jsonl");
    fs::write(&other, "{\"cell\": {\"task\": \"lift\", \"planner\": \"none\"}, \"result\": {}}\n").unwrap();
    for words in ["--report", "--parts latency"] {
        Call::new("bench claims").and(words).with("--results", &other).refused(&["other.jsonl", "cells of this sweep"]);
    }
    assert!(!dir.path().join("r.jsonl").exists() && !dir.path().join("work").exists());
}
