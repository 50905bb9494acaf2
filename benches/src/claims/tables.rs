//! The report as Markdown: one table a question, `open` where nothing was measured.

use super::cell::{ClaimCell, What};
use super::gather::{
    ClaimResult, DataCurve, Need, curves, entropy_share, figure, frames, grouped, groups_of, mean, mean_saved,
    mode_groups, name, needs, of_group, one_step_pairs, rows, solved_modes, success_text, tallies, tally,
};
use super::text::{interval, number, protocol_text, share};
use super::verdicts::verdicts;
use imle_cli::output::{percent, percent_within};
use imle_cli::statistics::{entropy, pooled};
use imle_cli::table::Table;
use serde_json::Value;
use std::collections::BTreeMap;

/// Markdown lines of everything that was measured; cells of different frames are kept apart.
pub fn all(done: &[ClaimResult]) -> Vec<String> {
    let mut lines = Vec::new();
    let frames = frames(done);
    for (frame, done) in &frames {
        if frames.len() > 1 {
            lines.extend([format!("## {frame}"), String::new()]);
        }
        let curves = curves(done);
        for table in [
            verdicts(done, &curves),
            success(&curves),
            data_needed(&needs(&curves)),
            trainings(done),
            tried(done),
            latencies(done),
            one_step(done),
            modes(done),
            choices(done),
            ablations(done),
            qualities(done),
            networks(done),
            distillations(done),
        ] {
            lines.extend(table.lines());
        }
    }
    lines
}

/// Success against demonstrations, for each protocol.
fn success(curves: &[DataCurve]) -> Table {
    let mut sizes: Vec<u32> = curves.iter().flat_map(|c| c.points.keys().copied()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let columns: Vec<String> = sizes.iter().map(|n| format!("{n} demonstrations")).collect();
    let mut titles = vec!["task", "equal", "method"];
    titles.extend(columns.iter().map(String::as_str));
    let mut table = Table::new(
        "Success against demonstrations: pooled over trainings, [Wilson], (bootstrap over trainings)",
        &titles,
    );
    let mut ordered: Vec<&DataCurve> = curves.iter().collect();
    ordered.sort_by(|a, b| (&a.task, a.protocol).cmp(&(&b.task, b.protocol)));
    for curve in ordered {
        let mut row = vec![curve.task.clone(), protocol_text(curve.protocol).into(), curve.name.clone()];
        row.extend(sizes.iter().map(|n| curve.points.get(n).map_or("open".into(), |runs| success_text(runs))));
        table.rows.push(row);
    }
    table
}

fn data_needed(needs: &[Need]) -> Table {
    let mut table = Table::new(
        "Demonstrations that IMLE needs for what a baseline does with all",
        &[
            "baseline",
            "equal",
            "task",
            "its success with all",
            "IMLE needs",
            "less",
            "it needs itself",
            "less than itself",
        ],
    );
    for (protocol, baseline) in groups_of(needs) {
        let of = of_group(needs, protocol, &baseline);
        for need in &of {
            let count = match need.imle {
                None => format!("more than {:.0}", need.demos),
                Some(n) if n <= need.fewest => format!("at most {n:.0}"),
                Some(n) => format!("{n:.0}"),
            };
            let itself = need.imle.zip(need.itself).map(|(ours, theirs)| 1.0 - ours / theirs);
            table.rows.push(vec![
                baseline.clone(),
                protocol_text(protocol).into(),
                need.task.clone(),
                percent(need.target),
                format!("{count} [{:.0}, {:.0}]", need.interval[0], need.interval[1]),
                if need.imle.is_some() { percent(need.saved()) } else { "none".into() },
                need.itself.map_or("not measured".into(), |n| format!("{n:.0}")),
                itself.map_or(String::new(), percent),
            ]);
        }
        let (saved, ci) = mean_saved(&of);
        let text = format!("{} {}", percent(saved), interval(ci));
        let empty = String::new;
        table.rows.push(vec![
            baseline,
            protocol_text(protocol).into(),
            "mean".into(),
            empty(),
            empty(),
            text,
            empty(),
            empty(),
        ]);
    }
    table
}

/// Time of the trainings with all demonstrations.
fn trainings(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Trainings with all demonstrations",
        &["task", "method", "equal", "steps", "learning rate", "sampled by", "minutes"],
    );
    let groups = grouped(done, |cell, row| match &cell.what {
        What::Data { protocol, demonstrations, .. } if *demonstrations == cell.frame.demos => {
            Some((cell.task.as_str(), name(row), *protocol))
        }
        _ => None,
    });
    for ((task, name, protocol), of) in groups {
        let first = of.first().copied().unwrap_or(&Value::Null);
        table.rows.push(vec![
            task.into(),
            name.into(),
            protocol_text(protocol).into(),
            number(mean(of.iter().copied(), "train.steps"), 0),
            figure(first, "train.learning_rate").map_or("open".into(), |rate| format!("{rate}")),
            first["sampler"].as_str().unwrap_or_default().into(),
            number(mean(of.iter().copied(), "train.train_s").map(|s| s / 60.0), 1),
        ]);
    }
    table
}

