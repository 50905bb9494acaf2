//! Expected time of a cell, from this machine's speed: trainings and evaluations that are there already, or that
//! an earlier cell of the same plan makes, cost nothing.

use super::args::Protocol;
use super::cell::{ClaimCell, What, network_words};
use super::contender::{self, Sampled};
use super::entries::entries;
use super::work::{SAMPLES, TrainingRecipe, Work, found_at};
use super::{latency, speed, tuning};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::{Failure, Result};
use std::collections::HashSet;
use std::path::PathBuf;

/// Seconds that `cell` is expected to take; `counted` are the trainings and evaluations of earlier cells. The planner's
/// physics and what a teacher is asked are not known, and left out.
///
/// # Errors
/// Errors of measuring the machine's speed.
pub fn of(work: &Work<'_>, cell: &ClaimCell, counted: &mut HashSet<PathBuf>) -> Result<f64> {
    let mut sum = Sum { work, cell, counted, seconds: 0.0 };
    let alone = ControllerArgs::of("none", "first", 1);
    let counted = (cell.frame.episodes, cell.frame.evaluation_seed);
    match &cell.what {
        What::Latency { network, candidates, .. } => sum.latency(network, *candidates)?,
        What::Tuning { method, validation_episodes, .. } => {
            for (recipe, ways) in tuning::tries(work, &cell.task, method)? {
                sum.training(&recipe)?;
                for way in ways {
                    sum.episodes(&recipe, way, &alone, (*validation_episodes, tuning::VALIDATION))?;
                }
            }
        }
        // What is chosen is not known before the tuning is done: the slowest way stands for it.
        What::Data { protocol: Protocol::Best, method, .. } => {
            let (speeds, contender) = (speed::of(work, &cell.task, &[], method)?, contender::of(method)?);
            let steps = speed::equal_time(work, &cell.task, method, cell.frame.steps)? as f64;
            let once = |way: &Sampled| {
                let fidelity = fidelity(work, &cell.task, &speeds, way.name)?;
                Ok::<_, Failure>(f64::from(counted.0) * speeds.episode(way.name, 1) + fidelity)
            };
            let slowest = contender.tried().iter().try_fold(0.0, |most, way| Ok::<_, Failure>(once(way)?.max(most)))?;
            sum.seconds = contender.best.len() as f64 * (steps / speeds.steps(method)? + slowest);
        }
        what => {
            let chosen = match what {
                What::Choices { choice, candidates, .. } if choice != "first" => {
                    Some(ControllerArgs::of("none", choice, *candidates))
                }
                _ => None,
            };
            for (recipe, ways) in entries(work, cell)? {
                sum.training(&recipe)?;
                for (_, way) in ways {
                    sum.episodes(&recipe, way, chosen.as_ref().unwrap_or(&alone), counted)?;
                    if !matches!(what, What::Choices { .. }) {
                        sum.fidelity(&recipe, way)?;
                    }
                }
            }
            match what {
                What::Networks { network, candidates, .. } => {
                    for n in [1, *candidates] {
                        let (path, _) = latency::place(work, &cell.task, network, n)?;
                        if !path.exists() && sum.counted.insert(path) {
                            sum.latency(network, n)?;
                        }
                    }
                }
                What::Distillation { .. } => {
                    let speeds = speed::of(work, &cell.task, &[], "imle")?;
                    sum.seconds += cell.frame.steps as f64 / speeds.steps("imle")?;
                    sum.seconds += f64::from(counted.0) * speeds.episode("imle", 1);
                }
                _ => {}
            }
        }
    }
    Ok(sum.seconds)
}

/// Seconds that recall and precision take at these speeds.
fn fidelity(work: &Work<'_>, task: &str, speeds: &speed::Speeds, sampler: &str) -> Result<f64> {
    Ok(work.subject(task)?.judge.windows() as f64 * speeds.draw(sampler, SAMPLES))
}

struct Sum<'a> {
    work: &'a Work<'a>,
    cell: &'a ClaimCell,
    counted: &'a mut HashSet<PathBuf>,
    seconds: f64,
}

impl Sum<'_> {
    fn speeds(&self, recipe: &TrainingRecipe) -> Result<speed::Speeds> {
        // Those of a training's settings that change its speed; poor demonstrations do not.
        let slow = |w: &&String| ["network.", "samples="].iter().any(|key| w.starts_with(key));
        let words: Vec<String> = recipe.words.iter().filter(slow).cloned().collect();
        speed::of(self.work, &self.cell.task, &words, &recipe.method)
    }

    fn training(&mut self, recipe: &TrainingRecipe) -> Result<()> {
        let (folder, done) = self.work.place(recipe)?;
        if !done && self.counted.insert(folder) {
            self.seconds += recipe.steps as f64 / self.speeds(recipe)?.steps(&recipe.method)?;
        }
        Ok(())
    }

    fn episodes(
        &mut self,
        recipe: &TrainingRecipe,
        way: Sampled,
        flags: &ControllerArgs,
        counted: (u32, u64),
    ) -> Result<()> {
        let path = found_at(&self.work.place(recipe)?.0, &Work::episodes_key(way, flags, counted));
        if !path.exists() && self.counted.insert(path) {
            let candidates = flags.candidates as usize;
            self.seconds += f64::from(counted.0) * self.speeds(recipe)?.episode(way.name, candidates);
        }
        Ok(())
    }

    fn fidelity(&mut self, recipe: &TrainingRecipe, way: Sampled) -> Result<()> {
        let path = found_at(&self.work.place(recipe)?.0, &self.work.fidelity_key(&self.cell.task, way)?);
        if !path.exists() && self.counted.insert(path) {
            self.seconds += fidelity(self.work, &self.cell.task, &self.speeds(recipe)?, way.name)?;
        }
        Ok(())
    }

    fn latency(&mut self, network: &str, candidates: u32) -> Result<()> {
        let mut each = Vec::new();
        for method in self.work.args.methods.iter().filter(|m| *m != "regression") {
            let speeds = speed::of(self.work, &self.cell.task, &network_words(network)?, method)?;
            let samplers = contender::of(method)?.samplers;
            each.extend(samplers.iter().map(|s| speeds.draw(s.name, candidates as usize)));
        }
        self.seconds += latency::expected(&each, self.work.args.repeats);
        Ok(())
    }
}

/// `3 h 05 min`, `12 min`, `40 s`
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=119 => format!("{whole} s"),
        120..=7199 => format!("{} min", whole.div_ceil(60)),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let found = [3.4, 119.6, 121.0, 7260.0].map(duration);
        assert_eq!(found, ["3 s", "2 min", "3 min", "2 h 01 min"]);
    }
}
