//! Expert iteration: the planner is the expert, the generator its apprentice (Anthony et al. 2017, with RS-IMLE as the
//! distillation).
//!
//! ```text
//! repeat until env_steps are spent
//!     collect   episodes with the planner on the generator's candidates; note each decision's elites
//!     keep      the decisions of episodes that succeeded, and those episodes themselves
//!     distil    elites, solved episodes and demonstrations into the generator with RS-IMLE, from its present weights
//!     evaluate  the generator alone on held-out start states
//! ```
//!
//! Each phase ends with an atomic write, and every draw is keyed by counters: a run that is killed and resumed gives
//! the bits of one that was not.

mod settings;

pub use settings::Settings;

use crate::balance;
use crate::disturbed::Disturbed;
use crate::elites::{Recorder, load, save};
use crate::error::{Error, Result};
use crate::handover::{HandOver, Turns, hand_over};
use crate::hindsight::{Smoothing, start_of};
use crate::modes::{Floors, MOST_SHARE, Modes, share_of_demonstrations};
use crate::run::{Observer, Phase, Round, Run, State};
use crate::search::Search;
use imle_configs::episode::Episode;
use imle_configs::seed::Purpose;
use imle_configs::spec::{Horizons, Spec};
use imle_configs::{Error as InputError, files};
use imle_envs::rollout::RolloutEngine;
use imle_planner::alone::GeneratorAlone;
use imle_planner::decide::Decide;
use imle_planner::evaluate::{self, EpisodeResult, evaluate};
use imle_planner::planner::Planner;
use imle_planner::report::Report;
use imle_planner::simulator::Simulator;
use imle_planner::simulator::shifted::with_tolerance;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::metrics::RunLog;
use imle_policy::sampler::Sampler;
use imle_policy::targets::{DemonstrationChunks, MixedTargets, TargetSource, WeightedTargets, progress_weights};
use imle_policy::train::{self, STATE_FOLDER, Start, TrainMetrics, TrainObserver};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Folder of a round's solved episodes, a dataset.
const EPISODES_FOLDER: &str = "episodes";
/// Name of the algorithm.
pub const NAME: &str = "expert-iteration";
const ELITES_FILE: &str = "elites.safetensors";

/// Runs expert iteration; returns the rounds, the first of which is the generator as it came.
///
/// # Errors
/// A bad input; [`Error::NothingLearned`]; [`imle_planner::Error::Interrupted`] when asked to stop, with everything
/// that was done kept for a resume.
pub fn run(settings: &Settings, run: &Run<'_>, observer: &mut dyn Observer) -> Result<Vec<Round>> {
    settings.check()?;
    settings.training(run.checkpoint, run.seed).check()?;
    if run.task.spec().pictures.is_some() && settings.elite_share > 0.0 {
        let expected = "0 for a generator that sees pictures: elites are kept without them";
        return Err(InputError::unexpected("settings: elite_share", expected, settings.elite_share).into());
    }
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

struct ExpertIteration<'a> {
    settings: &'a Settings,
    run: &'a Run<'a>,
    pool: rayon::ThreadPool,
    engine: RolloutEngine,
    demonstrations: Option<DemonstrationChunks>,
    /// Made at the first evaluation.
    modes: Option<Modes>,
    state: State<Settings>,
    log: RunLog,
}

/// What collecting a round gave, kept beside its elites.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Collected {
    env_steps: u64,
    simulation_steps: u64,
    success_rate: f64,
    lessons: usize,
    /// Episodes that were solved in a later attempt.
    #[serde(default)]
    retried: usize,
    /// Solved episodes that were replaced by smoother ones.
    #[serde(default)]
    smoothed: usize,
    /// Episodes that the generator began, and the planner took over.
    #[serde(default)]
    handed_over: usize,
}

/// What later attempts gave.
#[derive(Clone, Copy, Debug, Default)]
struct Retried {
    env_steps: u64,
    simulation_steps: u64,
    solved: usize,
}