/// Settings tried for each baseline's best.
fn tried(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Tried for the baselines' best settings: success in validation episodes",
        &["task", "method", "sampled by", "learning rate", "steps", "success"],
    );
    for (cell, result) in done {
        let What::Tuning { method, .. } = &cell.what else { continue };
        for entry in result["tried"].as_array().into_iter().flatten() {
            table.rows.push(vec![
                cell.task.clone(),
                method.clone(),
                entry["sampler"].as_str().unwrap_or_default().into(),
                entry["learning_rate"].to_string(),
                entry["steps"].to_string(),
                success_of(entry),
            ]);
        }
    }
    table
}

/// `97.5 % [94.3, 98.9]` of one of the settings tried.
fn success_of(entry: &Value) -> String {
    let number = |path: &str| entry.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    percent_within(number("/success_rate"), [number("/success_ci95/0"), number("/success_ci95/1")])
}

fn latencies(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "One decision, ms: p50 / p95; from a cold cache p50",
        &["network", "device", "N", "sampler", "p50 / p95", "IMLE takes less by", "cold", "less by", "noise"],
    );
    for (cell, result) in done {
        let What::Latency { network, device, candidates } = &cell.what else { continue };
        let of = |name: &str, key: &str| figure(&result["samplers"], &format!("{name}.{key}"));
        let less = |name: &str, key: &str| {
            let pair = of("imle", key).zip(of(name, key)).filter(|_| name != "imle");
            pair.map_or(String::new(), |(ours, theirs)| percent(1.0 - ours / theirs))
        };
        for (sampler, figures) in result["samplers"].as_object().into_iter().flatten() {
            let threads = if device == "cpu" { format!(", {} threads", result["threads"]) } else { String::new() };
            table.rows.push(vec![
                network.clone(),
                format!("{device}{threads}"),
                candidates.to_string(),
                sampler.clone(),
                format!("{} / {}", number(figure(figures, "p50_ms"), 2), number(figure(figures, "p95_ms"), 2)),
                less(sampler, "p50_ms"),
                number(figure(figures, "cold_p50_ms"), 2),
                less(sampler, "cold_p50_ms"),
                share(figure(result, "noise")),
            ]);
        }
    }
    table
}

fn one_step(done: &[ClaimResult]) -> Table {
    let mut table = Table::new("IMLE and one-step flow with all demonstrations", &["task", "IMLE", "flow-1", "points"]);
    for (task, [imle, flow]) in one_step_pairs(done) {
        let points =
            (!imle.is_empty() && !flow.is_empty()).then(|| format!("{:+.1}", 100.0 * (pooled(&imle) - pooled(&flow))));
        table.rows.push(vec![task, success_text(&imle), success_text(&flow), points.unwrap_or_default()]);
    }
    table
}

/// Entropy of `found` in nats and as a share of `reference`.
fn entropy_text(found: &BTreeMap<String, u64>, reference: &BTreeMap<String, u64>) -> [String; 2] {
    let nats = entropy(&found.values().copied().collect::<Vec<_>>());
    let share = entropy_share(found, reference);
    [format!("{nats:.2}"), share.map_or(String::new(), |(share, ci)| format!("{} {}", percent(share), interval(ci)))]
}

