//! The loop of the algorithms that learn online.
//!
//! ```text
//! repeat until env_steps are spent
//!     collect   a few episodes with the algorithm's behaviour, and append them to the episode log
//!     judge     the critic on what it has not learned from; one that diverged goes back to before it last learned
//!     learn     what the algorithm does
//!     save      weights, moments and counters, whole or not at all
//!     evaluate  every so often: the generator alone on held-out start states, and the measures of its modes
//! ```
//!
//! Every draw is keyed by counters and an iteration begins from what is on disk: a run that was killed goes on with the
//! bits of one that was not. What was appended to the episode log before a kill is not collected again.

use super::algorithm::{Algorithm, Collecting, Iteration};
use super::learner::{Learner, damaged};
use super::settings::OnlineSettings;
use crate::critic::within_states::{RankingEffort, WithinStates, within_states};
use crate::error::{Error, PATIENCE, Result};
use crate::modes::Modes;
use crate::replay::{
    episode_log::{EpisodeLog, IterationCounts, IterationRecord},
    trajectory::Trajectory,
};
use crate::run::{Course, Figures, Observer, Phase, Round, Run, State, Throughput};
use imle_configs::{Error as InputError, files, files::FolderLock, seed::Purpose};
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_policy::{device::with_threads, metrics::RunLog, policy::Policy};
use std::path::Path;

/// Folder of the weights after an iteration, in the run's.
const LEARNER_FOLDER: &str = "learner";

