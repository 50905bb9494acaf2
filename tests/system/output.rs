//! Output: help that teaches, one JSON object, nothing when quiet.

use crate::call::Call;
use crate::fixtures::{checkpoint, easy_task};
use std::process::Command;

#[test]
fn every_help_has_an_example() {
    let verbs = [
        "",
        "tasks",
        "demo",
        "data",
        "data convert",
        "data info",
        "data replay",
        "train",
        "run",
        "serve",
        "finetune",
        "bench",
        "bench rollout",
        "bench sample",
        "bench decision",
        "bench claims",
        "inspect",
        "completions",
    ];
    for verb in verbs {
        let done = Call::new(verb).and("--help").ok();
        assert!(done.err.is_empty() && done.out.contains("Usage: planner"), "{verb}: {done:?}");
        assert!(done.out.contains("planner run --task stack") || done.out.contains("Example"), "{verb}: {}", done.out);
    }
}

#[test]
fn the_version_is_that_of_the_json() {
    let done = Call::new("--version").ok();
    assert_eq!(done.out.trim(), format!("planner {}", Call::new("tasks").json()["version"].as_str().unwrap()));
}

#[test]
fn quiet_says_nothing_but_the_result_and_json_goes_to_standard_output() {
    let call = Call::new("run --episodes 1 --candidates 2 --quiet")
        .with("--task", easy_task())
        .with("--checkpoint", checkpoint());
    let done = call.ok();
    assert!(done.out.contains("1 of 1 episodes solved"), "{done:?}");
    assert_eq!(done.err, "");
    let done = call.and("--json").ok();
    assert_eq!((done.out.lines().count(), done.err.as_str()), (1, ""));
}

/// A result that could not be written is no success; a reader that went away is no failure.
#[test]
fn a_result_that_is_lost_is_told() {
    let script = |words: &str| {
        let command = format!("'{}' {words}", env!("CARGO_BIN_EXE_planner"));
        Command::new("sh").args(["-c", &command]).output().unwrap()
    };
    for words in ["tasks --json", "tasks", "train --settings", "import --converter", "completions bash", "--help"] {
        let full = script(&format!("{words} > /dev/full"));
        let err = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(1), "{words}: {err}");
        assert!(err.lines().last().unwrap().starts_with("error: standard output: cannot write"), "{words}: {err}");
    }
    let gone = script("tasks --json | true");
    assert!(!String::from_utf8(gone.stderr).unwrap().contains("error"));
}

#[test]
fn text_for_people_goes_to_standard_output() {
    let call =
        Call::new("run --episodes 1 --candidates 2").with("--task", easy_task()).with("--checkpoint", checkpoint());
    let done = call.ok();
    assert!(done.out.contains("1 of 1 episodes solved: 100.0 %") && done.err.is_empty(), "{done:?}");
    let done = call.and("--json").ok();
    assert!(done.err.contains("1 of 1 episodes solved: 100.0 %"), "{done:?}");
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Call::new("completions").and(shell).ok().out;
        assert!(script.contains("finetune") && script.contains("env-steps"), "{shell}");
    }
}