fn modes(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Modes: of solved episodes; recall and precision of 32 samples in held-out states",
        &[
            "task",
            "method",
            "success",
            "modes shown",
            "entropy, nats",
            "of the demonstrations'",
            "recall",
            "precision",
            "to samples",
            "to demonstrations",
        ],
    );
    let mut before = "";
    for (task, name, of, reference) in mode_groups(done) {
        if task != before {
            let [nats, _] = entropy_text(&reference, &reference);
            let mut row = vec![task.into(), "the demonstrations".into(), String::new()];
            row.extend([format!("{0} of {0}", reference.len()), nats, String::new()]);
            row.extend([0, 1].map(|i| share(of[0]["fidelity"]["demonstrations"][i].as_f64())));
            row.extend([String::new(), String::new()]);
            table.rows.push(row);
            before = task;
        }
        let found = solved_modes(&of);
        let [nats, share_of] = entropy_text(&found, &reference);
        let mut row = vec![task.into(), name.into(), success_text(&tallies(&of))];
        row.extend([format!("{} of {}", found.len(), reference.len()), nats, share_of]);
        row.extend(fidelity_texts(&of));
        row.extend(
            ["fidelity.to_samples", "fidelity.to_demonstrations"].map(|p| number(mean(of.iter().copied(), p), 3)),
        );
        table.rows.push(row);
    }
    table
}

/// Recall and precision, means over the trainings.
fn fidelity_texts(of: &[&Value]) -> [String; 2] {
    ["fidelity.recall", "fidelity.precision"].map(|path| share(mean(of.iter().copied(), path)))
}

fn choices(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Choices among the generator's samples",
        &["task", "choice", "success", "mode switches an episode", "jerk where chunks meet, rad/s³", "inside chunks"],
    );
    let groups = grouped(done, |cell, _| match &cell.what {
        What::Choices { choice, candidates, .. } => Some((cell.task.as_str(), choice.as_str(), *candidates)),
        _ => None,
    });
    for ((task, choice, candidates), of) in groups {
        let choices = if choice == "first" { choice.into() } else { format!("{choice} of {candidates}") };
        let mut row = vec![task.into(), choices, success_text(&tallies(&of))];
        let paths = [("report.mode_switches", 2), ("report.boundary_jerk", 0), ("report.inner_jerk", 0)];
        row.extend(paths.map(|(path, digits)| number(mean(of.iter().copied(), path), digits)));
        table.rows.push(row);
    }
    table
}

fn ablations(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "RS-IMLE's knobs",
        &["task", "settings", "success alone", "planned", "recall", "precision", "training, min"],
    );
    let of = |cell: &ClaimCell| match &cell.what {
        What::Ablations { set, .. } => Some((cell.task.clone(), set.clone())),
        _ => None,
    };
    for ((task, set), rows) in grouped(done, |cell, _| of(cell)) {
        let planned = done.iter().filter(|(cell, _)| of(cell) == Some((task.clone(), set.clone())));
        let planned: Vec<_> = planned.filter_map(|(_, result)| tally(&result["planned"])).collect();
        let [recall, precision] = fidelity_texts(&rows);
        let minutes = mean(rows.iter().copied(), "train.train_s").map(|s| s / 60.0);
        let settings = if set.is_empty() { "the defaults".into() } else { format!("`{set}`") };
        let successes = [success_text(&tallies(&rows)), success_text(&planned)];
        table
            .rows
            .push([vec![task, settings], successes.to_vec(), vec![recall, precision, number(minutes, 1)]].concat());
    }
    table
}

fn qualities(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Poor demonstrations: their poor parts drawn more rarely",
        &["task", "poor", "`quality`", "success", "recall", "precision"],
    );
    let groups = grouped(done, |cell, _| match cell.what {
        What::Quality { quality, poor, .. } => Some((cell.task.as_str(), poor, quality)),
        _ => None,
    });
    for ((task, poor, quality), of) in groups {
        let mut row = vec![task.into(), percent(poor), quality.to_string(), success_text(&tallies(&of))];
        row.extend(fidelity_texts(&of));
        table.rows.push(row);
    }
    table
}

