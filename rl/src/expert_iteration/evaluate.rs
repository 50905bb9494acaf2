//! Evaluations of a round: the generator alone, its modes, and how few candidates the planner needs.

use super::candidate_sweep::CandidateSweep;
use super::state::ExpertIteration;
use crate::error::Result;
use crate::modes::Modes;
use crate::run::{Figures, Observer, Phase, Round};
use imle_planner::evaluation::Progress;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::policy::Policy;

impl ExpertIteration<'_> {
    /// Success of the generator alone and what it keeps of its modes; the counters of the round are left to the caller.
    pub(super) fn evaluate(
        &mut self,
        round: u64,
        checkpoint: &Checkpoint,
        observer: &mut dyn Observer,
    ) -> Result<Round> {
        let (episodes, lockstep) = (self.settings.evaluation_episodes, self.settings.lockstep);
        let mut phase = Phase { observer, round, name: "evaluate" };
        let evaluation = self.run.evaluate(&self.pool, checkpoint, episodes, lockstep, &mut phase)?;
        let report = &evaluation.report;
        let (success_rate, success_ci95) = (report.success_rate, report.success_ci95);
        let mut figures = match &mut self.modes {
            // Modes are measured on observations alone.
            _ if self.run.task.spec().pictures.is_some() => Figures::new(),
            Some(modes) => modes.measure(self.run, &self.pool, checkpoint, &evaluation)?,
            none => none.insert(Modes::new(self.run, &self.pool, self.demonstrations.as_ref())?).measure(
                self.run,
                &self.pool,
                checkpoint,
                &evaluation,
            )?,
        };
        figures.extend(self.candidate_sweep(checkpoint, &mut Phase { observer, round, name: "plan" })?);
        Ok(Round { round, success_rate, success_ci95, figures, ..self.last() })
    }

    pub(super) fn end_round(&mut self, round: Round, observer: &mut dyn Observer) -> Result<()> {
        let mut figures = vec![
            ("eval/success_rate", round.success_rate),
            ("time/simulation_steps", round.simulation_steps as f64),
            ("time/gradient_steps", round.gradient_steps as f64),
            ("train/training_decisions", round.training_decisions as f64),
        ];
        if let Some(rate) = round.collect_success_rate {
            figures.push(("rollout/success_rate", rate));
        }
        if round.round > 0 {
            figures.push(("train/demonstration_share", self.share_of_demonstrations()));
        }
        figures.extend(round.figures.iter().map(|(key, value)| (key.as_str(), *value)));
        self.log.log(round.env_steps, &figures)?;
        observer.round(&round);
        self.state.rounds.push(round);
        self.state.write(self.run.out)
    }

    /// Candidates that the planner of `current` needs; nothing if none are to be tried.
    fn candidate_sweep(&self, current: &Checkpoint, progress: &mut dyn Progress) -> Result<Figures> {
        if self.settings.candidate_sweep.is_empty() {
            return Ok(Figures::new());
        }
        let horizons = self.horizons(current);
        let sweep = CandidateSweep {
            candidates: &self.settings.candidate_sweep,
            episodes: self.settings.candidate_sweep_episodes,
            lockstep: self.settings.lockstep,
            horizons,
        };
        let sampler = Policy::with_threads(current, self.run.threads, self.run.device)?;
        let planner = |candidates| {
            self.search(candidates).or_best_of()?.planner(self.run, Box::new(self.engine.clone()), &sampler, horizons)
        };
        sweep.run(self.run, &self.pool, planner, progress)
    }
}
