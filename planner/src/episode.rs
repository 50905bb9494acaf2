//! One episode as a controller sees it: what was observed, and what is left of the plan.

use crate::chunk;
use crate::decide::{Decide, Decision, Key, Situation};
use crate::error::{Error, Result};
use imle_configs::spec::Horizons;
use std::time::{Duration, Instant};

/// Observation history, plan and random key of one episode.
///
/// This is the one place where they are kept. The observations since the last plan are the control steps that it was
/// executed for, so that the warm start of the next decision follows from them: nobody counts it by hand. A clone is a
/// state of its own: work on a copy, and keep it if all went well.
///
/// ```
/// use imle_configs::spec::Horizons;
/// use imle_planner::episode::EpisodeState;
///
/// let horizons = Horizons { observation: 2, prediction: 4, action: 2 };
/// let mut episode = EpisodeState::new(horizons, 1, 1);
/// episode.observe(&[0.5])?;
/// assert!(episode.due(horizons.action));
/// episode.accept(&[1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(episode.next_action(), [1.0]);
/// episode.observe(&[0.6])?; // a control step later
/// assert_eq!((episode.next_action(), episode.due(horizons.action)), (&[2.0][..], false));
/// # Ok::<(), imle_planner::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeState {
    horizons: Horizons,
    /// O and A.
    observation: usize,
    action: usize,
    key: Key,
    observed: bool,
    /// (T_obs, O), oldest first; empty before the first observation.
    history: Vec<f32>,
    /// (T_obs, cameras, H, W, 3), oldest first; empty without pictures.
    pictures: Vec<u8>,
    /// (T_pred, A)
    plan: Vec<f32>,
    /// Steps of the plan that are not a repetition of its last action.
    planned: usize,
    /// Control steps since the plan was accepted.
    executed: usize,
    /// Plans accepted.
    accepted: usize,
    /// Rest of the previous plan when this one was accepted, (T_pred, A).
    left: Vec<f32>,
}

impl EpisodeState {
    /// Episode 0, with observations of `observation` values and actions of `action`.
    pub fn new(horizons: Horizons, observation: usize, action: usize) -> Self {
        let chunk = horizons.prediction * action;
        Self {
            horizons,
            observation,
            action,
            key: Key { episode: 0, decision: 0 },
            observed: false,
            history: Vec::with_capacity(horizons.observation * observation),
            pictures: Vec::new(),
            plan: vec![0.0; chunk],
            planned: 0,
            executed: 0,
            accepted: 0,
            left: vec![0.0; chunk],
        }
    }

    /// Begins episode `episode`: nothing is observed or planned.
    pub fn reset(&mut self, episode: u64) {
        self.key = Key { episode, decision: 0 };
        self.observed = false;
        self.history.clear();
        self.pictures.clear();
        self.plan.fill(0.0);
        (self.planned, self.executed, self.accepted) = (0, 0, 0);
    }

