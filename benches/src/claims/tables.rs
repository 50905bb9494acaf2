//! The report as Markdown: one table a question, `open` where nothing was measured.

use super::cell::{ClaimCell, What};
use super::gather::{
    ClaimResult, DataCurve, ModeCounts, Need, Rows, by_baseline, curves, entropy_share, figure, frames, mean_saved,
    mode_groups, name, needs, number, one_step_pairs, rows_by, rows_of, share, share_within, success_text, tally,
};
use super::verdicts::verdicts;
use crate::publish::table;
use imle_cli::output::{percent, percent_within};
use imle_cli::statistics::{entropy, pooled};
use imle_cli::table::Table;
use serde_json::Value;
use std::collections::BTreeSet;

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
    let sizes: BTreeSet<u32> = curves.iter().flat_map(|c| c.points.keys().copied()).collect();
    let columns: String = sizes.iter().map(|n| format!(" | {n} demonstrations")).collect();
    let mut ordered: Vec<&DataCurve> = curves.iter().collect();
    ordered.sort_by(|a, b| (&a.task, a.protocol).cmp(&(&b.task, b.protocol)));
    let row = |curve: &DataCurve| {
        let successes = sizes.iter().map(|n| success_text(curve.points.get(n).map_or(&[], Vec::as_slice)));
        let of = [curve.task.clone(), curve.protocol.text().into(), curve.name.clone()];
        of.into_iter().chain(successes).collect()
    };
    table(
        "Success against demonstrations: pooled over trainings, [Wilson], (bootstrap over trainings)",
        &format!("task | equal | method{columns}"),
        ordered.into_iter().map(row),
    )
}

