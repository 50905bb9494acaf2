//! Which episodes an evaluation runs, and what comes of them.

use super::recorded_plan::RecordedPlan;
use crate::decide::Decision;
use imle_configs::{seed::Purpose, spec::Horizons};
use imle_envs::actuation::ActuationMetrics;
use serde::{Deserialize, Serialize};
use std::{ops::Range, sync::Arc};

/// Discount of a control step where nobody learns.
const DISCOUNT: f64 = 0.99;

/// Which episodes are run, and how.
#[derive(Clone, Debug)]
pub struct EvaluationSettings {
    /// Number of episodes.
    pub episodes: usize,
    /// Seed of the start states.
    pub seed: u64,
    /// Purpose of the start states: evaluation and fine-tuning never share any.
    pub purpose: Purpose,
    /// Index of the first episode.
    pub first: u64,
    /// Mode that the start states force (an index of the expert's), if any.
    pub mode: Option<usize>,
    /// Most episodes in lock-step.
    pub lockstep: usize,
    /// T_obs, T_pred, T_act.
    pub horizons: Horizons,
    /// Discount γ of a control step, with which the rewards of a task of kind `cost` are reckoned.
    pub discount: f64,
    /// Number of episodes that keep their states.
    pub record: usize,
    /// Number of them that keep their plans and candidates too, for video.
    pub keep_plans: usize,
    /// Whether episodes keep what was seen and done, to be learned from.
    pub keep_actions: bool,
    /// States that the episodes begin in, one each, in place of start states of `seed`.
    pub starts: Option<Arc<[Start]>>,
}

/// A state in the middle of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The full integration state.
    pub state: Vec<f64>,
    /// The observations seen up to then, (T_obs, O), oldest first.
    pub history: Vec<f32>,
    /// Control steps that the episode has left.
    pub steps_left: usize,
}

impl EvaluationSettings {
    /// Episodes from start states that neither demonstrations nor fine-tuning have used, 64 in lock-step, of which no
    /// more than the figures is kept.
    pub fn held_out(episodes: usize, seed: u64, horizons: Horizons) -> Self {
        Self {
            episodes,
            seed,
            purpose: Purpose::Reset,
            first: 0,
            mode: None,
            lockstep: 64,
            horizons,
            discount: DISCOUNT,
            record: 0,
            keep_plans: 0,
            keep_actions: false,
            starts: None,
        }
    }

    /// Those of its episodes alone, counted from its first.
    #[must_use]
    pub fn part(&self, episodes: Range<usize>) -> Self {
        let starts = self.starts.as_ref().and_then(|starts| starts.get(episodes.clone()));
        Self {
            episodes: episodes.len(),
            first: self.first + episodes.start as u64,
            record: self.record.saturating_sub(episodes.start),
            keep_plans: self.keep_plans.saturating_sub(episodes.start),
            starts: starts.map(Arc::from),
            ..self.clone()
        }
    }
}

/// One decision and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Source and quality of the decision.
    pub decision: Decision,
    /// Realised mean cost over the steps that were executed, to be compared with the predicted one.
    pub realised: f64,
    /// Whether the plan left the mode of the one before.
    pub switched: bool,
}

/// Result of one episode. The writer adds the mode's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpisodeResult {
    /// Index of the episode.
    pub episode: u64,
    /// Whether the task was solved; in an environment of your own, whether its last step said so.
    pub success: bool,
    /// Why the simulation failed, if it did.
    pub failure: Option<String>,
    /// Whether the task was lost: ended unsolved, as its file's `failure` says.
    pub lost: bool,
    /// Whether the task ended the episode, solved or lost; else it was cut off, and more could have been earned.
    #[serde(default)]
    pub terminated: bool,
    /// Control steps.
    pub steps: usize,
    /// The mode shown, if it shows one.
    #[serde(skip)]
    pub mode: Option<&'static str>,
    /// Mean cost over the control steps; of an environment of your own the mean reward with its sign turned.
    pub mean_cost: f64,
    /// Sum of the rewards, the return without discount.
    #[serde(default)]
    pub total_reward: f64,
    /// Greatest reward of a control step; nothing without steps.
    #[serde(default)]
    pub best_reward: Option<f64>,
    /// Greatest values of the quantities that the task reports, in their order.
    pub reached: Vec<f64>,
    /// Actuation metrics of the robot.
    // Its name in episodes that version 0.1.0 kept of a round; they are not JSON, which `renames` updates.
    #[serde(alias = "drive")]
    pub actuation: ActuationMetrics,
    /// The decisions, in order.
    pub decisions: Vec<DecisionRecord>,
    /// Full states before each control step and at the end, if the episode was recorded.
    pub states: Vec<Vec<f64>>,
    /// The plans and their candidates, if they are kept.
    #[serde(skip)]
    pub plans: Vec<RecordedPlan>,
    /// Observations before each control step and the actions executed, if they are kept: (steps, O) and (steps, A).
    pub observations: Vec<f32>,
    /// See `observations`.
    pub actions: Vec<f32>,
    /// Rewards of the control steps, and the observation of the last state, if `observations` are kept: (steps,) and
    /// (O).
    #[serde(default)]
    pub rewards: Vec<f64>,
    /// See `rewards`.
    pub last_observation: Vec<f32>,
    /// The first T_act actions of every plan, (decisions, T_act, A), if `observations` are kept: more than was executed
    /// of the last.
    pub planned: Vec<f32>,
    /// Pictures before each control step, (steps, cameras, H, W, 3), if the episode was solved and they are looked at
    /// and kept.
    #[serde(with = "serde_bytes")]
    pub pictures: Vec<u8>,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One a episode, in order.
    pub episodes: Vec<EpisodeResult>,
    /// Wall-clock time of each decision, ms, and for how many episodes it was.
    pub decisions_ms: Vec<(f64, usize)>,
    /// Names of the sources that decisions name by index.
    pub sources: Vec<&'static str>,
    /// Names of the quantities that the task reports.
    pub reported: Vec<String>,
}

impl Outcome {
    /// Episodes solved.
    pub fn solved(&self) -> usize {
        self.episodes.iter().filter(|e| e.success).count()
    }

    /// Mean over episodes of the sum of their rewards; 0 without episodes.
    pub fn mean_return(&self) -> f64 {
        self.episodes.iter().map(|e| e.total_reward).sum::<f64>() / self.episodes.len().max(1) as f64
    }

    /// Adds the episodes that follow, of the same task and decider.
    pub fn extend(&mut self, next: Self) {
        self.episodes.extend(next.episodes);
        self.decisions_ms.extend(next.decisions_ms);
    }
}

/// Observes the progress of an evaluation, and may stop it.
pub trait Progress {
    /// `done` episodes of `total` are over, `solved` of them solved. Returns whether to go on.
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool;
}

/// Progress of part of the episodes, passed on as that of all.
pub struct Onwards<'a> {
    /// Receiver of the progress.
    pub progress: &'a mut dyn Progress,
    /// Episodes that are over already.
    pub done: usize,
    /// Of them, those that are solved.
    pub solved: usize,
    /// All of them.
    pub total: usize,
}

impl Progress for Onwards<'_> {
    fn advanced(&mut self, done: usize, _: usize, solved: usize) -> bool {
        self.progress.advanced(self.done + done, self.total, self.solved + solved)
    }
}

/// Says nothing and never stops.
impl Progress for () {
    fn advanced(&mut self, _: usize, _: usize, _: usize) -> bool {
        true
    }
}