impl<'a> ExpertIteration<'a> {
    fn begin(settings: &'a Settings, run: &'a Run<'a>) -> Result<Self> {
        let state = State::begin(NAME, settings, run)?;
        let log = match state.rounds.last() {
            Some(last) if run.resume => RunLog::resume(run.out, last.env_steps)?,
            _ => RunLog::create(run.out)?,
        };
        let demonstrations = run.demonstration_windows()?;
        Ok(Self {
            settings,
            run,
            pool: imle_planner::threads::pool(run.threads)?,
            engine: RolloutEngine::new(run.task.clone(), run.threads)?,
            demonstrations,
            modes: None,
            state,
            log,
        })
    }

    /// The last round; a run that has none yet has done nothing.
    fn last(&self) -> Round {
        let none = Round { success_ci95: [0.0, 1.0], ..Round::default() };
        self.state.rounds.last().cloned().unwrap_or(none)
    }

    fn folder(&self, round: u64) -> PathBuf {
        self.run.out.join("rounds").join(format!("{round:03}"))
    }

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
            lessons: collected.lessons,
            ..evaluated
        };
        self.end_round(done, observer)
    }

    /// Runs the planner and keeps the elites of the episodes it solved; what an earlier call finished is taken up.
    fn collect(&mut self, round: u64, current: &Checkpoint, observer: &mut dyn Observer) -> Result<Collected> {
        let place = self.folder(round).join("collected.json");
        if place.exists() {
            let text = files::read_text(&place)?;
            return serde_json::from_str(&text)
                .map_err(|e| InputError::unexpected(place.display(), "what a round collected", e).into());
        }
        let trained = current.config().horizons;
        let horizons = match self.settings.execute {
            0 => self.run.task.horizons(trained),
            n => Horizons { action: n.min(trained.prediction), ..trained },
        };
        let sampler = Sampler::new(current, self.run.threads, self.run.device)?;
        let (low, high) = self.run.task.control().range();
        let mut planner = self.planner(&sampler, horizons, 0)?;
        let mut recorder = Recorder::new(&mut planner, self.settings.elites.clone(), (low, high));
        let with_elites = self.settings.elite_share > 0.0;
        let episodes = self.settings.episodes_per_round;
        let turns = self.turns(round, horizons);
        let alone = self.settings.student_first;
        let again = alone || !self.settings.smooth.is_empty() || self.settings.attempts > 1 || turns.share > 0.0;
        let settings = evaluate::Settings {
            purpose: Purpose::FinetuneReset,
            first: (round - 1) * episodes as u64,
            lockstep: self.settings.lockstep,
            keep_actions: true,
            record: if again { episodes } else { 0 },
            ..evaluate::Settings::held_out(episodes, self.run.seed, horizons)
        };
        let teacher: &mut dyn Decide = if with_elites { &mut recorder } else { recorder.planner() };
        let mut teacher = self.disturbed(teacher, horizons);
        let mut student = GeneratorAlone::new(&sampler, self.run.seed, horizons);
        let mut phase = Phase { observer, round, name: "collect" };
        let mut outcome = if alone {
            evaluate(&self.run.task, &mut student, &settings, &self.pool, &mut phase)?
        } else {
            let mut decider = HandOver { student: &mut student, teacher: &mut teacher, turns };
            evaluate(&self.run.task, &mut decider, &settings, &self.pool, &mut phase)?
        };
        teacher.restore(&mut outcome.episodes);
        let report = Report::new(&outcome, self.run.task.spec().control_rate);
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
                (0, true) => Some(start_of(&self.run.task, horizons, episode, 0)),
                (students, _) => hand_over(&self.run.task, horizons, students, episode),
            };
            let kept = start.is_some();
            handed_over += usize::from(kept && students > 0);
            starts.extend(start);
            kept
        });
        let retried = self.retry(round, (&sampler, horizons), (&mut outcome.episodes, &starts), observer)?;
        let succeeded: BTreeSet<u64> = outcome.episodes.iter().filter(|e| e.success).map(|e| e.episode).collect();
        if succeeded.is_empty() {
            return Err(Error::NothingLearned { round, episodes });
        }
        if with_elites {
            let states = recorder.kept(&succeeded);
            if states.is_empty() {
                return Err(Error::NothingLearned { round, episodes });
            }
            save(&self.folder(round).join(ELITES_FILE), &states)?;
        }
        let solved = outcome.episodes.iter().filter(|e| e.success);
        let lessons = solved.map(|e| e.decisions.len()).sum();
        let mut solved = outcome.episodes;
        solved.retain(|e| e.success);
        let smoothing = Smoothing {
            task: &self.run.task,
            horizons,
            widths: &self.settings.smooth,
            lockstep: self.settings.lockstep,
        };
        let mut phase = Phase { observer, round, name: "smooth" };
        let smoothed = smoothing.apply(&self.pool, &mut solved, &mut phase)?;
        self.keep_episodes(round, solved)?;
        let collected = Collected {
            env_steps: report.env_steps + retried.env_steps,
            simulation_steps: report.physics_steps + retried.simulation_steps + smoothed.physics_steps,
            retried: retried.solved,
            smoothed: smoothed.replaced,
            handed_over,
            success_rate: report.success_rate,
            lessons,
        };
        let text =
            serde_json::to_string(&collected).map_err(|e| InputError::unexpected("collected.json", "figures", e))?;
        files::write_text(&place, &text)?;
        Ok(collected)
    }

    /// Which episodes of a round the generator begins.
    fn turns(&self, round: u64, horizons: Horizons) -> Turns {
        let whole = self.run.task.max_steps().div_ceil(horizons.action) as u64;
        let most = match self.settings.student_decisions {
            0 => whole,
            n => n.min(whole),
        };
        let share = if round > self.settings.planner_rounds { self.settings.student_share } else { 0.0 };
        Turns { share, most, seed: self.run.seed }
    }

    /// The planner of an attempt: each has twice as many candidates as the one before, later ones drawn twice as widely.
    fn planner<'p>(&'p self, sampler: &'p Sampler, horizons: Horizons, attempt: usize) -> Result<Planner<'p>> {
        let settings = self.settings;
        let simulator: Box<dyn Simulator + 'p> = match settings.tolerance {
            0.0 => Box::new(&self.engine),
            sigma => Box::new(with_tolerance(&self.engine, sigma, settings.shifts, self.run.seed)?),
        };
        let search = Search {
            optimizer: if attempt == 0 { &settings.optimizer } else { &settings.retry },
            noise: match attempt {
                0 => settings.noise,
                n => settings.retry_noise * (1u64 << (n - 1)) as f64,
            },
            space: &settings.space,
            knots: settings.knots,
            candidates: settings.candidates << attempt,
            stay: settings.stay,
            slack: settings.slack,
        };
        search.planner(self.run, simulator, sampler, horizons)
    }

    /// `teacher` as what it does is executed.
    fn disturbed<'d>(&'d self, teacher: &'d mut dyn Decide, horizons: Horizons) -> Disturbed<'d> {
        Disturbed::new(
            teacher,
            self.settings.disturbance,
            self.run.seed,
            self.run.task.control().range(),
            horizons.action,
        )
    }

    /// Begins the episodes that were not solved again, by the planner with ever more candidates, and puts those that are solved
    /// then in their places: start states that are left out would be those that the generator needs most.
    fn retry(
        &self,
        round: u64,
        (sampler, horizons): (&Sampler, Horizons),
        (episodes, starts): (&mut [EpisodeResult], &[evaluate::Start]),
        observer: &mut dyn Observer,
    ) -> Result<Retried> {
        let mut done = Retried::default();
        let attempts = self.settings.attempts;
        for attempt in usize::from(!self.settings.student_first)..attempts {
            let left: Vec<usize> = (0..starts.len()).filter(|i| !episodes[*i].success).collect();
            if left.is_empty() {
                break;
            }
            let begun: Vec<_> = left.iter().map(|i| starts[*i].clone()).collect();
            let mut planner = self.planner(sampler, horizons, attempt)?;
            let settings = evaluate::Settings {
                purpose: Purpose::FinetuneReset,
                // Draws of their own; with the index 0 the planner's would be those that failed when the generator tried.
                first: ((if attempt == 0 { attempts } else { attempt } as u64) << 40)
                    | ((round - 1) * self.settings.episodes_per_round as u64),
                lockstep: self.settings.lockstep,
                keep_actions: true,
                record: left.len(),
                starts: Some(begun.into()),
                ..evaluate::Settings::held_out(left.len(), self.run.seed, horizons)
            };
            let mut phase = Phase { observer, round, name: "retry" };
            let mut teacher = self.disturbed(&mut planner, horizons);
            let mut outcome = evaluate(&self.run.task, &mut teacher, &settings, &self.pool, &mut phase)?;
            teacher.restore(&mut outcome.episodes);
            let report = Report::new(&outcome, self.run.task.spec().control_rate);
            done.env_steps += report.env_steps;
            done.simulation_steps += report.physics_steps;
            for (at, mut episode) in left.into_iter().zip(outcome.episodes).filter(|(_, e)| e.success) {
                episode.episode = episodes[at].episode;
                episodes[at] = episode;
                done.solved += 1;
            }
        }
        Ok(done)
    }

    /// Writes the solved episodes as a dataset of the round, with what the generator saw.
    fn keep_episodes(&self, round: u64, mut episodes: Vec<EpisodeResult>) -> Result<()> {
        let folder = self.folder(round).join(EPISODES_FOLDER);
        if folder.exists() {
            // Killed between this and the end of the phase: the same episodes are written again.
            std::fs::remove_dir_all(&folder).map_err(|e| InputError::io(&folder, "remove the folder", e))?;
        }
        let record = |e: EpisodeResult| Episode {
            observations: e.observations,
            actions: e.actions,
            success: true,
            seed: self.run.seed,
            index: e.episode,
            mode: e.mode.unwrap_or_default().into(),
            mismatch: self.run.task.mismatch().map_or_else(String::new, |m| m.name.clone()),
            len: e.steps,
        };
        let mut pictures: Vec<Vec<u8>> = episodes.iter_mut().map(|e| std::mem::take(&mut e.pictures)).collect();
        let solved: Vec<Episode> = episodes.into_iter().map(record).collect();
        let seen = self.run.task.spec();
        let spec = Spec { pictures: None, ..seen.clone() };
        let Some(layout) = &seen.pictures else { return Ok(imle_data::write(&folder, &spec, &solved)?) };
        let draw = |n: usize| Ok::<_, InputError>(std::mem::take(&mut pictures[n]));
        Ok(imle_data::write_with_images(&folder, &spec, &solved, layout, draw)?)
    }

    /// Trains from the present weights on elites, solved episodes and demonstrations.
    fn distil(&self, round: u64, current: &Checkpoint, observer: &mut dyn Observer) -> Result<()> {
        let (mut states, mut solved) = (Vec::new(), Vec::new());
        let mut pictures = Vec::new();
        let first = match self.settings.kept_rounds {
            0 => 1,
            kept => (round + 1).saturating_sub(kept).max(1),
        };
        for earlier in first..=round {
            if self.settings.elite_share > 0.0 {
                states.extend(load(&self.folder(earlier).join(ELITES_FILE))?);
            }
            let folder = self.folder(earlier).join(EPISODES_FOLDER);
            let episodes = imle_data::read(&folder)?.episodes;
            if let Some(layout) = &self.run.task.spec().pictures {
                let read = || imle_data::read_all_images(&folder, &layout.cameras, episodes.len());
                pictures.extend(self.pool.install(read)?.rgb);
            }
            solved.extend(episodes);
        }
        let elites = if states.is_empty() { None } else { Some(WeightedTargets::new(&states, self.settings.samples)?) };
        let pictures = self.run.task.spec().pictures.is_some().then(|| Arc::new(pictures));
        let solved = self.lessons(&solved, pictures)?;
        let share = self.share_of_demonstrations();
        let rest = 1.0 - share - self.settings.elite_share;
        let mut sources: Vec<(f64, &dyn TargetSource)> = vec![(rest, &solved)];
        if let Some(elites) = &elites {
            sources.push((self.settings.elite_share, elites));
        }
        if let Some(demonstrations) = &self.demonstrations {
            sources.push((share, demonstrations));
        }
        let targets = MixedTargets::new(&sources)?;
        let settings = self.settings.training(current, self.run.seed.wrapping_add(round));
        let out = self.folder(round).join("generator");
        let started = out.join(STATE_FOLDER).exists();
        if !started && out.exists() {
            // Killed before its first checkpoint: there is nothing in it to go on from.
            std::fs::remove_dir_all(&out).map_err(|e| InputError::io(&out, "remove the unfinished folder", e))?;
        }
        let data = format!("expert iteration, round {round}");
        let start = if started { Start::Resume } else { Start::Checkpoint { checkpoint: current, data } };
        let mut watch = Distilling { observer, round };
        let outcome = train::train(&settings, &self.pool, self.run.device, start, &targets, &out, &mut watch)?;
        if outcome.interrupted { Err(imle_planner::Error::Interrupted.into()) } else { Ok(()) }
    }

    /// The windows of solved episodes, drawn by how they get on and by their modes.
    fn lessons(&self, episodes: &[Episode], pictures: Option<Arc<Vec<u8>>>) -> Result<DemonstrationChunks> {
        let windows = self.run.windows(episodes, pictures)?;
        let mut weights = match self.settings.quality {
            0.0 => vec![1.0; windows.len()],
            beta => progress_weights(&windows, &self.pool, beta)?,
        };
        if let Some(first) = self.state.rounds.first().filter(|_| self.settings.balance) {
            let modes: Vec<&str> = episodes.iter().map(|e| e.mode.as_str()).collect();
            let of_mode = balance::weights(&modes, &first.figures);
            weights.iter_mut().enumerate().for_each(|(t, weight)| *weight *= of_mode[windows.episode(t)]);
        }
        if weights.iter().all(|weight| *weight == 1.0) {
            return Ok(windows);
        }
        Ok(windows.with_weights(&weights)?)
    }

    /// Share of training states drawn from the demonstrations: more after rounds that lost modes.
    fn share_of_demonstrations(&self) -> f64 {
        let settings = self.settings;
        let Some(first) = self.state.rounds.first().filter(|_| self.demonstrations.is_some()) else { return 0.0 };
        let floors = Floors { recall: settings.recall_floor, entropy: settings.entropy_floor };
        let least = settings.demonstration_share;
        let most = (MOST_SHARE * (1.0 - settings.elite_share)).max(least);
        self.state.rounds[1..].iter().fold(least, |share, round| {
            share_of_demonstrations(share, least, floors.missed(&first.figures, &round.figures)).min(most)
        })
    }

    /// Success of the generator alone and what it keeps of its modes; the counters of the round are left to the caller.
    fn evaluate(&mut self, round: u64, checkpoint: &Checkpoint, observer: &mut dyn Observer) -> Result<Round> {
        let sizes = (self.settings.evaluation_episodes, self.settings.lockstep);
        let mut phase = Phase { observer, round, name: "evaluate" };
        let evaluation = self.run.evaluate(&self.pool, checkpoint, sizes, &mut phase)?;
        let report = &evaluation.report;
        let (success_rate, success_ci95) = (report.success_rate, report.success_ci95);
        let figures = match &mut self.modes {
            // Modes are measured on observations alone.
            _ if self.run.task.spec().pictures.is_some() => BTreeMap::new(),
            Some(modes) => modes.measure(self.run, &self.pool, checkpoint, &evaluation)?,
            none => none.insert(Modes::new(self.run, &self.pool, self.demonstrations.as_ref())?).measure(
                self.run,
                &self.pool,
                checkpoint,
                &evaluation,
            )?,
        };
        Ok(Round { round, success_rate, success_ci95, figures, ..self.last() })
    }

    fn end_round(&mut self, round: Round, observer: &mut dyn Observer) -> Result<()> {
        let mut figures = vec![
            ("eval/success_rate", round.success_rate),
            ("time/simulation_steps", round.simulation_steps as f64),
            ("time/gradient_steps", round.gradient_steps as f64),
            ("train/lessons", round.lessons as f64),
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
}

struct Distilling<'o> {
    observer: &'o mut dyn Observer,
    round: u64,
}

impl TrainObserver for Distilling<'_> {
    fn logged(&mut self, m: &TrainMetrics) {
        self.observer.phase(self.round, "distil", m.step, m.steps, &format!("loss {:.4}", m.loss));
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}
