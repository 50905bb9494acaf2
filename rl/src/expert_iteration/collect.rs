//! Collecting: who runs a round's episodes, and what of them is learned from.

use super::dagger::{DaggerMixing, take_over};
use super::state::{EPISODES_FOLDER, ExpertIteration};
use super::student_turns::StudentTurns;
use super::{kept::Kept, smoothing::start_of};
use crate::error::{Error, Result};
use crate::run::{Figures, Observer, Phase, Round};
use imle_configs::spec::{Horizons, Spec};
use imle_configs::{Error as InputError, episode::Episode, files, renames, seed::Purpose};
use imle_planner::evaluation::{EpisodeResult, EvaluationSettings, Outcome, Progress, evaluate, report::Report};
use imle_planner::policy_controller::PolicyController;
use imle_policy::{checkpoint::Checkpoint, policy::Policy};
use serde::{Deserialize, Serialize};

/// Figures of a round's collecting, written when it is over.
const COLLECTED_FILE: &str = "collected.json";

/// Result of collecting a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Collected {
    pub(super) env_steps: u64,
    pub(super) simulation_steps: u64,
    pub(super) success_rate: f64,
    pub(super) training_decisions: usize,
    /// Solved episodes that were replaced by smoother ones.
    #[serde(default)]
    smoothed: usize,
    /// Episodes that the generator began, and the planner took over.
    #[serde(default)]
    handed_over: usize,
    /// Mean length of the episodes at the first attempt, control steps; version 0.1.0 wrote none.
    #[serde(default)]
    mean_length: Option<f64>,
    /// Mean sum of their rewards.
    #[serde(default)]
    mean_return: Option<f64>,
}

impl Collected {
    /// Reward and length of its episodes, under the names of Stable-Baselines3.
    pub(super) fn figures(&self) -> Figures {
        let all = [("rollout/ep_rew_mean", self.mean_return), ("rollout/ep_len_mean", self.mean_length)];
        all.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
    }
}