fn networks(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Networks",
        &[
            "task",
            "network",
            "method",
            "parameters",
            "success",
            "recall",
            "precision",
            "N = 1, ms",
            "N more, ms",
            "training, min",
        ],
    );
    for (cell, result) in done {
        let What::Networks { network, .. } = &cell.what else { continue };
        for row in rows(result) {
            let [recall, precision] = fidelity_texts(&[row]);
            let ms = |key: &str| number(figure(&result[key]["samplers"], &format!("{}.p50_ms", name(row))), 2);
            table.rows.push(vec![
                cell.task.clone(),
                network.clone(),
                name(row).into(),
                number(figure(row, "train.parameters"), 0),
                success_text(&tallies(&[row])),
                recall,
                precision,
                ms("latency_1"),
                ms("latency_n"),
                number(figure(row, "train.train_s").map(|s| s / 60.0), 1),
            ]);
        }
    }
    table
}

fn distillations(done: &[ClaimResult]) -> Table {
    let mut table = Table::new(
        "Distillation: diffusion into IMLE",
        &["task", "generator", "success", "entropy, nats", "of the teacher's", "recall", "precision", "a decision, ms"],
    );
    let groups = grouped(done, |cell, row| match cell.what {
        What::Distillation { .. } => Some((cell.task.as_str(), name(row))),
        _ => None,
    });
    for ((task, generator), of) in &groups {
        let teacher = groups.iter().find(|((t, n), _)| t == task && *n == "teacher");
        let reference = teacher.map(|(_, of)| solved_modes(of)).unwrap_or_default();
        let [nats, share_of] = entropy_text(&solved_modes(of), &reference);
        let sampler = of.first().and_then(|row| row["sampler"].as_str()).unwrap_or_default();
        let results = done.iter().filter(|(c, _)| c.task == *task && matches!(c.what, What::Distillation { .. }));
        let ms = mean(results.map(|(_, result)| &result["latency_1"]), &format!("samplers.{sampler}.p50_ms"));
        let [recall, precision] = fidelity_texts(of);
        table.rows.push(vec![
            task.to_string(),
            format!("{generator} ({sampler})"),
            success_text(&tallies(of)),
            nats,
            if *generator == "teacher" { String::new() } else { share_of },
            recall,
            precision,
            number(ms, 2),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::gather::tests::data;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_tables_tell_what_was_measured_and_what_is_open() {
        let mut done = vec![data("imle", 10, 0, 40), data("imle", 100, 0, 180), data("diffusion", 100, 0, 120)];
        let text = all(&done).join("\n");
        assert!(text.contains("| lift | equal steps | ddim-10 | open | 60.0 % [53.1, 66.5]"), "{text}");
        // 60 % lies four sevenths of the way from 20 % to 90 %: at 10 + 90 · 4 / 7 demonstrations.
        assert!(text.contains("| ddim-10 | equal steps | lift | 60.0 % | 61 ["), "{text}");
        assert!(text.contains("less data than ddim-10 (equal steps), mean of 1 tasks | ≥ 38 % | 38.6 %"), "{text}");
        assert!(text.contains("yes, but its interval begins below"), "{text}");
        // Another frame is another chapter.
        done[1].0.frame.steps = 7;
        assert_eq!(all(&done).iter().filter(|l| l.starts_with("## ")).count(), 2);
        assert!(all(&[]).is_empty());
    }

    #[test]
    fn a_latency_is_compared_with_both_baselines() {
        let (mut cell, _) = data("imle", 10, 0, 0);
        cell.what = What::Latency { network: "mlp".into(), device: "cpu".into(), candidates: 1 };
        let figures = |p50: f64| json!({ "p50_ms": p50, "p95_ms": 2.0 * p50, "cold_p50_ms": 10.0 + p50 });
        let samplers = json!({ "imle": figures(1.0), "ddim-10": figures(5.0), "ddpm-100": figures(50.0) });
        let text = all(&[(cell, json!({ "samplers": samplers, "noise": 0.01, "threads": 2 }))]).join("\n");
        assert!(text.contains("faster than ddpm-100: mlp, cpu, N = 1 | ≥ 97.3 % | 98.0 % | yes"), "{text}");
        assert!(text.contains("faster than ddim-10: mlp, cpu, N = 1 | ≥ 85.0 % | 80.0 % | no"), "{text}");
        let row = "| mlp | cpu, 2 threads | 1 | ddpm-100 | 50.00 / 100.00 | 98.0 % | 60.00 | 81.7 % | 1.0 % |";
        assert!(text.contains(row), "{text}");
    }
}
