//! Expected time of a cell, from this machine's speed: trainings and evaluations that are there already, or that
//! an earlier cell of the same plan makes, cost nothing.

use super::args::Protocol;
use super::cell::{ClaimCell, What, network_words};
use super::entries::{alone, entries};
use super::work::{SAMPLES, TrainingRecipe, Work, found_at};
use super::{contender, latency, speed, tuning};
use imle_cli::args::controller::ControllerArgs;
use imle_cli::failure::Result;
use std::collections::HashSet;
use std::path::PathBuf;

/// Seconds that `cell` is expected to take; `counted` are the trainings and evaluations of earlier cells. The planner's
/// physics and what a teacher is asked are not known, and left out.
///
/// # Errors
/// Errors of measuring the machine's speed.
pub fn of(work: &Work<'_>, cell: &ClaimCell, counted: &mut HashSet<PathBuf>) -> Result<f64> {
    let mut sum = Sum { work, task: &cell.task, counted, seconds: 0.0 };
    let (flags, held_out) = (alone(&cell.what), (cell.frame.episodes, cell.frame.evaluation_seed));
    match &cell.what {
        What::Latency { network, candidates, .. } => sum.latency(network, *candidates)?,
        What::Tuning { method, validation_episodes, .. } => {
            for recipe in tuning::recipes(work, &cell.task, method)? {
                sum.training(&recipe)?;
                for way in contender::of(method)?.tried() {
                    sum.episodes(&recipe, way, &flags, (*validation_episodes, tuning::VALIDATION))?;
                }
            }
        }
        // What is chosen is not known before the tuning is done: the slowest way stands for it.
        What::Data { protocol: Protocol::Best, method, .. } => {
            let (speeds, contender) = (speed::of(work, &cell.task, &[], method)?, contender::of(method)?);
            let steps = speed::equal_time(work, &cell.task, method)? as f64;
            let mut slowest = 0.0;
            for way in contender.tried() {
                let fidelity = sum.fidelity_seconds(&speeds, way)?;
                slowest = (f64::from(held_out.0) * speeds.episode(way, 1) + fidelity).max(slowest);
            }
            sum.seconds = contender.best.len() as f64 * (steps / speeds.steps(method)? + slowest);
        }
        what => {
            for entry in entries(work, cell)? {
                sum.training(&entry.recipe)?;
                sum.episodes(&entry.recipe, entry.sampler, &flags, held_out)?;
                if !matches!(what, What::Choices { .. }) {
                    sum.fidelity(&entry.recipe, entry.sampler)?;
                }
            }
        }
    }
    match &cell.what {
        What::Networks { network, candidates, .. } => {
            for n in [1, *candidates] {
                if sum.open(latency::place(work, &cell.task, network, n)?.0) {
                    sum.latency(network, n)?;
                }
            }
        }
        What::Distillation { .. } => {
            let speeds = speed::of(work, &cell.task, &[], "imle")?;
            sum.seconds += cell.frame.steps as f64 / speeds.steps("imle")?;
            sum.seconds += f64::from(held_out.0) * speeds.episode("imle", 1);
        }
        _ => {}
    }
    Ok(sum.seconds)
}

struct Sum<'a> {
    work: &'a Work<'a>,
    task: &'a str,
    counted: &'a mut HashSet<PathBuf>,
    seconds: f64,
}

impl Sum<'_> {
    /// Whether what is kept at `path` is neither there nor counted; it is now.
    fn open(&mut self, path: PathBuf) -> bool {
        !path.exists() && self.counted.insert(path)
    }

    fn speeds(&self, recipe: &TrainingRecipe) -> Result<speed::Speeds> {
        // Those of a training's settings that change its speed; poor demonstrations do not.
        let slow = |w: &&String| ["network.", "samples="].iter().any(|key| w.starts_with(key));
        let words: Vec<String> = recipe.words.iter().filter(slow).cloned().collect();
        speed::of(self.work, self.task, &words, &recipe.method)
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
        way: &str,
        flags: &ControllerArgs,
        held_out: (u32, u64),
    ) -> Result<()> {
        if self.open(found_at(&self.work.place(recipe)?.0, &Work::episodes_key(way, flags, held_out))) {
            let each = self.speeds(recipe)?.episode(way, flags.candidates as usize);
            self.seconds += f64::from(held_out.0) * each;
        }
        Ok(())
    }

    fn fidelity(&mut self, recipe: &TrainingRecipe, way: &str) -> Result<()> {
        if self.open(found_at(&self.work.place(recipe)?.0, &self.work.fidelity_key(self.task, way)?)) {
            self.seconds += self.fidelity_seconds(&self.speeds(recipe)?, way)?;
        }
        Ok(())
    }

    fn fidelity_seconds(&self, speeds: &speed::Speeds, way: &str) -> Result<f64> {
        Ok(self.work.subject(self.task)?.judge.windows() as f64 * speeds.draw(way, SAMPLES))
    }

    fn latency(&mut self, network: &str, candidates: u32) -> Result<()> {
        let mut each = Vec::new();
        for method in self.work.args.methods.iter().filter(|m| *m != "regression") {
            let speeds = speed::of(self.work, self.task, &network_words(network)?, method)?;
            let samplers = contender::of(method)?.samplers;
            each.extend(samplers.iter().map(|s| speeds.draw(s, candidates as usize)));
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
