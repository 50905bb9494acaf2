//! The rounds of expert iteration.

use super::{settings::ExpertIterationSettings, state::ExpertIteration};
use crate::error::Result;
use crate::run::{Observer, Round, Run};
use imle_configs::Error as InputError;
use imle_policy::checkpoint::Checkpoint;

/// Runs expert iteration; returns the rounds, the first of which is the generator as it came.
///
/// # Errors
/// A bad input; [`crate::error::Error::NothingLearned`]; [`imle_planner::Error::Interrupted`] when asked to stop, with
/// everything that was done kept for a resume.
pub fn run(settings: &ExpertIterationSettings, run: &Run<'_>, observer: &mut dyn Observer) -> Result<Vec<Round>> {
    settings.check()?;
    settings.training(run.checkpoint, run.seed).check()?;
    let kept = run.task.spec().pictures.is_none() || settings.elite_share <= 0.0;
    let expected = "0 for a generator that sees pictures: elites are kept without them";
    InputError::require(kept, "settings: elite_share", expected, settings.elite_share)?;
    let mut algorithm = ExpertIteration::begin(settings, run)?;
    if algorithm.state.rounds.is_empty() {
        let before = algorithm.evaluate(0, run.checkpoint, observer)?;
        run.checkpoint.save(run.out)?;
        algorithm.end_round(before, observer)?;
    }
    while algorithm.last().env_steps < run.env_steps {
        algorithm.round(observer)?;
    }
    Ok(algorithm.state.rounds)
}

impl ExpertIteration<'_> {
    fn round(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let last = self.last();
        let round = last.round + 1;
        let folder = self.folder(round);
        std::fs::create_dir_all(&folder).map_err(|e| InputError::io(&folder, "create the folder", e))?;
        let current = if last.round == 0 {
            self.run.checkpoint.clone()
        } else {
            Checkpoint::load(&self.folder(last.round).join("generator"))?
        };

        let collected = self.collect(round, &current, observer)?;
        self.distil(round, &current, observer)?;
        let improved = Checkpoint::load(&folder.join("generator"))?;
        let evaluated = self.evaluate(round, &improved, observer)?;
        improved.save(self.run.out)?;
        let done = Round {
            round,
            env_steps: last.env_steps + collected.env_steps,
            simulation_steps: last.simulation_steps + collected.simulation_steps,
            gradient_steps: last.gradient_steps + self.settings.train_steps,
            collect_success_rate: Some(collected.success_rate),
            training_decisions: collected.training_decisions,
            ..evaluated
        };
        self.end_round(done, observer)
    }
}
