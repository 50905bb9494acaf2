//! The settings of expert iteration.

use imle_configs::Error as InputError;
use imle_planner::{optimizer, rollout::ensemble::MOST_MODELS};
use imle_policy::{checkpoint::Checkpoint, train::TrainSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Most candidates of a decision.
const MOST_CANDIDATES: usize = 65_536;

/// Everything that shapes a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExpertIterationSettings {
    /// Episodes the planner runs a round.
    pub episodes_per_round: usize,
    /// Candidates of a decision while collecting.
    pub candidates: usize,
    /// Control steps executed of each plan while collecting; 0 for the task's `execute` or the generator's T_act.
    pub execute: usize,
    /// Optimizer that the planner searches with from the proposals: predictive-sampling, mppi, cem, cma-es, dial,
    /// mode-preserving, ilqg or none.
    pub optimizer: String,
    /// Space that it searches in: linear, zero or cubic splines, or chunk.
    pub parameterization: String,
    /// Deviation of its first draws, in halves of an action's range.
    pub noise: f64,
    /// Knots of the splines.
    pub knots: usize,
    /// Limit on the difference of two actions in a row, as a share of the longest step of the demonstrations
    /// ([`imle_planner::selection::action_rate_limit`]). Without it, a search that is paid for being early finds leaps,
    /// which nothing is learned from. 0, or no demonstrations, for no limit.
    pub action_rate_limit: f64,
    /// Whether the generator tries every episode by itself first: what it solves is learned from as it is, and the
    /// planner runs what it does not, so that nothing is relearned from a planner that was right already. The planner
    /// begins where the generator began, but in a `student_share` of them somewhere on its way.
    pub student_first: bool,
    /// Share of the episodes that the generator begins, and the planner takes over from where that led (DAgger's
    /// states); what the planner does from there on is learned from.
    pub student_share: f64,
    /// Rounds at first in which the planner runs all episodes whole, whatever `student_first` and `student_share` say:
    /// a poor generator's beginnings teach less.
    pub planner_rounds: u64,
    /// Most decisions that the generator makes in these, of which 1 to so many are drawn; 0 for as many as an episode
    /// has.
    pub student_decisions: u64,
    /// Attempts at an episode: one that was not solved is begun again with twice as many candidates. 1 where the
    /// planner leaves a third unsolved or more: what a wide search gets there is inexact, and is learned.
    pub attempts: usize,
    /// The optimizer of later attempts.
    pub retry_optimizer: String,
    /// Deviation of the second attempt's first draws, in halves of an action's range; every later one's is twice as
    /// wide. Where the generator does the wrong thing a search near its candidates does not find the right one.
    pub retry_noise: f64,
    /// Deviation, in halves of an action's range, of the shifts with which every candidate is tried, so that plans are
    /// chosen that succeed though they are not executed exactly ([`imle_planner::rollout::action_perturbation`]); 0 for
    /// none.
    pub tolerance: f64,
    /// Shifts of a candidate, an even number; each is a rollout.
    pub shifts: usize,
    /// Deviations, in control steps, of the Gaussians with which the actions of solved episodes are smoothed, tried in
    /// turn; an episode that is not solved with any stays as it was. Empty for none.
    pub smooth: Vec<f64>,
    /// Share of training states drawn from the demonstrations, if there are any; the rest are from the episodes that
    /// the planner solved.
    pub demonstration_share: f64,
    /// Recall of the generator as it came below which (as a share of what it was) the share of demonstrations rises, by
    /// 0.2 a round up to 0.9.
    pub recall_floor: f64,
    /// Entropy of the modes below which (as a share of what it was) it rises.
    pub entropy_floor: f64,
    /// Whether training samples are drawn so that their modes are as frequent as they were (`rl/src/mode_reweighting.rs`).
    pub reweight_modes: bool,
    /// Rounds whose episodes are learned from, the last so many; 0 for all.
    pub kept_rounds: u64,
    /// Training steps a round.
    pub train_steps: u64,
    /// Highest learning rate of a round; falls to 0 by a cosine. 0 for the network's own.
    pub learning_rate: f64,
    /// States a training step.
    pub batch_size: usize,
    /// Latents a state (m of RS-IMLE): fewer than demonstrations are learned with, since the more there are the more of
    /// what the planner's episodes are noisy by is learned too.
    pub samples: usize,
    /// Rejection distance (ε of RS-IMLE).
    pub epsilon: f64,
    /// Held-out episodes an evaluation.
    pub evaluation_episodes: usize,
    /// Numbers of candidates that the planner is tried with at an evaluation, until one solves 95 % of the episodes
    /// (`planned/candidates_for_95`); empty to leave it out.
    pub candidate_sweep: Vec<usize>,
    /// Held-out episodes of each.
    pub candidate_sweep_episodes: usize,
    /// Episodes in lock-step.
    pub lockstep: usize,
}

