//! Measuring one cell: the episodes of a contender on a task.

use super::args::PlanArgs;
use super::cell::{PlanCell, PlanFigures};
use super::contender::{flags, generator};
use super::equal_time::{self, Situations};
use super::paired::{LOOKS, Pairs};
use super::parts::Question;
use crate::episodes::EpisodeFigures;
use imle_cli::args::common::WorldArgs;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::{from_flags, held_out};
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_configs::spec::Horizons;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::decide::Decide;
use imle_planner::evaluation::calibration::{Calibrated, Calibration};
use imle_planner::evaluation::report::Report;
use imle_planner::evaluation::{EvaluationSettings, Outcome};
use imle_planner::planner::Planner;
use imle_policy::policy::Policy;
use std::path::Path;
use std::sync::Arc;

/// The report of a cell's episodes, and which of them were solved; stopped early where `reference`, which of them the
/// reference solved, is clearly apart.
///
/// # Errors
/// A bad input that names contender and task; [`imle_planner::Error::Interrupted`] after Ctrl-C.
pub fn measure(args: &PlanArgs, cell: &PlanCell, reference: Option<&str>) -> Result<PlanFigures> {
    let measured = || {
        let ready = Ready::new(args, cell, cell.folder.as_deref(), &cell.flags)?;
        match &cell.kind {
            Question::Success => success(&ready, &ready.flags, reference),
            Question::EqualTime { with } => in_equal_time(&ready, with, reference),
            Question::Calibration => calibration(&ready),
        }
    };
    measured().map_err(|failure| match failure {
        Failure::Input(line) => Failure::Input(format!("{} on {}: {line}", cell.contender, cell.task)),
        other => other,
    })
}

fn success(ready: &Ready<'_>, flags: &ControllerArgs, reference: Option<&str>) -> Result<PlanFigures> {
    let (mut decider, horizons) = ready.decider(flags)?;
    ready.report(decider.as_mut(), horizons, reference)
}

/// The same with as many candidates as take as long as the flags `with` and the generator of IMLE.
fn in_equal_time(ready: &Ready<'_>, with: &str, reference: Option<&str>) -> Result<PlanFigures> {
    let folder = generator(ready.args, "imle", &ready.cell.task);
    let other = Ready::new(ready.args, ready.cell, folder.as_deref(), with)?;
    let (mut decider, horizons) = other.decider(&other.flags)?;
    let of = |candidates: u32| ControllerArgs { candidates, ..ready.flags.clone() };
    let least = ready.flags.proposals.len() as u32;
    let situations = Situations::of(&other.task, decider.as_mut(), horizons, ready.cell.seed)?;
    let fit = equal_time::fit(&situations, decider.as_mut(), |n| Ok(ready.decider(&of(n))?.0), least)?;
    let mut result = success(ready, &of(fit.candidates), reference)?;
    result.equal_time = Some(fit);
    Ok(result)
}

/// The same beside the calibration of the predicted quality of plans.
fn calibration(ready: &Ready<'_>) -> Result<PlanFigures> {
    let (planner, horizons) = ready.planner(&ready.flags, ready.cell.seed)?;
    let again = ControllerArgs {
        optimizer: "predictive-sampling".into(),
        candidates: planner.proposals() as u32,
        ..ready.flags.clone()
    };
    let (again, _) = ready.planner(&again, ready.cell.seed.wrapping_add(1))?;
    let mut calibrated = Calibrated::new(planner, again);
    let mut result = ready.report(&mut calibrated, horizons, None)?;
    result.calibration = Some(Calibration::of(calibrated.judged()));
    Ok(result)
}

/// A contender on its task, loaded.
struct Ready<'a> {
    args: &'a PlanArgs,
    cell: &'a PlanCell,
    task: Arc<Task>,
    sampler: Policy,
    engine: Arc<RolloutEngine>,
    pool: rayon::ThreadPool,
    flags: ControllerArgs,
}

impl<'a> Ready<'a> {
    /// The flags in `words` on the task of `cell`, with the generator in `folder`, or the one shipped.
    fn new(args: &'a PlanArgs, cell: &'a PlanCell, folder: Option<&Path>, words: &str) -> Result<Self> {
        let task = load::task_in(&cell.task, &WorldArgs { mismatch: cell.mismatch.clone() })?;
        let (task, checkpoint) = load::checkpoint(folder, task)?;
        let mut flags = flags(words)?;
        if flags.proposals.iter().any(|p| p.starts_with("retrieval")) {
            flags.demonstrations = args.demonstrations.as_ref().map(|f| f.join(&cell.task));
        }
        let checkpoint = from_flags::sampled(&flags, checkpoint)?;
        let pool = load::pool(&args.common)?;
        let sampler = Policy::with_threads(&checkpoint, args.common.threads(), tch::Device::Cpu)?;
        let engine = Arc::new(RolloutEngine::new(task.clone(), pool.current_num_threads())?);
        Ok(Self { args, cell, task, sampler, engine, pool, flags })
    }

    fn decider(&self, flags: &ControllerArgs) -> Result<(Box<dyn Decide + '_>, Horizons)> {
        let (decider, horizons) =
            from_flags::new(flags, self.cell.seed, &self.task, Some(&self.sampler), &self.engine)?;
        Ok((Box::new(decider), horizons))
    }

    fn planner(&self, flags: &ControllerArgs, seed: u64) -> Result<(Planner, Horizons)> {
        from_flags::planner(flags, seed, &self.task, Some(&self.sampler), &self.engine)
    }

    fn report(&self, decider: &mut dyn Decide, horizons: Horizons, reference: Option<&str>) -> Result<PlanFigures> {
        let settings = EvaluationSettings::held_out(self.cell.episodes as usize, self.cell.seed, horizons);
        let looks = if reference.is_some() { &LOOKS[..] } else { &[] };
        let enough = |o: &Outcome| reference.is_some_and(|r| Pairs::of(&solved(o), r).apart());
        let output = self.args.common.output();
        let outcome = held_out::watched(&self.task, decider, &settings, &self.pool, output, looks, enough)?;
        let figures = EpisodeFigures::of(&Report::new(&outcome, self.task.spec().control_rate))?;
        Ok(PlanFigures { solved: Some(solved(&outcome)), figures, ..PlanFigures::default() })
    }
}

/// A digit an episode: 1 if it was solved.
fn solved(outcome: &Outcome) -> String {
    outcome.episodes.iter().map(|e| if e.success { '1' } else { '0' }).collect()
}