/// Runs `algorithm`; returns the rounds, the first of which is the generator as it came.
///
/// # Errors
/// A bad input; what went wrong in learning; [`imle_planner::Error::Interrupted`] when asked to stop, with everything
/// that was done kept for a resume.
pub fn run(
    name: &'static str,
    algorithm: &mut dyn Algorithm,
    settings: &OnlineSettings,
    run: &Run<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<Round>> {
    settings.check()?;
    with_threads(settings.learner_threads, || Online::begin(name, algorithm, settings, run)?.go(observer))
}

/// Ranks chunks within states by the critic of the run of `algorithm` in the folder of `run`, as it was last saved.
///
/// # Errors
/// A bad input: no run there, or one without a critic that has learned; what the rollouts return.
pub fn rank_within_states(
    algorithm: &mut dyn Algorithm,
    run: &Run<'_>,
    effort: RankingEffort,
    progress: &mut dyn imle_planner::evaluation::Progress,
) -> Result<WithinStates> {
    let none = || InputError::unexpected(run.out.display(), "a run whose critic has learned", "none");
    let state = State::<OnlineSettings>::read(run.out)?;
    let course = state.course.ok_or_else(none)?;
    let folder = run.out.join(&course.folder);
    let saved = serde_json::from_value(course.learner).map_err(|e| damaged(&folder, e))?;
    let learner = Learner::new(run, &state.settings, algorithm.needs(), Some((&folder, saved)))?;
    algorithm.begin(&learner, Some(&folder))?;
    let mut values = |history: &[f32], chunks: &mut [f32]| -> Result<Vec<f64>> {
        Ok(algorithm.chunk_values(&learner, history, chunks)?.ok_or_else(none)?)
    };
    within_states(run, &learner.pool, effort, &mut values, progress)
}

struct Online<'a, 'b> {
    algorithm: &'b mut dyn Algorithm,
    learner: Learner<'a>,
    state: State<OnlineSettings>,
    episodes: EpisodeLog,
    records: Vec<IterationRecord>,
    modes: Option<Modes>,
    log: RunLog,
    _lock: FolderLock,
    throughput: Throughput,
}

impl<'a, 'b> Online<'a, 'b> {
    fn begin(
        name: &'static str,
        algorithm: &'b mut dyn Algorithm,
        settings: &'a OnlineSettings,
        run: &'a Run<'a>,
    ) -> Result<Self> {
        // Refused before anything is written.
        let fresh = Learner::new(run, settings, algorithm.needs(), None)?;
        algorithm.begin(&fresh, None)?;
        let (state, lock) = State::begin(name, settings, run)?;
        let (learner, episodes, records, log) = match &state.course {
            Some(course) => {
                let folder = run.out.join(&course.folder);
                let saved = serde_json::from_value(course.learner.clone()).map_err(|e| damaged(&folder, e))?;
                let learner = Learner::new(run, settings, algorithm.needs(), Some((&folder, saved)))?;
                algorithm.begin(&learner, Some(&folder))?;
                let done = course.iterations as usize;
                let costs = run.environment.task().map(|task| (task.reward(), settings.discount));
                let (episodes, records) = EpisodeLog::open(run.out, learner.sizes, done, costs)?;
                let steps = records[..done].iter().map(|r| r.counts.env_steps).sum();
                let log = RunLog::resume(run.out, state.log_lines, steps)?;
                // What a kill has left of others, now that these were read.
                remove_others(run.out, &[course.folder.clone(), course.earlier.clone()])?;
                (learner, episodes, records, log)
            }
            None => (fresh, EpisodeLog::create(run.out)?, Vec::new(), RunLog::create(run.out)?),
        };
        let mut online = Self {
            algorithm,
            learner,
            state,
            episodes,
            records,
            modes: None,
            log,
            _lock: lock,
            throughput: Throughput::after(0),
        };
        for iteration in 0..online.iterations() {
            let trajectories = online.records[iteration as usize].trajectories.clone();
            online.learner.remember(trajectories)?;
        }
        online.throughput = Throughput::after(online.totals().env_steps);
        online.log.describe("settings", &online.state.described(settings.read_by(name)?))?;
        Ok(online)
    }

    fn iterations(&self) -> u64 {
        self.state.course.as_ref().map_or(0, |c| c.iterations)
    }

    /// Sums over the iterations that are done.
    fn totals(&self) -> IterationCounts {
        let done = self.records.iter().take(self.iterations() as usize);
        done.fold(IterationCounts::default(), |sum, record| {
            let c = record.counts;
            IterationCounts {
                iteration: c.iteration,
                episodes: sum.episodes + c.episodes,
                solved: sum.solved + c.solved,
                failed: sum.failed + c.failed,
                env_steps: sum.env_steps + c.env_steps,
                simulation_steps: sum.simulation_steps + c.simulation_steps,
            }
        })
    }

    fn go(&mut self, observer: &mut dyn Observer) -> Result<Vec<Round>> {
        if self.state.course.is_none() {
            let before = self.measure(true, observer)?;
            self.learner.run.checkpoint.save(self.learner.run.out)?;
            let first = Course {
                evaluate_at: self.learner.settings.evaluate_every,
                before: before.figures.clone(),
                ..Course::default()
            };
            self.end_round(before, observer)?;
            self.save(first)?;
        }
        self.learner.before = self.state.course.as_ref().map(|c| c.before.clone()).unwrap_or_default();
        loop {
            let steps = self.totals().env_steps;
            let Some(mut course) = self.state.course.clone() else { break };
            let over = steps >= self.learner.run.env_steps;
            let scheduled = steps >= course.evaluate_at;
            let last = self.state.rounds.last().filter(|r| r.env_steps >= steps);
            // What has learned to do without its edits is judged without them too.
            let alone = over && self.algorithm.taught() && last.is_some_and(|r| r.edited);
            if scheduled || alone || (over && last.is_none()) {
                let round = self.measure(alone, observer)?;
                if scheduled {
                    // The last evaluation of a run may be followed by more: it changes nothing.
                    course.last.clone_from(&round.figures);
                    course.heeded = false;
                    let every = self.learner.settings.evaluate_every;
                    course.evaluate_at = (steps / every + 1) * every;
                }
                self.algorithm.acting(&self.learner)?.save(self.learner.run.out)?;
                self.algorithm.publish(&self.learner)?;
                self.end_round(round, observer)?;
                self.save(course)?;
            } else if over {
                break;
            } else {
                self.iteration(observer)?;
            }
        }
        Ok(self.state.rounds.clone())
    }

    fn iteration(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let index = self.iterations();
        let record = match self.records.get(index as usize) {
            Some(record) => record.clone(),
            None => {
                let record = self.collect(index, observer)?;
                self.episodes.append(&record)?;
                self.records.push(record.clone());
                record
            }
        };
        let now = self.totals().env_steps;
        self.learner.warm = now < self.learner.settings.warmup_steps;
        let mut figures = Figures::new();
        let new = self.learner.remember(record.trajectories.clone())?;
        let judged = self.algorithm.judge(&mut self.learner, new.clone(), &mut figures)?;
        let [low, high] = self.learner.run.environment.return_bounds(self.learner.settings.discount);
        let most = self.learner.settings.critic.most_above * (high - low);
        let above = judged.map_or(0.0, |j| j.above);
        let diverged = above > most || !above.is_finite();
        if diverged {
            self.roll_back(above, observer)?;
        } else {
            self.learner.state.diverged = 0;
            let total = self.learner.replay.len() as u64;
            observer.phase(self.state.rounds.len() as u64, "learn", total, total, "");
            let iteration = Iteration { index, new, env_steps: now + record.counts.env_steps };
            self.algorithm.learn(&mut self.learner, &iteration, &mut figures, observer)?;
            self.hold_modes(&mut figures)?;
        }
        let Some(course) = self.state.course.clone() else { return Ok(()) };
        let earlier = if diverged { course.earlier.clone() } else { course.folder.clone() };
        let course = Course { iterations: index + 1, earlier, ..course };
        // The log first: its line is written again if the state is not.
        self.state.course = Some(course.clone());
        self.log_iteration(&record, figures)?;
        self.save(course)?;
        self.look_for_rewards(observer)
    }

    /// Runs the episodes of iteration `index`.
    fn collect(&mut self, index: u64, observer: &mut dyn Observer) -> Result<IterationRecord> {
        let (run, settings, horizons) = (self.learner.run, self.learner.settings, self.learner.horizons);
        let checkpoint = self.algorithm.acting(&self.learner)?;
        let sampler = Policy::with_threads(&checkpoint, run.threads, run.device)?;
        let warm = self.totals().env_steps < settings.warmup_steps;
        let mut phase = Phase { observer, round: self.state.rounds.len() as u64, name: "collect" };
        let episodes = EvaluationSettings {
            purpose: Purpose::FinetuneReset,
            first: index * settings.episodes as u64,
            lockstep: settings.lockstep,
            keep_actions: true,
            discount: settings.discount,
            ..EvaluationSettings::held_out(settings.episodes, run.seed, horizons)
        };
        let collecting = Collecting { learner: &self.learner, sampler: &sampler, warm };
        let outcome = {
            let mut decider = self.algorithm.behaviour(collecting)?;
            evaluate(run.environment, decider.as_mut(), &episodes, &self.learner.pool, &mut phase)?
        };
        let decisions = outcome.episodes.iter().flat_map(|e| &e.decisions);
        let counts = IterationCounts {
            iteration: index,
            episodes: outcome.episodes.len() as u64,
            solved: outcome.solved() as u64,
            failed: outcome.episodes.iter().filter(|e| e.failure.is_some()).count() as u64,
            env_steps: outcome.episodes.iter().map(|e| e.steps as u64).sum(),
            simulation_steps: decisions.map(|r| r.decision.physics_steps).sum(),
        };
        let mut trajectories = outcome.episodes.into_iter().filter_map(Trajectory::of).collect::<Vec<_>>();
        self.algorithm.note(collecting, &mut trajectories)?;
        Ok(IterationRecord { trajectories, counts })
    }

    /// Goes back to the weights before the last iteration learned; gives up after several times in a row.
    fn roll_back(&mut self, above: f64, observer: &mut dyn Observer) -> Result<()> {
        let run = self.learner.run;
        let mut state = self.learner.state.clone();
        (state.diverged, state.diverged_in_all, state.trusted) = (state.diverged + 1, state.diverged_in_all + 1, false);
        if state.diverged >= PATIENCE {
            return Err(Error::CriticDiverged { times: state.diverged, above, folder: run.out.to_path_buf() });
        }
        observer.warn(&format!("the critic's values are {above:.2} above the returns; back to those before"));
        if let Some(course) = self.state.course.as_ref().filter(|c| !c.earlier.is_empty()) {
            let folder = run.out.join(&course.earlier);
            let fresh =
                Learner::new(run, self.learner.settings, self.algorithm.needs(), Some((&folder, state.clone())))?;
            self.algorithm.begin(&fresh, Some(&folder))?;
            (self.learner.actor, self.learner.critic) = (fresh.actor, fresh.critic);
        }
        self.learner.state = state;
        Ok(())
    }

    /// Writes the weights under a new name, then the state that names them, then removes those of before.
    fn save(&mut self, mut course: Course) -> Result<()> {
        let out = self.learner.run.out;
        course.folder = format!("{LEARNER_FOLDER}-{:06}-{}", course.iterations, self.state.rounds.len());
        let folder = out.join(&course.folder);
        // Killed between this and the state: the same weights are written again.
        files::remove(&folder)?;
        files::write_folder(&folder, |folder| {
            let learner = self.learner.save(folder)?;
            course.learner = serde_json::to_value(learner).map_err(|e| damaged(folder, e))?;
            self.algorithm.save(folder)
        })?;
        let kept = [course.folder.clone(), course.earlier.clone()];
        self.state.course = Some(course);
        self.state.log_lines = Some(self.log.lines());
        self.state.write(out)?;
        remove_others(out, &kept)
    }

    fn log_iteration(&mut self, record: &IterationRecord, mut figures: Figures) -> Result<()> {
        let (counts, totals) = (record.counts, self.totals());
        let learned = record.trajectories.len().max(1) as f64;
        let gamma = self.learner.settings.discount;
        let returns = record.trajectories.iter().map(|t| t.return_from(0, self.learner.sizes, gamma));
        let more = [
            ("rollout/success_rate", counts.solved as f64 / counts.episodes.max(1) as f64),
            ("rollout/ep_rew_mean", returns.sum::<f64>() / learned),
            ("rollout/ep_len_mean", counts.env_steps as f64 / counts.episodes.max(1) as f64),
            ("rollout/failed_episodes", counts.failed as f64),
            ("time/simulation_steps", totals.simulation_steps as f64),
            ("train/n_updates", self.learner.state.actor_steps as f64),
            ("train/anchor", self.learner.state.anchor),
            ("critic/trusted", f64::from(u8::from(self.learner.state.trusted))),
            ("critic/diverged", self.learner.state.diverged_in_all as f64),
        ];
        let more = more.into_iter().chain(self.throughput.figures(totals.env_steps));
        figures.extend(more.map(|(name, value)| (name.to_string(), value)));
        let figures: Vec<(String, f64)> = figures.into_iter().collect();
        Ok(self.log.log(totals.env_steps, &figures)?)
    }

    /// Says early if there is nothing to learn from.
    fn look_for_rewards(&self, observer: &mut dyn Observer) -> Result<()> {
        let (totals, settings) = (self.totals(), self.learner.settings);
        let of = |t: &Trajectory| t.return_from(0, self.learner.sizes, settings.discount);
        let all = self.learner.replay.trajectories();
        if !all.is_empty() && all.iter().all(|t| t.len == 1) {
            return Err(Error::EndsAtOnce { episodes: all.len() });
        }
        // Where nothing is earned but losses, one that is less is something to learn from.
        let differs = |t: &Trajectory| self.learner.run.environment.task().is_none() && of(t) != of(&all[0]);
        if all.iter().any(|t| t.success || of(t) > 0.0 || differs(t)) {
            return Ok(());
        }
        let patience = settings.warmup_steps.max(1);
        let before = totals.env_steps - self.records[self.iterations() as usize - 1].counts.env_steps;
        if totals.env_steps >= PATIENCE * patience {
            return Err(Error::NoReward { env_steps: totals.env_steps });
        }
        if before < patience && totals.env_steps >= patience {
            observer.warn(&Error::NoReward { env_steps: totals.env_steps }.to_string());
        }
        Ok(())
    }

    /// Lets the anchor rise where recall is below its floor now, or entropy was at the evaluation just before; it comes
    /// back once neither is.
    fn hold_modes(&mut self, figures: &mut Figures) -> Result<()> {
        let Some(course) = self.state.course.as_mut().filter(|_| self.algorithm.heeds_anchor()) else { return Ok(()) };
        let first = !std::mem::replace(&mut course.heeded, true);
        let (before, last) = (course.before.clone(), course.last.clone());
        let generator = self.algorithm.acting(&self.learner)?;
        let (run, pool) = (self.learner.run, &self.learner.pool);
        let modes = Modes::kept(&mut self.modes, run, pool, self.learner.demonstrations.as_ref())?;
        let mut now = Figures::new();
        if let Some(recall) = modes.recall(run, pool, &generator)? {
            figures.insert("modes/recall".into(), recall);
            now.insert("modes/recall".into(), recall);
        }
        let floors = self.learner.floors();
        let (recall, entropy) = (floors.recall_missed(&before, &now), floors.entropy_missed(&before, &last));
        if let Some(rise) = rises(recall, entropy, first) {
            self.learner.adapt_anchor(rise);
        }
        Ok(())
    }

    /// Evaluates the algorithm's decider, or the generator `alone`, and measures the generator's modes.
    fn measure(&mut self, alone: bool, observer: &mut dyn Observer) -> Result<Round> {
        let (run, settings, index) = (self.learner.run, self.learner.settings, self.state.rounds.len() as u64);
        let generator = match index {
            0 => run.checkpoint.clone(),
            _ => self.algorithm.acting(&self.learner)?,
        };
        let mut phase = Phase { observer, round: index, name: "evaluate" };
        let (pool, episodes) = (&self.learner.pool, settings.evaluation_episodes);
        let sampler = Policy::with_threads(&generator, run.threads, run.device)?;
        let collecting = Collecting { learner: &self.learner, sampler: &sampler, warm: false };
        let (evaluation, edited) = {
            let acting = if alone { None } else { self.algorithm.evaluated(collecting)? };
            let (horizons, count) = (self.learner.horizons, (episodes, settings.lockstep));
            match acting {
                None => (run.evaluate(pool, &generator, episodes, settings.lockstep, &mut phase)?, false),
                Some(mut acting) => (run.evaluate_by(pool, acting.as_mut(), horizons, count, &mut phase)?, true),
            }
        };
        let modes = Modes::kept(&mut self.modes, run, pool, self.learner.demonstrations.as_ref())?;
        let mut figures = modes.measure(run, pool, &generator, &evaluation)?;
        let (totals, last) = (self.totals(), self.state.rounds.last());
        let before = |name| last.and_then(|r| r.figures.get(name)).copied().unwrap_or(0.0) as u64;
        let since = [totals.episodes - before("rollout/episodes"), totals.solved - before("rollout/solved")];
        figures.insert("rollout/episodes".into(), totals.episodes as f64);
        figures.insert("rollout/solved".into(), totals.solved as f64);
        figures.extend(evaluation.figures());
        let solved = self.learner.replay.trajectories().iter().filter(|t| t.success);
        Ok(Round {
            round: index,
            env_steps: totals.env_steps,
            simulation_steps: totals.simulation_steps,
            gradient_steps: self.learner.state.actor_steps,
            collect_success_rate: (since[0] > 0).then(|| since[1] as f64 / since[0] as f64),
            success_rate: evaluation.report.success_rate,
            edited,
            success_ci95: evaluation.report.success_ci95,
            training_decisions: solved.map(|t| t.decisions(self.learner.sizes)).sum(),
            figures,
        })
    }

    fn end_round(&mut self, round: Round, observer: &mut dyn Observer) -> Result<()> {
        let mut figures: Vec<(String, f64)> = round.figures.clone().into_iter().collect();
        figures.push(("eval/success_rate".into(), round.success_rate));
        figures.push(("time/gradient_steps".into(), round.gradient_steps as f64));
        self.log.log(round.env_steps, &figures)?;
        observer.round(&round);
        self.state.rounds.push(round);
        Ok(())
    }
}

/// Whether the anchor rises or falls, or stays: recall and entropy are below their floors or not, and it is the `first`
/// iteration after entropy was measured, which raises the anchor once.
fn rises(recall: bool, entropy: bool, first: bool) -> Option<bool> {
    match (recall || (entropy && first), entropy) {
        (true, _) => Some(true),
        (false, true) => None,
        (false, false) => Some(false),
    }
}

/// Removes the folders of weights of other iterations.
fn remove_others(out: &Path, keep: &[String]) -> Result<()> {
    for entry in std::fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(LEARNER_FOLDER) && keep.iter().all(|kept| *kept != name) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::rises;

    #[test]
    fn one_reading_of_entropy_raises_the_anchor_once_and_keeps_it_up() {
        let entropy_lost = [true, false, false].map(|first| rises(false, true, first));
        assert_eq!(entropy_lost, [Some(true), None, None]);
        assert_eq!(rises(true, true, false), Some(true));
        assert_eq!(rises(true, false, false), Some(true));
        assert_eq!([true, false].map(|first| rises(false, false, first)), [Some(false); 2]);
    }
}
