//! The settings of expert iteration.

use crate::elites::EliteSettings;
use imle_configs::Error as InputError;
use imle_planner::optimizer;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::train::TrainSettings;
use serde::{Deserialize, Serialize};

/// Most candidates of a decision.
const MOST_CANDIDATES: usize = 65_536;

/// Everything that shapes a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Episodes the planner runs a round.
    pub episodes_per_round: usize,
    /// Candidates of a decision while collecting.
    pub candidates: usize,
    /// Control steps executed of each plan while collecting; 0 for the task's `execute` or the generator's T_act.
    pub execute: usize,
    /// Optimizer that the planner searches with from the proposals, a name of [`imle_planner::optimizer::NAMES`].
    pub optimizer: String,
    /// Space that it searches in: linear, zero or cubic splines, or chunk.
    pub space: String,
    /// Deviation of its first draws, in halves of an action's range.
    pub noise: f64,
    /// Knots of the splines.
    pub knots: usize,
    /// Share of the episodes in which the generator acts, and the planner only says what it would have done (DAgger): of these
    /// the elites of every decision are kept, whether the episode was solved or not.
    pub student_share: f64,
    /// How elites are chosen and weighted.
    pub elites: EliteSettings,
    /// Share of training states with all elites of a decision as targets, of all rounds. The solved episodes hold the
    /// best candidate of each decision already; more of them taught `stack` less (docs/results.md).
    pub elite_share: f64,
    /// Share of training states drawn from the demonstrations, if there are any; the rest are from the episodes that
    /// the planner solved, of all rounds.
    pub demonstration_share: f64,
    /// Training steps a round.
    pub train_steps: u64,
    /// Highest learning rate of a round; falls to 0 by a cosine. 0 for the network's own.
    pub learning_rate: f64,
    /// States a training step.
    pub batch_size: usize,
    /// Latents a state (m of RS-IMLE).
    pub samples: usize,
    /// Rejection distance (ε of RS-IMLE).
    pub epsilon: f64,
    /// Held-out episodes an evaluation.
    pub evaluation_episodes: usize,
    /// Episodes in lock-step.
    pub lockstep: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let train = TrainSettings::default();
        Self {
            episodes_per_round: 160,
            candidates: 32,
            execute: 0,
            optimizer: "predictive-sampling".into(),
            space: "linear".into(),
            noise: 0.1,
            knots: 4,
            student_share: 0.0,
            elites: EliteSettings::default(),
            elite_share: 0.0,
            demonstration_share: 0.3,
            train_steps: 8000,
            learning_rate: train.learning_rate,
            batch_size: train.batch_size,
            samples: train.samples,
            epsilon: train.epsilon,
            evaluation_episodes: 200,
            lockstep: 64,
        }
    }
}

impl Settings {
    /// Checks what does not depend on the task.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn check(&self) -> imle_configs::Result<()> {
        let counts = [
            ("episodes_per_round", self.episodes_per_round),
            ("elites.most", self.elites.most),
            ("evaluation_episodes", self.evaluation_episodes),
            ("lockstep", self.lockstep),
            ("train_steps", usize::try_from(self.train_steps).unwrap_or(usize::MAX)),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, n)| *n == 0) {
            return Err(InputError::unexpected(format!("settings: {key}"), "at least 1", 0));
        }
        if !(2..=MOST_CANDIDATES).contains(&self.candidates) {
            let expected = format!("2 to {MOST_CANDIDATES}");
            return Err(InputError::unexpected("settings: candidates", expected, self.candidates));
        }
        let optimizer = optimizer::Settings { noise: self.noise, ..optimizer::Settings::default() };
        optimizer::by_name(&self.optimizer, optimizer).map_err(|e| e.in_file("settings: optimizer"))?;
        if !["linear", "zero", "cubic", "chunk"].contains(&self.space.as_str()) {
            let known = ["linear", "zero", "cubic", "chunk"];
            return Err(InputError::unknown("space", &self.space, known).in_file("settings: space"));
        }
        if !(self.noise > 0.0 && self.noise <= 10.0) {
            return Err(InputError::unexpected("settings: noise", "above 0 and at most 10", self.noise));
        }
        if self.student_share > 0.0 && self.elite_share == 0.0 {
            let expected = "0 beside elite_share = 0: what is said of the generator's episodes are elites";
            return Err(InputError::unexpected("settings: student_share", expected, self.student_share));
        }
        for (key, share) in [
            ("elite_share", self.elite_share),
            ("demonstration_share", self.demonstration_share),
            ("student_share", self.student_share),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(InputError::unexpected(format!("settings: {key}"), "at least 0 and below 1", share));
            }
        }
        let both = self.elite_share + self.demonstration_share;
        if both >= 1.0 {
            let keys = "settings: elite_share, demonstration_share";
            return Err(InputError::unexpected(keys, "together below 1", both));
        }
        if self.elites.least_distance.is_nan() || self.elites.least_advantage.is_nan() {
            return Err(InputError::unexpected("settings: elites", "numbers", "NaN"));
        }
        if self.elites.temperature.is_nan() || self.elites.temperature <= 0.0 {
            return Err(InputError::unexpected(
                "settings: elites.temperature",
                "a number above 0",
                self.elites.temperature,
            ));
        }
        Ok(())
    }
}

impl Settings {
    /// The training of a round from `start`.
    pub(super) fn training(&self, start: &Checkpoint, seed: u64) -> TrainSettings {
        TrainSettings {
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