    /// Takes `action` (A), one that holds still, for the plan until there is one. Afterwards it does nothing.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn hold(&mut self, action: &[f32]) -> Result<()> {
        check("action", self.action, action.len())?;
        if self.accepted == 0 {
            self.plan.chunks_exact_mut(action.len().max(1)).for_each(|row| row.copy_from_slice(action));
        }
        Ok(())
    }

    /// Adds what is observed at the beginning of a control step, (O). The first one of an episode stands for those
    /// before it as well. Every later one says that a control step is over.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn observe(&mut self, observation: &[f32]) -> Result<()> {
        check("observation", self.observation, observation.len())?;
        self.observe_all(observation)
    }

    /// As [`observe`](Self::observe), with the pictures of that moment, (cameras, H, W, 3). A control step that is
    /// observed without pictures keeps the last ones.
    ///
    /// # Errors
    /// [`Error::Shape`], also for pictures of another size than before; the episode is then as before.
    pub fn observe_with(&mut self, observation: &[f32], pictures: &[u8]) -> Result<()> {
        check("observation", self.observation, observation.len())?;
        let bytes = self.pictures.len() / self.horizons.observation;
        if self.pictures.is_empty() {
            self.pictures = pictures.repeat(self.horizons.observation);
        } else {
            check("pictures", bytes, pictures.len())?;
            self.pictures.copy_within(bytes.., 0);
            let newest = self.pictures.len() - bytes;
            self.pictures[newest..].copy_from_slice(pictures);
        }
        self.observe_all(observation)
    }

    /// Adds the observations of several control steps, (n, O), oldest first.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn observe_all(&mut self, observations: &[f32]) -> Result<()> {
        let size = self.observation;
        if size > 0 && (observations.is_empty() || !observations.len().is_multiple_of(size)) {
            let found = format!("{} values", observations.len());
            return Err(Error::shape("observations", format!("(n, {size})"), found));
        }
        let mut steps = observations.len().checked_div(size).unwrap_or(1);
        if !self.observed {
            self.observed = true;
            for _ in 0..self.horizons.observation {
                self.history.extend_from_slice(&observations[..size]);
            }
            steps -= 1;
        }
        self.push(observations);
        self.executed += steps;
        Ok(())
    }

    /// Shifts `observations` (n, O) into the history.
    fn push(&mut self, observations: &[f32]) {
        let own = self.history.len();
        let new = &observations[observations.len().saturating_sub(own)..];
        self.history.copy_within(new.len().., 0);
        self.history[own - new.len()..].copy_from_slice(new);
    }

    /// States how many control steps the plan was executed for, where someone else counts them: a remote client.
    pub fn set_executed(&mut self, steps: usize) {
        self.executed = steps;
    }

    /// Replaces the history of the pictures, (T_obs, cameras, H, W, 3).
    #[cfg(feature = "mujoco")]
    pub(crate) fn set_pictures(&mut self, pictures: &[u8]) {
        self.pictures.clear();
        self.pictures.extend_from_slice(pictures);
    }

    /// Takes `index` for that of the next decision.
    #[cfg(feature = "mujoco")]
    pub(crate) fn set_decision(&mut self, index: u64) {
        self.key.decision = index;
    }

    /// The action of this control step, (A); behind the end of the plan its last one.
    pub fn next_action(&self) -> &[f32] {
        let at = self.executed.min(self.horizons.prediction - 1) * self.action;
        &self.plan[at..][..self.action]
    }

    /// Whether a plan is due that is made every `steps` control steps.
    pub fn due(&self, steps: usize) -> bool {
        self.accepted == 0 || self.executed >= steps
    }

    /// Writes the plan from this control step on, (T_pred, A), and returns how many steps of it were once planned;
    /// those behind them repeat the last action.
    pub fn remaining(&self, out: &mut [f32]) -> usize {
        chunk::shift(&self.plan, self.executed, self.action, out);
        self.planned.saturating_sub(self.executed)
    }

    /// Goes over to `plan` (T_pred, A), which begins at this control step.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn accept(&mut self, plan: &[f32]) -> Result<()> {
        check("plan", self.plan.len(), plan.len())?;
        chunk::shift(&self.plan, self.executed, self.action, &mut self.left);
        self.planned =
            if plan == self.left { self.planned.saturating_sub(self.executed) } else { self.horizons.prediction };
        self.plan.copy_from_slice(plan);
        self.executed = 0;
        self.accepted += 1;
        self.key.decision += 1;
        Ok(())
    }

    /// This episode `steps` control steps ahead, to plan from while it goes on. `predicted` (n, O) are the observations
    /// that are expected until then, the last n ≤ T_obs of them; `None` leaves the history as it is.
    #[must_use]
    pub fn fork(&self, steps: usize, predicted: Option<&[f32]>) -> Self {
        let mut ahead = self.clone();
        if let Some(predicted) = predicted {
            ahead.push(predicted);
        }
        ahead.executed += steps;
        ahead
    }

    /// Goes over to the plan of `fork`, which was made for this control step; the observations stay.
    pub fn adopt(&mut self, fork: &Self) {
        self.plan.copy_from_slice(&fork.plan);
        self.left.copy_from_slice(&fork.left);
        (self.planned, self.executed) = (fork.planned, 0);
        self.accepted += 1;
        self.key.decision = fork.key.decision;
    }

    /// Episode and next decision: the key of all random draws.
    pub fn key(&self) -> Key {
        self.key
    }

    /// T_obs, T_pred, T_act.
    pub fn horizons(&self) -> Horizons {
        self.horizons
    }

    /// The last observations, (T_obs, O), oldest first; empty before the first.
    pub fn history(&self) -> &[f32] {
        &self.history
    }

    /// The newest observation, (O); empty before the first.
    pub fn newest(&self) -> &[f32] {
        &self.history[self.history.len().saturating_sub(self.observation)..]
    }

    /// The last pictures, (T_obs, cameras, H, W, 3), oldest first; empty without pictures.
    pub fn pictures(&self) -> &[u8] {
        &self.pictures
    }

    /// The plan as it was accepted, (T_pred, A).
    pub fn plan(&self) -> &[f32] {
        &self.plan
    }

    /// O, length of an observation.
    pub fn observation_size(&self) -> usize {
        self.observation
    }

    /// Control steps since the plan was accepted.
    pub fn executed(&self) -> usize {
        self.executed
    }

    /// Whether the plan is what was left of the one before.
    pub fn kept_plan(&self) -> bool {
        self.plan == self.left
    }

    /// Whether the plan is of another mode than the one before: further than [`chunk::MODE_DISTANCE`] from it over the
    /// first `steps`. The range of the actions is `low` to `high`.
    pub fn switched(&self, steps: usize, low: &[f32], high: &[f32]) -> bool {
        let apart = || chunk::distance(&self.plan, &self.left, steps, low, high);
        self.accepted > 1 && steps > 0 && apart() > chunk::MODE_DISTANCE
    }
}

