//! `planner bench finetune`: what fine-tuning makes of a generator, by algorithm, from strong and weak bases, under
//! mismatch; a sweep.
//!
//! `bases` makes the generators to start from, `measure` what is done for a cell, `table` and `plots` the report.

pub mod args;
mod bases;
mod cell;
mod kinds;
mod measure;
mod plots;
mod table;

use crate::publish::{entries, listed, measured, publish};
use args::FinetuneBenchArgs;
use cell::{FinetuneCell, FinetuneResult, Strength, setting_of_today};
use imle_cli::failure::Result;
use imle_cli::training::finetune;
use imle_configs::Error as InputError;
use imle_envs::task::mismatch::Mismatch;
use imle_rl::registry;
use serde::Deserialize;
use serde_json::json;
use std::sync::LazyLock;

/// A part: its name, tasks, base, control steps, and seeds.
#[derive(Deserialize)]
struct FinetunePart {
    name: String,
    tasks: Vec<String>,
    base: Strength,
    env_steps: u64,
    seeds: u64,
}

static PARTS: LazyLock<Vec<FinetunePart>> = LazyLock::new(|| listed(include_str!("parts.toml"), "parts"));

/// Measures, and prints the tables.
pub fn run(args: &FinetuneBenchArgs) -> Result<()> {
    let output = args.common.output();
    let measure = |cell: &FinetuneCell, _: &[_], _: &[_]| measure::measure(args, cell);
    let (cells, results) = measured(&args.sweep, output, || cells(args), measure)?;
    let entries = entries(&cells, &results);
    let done: Vec<FinetuneResult> = cells.into_iter().zip(results).filter_map(|(c, r)| Some((c, r?))).collect();
    let lines = table::all(&done);
    let plots = publish(output, args.out.as_deref(), &args.sweep.results, &lines, || plots::all(&done))?;
    output.result(&json!({ "cells": entries, "plots": plots }))
}

/// All seeds of a kind after each other, so that one kind is whole early.
fn cells(args: &FinetuneBenchArgs) -> Result<Vec<FinetuneCell>> {
    for word in &args.set {
        settings_of(word)?;
    }
    let mut all = Vec::new();
    for name in &args.parts {
        let part = PARTS.iter().find(|p| p.name == *name);
        let part = part.ok_or_else(|| InputError::unknown("part", name, PARTS.iter().map(|p| p.name.as_str())))?;
        let default = if part.name == "screen" { &registry::NAMES[..] } else { &[finetune::DEFAULT] };
        let default: Vec<String> = default.iter().map(ToString::to_string).collect();
        let worlds: Vec<Option<String>> = match part.name.as_str() {
            "mismatch" => Mismatch::all()?.into_iter().map(|m| Some(m.name)).collect(),
            _ => vec![None],
        };
        for task in args.tasks.as_ref().unwrap_or(&part.tasks) {
            bases::check(task, part.base)?;
            for algorithm in args.algorithms.as_ref().unwrap_or(&default) {
                registry::by_name(algorithm)?;
                let words = args.set.iter().filter_map(|word| settings_of(word).ok());
                let own = words.filter(|(name, _)| name == algorithm);
                let settings: Vec<String> = own.map(|(name, word)| setting_of_today(name, word)).collect();
                for mismatch in &worlds {
                    all.extend((0..args.seeds.unwrap_or(part.seeds)).map(|seed| FinetuneCell {
                        part: part.name.clone(),
                        task: task.clone(),
                        base: part.base,
                        algorithm: algorithm.clone(),
                        settings: settings.clone(),
                        mismatch: mismatch.clone(),
                        env_steps: args.env_steps.unwrap_or(part.env_steps),
                        episodes: args.episodes,
                        seed,
                    }));
                }
            }
        }
    }
    Ok(all)
}

/// Algorithm and setting of a word of `--set`.
fn settings_of(word: &str) -> Result<(&str, &str)> {
    let parts = word.split_once(':').filter(|(name, setting)| registry::NAMES.contains(name) && setting.contains('='));
    Ok(parts.ok_or_else(|| InputError::unexpected("--set", "ALGORITHM:KEY=VALUE", word))?)
}

#[cfg(test)]
mod tests {
    use super::cell::FinetuneFigures;
    use super::*;
    use crate::publish::tests::kept;
    use imle_cli::sweep::Record;

    #[test]
    fn a_cell_of_version_0_1_0_is_read_as_today_s() {
        let words = |algorithm: &str| {
            let mut old = json!({ "algorithm": algorithm, "settings": ["pace=0", "smooth=[1.0]"] });
            FinetuneCell::update(&mut old, "finetune.jsonl").unwrap();
            old["settings"].clone()
        };
        assert_eq!(words("expert-iteration"), json!(["action_rate_limit=0", "smooth=[1.0]"]));
        // An algorithm that is gone keeps its words.
        assert_eq!(words("cycle"), json!(["pace=0", "smooth=[1.0]"]));
        let mut old = json!({ "rounds": [{ "round": 0, "lessons": 2 }] });
        FinetuneFigures::update(&mut old, "finetune.jsonl").unwrap();
        assert_eq!(old, json!({ "rounds": [{ "round": 0, "training_decisions": 2 }] }));
    }

    #[test]
    fn kept_results_are_read_back() {
        let all = kept::<FinetuneCell, FinetuneFigures>("finetune.jsonl");
        assert_eq!(all.len(), 28);
        assert!(all.iter().all(|(_, figures, _)| figures.before.success.episodes > 0 && !figures.rounds.is_empty()));
    }
}
