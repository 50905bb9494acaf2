//! Deciding: from what is known of B episodes to a chunk for each.

use crate::{error::Result, selection::quality::Quality};
use imle_configs::score::Score;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// State of B episodes at the time of a decision, as contiguous arrays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Situation<'a> {
    /// Observation histories, (B, T_obs, O), oldest first.
    pub observations: &'a [f32],
    /// Histories of the cameras' pictures, (B, T_obs, cameras, H, W, 3), oldest first; empty unless the generator sees
    /// pictures. What scores its chunks goes on from `states`.
    pub pictures: &'a [u8],
    /// Full integration states, (B, state size).
    pub states: &'a [f64],
    /// Last plans shifted to now, (B, T_pred, A); before the first plan the action that holds still, repeated.
    pub warm: &'a [f32],
    /// Steps of each warm plan that were once planned, B of them; those behind them repeat its last action. 0 when
    /// nothing of the last plan is left.
    pub warm_left: &'a [usize],
    /// Which episode and which of its decisions; B of them.
    pub keys: &'a [Key],
    /// When the decision is to be made, with what is known then; no rollout begins after it. Nothing for as long as it
    /// takes, which alone gives the same bits every time.
    pub deadline: Option<Instant>,
    /// Whether these are decisions of episodes in lock-step, however many of them are left: a generator alone then
    /// serves many in one pass, which differs from deciding for one in the last bits.
    pub lockstep: bool,
}

/// Counters that, with the seed, determine every random draw of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Index of the episode.
    pub episode: u64,
    /// Index of the decision in its episode.
    pub decision: u64,
}

/// Source and quality of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Index into [`Decide::sources`] of where the plan came from.
    pub source: usize,
    /// Predicted mean cost over the T_act steps to be executed, if it was simulated.
    pub predicted: Option<f64>,
    /// Rollouts begun.
    pub rollouts: u64,
    /// Of them, those that diverged.
    pub failed: u64,
    /// Of them, those that were ended early, as certain not to be the best or unlikely to.
    pub censored: u64,
    /// Physics steps simulated.
    pub physics_steps: u64,
    /// Quality of the plan, if candidates were simulated.
    pub quality: Option<Quality>,
}

/// Candidates of one episode's last decision, to look at.
#[derive(Clone, Copy, Debug)]
pub struct CandidateSet<'a> {
    /// Chunks, (N, T_pred, A).
    pub chunks: &'a [f32],
    /// Their scores, (N).
    pub scores: &'a [Score],
}

/// Decides for B episodes at once.
pub trait Decide {
    /// Names of the places a plan can come from.
    fn sources(&self) -> Vec<&'static str>;
    /// Writes a chunk for each episode, (B, T_pred, A), and how it came about, (B).
    ///
    /// # Errors
    /// If the arrays do not fit, or the generator or the simulator fails as a whole.
    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()>;

    /// The candidates that the last decision tried for its episode `b`; nothing from those that try none.
    fn tried(&self, b: usize) -> Option<CandidateSet<'_>> {
        let _ = b;
        None
    }
}