impl Default for ExpertIterationSettings {
    fn default() -> Self {
        let train = TrainSettings::default();
        Self {
            episodes_per_round: 160,
            candidates: 32,
            execute: 0,
            optimizer: "cem".into(),
            parameterization: "linear".into(),
            noise: 0.03,
            knots: 2,
            action_rate_limit: 1.2,
            student_first: false,
            student_share: 0.0,
            planner_rounds: 0,
            student_decisions: 0,
            attempts: 2,
            retry_optimizer: "cma-es".into(),
            retry_noise: 0.3,
            tolerance: 0.02,
            shifts: 2,
            smooth: Vec::new(),
            demonstration_share: 0.3,
            recall_floor: 0.95,
            entropy_floor: 0.9,
            reweight_modes: true,
            kept_rounds: 0,
            train_steps: 9000,
            learning_rate: train.learning_rate,
            batch_size: train.batch_size,
            samples: 3,
            epsilon: train.epsilon,
            evaluation_episodes: 200,
            candidate_sweep: Vec::new(),
            candidate_sweep_episodes: 100,
            lockstep: 64,
        }
    }
}

impl ExpertIterationSettings {
    /// Checks what does not depend on the task.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn check(&self) -> imle_configs::Result<()> {
        let counts = [
            ("episodes_per_round", self.episodes_per_round),
            ("evaluation_episodes", self.evaluation_episodes),
            ("candidate_sweep_episodes", self.candidate_sweep_episodes),
            ("lockstep", self.lockstep),
        ];
        let require = |holds: bool, key: &str, expected: &str, found: &dyn Display| {
            InputError::ensure(holds, format_args!("settings: {key}"), expected, found)
        };
        for (key, count) in counts {
            require((1..=1 << 20).contains(&count), key, "1 to 1048576", &count)?;
        }
        require(self.train_steps > 0, "train_steps", "at least 1", &0)?;
        let (within, expected) = (2..=MOST_CANDIDATES, format!("2 to {MOST_CANDIDATES}"));
        require(within.contains(&self.candidates), "candidates", &expected, &self.candidates)?;
        for candidates in &self.candidate_sweep {
            require(within.contains(candidates), "candidate_sweep", &format!("{expected} each"), candidates)?;
        }
        let optimizer = optimizer::OptimizerSettings { noise: self.noise, ..optimizer::OptimizerSettings::default() };
        optimizer::by_name(&self.optimizer, optimizer).map_err(|e| e.in_file("settings: optimizer"))?;
        let known = ["linear", "zero", "cubic", "chunk"];
        if !known.contains(&self.parameterization.as_str()) {
            let unknown = InputError::unknown("parameterization", &self.parameterization, known);
            return Err(unknown.in_file("settings: parameterization"));
        }
        for (key, noise) in [("noise", self.noise), ("retry_noise", self.retry_noise)] {
            require(noise > 0.0 && noise <= 10.0, key, "above 0 and at most 10", &noise)?;
        }
        optimizer::by_name(&self.retry_optimizer, optimizer::OptimizerSettings::default())
            .map_err(|e| e.in_file("settings: retry_optimizer"))?;
        require((1..=8).contains(&self.attempts), "attempts", "1 to 8", &self.attempts)?;
        let limit = self.action_rate_limit;
        let tolerance = (0.0..=1.0).contains(&self.tolerance);
        require(tolerance, "tolerance", "0 to 1 half of the range", &self.tolerance)?;
        let expected = "0, or 0.1 to 100 of the demonstrations' steps";
        require(limit == 0.0 || (0.1..=100.0).contains(&limit), "action_rate_limit", expected, &limit)?;
        let even = (2..=MOST_MODELS).contains(&self.shifts) && self.shifts.is_multiple_of(2);
        require(even, "shifts", &format!("an even number from 2 to {MOST_MODELS}"), &self.shifts)?;
        for width in &self.smooth {
            require((0.1..=100.0).contains(width), "smooth", "0.1 to 100 control steps each", width)?;
        }
        for (key, share) in [
            ("demonstration_share", self.demonstration_share),
            ("recall_floor", self.recall_floor),
            ("entropy_floor", self.entropy_floor),
            ("student_share", self.student_share),
        ] {
            require((0.0..1.0).contains(&share), key, "at least 0 and below 1", &share)?;
        }
        Ok(())
    }

    /// The training of a round from `start`.
    pub(super) fn training(&self, start: &Checkpoint, seed: u64) -> TrainSettings {
        TrainSettings {
            method: start.config().method.clone(),
            steps: self.train_steps,
            batch_size: self.batch_size,
            samples: self.samples,
            epsilon: self.epsilon,
            learning_rate: self.learning_rate,
            warmup_steps: (self.train_steps / 20).max(1),
            seed,
            horizons: start.config().horizons,
            network: start.config().network.clone(),
            vision: start.config().vision_settings(),
            ..TrainSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        let good = ExpertIterationSettings { student_first: true, attempts: 1, ..ExpertIterationSettings::default() };
        assert!(good.check().is_ok());
        let refused = |settings: ExpertIterationSettings| settings.check().unwrap_err().to_string();
        assert!(refused(ExpertIterationSettings { attempts: 9, ..good.clone() }).contains("settings: attempts"));
        assert!(refused(ExpertIterationSettings { smooth: vec![0.0], ..good.clone() }).contains("settings: smooth"));
        assert!(refused(ExpertIterationSettings { tolerance: 1.5, ..good.clone() }).contains("settings: tolerance"));
        assert!(
            refused(ExpertIterationSettings { action_rate_limit: 0.01, ..good })
                .contains("settings: action_rate_limit")
        );
    }
}