fn data_needed(needs: &[Need<'_>]) -> Table {
    let mut table = table(
        "Demonstrations that IMLE needs for what a baseline does with all",
        "baseline | equal | task | its success with all | IMLE needs | less | it needs itself | less than itself",
        [],
    );
    for ((protocol, baseline), of) in by_baseline(needs) {
        let group = || vec![baseline.to_string(), protocol.text().into()];
        for need in &of {
            let count = match need.imle {
                None => format!("more than {:.0}", need.demos),
                Some(n) if n <= need.fewest => format!("at most {n:.0}"),
                Some(n) => format!("{n:.0}"),
            };
            let itself = need.imle.zip(need.itself).map(|(ours, theirs)| 1.0 - ours / theirs);
            let figures = [
                need.baseline.task.clone(),
                percent(need.target),
                format!("{count} [{:.0}, {:.0}]", need.interval[0], need.interval[1]),
                if need.imle.is_some() { percent(need.saved()) } else { "none".into() },
                need.itself.map_or("not measured".into(), |n| format!("{n:.0}")),
                itself.map_or(String::new(), percent),
            ];
            table.rows.push([group(), figures.into()].concat());
        }
        let (saved, interval) = mean_saved(&of);
        let mean = ["mean", "", "", &share_within(saved, interval), "", ""].map(str::to_string);
        table.rows.push([group(), mean.into()].concat());
    }
    table
}

/// Time of the trainings with all demonstrations.
fn trainings(done: &[ClaimResult]) -> Table {
    let groups = rows_by(done, |cell, name| match &cell.what {
        What::Data { protocol, demonstrations, .. } if *demonstrations == cell.frame.demos => {
            Some((cell.task.as_str(), name, *protocol))
        }
        _ => None,
    });
    let rows = groups.into_iter().map(|((task, name, protocol), rows)| {
        vec![
            task.into(),
            name.into(),
            protocol.text().into(),
            number(rows.mean("train.steps"), 0),
            figure(rows.0[0], "train.learning_rate").map_or("open".into(), |rate| format!("{rate}")),
            sampler(rows.0[0]),
            rows.minutes(),
        ]
    });
    let header = "task | method | equal | steps | learning rate | sampled by | minutes";
    table("Trainings with all demonstrations", header, rows)
}

fn sampler(row: &Value) -> String {
    row["sampler"].as_str().unwrap_or_default().into()
}

/// Settings tried for each baseline's best.
fn tried(done: &[ClaimResult]) -> Table {
    let tried = done.iter().filter_map(|(cell, result)| match &cell.what {
        What::Tuning { method, .. } => Some((cell, method, result["tried"].as_array()?)),
        _ => None,
    });
    let rows = tried.flat_map(|(cell, method, tried)| {
        tried.iter().map(move |entry| {
            let number = |path: &str| entry.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let interval = [number("/success_ci95/0"), number("/success_ci95/1")];
            let of = [cell.task.clone(), method.clone(), sampler(entry)];
            let settings = ["learning_rate", "steps"].map(|key| entry[key].to_string());
            of.into_iter().chain(settings).chain([percent_within(number("/success_rate"), interval)]).collect()
        })
    });
    table(
        "Tried for the baselines' best settings: success in validation episodes",
        "task | method | sampled by | learning rate | steps | success",
        rows,
    )
}

fn latencies(done: &[ClaimResult]) -> Table {
    let mut table = table(
        "One decision, ms: p50 / p95; from a cold cache p50",
        "network | device | N | sampler | p50 / p95 | IMLE takes less by | cold | less by | noise",
        [],
    );
    for (cell, result) in done {
        let What::Latency { network, device, candidates } = &cell.what else { continue };
        let threads = if device == "cpu" { format!(", {} threads", result["threads"]) } else { String::new() };
        let of = |name: &str, key: &str| figure(&result["samplers"], &format!("{name}.{key}"));
        for (sampler, _) in result["samplers"].as_object().into_iter().flatten() {
            let ms = |key: &str| number(of(sampler, key), 2);
            let less = |key: &str| {
                let pair = of("imle", key).zip(of(sampler, key)).filter(|_| sampler != "imle");
                pair.map_or(String::new(), |(ours, theirs)| percent(1.0 - ours / theirs))
            };
            table.rows.push(vec![
                network.clone(),
                format!("{device}{threads}"),
                candidates.to_string(),
                sampler.clone(),
                format!("{} / {}", ms("p50_ms"), ms("p95_ms")),
                less("p50_ms"),
                ms("cold_p50_ms"),
                less("cold_p50_ms"),
                share(figure(result, "noise")),
            ]);
        }
    }
    table
}

fn one_step(done: &[ClaimResult]) -> Table {
    let rows = one_step_pairs(done).into_iter().map(|(task, [imle, flow])| {
        let both = !imle.is_empty() && !flow.is_empty();
        let points = both.then(|| format!("{:+.1}", 100.0 * (pooled(&imle) - pooled(&flow))));
        vec![task.into(), success_text(&imle), success_text(&flow), points.unwrap_or_default()]
    });
    table("IMLE and one-step flow with all demonstrations", "task | IMLE | flow-1 | points", rows)
}

/// Entropy of `found` in nats and as a share of `reference`.
fn entropy_text(found: &ModeCounts, reference: &ModeCounts) -> [String; 2] {
    let nats = entropy(&found.values().copied().collect::<Vec<_>>());
    let share = entropy_share(found, reference).map(|(share, interval)| share_within(share, interval));
    [format!("{nats:.2}"), share.unwrap_or_default()]
}

fn modes(done: &[ClaimResult]) -> Table {
    let mut table = table(
        "Modes: of solved episodes; recall and precision of 32 samples in held-out states",
        "task | method | success | modes shown | entropy, nats | of the demonstrations' | recall | precision | \
            to samples | to demonstrations",
        [],
    );
    let mut before = "";
    for group in mode_groups(done) {
        let (rows, all) = (&group.rows, group.demonstrations.len());
        if group.task != before {
            let [nats, _] = entropy_text(&group.demonstrations, &group.demonstrations);
            let mut row = vec![group.task.into(), "the demonstrations".into(), String::new()];
            row.extend([format!("{all} of {all}"), nats, String::new()]);
            row.extend([0, 1].map(|i| share(rows.0[0]["fidelity"]["demonstrations"][i].as_f64())));
            row.extend([String::new(), String::new()]);
            table.rows.push(row);
            before = group.task;
        }
        let found = rows.solved_modes();
        let mut row = vec![group.task.into(), group.name.into(), rows.success(), format!("{} of {all}", found.len())];
        row.extend(entropy_text(&found, &group.demonstrations));
        row.extend(rows.fidelity());
        row.extend(["fidelity.to_samples", "fidelity.to_demonstrations"].map(|path| number(rows.mean(path), 3)));
        table.rows.push(row);
    }
    table
}

fn choices(done: &[ClaimResult]) -> Table {
    let groups = rows_by(done, |cell, _| match &cell.what {
        What::Choices { choice, candidates, .. } => Some((cell.task.as_str(), choice.as_str(), *candidates)),
        _ => None,
    });
    let rows = groups.into_iter().map(|((task, choice, candidates), rows)| {
        let choices = if choice == "first" { choice.into() } else { format!("{choice} of {candidates}") };
        let figures = [("report.mode_switches", 2), ("report.boundary_jerk", 0), ("report.inner_jerk", 0)];
        let figures = figures.map(|(path, digits)| number(rows.mean(path), digits));
        [task.into(), choices, rows.success()].into_iter().chain(figures).collect()
    });
    table(
        "Choices among the generator's samples",
        "task | choice | success | mode switches an episode | jerk where chunks meet, rad/s³ | inside chunks",
        rows,
    )
}

fn ablations(done: &[ClaimResult]) -> Table {
    let of = |cell: &ClaimCell| match &cell.what {
        What::Ablations { set, .. } => Some((cell.task.clone(), set.clone())),
        _ => None,
    };
    let rows = rows_by(done, |cell, _| of(cell)).into_iter().map(|((task, set), rows)| {
        let planned = done.iter().filter(|(cell, _)| of(cell) == Some((task.clone(), set.clone())));
        let planned: Vec<_> = planned.filter_map(|(_, result)| tally(&result["planned"])).collect();
        let [recall, precision] = rows.fidelity();
        let settings = if set.is_empty() { "the defaults".into() } else { format!("`{set}`") };
        vec![task, settings, rows.success(), success_text(&planned), recall, precision, rows.minutes()]
    });
    let header = "task | settings | success alone | planned | recall | precision | training, min";
    table("RS-IMLE's knobs", header, rows)
}

fn qualities(done: &[ClaimResult]) -> Table {
    let groups = rows_by(done, |cell, _| match cell.what {
        What::Quality { quality, poor, .. } => Some((cell.task.as_str(), poor, quality)),
        _ => None,
    });
    let rows = groups.into_iter().map(|((task, poor, quality), rows)| {
        let [recall, precision] = rows.fidelity();
        vec![task.into(), percent(poor), quality.to_string(), rows.success(), recall, precision]
    });
    let header = "task | poor | `quality` | success | recall | precision";
    table("Poor demonstrations: their poor parts drawn more rarely", header, rows)
}

fn networks(done: &[ClaimResult]) -> Table {
    let mut table = table(
        "Networks",
        "task | network | method | parameters | success | recall | precision | N = 1, ms | N more, ms | training, min",
        [],
    );
    for (cell, result) in done {
        let What::Networks { network, .. } = &cell.what else { continue };
        for row in Rows::of(result).0 {
            let ms = |key: &str| number(figure(&result[key]["samplers"], &format!("{}.p50_ms", name(row))), 2);
            let of = Rows(vec![row]);
            let mut cells = vec![cell.task.clone(), network.clone(), name(row).into()];
            cells.extend([number(of.mean("train.parameters"), 0), of.success()]);
            cells.extend(of.fidelity());
            cells.extend([ms("latency_1"), ms("latency_n"), of.minutes()]);
            table.rows.push(cells);
        }
    }
    table
}

fn distillations(done: &[ClaimResult]) -> Table {
    let part = |what: &What| matches!(what, What::Distillation { .. });
    let groups = rows_of(done, part);
    let row = |((task, generator), rows): &((&str, &str), Rows<'_>)| {
        let teacher = groups.iter().find(|((t, name), _)| t == task && *name == "teacher");
        let reference = teacher.map(|(_, rows)| rows.solved_modes()).unwrap_or_default();
        let [nats, share] = entropy_text(&rows.solved_modes(), &reference);
        let sampler = sampler(rows.0[0]);
        let results = done.iter().filter(|(cell, _)| cell.task == *task && part(&cell.what));
        let latencies = Rows(results.map(|(_, result)| &result["latency_1"]).collect());
        let mut row = vec![task.to_string(), format!("{generator} ({sampler})"), rows.success(), nats];
        row.push(if *generator == "teacher" { String::new() } else { share });
        row.extend(rows.fidelity());
        row.push(number(latencies.mean(&format!("samplers.{sampler}.p50_ms")), 2));
        row
    };
    table(
        "Distillation: diffusion into IMLE",
        "task | generator | success | entropy, nats | of the teacher's | recall | precision | a decision, ms",
        groups.iter().map(row),
    )
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
