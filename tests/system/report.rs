//! `planner report`: the right numbers in one file that loads nothing, and one line for whatever is damaged.

use crate::call::Call;
use crate::fixtures::{TINY, TINY_FINETUNE, checkpoint, copy, demonstrations, easy_task, edit_json, folder};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

static WORK: LazyLock<TempDir> = LazyLock::new(folder);

/// A run of two episodes of the easy task.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = WORK.path().join("run");
    let call = Call::new("run --quiet --episodes 2 --seed 5 --candidates 4 --noise 0.2").with("--task", easy_task());
    call.with("--checkpoint", checkpoint()).with("--out", &out).ok();
    out
});

/// A copy of the run, to be damaged.
fn run_in(place: &Path, name: &str) -> PathBuf {
    let run = place.join(name);
    copy(&RUN, &run);
    run
}

struct Written {
    html: String,
    answer: Value,
}

impl Written {
    /// The report of these inputs, which must be one that loads nothing.
    fn of(place: &Path, inputs: &[&Path]) -> Self {
        let mut call = Call::new("report");
        for input in inputs {
            call = call.and(&input.display().to_string());
        }
        Self::from(call, place)
    }

    fn from(call: Call, place: &Path) -> Self {
        let out = place.join("report.html");
        let answer = call.with("--out", &out).json();
        let html = fs::read_to_string(&out).unwrap();
        assert!(html.len() <= 5_000_000, "{} bytes", html.len());
        assert_eq!(answer["bytes"].as_u64(), Some(html.len() as u64));
        for load in
            ["src=\"http", "src='http", "href=", "url(", "@import", "<link", "<iframe", "fetch(", "XMLHttpRequest"]
        {
            assert!(!html.contains(load), "loads by {load}");
        }
        assert!(html.contains("default-src 'none'"));
        Self { html, answer }
    }

    /// The chart data.
    fn charts(&self) -> Vec<Value> {
        let begin = self.html.find("id=\"data\">").unwrap() + "id=\"data\">".len();
        let text = &self.html[begin..];
        serde_json::from_str(&text[..text.find("</script>").unwrap()]).unwrap()
    }

    /// Notes, of which one has all of `parts` in it.
    fn notes(&self, parts: &[&str]) {
        let notes = self.answer["notes"].as_array().unwrap();
        let told = |note: &Value| parts.iter().all(|part| note.as_str().unwrap().contains(part));
        assert!(notes.iter().any(told), "{parts:?} not in {notes:?}");
        assert!(notes.iter().all(|note| note.as_str().unwrap().lines().count() == 1));
    }
}