/// Checks the number of values.
pub(crate) fn check(what: &'static str, expected: usize, found: usize) -> Result<()> {
    let values = |n| format!("{n} values");
    if expected == found { Ok(()) } else { Err(Error::shape(what, values(expected), values(found))) }
}

/// When decisions are to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionTiming {
    /// No rollout begins after it. `None` gives the same bits every time.
    pub deadline: Option<Instant>,
    /// Whether these are episodes in lockstep ([`Situation::lockstep`]).
    pub lockstep: bool,
}

/// Decides for several episodes in one batched pass, with buffers that are kept from call to call.
#[derive(Debug, Default)]
pub struct DecisionBatch {
    observations: Vec<f32>,
    pictures: Vec<u8>,
    warm: Vec<f32>,
    warm_left: Vec<usize>,
    keys: Vec<Key>,
    chunks: Vec<f32>,
    decisions: Vec<Decision>,
    took: Duration,
}

impl DecisionBatch {
    /// Decides for B `episodes` in the full `states` (B, state size), and lets each accept its plan. If it fails, the
    /// episodes are as before. Returns how each plan came about, (B).
    ///
    /// # Errors
    /// What `decider` returns; [`Error::Shape`] if an episode has observed nothing yet.
    pub fn decide(
        &mut self,
        decider: &mut dyn Decide,
        pool: &rayon::ThreadPool,
        episodes: &mut [&mut EpisodeState],
        states: &[f64],
        timing: DecisionTiming,
    ) -> Result<&[Decision]> {
        self.observations.clear();
        self.pictures.clear();
        self.warm_left.clear();
        self.keys.clear();
        let chunk = episodes.first().map_or(0, |e| e.plan.len());
        self.warm.resize(chunk * episodes.len(), 0.0);
        self.chunks.resize(chunk * episodes.len(), 0.0);
        self.decisions.clear();
        self.decisions.resize(episodes.len(), Decision::default());
        for (episode, warm) in episodes.iter().zip(self.warm.chunks_exact_mut(chunk.max(1))) {
            check("plan of an episode", chunk, episode.plan.len())?;
            if !episode.observed {
                return Err(Error::shape("observations", "an observation of every episode", "none"));
            }
            self.observations.extend_from_slice(&episode.history);
            self.pictures.extend_from_slice(&episode.pictures);
            self.warm_left.push(episode.remaining(warm));
            self.keys.push(episode.key);
        }
        let situation = Situation {
            observations: &self.observations,
            pictures: &self.pictures,
            states,
            warm: &self.warm,
            warm_left: &self.warm_left,
            keys: &self.keys,
            deadline: timing.deadline,
            lockstep: timing.lockstep,
        };
        let begun = Instant::now();
        decider.decide(pool, &situation, &mut self.chunks, &mut self.decisions)?;
        self.took = begun.elapsed();
        for (episode, plan) in episodes.iter_mut().zip(self.chunks.chunks_exact(chunk.max(1))) {
            episode.accept(plan)?;
        }
        Ok(&self.decisions)
    }