impl ExpertIteration<'_> {
    /// Runs the planner and keeps the episodes that it solved; what an earlier call finished is taken up.
    pub(super) fn collect(
        &mut self,
        round: u64,
        current: &Checkpoint,
        observer: &mut dyn Observer,
    ) -> Result<Collected> {
        let place = self.folder(round).join(COLLECTED_FILE);
        let kept = Kept::new(&self.folder(round), &self.task);
        if place.exists() {
            kept.remove()?;
            return self.collected(round);
        }
        let horizons = self.horizons(current);
        let sampler = Policy::with_threads(current, self.run.threads, self.run.device)?;
        let mut planner = self.planner(&sampler, horizons, 0)?;
        let episodes = self.settings.episodes_per_round;
        let turns = self.turns(round, horizons);
        let alone = self.student_first(round);
        let again = alone || !self.settings.smooth.is_empty() || self.settings.attempts > 1 || turns.share > 0.0;
        let settings = EvaluationSettings {
            purpose: Purpose::FinetuneReset,
            first: (round - 1) * episodes as u64,
            lockstep: self.settings.lockstep,
            keep_actions: true,
            record: if again { episodes } else { 0 },
            ..EvaluationSettings::held_out(episodes, self.run.seed, horizons)
        };
        let mut student = PolicyController::new(sampler.clone(), self.run.seed, horizons);
        let mut phase = Phase { observer, round, name: "collect" };
        let run = |settings: &EvaluationSettings, progress: &mut dyn Progress| -> Result<Outcome> {
            if alone {
                return Ok(evaluate(&self.task, &mut student, settings, &self.pool, progress)?);
            }
            let mut decider = DaggerMixing { student: &mut student, teacher: &mut planner, turns };
            Ok(evaluate(&self.task, &mut decider, settings, &self.pool, progress)?)
        };
        let mut outcome = kept.evaluate("first", &settings, &mut phase, run)?;
        let report = Report::new(&outcome, self.task.spec().control_rate);
        let mean_return = outcome.mean_return();
        let (mut starts, mut handed_over) = (Vec::new(), 0);
        outcome.episodes.retain_mut(|episode| {
            let students = match turns.students(episode.episode) {
                _ if alone && episode.success => 0,
                // The planner takes over somewhere in what the generator did not solve.
                drawn if alone => drawn % episode.decisions.len().max(1) as u64,
                drawn => drawn,
            };
            let start = match (students, again) {
                (0, false) => return true,
                (0, true) => Some(start_of(&self.task, horizons, episode, 0)),
                (students, _) => take_over(&self.task, horizons, students, episode),
            };
            let kept = start.is_some();
            handed_over += usize::from(kept && students > 0);
            starts.extend(start);
            kept
        });
        let [retried_steps, retried_simulation] =
            self.retry((round, &kept), (&sampler, horizons), (&mut outcome.episodes, &starts), observer)?;
        if !outcome.episodes.iter().any(|e| e.success) {
            return Err(Error::NothingLearned { round, episodes });
        }
        let solved = outcome.episodes.iter().filter(|e| e.success);
        let training_decisions = solved.map(|e| e.decisions.len()).sum();
        let mut solved = outcome.episodes;
        solved.retain(|e| e.success);
        let smoothed = self.smooth(horizons, &mut solved, &mut Phase { observer, round, name: "smooth" })?;
        self.keep_episodes(round, solved)?;
        let collected = Collected {
            env_steps: report.env_steps + retried_steps,
            simulation_steps: report.physics_steps + retried_simulation + smoothed.physics_steps,
            smoothed: smoothed.replaced,
            handed_over,
            success_rate: report.success_rate,
            training_decisions,
            mean_length: Some(report.env_steps as f64 / report.episodes.max(1) as f64),
            mean_return: Some(mean_return),
        };
        files::write_checked(&place, &collected)?;
        kept.remove()?;
        Ok(collected)
    }

    /// Result of collecting `round`.
    pub(super) fn collected(&self, round: u64) -> Result<Collected> {
        let place = self.folder(round).join(COLLECTED_FILE);
        let refused = |e| InputError::unexpected(place.display(), "what a round collected", e);
        let mut value = files::read_checked(&place, "what a round collected")?;
        renames::update_record(&mut value, &Round::default(), &place.display().to_string())?;
        Ok(serde_json::from_value(value).map_err(refused)?)
    }

    /// Which episodes of a round the generator begins.
    fn turns(&self, round: u64, horizons: Horizons) -> StudentTurns {
        let whole = self.task.max_steps().div_ceil(horizons.action) as u64;
        let most = Some(self.settings.student_decisions).filter(|n| *n > 0).map_or(whole, |n| n.min(whole));
        let share = if round > self.settings.planner_rounds { self.settings.student_share } else { 0.0 };
        StudentTurns { share, most, seed: self.run.seed }
    }

    /// Whether the generator tries the episodes of a round by itself first.
    fn student_first(&self, round: u64) -> bool {
        self.settings.student_first && round > self.settings.planner_rounds
    }

    /// Begins the episodes that were not solved again, by the planner with ever more candidates, and puts those that
    /// are solved then in their places: start states that are left out would be those that the generator needs most.
    /// Returns the control steps and the physics steps of this.
    fn retry(
        &self,
        (round, kept): (u64, &Kept<'_>),
        (sampler, horizons): (&Policy, Horizons),
        (episodes, starts): (&mut [EpisodeResult], &[imle_planner::evaluation::Start]),
        observer: &mut dyn Observer,
    ) -> Result<[u64; 2]> {
        let [mut env_steps, mut simulation_steps] = [0; 2];
        let attempts = self.settings.attempts;
        for attempt in usize::from(!self.student_first(round))..attempts {
            let left: Vec<usize> = (0..starts.len()).filter(|i| !episodes[*i].success).collect();
            if left.is_empty() {
                break;
            }
            let begun: Vec<_> = left.iter().map(|i| starts[*i].clone()).collect();
            let mut planner = self.planner(sampler, horizons, attempt)?;
            let settings = EvaluationSettings {
                purpose: Purpose::FinetuneReset,
                // Draws of their own; with the index 0 the planner's would be those that failed when the generator
                // tried.
                first: ((if attempt == 0 { attempts } else { attempt } as u64) << 40)
                    | ((round - 1) * self.settings.episodes_per_round as u64),
                lockstep: self.settings.lockstep,
                keep_actions: true,
                record: left.len(),
                starts: Some(begun.into()),
                ..EvaluationSettings::held_out(left.len(), self.run.seed, horizons)
            };
            let mut phase = Phase { observer, round, name: "retry" };
            let outcome = kept.evaluate(&format!("again-{attempt}"), &settings, &mut phase, |settings, progress| {
                Ok(evaluate(&self.task, &mut planner, settings, &self.pool, progress)?)
            })?;
            let report = Report::new(&outcome, self.task.spec().control_rate);
            env_steps += report.env_steps;
            simulation_steps += report.physics_steps;
            for (at, mut episode) in left.into_iter().zip(outcome.episodes).filter(|(_, e)| e.success) {
                episode.episode = episodes[at].episode;
                episodes[at] = episode;
            }
        }
        Ok([env_steps, simulation_steps])
    }

    /// Writes the solved episodes as a dataset of the round, with what the generator saw.
    fn keep_episodes(&self, round: u64, mut episodes: Vec<EpisodeResult>) -> Result<()> {
        let folder = self.folder(round).join(EPISODES_FOLDER);
        // Killed between this and the end of the phase: the same episodes are written again.
        files::remove(&folder)?;
        let record = |e: EpisodeResult| Episode {
            observations: e.observations,
            actions: e.actions,
            success: true,
            seed: self.run.seed,
            index: e.episode,
            mode: e.mode.unwrap_or_default().into(),
            mismatch: self.task.mismatch().map_or_else(String::new, |m| m.name.clone()),
            len: e.steps,
        };
        let mut pictures: Vec<Vec<u8>> = episodes.iter_mut().map(|e| std::mem::take(&mut e.pictures)).collect();
        let solved: Vec<Episode> = episodes.into_iter().map(record).collect();
        let seen = self.task.spec();
        let spec = Spec { pictures: None, ..seen.clone() };
        let Some(layout) = &seen.pictures else { return Ok(imle_data::write(&folder, &spec, &solved)?) };
        let draw = |n: usize| Ok::<_, InputError>(std::mem::take(&mut pictures[n]));
        Ok(imle_data::write_with_images(&folder, &spec, &solved, layout, draw)?)
    }
}
