//! The claims in a line each: what is to be reached, what was found.

use super::cell::What;
use super::gather::{
    ClaimResult, DataCurve, PooledSuccess, entropy_share, figure, grouped, groups_of, mean_saved, mode_groups, name,
    needs, of_group, one_step_pairs, solved_modes, tallies,
};
use super::text::{interval, protocol_text};
use imle_cli::output::percent;
use imle_cli::statistics::pooled;
use imle_cli::table::Table;
use serde_json::Value;

/// The claims' least figures: data saved, time saved against 100 and 10 passes, share of entropy.
const LESS_DATA: f64 = 0.38;
const FASTER: [(&str, f64); 2] = [("ddpm-100", 0.973), ("ddim-10", 0.85)];
const ENTROPY: f64 = 0.9;
/// Of a distillation: points of success that may be lost, and the share of the teacher's entropy.
const POINTS: f64 = 3.0;
const TAUGHT: f64 = 0.95;

/// Whether a figure reaches what is claimed: surely, if its whole interval does.
fn reached(found: f64, [low, _]: [f64; 2], least: f64) -> String {
    let word = match (found >= least, low >= least) {
        (true, true) => "yes",
        (true, false) => "yes, but its interval begins below",
        _ => "no",
    };
    word.into()
}

/// The table of the claims.
pub fn verdicts(done: &[ClaimResult], curves: &[DataCurve]) -> Table {
    let mut table = Table::new("The claims", &["claim", "to reach", "found", "reached"]);
    let needs = needs(curves);
    for (protocol, baseline) in groups_of(&needs) {
        let diffusion = ["ddim-10", "ddpm-100", "diffusion"].contains(&baseline.as_str());
        let of = of_group(&needs, protocol, &baseline);
        let (saved, ci) = mean_saved(&of);
        let least = if diffusion { LESS_DATA } else { 0.0 };
        table.rows.push(vec![
            format!("less data than {baseline} ({}), mean of {} tasks", protocol_text(protocol), of.len()),
            if diffusion { "≥ 38 %".into() } else { "reported".into() },
            format!("{} {}", percent(saved), interval(ci)),
            if diffusion { reached(saved, ci, least) } else { String::new() },
        ]);
    }
    for (cell, result) in done {
        let What::Latency { network, device, candidates } = &cell.what else { continue };
        for (baseline, least) in FASTER {
            let of = |name: &str| figure(&result["samplers"], &format!("{name}.p50_ms"));
            let (Some(ours), Some(theirs)) = (of("imle"), of(baseline)) else { continue };
            let less = 1.0 - ours / theirs;
            let asked = *candidates == 1 || (device == "cuda" && baseline == "ddim-10");
            table.rows.push(vec![
                format!("faster than {baseline}: {network}, {device}, N = {candidates}"),
                if asked { format!("≥ {}", percent(least)) } else { "reported".into() },
                percent(less),
                if asked { reached(less, [less; 2], least) } else { String::new() },
            ]);
        }
    }
    for (task, found) in one_step_pairs(done) {
        let [imle, flow] = found.map(|runs| PooledSuccess::of(&runs));
        let (Some(imle), Some(flow)) = (imle, flow) else { continue };
        // Trainings differ by more than their episodes show.
        let apart = imle.bootstrap[0] > flow.bootstrap[1];
        let word = match (imle.rate > flow.rate, apart) {
            (true, true) => "yes, intervals apart",
            (true, false) => "yes, intervals overlap",
            _ => "no",
        };
        let found = format!("{:+.1} points", 100.0 * (imle.rate - flow.rate));
        table.rows.push(vec![format!("better than flow-1 on {task}"), "higher".into(), found, word.into()]);
    }
    for (task, method, of_method, reference) in mode_groups(done) {
        if let (true, Some((found, ci))) = (method == "imle", entropy_share(&solved_modes(&of_method), &reference)) {
            let found_text = format!("{} {}", percent(found), interval(ci));
            let claim = format!("entropy of the demonstrations' modes on {task}");
            table.rows.push(vec![claim, "≥ 90 %".into(), found_text, reached(found, ci, ENTROPY)]);
        }
    }
    for (task, [teacher, student]) in taught(done) {
        let [before, after] = [&teacher, &student].map(|rows| pooled(&tallies(rows)));
        if before == 0.0 {
            continue;
        }
        let points = 100.0 * (after - before);
        let kept = entropy_share(&solved_modes(&student), &solved_modes(&teacher)).map(|(share, _)| share);
        let word = if points >= -POINTS && kept.is_none_or(|share| share >= TAUGHT) { "yes" } else { "no" };
        table.rows.push(vec![
            format!("distillation on {task}: success, and entropy of the teacher's modes"),
            "within 3 points, ≥ 95 %".into(),
            format!("{points:+.1} points, {}", kept.map_or("no modes".into(), percent)),
            word.into(),
        ]);
    }
    table
}

/// Tasks with the rows of teacher and student, where there are both.
fn taught(done: &[ClaimResult]) -> Vec<(&str, [Vec<&Value>; 2])> {
    let groups = grouped(done, |cell, row| match cell.what {
        What::Distillation { .. } => Some((cell.task.as_str(), name(row))),
        _ => None,
    });
    let of = |task: &str, wanted: &str| {
        let found = groups.iter().find(|((t, n), rows)| *t == task && *n == wanted && !tallies(rows).is_empty());
        found.map(|(_, rows)| rows.clone())
    };
    let teachers = groups.iter().filter(|((_, name), _)| *name == "teacher");
    teachers.filter_map(|((task, _), _)| Some((*task, [of(task, "teacher")?, of(task, "student")?]))).collect()
}
