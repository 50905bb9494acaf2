//! Evaluations of a round: the generator alone, its modes, and how few candidates the planner needs.

use super::state::ExpertIteration;
use crate::run::{Figures, Observer, Phase, Round};
use crate::{error::Result, modes::Modes};
use imle_planner::evaluation::{EvaluationSettings, Progress, evaluate, report::wilson95};
use imle_policy::{checkpoint::Checkpoint, policy::Policy};

/// Success that the planner is to reach with as few candidates as it can.
const WANTED: f64 = 0.95;
/// The figure with the number of candidates that it reached it with.
pub const CANDIDATES_FOR_95: &str = "planned/candidates_for_95";

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
        let mut figures = Figures::new();
        // Modes are measured on observations alone.
        if self.task.spec().pictures.is_none() {
            let modes = Modes::kept(&mut self.modes, self.run, &self.pool, self.demonstrations.as_ref())?;
            figures = modes.measure(self.run, &self.pool, checkpoint, &evaluation)?;
        }
        figures.extend(evaluation.figures());
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
            figures.extend(self.throughput.figures(round.env_steps));
        }
        figures.extend(round.figures.iter().map(|(key, value)| (key.as_str(), *value)));
        self.log.log(round.env_steps, &figures)?;
        observer.round(&round);
        self.state.rounds.push(round);
        self.state.log_lines = Some(self.log.lines());
        self.state.write(self.run.out)
    }

    /// Tries ever more candidates with the planner of `current` until it solves 95 % of the episodes:
    /// `planned/success_rate_NNN` with its Wilson bound `planned/at_least_NNN`, and [`CANDIDATES_FOR_95`] where that is
    /// reached; nothing if none are to be tried.
    fn candidate_sweep(&self, current: &Checkpoint, progress: &mut dyn Progress) -> Result<Figures> {
        let (run, settings, mut figures) = (self.run, self.settings, Figures::new());
        if settings.candidate_sweep.is_empty() {
            return Ok(figures);
        }
        let (horizons, episodes) = (self.horizons(current), settings.candidate_sweep_episodes);
        let sampler = Policy::with_threads(current, run.threads, run.device)?;
        let held_out = EvaluationSettings::held_out(episodes, run.seed, horizons);
        let held_out = EvaluationSettings { lockstep: settings.lockstep, ..held_out };
        for candidates in &settings.candidate_sweep {
            let mut planner = self.planner_of(*candidates, &sampler, horizons)?;
            let outcome = evaluate(&self.task, &mut planner, &held_out, &self.pool, progress)?;
            let rate = outcome.solved() as f64 / episodes as f64;
            figures.insert(format!("planned/success_rate_{candidates:03}"), rate);
            figures.insert(format!("planned/at_least_{candidates:03}"), wilson95(outcome.solved(), episodes)[0]);
            if rate >= WANTED {
                figures.insert(CANDIDATES_FOR_95.into(), *candidates as f64);
                break;
            }
        }
        Ok(figures)
    }
}