    /// Wall-clock time of the last decision.
    pub fn took(&self) -> Duration {
        self.took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> EpisodeState {
        EpisodeState::new(Horizons { observation: 2, prediction: 4, action: 2 }, 1, 1)
    }

    #[test]
    fn observations_are_the_shift_of_the_warm_start() {
        let (mut episode, mut warm) = (state(), [0.0; 4]);
        episode.reset(7);
        episode.hold(&[9.0]).unwrap();
        episode.observe(&[0.0]).unwrap();
        assert_eq!((episode.history(), episode.remaining(&mut warm), warm), (&[0.0, 0.0][..], 0, [9.0; 4]));
        episode.accept(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        episode.hold(&[5.0]).unwrap();
        for seen in [1.0, 2.0, 3.0] {
            episode.observe(&[seen]).unwrap();
        }
        assert_eq!((episode.remaining(&mut warm), warm, episode.history()), (1, [4.0; 4], &[2.0, 3.0][..]));
        // The warm start is taken again: it ends all the same.
        episode.accept(&warm).unwrap();
        assert!(episode.kept_plan());
        episode.observe(&[4.0]).unwrap();
        assert_eq!((episode.remaining(&mut warm), episode.key()), (0, Key { episode: 7, decision: 2 }));
    }

    #[test]
    fn several_observations_count_as_many_steps() {
        let (mut one, mut all) = (state(), state());
        one.observe(&[1.0]).unwrap();
        one.observe(&[2.0]).unwrap();
        one.observe(&[3.0]).unwrap();
        all.observe_all(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(one, all);
        assert_eq!((all.executed(), all.history()), (2, &[2.0, 3.0][..]));
        assert!(all.observe(&[1.0, 2.0]).is_err());
    }

    #[test]
    fn a_plan_of_a_fork_begins_where_the_fork_was() {
        let mut episode = state();
        episode.observe(&[0.0]).unwrap();
        episode.accept(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        let mut fork = episode.fork(2, Some(&[5.0, 6.0]));
        assert_eq!((fork.history(), fork.next_action()), (&[5.0, 6.0][..], &[3.0][..]));
        fork.accept(&[7.0; 4]).unwrap();
        episode.observe(&[1.0]).unwrap();
        episode.observe(&[2.0]).unwrap();
        episode.adopt(&fork);
        assert_eq!((episode.next_action(), episode.history(), episode.executed()), (&[7.0][..], &[1.0, 2.0][..], 0));
        assert!(episode.switched(2, &[-1.0], &[1.0]));
    }

    #[test]
    fn a_failed_decision_leaves_the_episode() {
        struct Broken;
        impl Decide for Broken {
            fn sources(&self) -> Vec<&'static str> {
                vec![]
            }
            fn decide(
                &mut self,
                _: &rayon::ThreadPool,
                _: &Situation<'_>,
                _: &mut [f32],
                _: &mut [Decision],
            ) -> Result<()> {
                Err(Error::Interrupted)
            }
        }
        let pool = crate::threads::pool(1).unwrap();
        let mut episode = state();
        let mut batch = DecisionBatch::default();
        let decide = |batch: &mut DecisionBatch, episode: &mut EpisodeState| {
            batch.decide(&mut Broken, &pool, &mut [episode], &[0.0], DecisionTiming::default()).unwrap_err()
        };
        assert!(decide(&mut batch, &mut episode).to_string().contains("an observation"));
        episode.observe(&[0.0]).unwrap();
        let before = episode.clone();
        assert!(matches!(decide(&mut batch, &mut episode), Error::Interrupted));
        assert_eq!(episode, before);
    }
}