#[test]
fn a_report_shows_a_run_a_training_a_fine_tuning_a_sweep_and_a_dataset() {
    let dir = folder();
    let [training, tuned, sweep] = ["training", "tuned", "sweep.jsonl"].map(|name| dir.path().join(name));
    let call = Call::new("train --quiet --steps 40 --set log_every=10 --set evaluate_every=20 --evaluation-episodes 2");
    call.and(TINY).with("--data", demonstrations()).with("--out", &training).ok();
    let call = Call::new("finetune --quiet").and(TINY_FINETUNE).with("--task", easy_task());
    call.with("--checkpoint", checkpoint()).with("--data", demonstrations()).with("--out", &tuned).ok();
    let bench = Call::new("bench tasks --quiet --tasks stack --optimizers none --episodes 2").with("--results", &sweep);
    let measured = bench.json();
    let report = Written::of(dir.path(), &[&RUN, &training, &tuned, &sweep, demonstrations()]);

    let kinds: Vec<&str> =
        report.answer["inputs"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run", "training", "fine-tuning", "sweep", "dataset"]);
    let summary: Value = serde_json::from_str(&fs::read_to_string(RUN.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["success_rate"], 1.0, "the easy task");
    let charts = report.charts();
    let chart = |title: &str| charts.iter().find(|c| c["title"] == title).unwrap_or_else(|| panic!("no {title}"));
    // Success of run, training and fine-tuning, in percent with intervals.
    let success = &charts[0];
    assert_eq!(success["categories"], serde_json::json!(["run", "training", "tuned"]));
    let point = &success["series"][0]["points"][0];
    let low = 100.0 * summary["success_ci95"][0].as_f64().unwrap();
    assert!(point[1] == 100.0 && (point[2].as_f64().unwrap() - low).abs() < 1e-3 && point[3] == 100.0, "{point}");
    // The curves of the logs.
    let log: Vec<Value> = fs::read_to_string(training.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let losses: Vec<f64> = log.iter().filter_map(|line| line["train/loss"].as_f64()).collect();
    let drawn = chart("train/loss")["series"][0]["points"].as_array().unwrap();
    assert_eq!(drawn.len(), losses.len());
    assert!(drawn.iter().zip(&losses).all(|(p, loss)| (p[1].as_f64().unwrap() - loss).abs() < 1e-5 * loss.abs()));
    assert_eq!(chart("rollout/success_rate")["series"][0]["name"], "tuned");
    // The cell of the sweep.
    let rate = 100.0 * measured["cells"][0]["result"]["success_rate"].as_f64().unwrap();
    let drawn = chart("stack")["series"][0]["points"][0][1].as_f64().unwrap();
    assert!((drawn - rate).abs() < 1e-3, "{drawn} {rate}");
    // Episodes of the dataset.
    let lengths = chart("Lengths of episodes")["series"][0]["points"].as_array().unwrap();
    assert_eq!(lengths.iter().map(|p| p[1].as_f64().unwrap()).sum::<f64>(), 6.0);
    // Decisions, predicted and realised.
    let decisions = fs::read_to_string(RUN.join("decisions.jsonl")).unwrap().lines().count();
    let scatter = charts.iter().find(|c| c["kind"] == "scatter").unwrap();
    assert_eq!(scatter["series"][0]["points"].as_array().unwrap().len(), decisions);
    assert!(report.html.contains("data:video/mp4;base64,"), "clips of the run's episodes");
    for text in [
        "planner train --method imle --data demos",
        "planner finetune --algorithm expert-iteration",
        "planner data info",
    ] {
        assert!(report.html.contains(text), "{text}");
    }
}

#[test]
fn the_command_of_a_run_gives_the_same_run() {
    let dir = folder();
    let report = Written::of(dir.path(), &[&RUN]);
    let begin = report.html.rfind("planner run ").unwrap();
    let command = report.html[begin..].split("</code>").next().unwrap().replace("&#x2f;", "/");
    let call = Call::new(command.strip_prefix("planner ").unwrap());
    let again = call.json();
    let summary: Value = serde_json::from_str(&fs::read_to_string(RUN.join("summary.json")).unwrap()).unwrap();
    for key in ["mean_cost", "winners", "rollouts", "physics_steps", "predicted_cost"] {
        assert_eq!(again[key], summary[key], "{key} of {command}");
    }
}

#[test]
fn what_is_damaged_is_told_in_a_line_and_the_rest_is_shown() {
    let dir = folder();
    let cut = run_in(dir.path(), "cut");
    let text = fs::read_to_string(cut.join("decisions.jsonl")).unwrap();
    fs::write(cut.join("decisions.jsonl"), &text[..text.len() - 9]).unwrap();
    let report = Written::of(dir.path(), &[&cut]);
    report.notes(&["cut: decisions.jsonl: 1 line is cut short"]);
    let scatter = report.charts().into_iter().find(|c| c["kind"] == "scatter").unwrap();
    assert_eq!(scatter["series"][0]["points"].as_array().unwrap().len(), text.lines().count() - 1);

    let stopped = run_in(dir.path(), "stopped");
    fs::remove_file(stopped.join("summary.json")).unwrap();
    let report = Written::of(dir.path(), &[&stopped]);
    report.notes(&["summary.json: missing"]);
    assert_eq!(report.charts()[0]["series"][0]["points"][0][1], 100.0, "from the episodes");

    let broken = run_in(dir.path(), "broken");
    fs::write(broken.join("summary.json"), "{\"success_rate\": ").unwrap();
    fs::write(broken.join("states.safetensors"), "no states").unwrap();
    let report = Written::of(dir.path(), &[&broken]);
    report.notes(&["summary.json: expected JSON"]);
    report.notes(&["no clips", "states.safetensors"]);

    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    Written::of(dir.path(), &[&RUN, &empty]).notes(&["empty: an empty folder"]);

    let sweep = dir.path().join("sweep.jsonl");
    fs::write(&sweep, "{\"cell\":{\"task\":\"a\"},\"result\":{\"success_rate\":0.5,\"episodes\":4}}\n{\"cell\":{\"ta")
        .unwrap();
    Written::of(dir.path(), &[&sweep]).notes(&["sweep.jsonl: 1 line is cut short"]);
}

#[test]
fn a_run_of_an_older_version_is_shown() {
    let dir = folder();
    let old = run_in(dir.path(), "old");
    for file in ["config.json", "summary.json"] {
        edit_json(&old.join(file), |value| {
            let value = value.as_object_mut().unwrap();
            let optimizer = value.shift_remove("optimizer").unwrap();
            value.insert("planner".into(), optimizer);
        });
    }
    edit_json(&old.join("summary.json"), |value| drop(value["plan_ms"].as_object_mut().unwrap().remove("quantiles")));
    fs::remove_file(old.join("states.safetensors")).unwrap();
    let report = Written::of(dir.path(), &[&old]);
    report.notes(&["no clips", "older versions"]);
    assert!(report.html.contains("predictive-sampling"));
}

#[test]
fn without_opengl_all_but_the_clips_is_shown() {
    let dir = folder();
    let call = Call::new("report").and(&RUN.display().to_string()).without_opengl();
    let report = Written::from(call, dir.path());
    report.notes(&["run: no clips"]);
    assert!(!report.html.contains("data:video/mp4"));
}

#[test]
fn names_that_look_like_markup_are_shown_as_they_are() {
    let dir = folder();
    let evil = run_in(dir.path(), "<img src=x onerror=alert(1)>");
    edit_json(&evil.join("config.json"), |value| value["task"] = "</script><script>alert(2)</script>".into());
    let mut call = Call::new("report");
    call = call.and("--quiet").with("--threads", "1");
    let out = dir.path().join("report.html");
    let done = call.with("--out", &out).with("--", &evil).run();
    assert_eq!(done.code, Some(0), "{done:?}");
    let html = fs::read_to_string(&out).unwrap();
    assert!(!html.contains("<img src=x") && !html.contains("<script>alert"));
    assert!(html.contains("&lt;img src=x"));
}

#[test]
fn what_is_nothing_to_report_is_refused() {
    let dir = folder();
    let report = |input: &Path| Call::new("report").and(&input.display().to_string());
    let refused = |input: &Path, parts: &[&str]| report(input).refused_without_trace(&dir.path().join("out"), parts);
    fs::create_dir(dir.path().join("out")).unwrap();
    let expected = "expected a run, training, fine-tuning, sweep or dataset";
    refused(&dir.path().join("none"), &[expected, "nothing of that name"]);
    let text = dir.path().join("text.jsonl");
    fs::write(&text, "{\"step\": 1}\n").unwrap();
    refused(&text, &[expected, "another file"]);
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes.txt"), "x").unwrap();
    refused(&other, &[expected, "none of them"]);
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    refused(&empty, &["an empty folder"]);
}

#[test]
fn commands_say_how_to_look_at_what_they_made() {
    let dir = folder();
    let call = |words: &str, name: &str| {
        let call = Call::new("run --episodes 1 --candidates 4").and(words).with("--task", easy_task());
        call.with("--checkpoint", checkpoint()).with("--out", dir.path().join(name)).ok()
    };
    assert!(call("", "a").err.contains("planner report "));
    assert!(!call("--quiet", "b").err.contains("planner report"));
    assert!(!call("--json", "c").err.contains("planner report"));
}
