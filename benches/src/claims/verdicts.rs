//! The claims in a line each: what is to be reached, what was found.

use super::cell::What;
use super::gather::{
    ClaimResult, DataCurve, PooledSuccess, by_baseline, entropy_share, figure, mean_saved, mode_groups, needs,
    one_step_pairs, rows_of, share_within,
};
use crate::publish::table;
use imle_cli::output::percent;
use imle_cli::table::Table;

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
    let mut table = table("The claims", "claim | to reach | found | reached", []);
    let mut add = |claim: String, least: String, found: String, reached: String| {
        table.rows.push(vec![claim, least, found, reached]);
    };
    for ((protocol, baseline), of) in by_baseline(&needs(curves)) {
        let (saved, interval) = mean_saved(&of);
        let claim = format!("less data than {baseline} ({}), mean of {} tasks", protocol.text(), of.len());
        let (least, word) = match baseline {
            "ddim-10" | "ddpm-100" | "diffusion" => ("≥ 38 %", reached(saved, interval, LESS_DATA)),
            _ => ("reported", String::new()),
        };
        add(claim, least.into(), share_within(saved, interval), word);
    }
    for (cell, result) in done {
        let What::Latency { network, device, candidates } = &cell.what else { continue };
        for (baseline, least) in FASTER {
            let of = |name: &str| figure(&result["samplers"], &format!("{name}.p50_ms"));
            let (Some(ours), Some(theirs)) = (of("imle"), of(baseline)) else { continue };
            let less = 1.0 - ours / theirs;
            let claim = format!("faster than {baseline}: {network}, {device}, N = {candidates}");
            let (least, word) = match *candidates == 1 || (device == "cuda" && baseline == "ddim-10") {
                true => (format!("≥ {}", percent(least)), reached(less, [less; 2], least)),
                false => ("reported".into(), String::new()),
            };
            add(claim, least, percent(less), word);
        }
    }
    for (task, found) in one_step_pairs(done) {
        let [Some(imle), Some(flow)] = found.map(|runs| PooledSuccess::of(&runs)) else { continue };
        let points = format!("{:+.1} points", 100.0 * (imle.rate - flow.rate));
        // Trainings differ by more than their episodes show.
        let word = match (imle.rate > flow.rate, imle.bootstrap[0] > flow.bootstrap[1]) {
            (true, true) => "yes, intervals apart",
            (true, false) => "yes, intervals overlap",
            _ => "no",
        };
        add(format!("better than flow-1 on {task}"), "higher".into(), points, word.into());
    }
    for group in mode_groups(done).into_iter().filter(|group| group.name == "imle") {
        if let Some((found, interval)) = entropy_share(&group.rows.solved_modes(), &group.demonstrations) {
            let claim = format!("entropy of the demonstrations' modes on {}", group.task);
            add(claim, "≥ 90 %".into(), share_within(found, interval), reached(found, interval, ENTROPY));
        }
    }
    let taught = rows_of(done, |what| matches!(what, What::Distillation { .. }));
    for ((task, _), teacher) in taught.iter().filter(|((_, name), _)| *name == "teacher") {
        let student = taught.iter().find(|((t, name), _)| t == task && *name == "student");
        let Some((_, student)) = student else { continue };
        let [Some(before), Some(after)] = [teacher, student].map(|rows| PooledSuccess::of(&rows.tallies())) else {
            continue;
        };
        if before.rate == 0.0 {
            continue;
        }
        let points = 100.0 * (after.rate - before.rate);
        let kept = entropy_share(&student.solved_modes(), &teacher.solved_modes()).map(|(share, _)| share);
        let word = if points >= -POINTS && kept.is_none_or(|share| share >= TAUGHT) { "yes" } else { "no" };
        let claim = format!("distillation on {task}: success, and entropy of the teacher's modes");
        let found = format!("{points:+.1} points, {}", kept.map_or("no modes".into(), percent));
        add(claim, "within 3 points, ≥ 95 %".into(), found, word.into());
    }
    table
}
