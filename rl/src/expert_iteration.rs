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

use crate::elites::{Recorder, keep_successful, load, save};
use crate::error::{Error, Result};
use imle_configs::episode::{Episode, checksum, fingerprint};
use imle_configs::seed::Purpose;
use imle_configs::spec::{Horizons, Spec};
use imle_configs::{Error as InputError, files};
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_planner::alone::GeneratorAlone;
use imle_planner::decide::Decide;
use imle_planner::evaluate::{self, EpisodeResult, Progress, evaluate};
use imle_planner::optimizer::PredictiveSampling;
use imle_planner::planner::Planner;
use imle_planner::proposal::{Generator, Proposal, Warm};
use imle_planner::report::Report;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::metrics::RunLog;
use imle_policy::sampler::Sampler;
use imle_policy::targets::{DemonstrationChunks, MixedTargets, TargetSource, WeightedTargets};
use imle_policy::train::{self, STATE_FOLDER, Start, TrainMetrics, TrainObserver};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::Device;

/// What a run is given.
pub struct Run<'a> {
    /// The task.
    pub task: Arc<Task>,
    /// The generator to start from.
    pub checkpoint: &'a Checkpoint,
    /// Demonstrations; may be empty.
    pub demonstrations: &'a [Episode],
    /// The pictures of their frames, (frames, cameras, H, W, 3), for a generator that sees pictures.
    pub pictures: Option<Arc<Vec<u8>>>,
    /// Control steps in the world to learn from.
    pub env_steps: u64,
    /// Seed of all draws.
    pub seed: u64,
    /// The run's folder; becomes the checkpoint's folder too.
    pub out: &'a Path,
    /// Whether to go on from the state in `out`.
    pub resume: bool,
    /// Where the network runs.
    pub device: Device,
    /// Threads for physics, sampling and training.
    pub threads: usize,
}

/// Figures of a round, as kept in `state.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Index; round 0 is the generator as it came.
    pub round: u64,
    /// Control steps in the world so far.
    pub env_steps: u64,
    /// Physics steps of the planner so far.
    pub simulation_steps: u64,
    /// Training steps so far.
    pub gradient_steps: u64,
    /// Success of the planner while collecting, if this round collected.
    pub collect_success_rate: Option<f64>,
    /// Success of the generator alone on held-out starts.
    pub success_rate: f64,
    /// Its 95 % Wilson interval.
    pub success_ci95: [f64; 2],
    /// Decisions of the solved episodes of this round.
    pub lessons: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    format: u32,
    seed: u64,
    inputs: Inputs,
    settings: Settings,
    rounds: Vec<Round>,
}

/// What a run is begun with: a resumed one must go on with the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Inputs {
    task: String,
    mismatch: Option<String>,
    /// Fingerprints.
    checkpoint: String,
    demonstrations: String,
}

impl Inputs {
    fn of(run: &Run<'_>) -> Self {
        Self {
            task: run.task.spec().task.clone(),
            mismatch: run.task.mismatch().map(|m| m.name.clone()),
            checkpoint: run.checkpoint.fingerprint(),
            demonstrations: format!(
                "{} episodes ({}{})",
                run.demonstrations.len(),
                fingerprint(run.demonstrations),
                run.pictures.as_ref().map_or(String::new(), |p| format!(", pictures {}", checksum(p)))
            ),
        }
    }

    /// The first of them that differs in `now`: its flag, what was and what is.
    fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
        let none = |m: &Option<String>| m.clone().unwrap_or_else(|| "none".into());
        [
            ("--task", self.task.clone(), now.task.clone()),
            ("--mismatch", none(&self.mismatch), none(&now.mismatch)),
            ("--checkpoint", self.checkpoint.clone(), now.checkpoint.clone()),
            ("--data", self.demonstrations.clone(), now.demonstrations.clone()),
        ]
        .into_iter()
        .find(|(_, was, is)| was != is)
    }
}

/// Told what happens, and asked whether to stop.
pub trait Observer {
    /// A phase of a round goes on: its name, what is done, of how much.
    fn phase(&mut self, round: u64, phase: &'static str, done: u64, total: u64, message: &str);
    /// A round is over.
    fn round(&mut self, round: &Round);
    /// Whether to stop now; the run can be resumed.
    fn should_stop(&self) -> bool;
}

const FORMAT: u32 = 1;
/// Folder of a round's solved episodes, a dataset.
const EPISODES_FOLDER: &str = "episodes";
const STATE_FILE: &str = "state.json";
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

/// The settings with which the run in `folder` was begun.
///
/// # Errors
/// A bad input, if there is no run.
pub fn saved_settings(folder: &Path) -> Result<Settings> {
    Ok(read_state(folder)?.settings)
}

fn read_state(folder: &Path) -> Result<State> {
    let place = folder.join(STATE_FILE);
    let state: State = serde_json::from_str(&files::read_text(&place)?)
        .map_err(|e| InputError::unexpected(place.display(), "the state of a fine-tuning run", e))?;
    if state.format != FORMAT {
        return Err(InputError::unexpected(format!("{}: format", place.display()), FORMAT, state.format).into());
    }
    Ok(state)
}

fn write_state(folder: &Path, state: &State) -> Result<()> {
    let text = serde_json::to_string_pretty(state).map_err(|e| InputError::unexpected(STATE_FILE, "a state", e))?;
    Ok(files::write_text(&folder.join(STATE_FILE), &text)?)
}

struct ExpertIteration<'a> {
    settings: &'a Settings,
    run: &'a Run<'a>,
    pool: rayon::ThreadPool,
    engine: RolloutEngine,
    demonstrations: Option<DemonstrationChunks>,
    state: State,
    log: RunLog,
}

/// What collecting a round gave, kept beside its elites.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Collected {
    env_steps: u64,
    simulation_steps: u64,
    success_rate: f64,
    lessons: usize,
}

impl<'a> ExpertIteration<'a> {
    fn begin(settings: &'a Settings, run: &'a Run<'a>) -> Result<Self> {
        let state = if run.resume {
            let place = run.out.join(STATE_FILE);
            let state = read_state(run.out)?;
            if state.seed != run.seed || state.settings != *settings {
                let expected = "the seed and settings the run was begun with";
                return Err(
                    InputError::unexpected(place.display(), expected, "others; leave them out to resume").into()
                );
            }
            if let Some((flag, was, is)) = state.inputs.difference(&Inputs::of(run)) {
                let expected = format!("{was}, with which {} was begun", run.out.display());
                return Err(InputError::unexpected(flag, expected, is).into());
            }
            files::remove_unfinished(run.out)?;
            state
        } else {
            files::create_output_folder(run.out)?;
            State {
                format: FORMAT,
                seed: run.seed,
                inputs: Inputs::of(run),
                settings: settings.clone(),
                rounds: Vec::new(),
            }
        };
        // The state comes first: a run that was killed before it is begun anew, any other resumed.
        write_state(run.out, &state)?;
        let log = match state.rounds.last() {
            Some(last) if run.resume => RunLog::resume(run.out, last.env_steps)?,
            _ => RunLog::create(run.out)?,
        };
        let demonstrations = if run.demonstrations.is_empty() {
            None
        } else {
            Some(windows(run.checkpoint, run.demonstrations, run.pictures.clone())?)
        };
        Ok(Self {
            settings,
            run,
            pool: imle_planner::threads::pool(run.threads)?,
            engine: RolloutEngine::new(run.task.clone(), run.threads)?,
            demonstrations,
            state,
            log,
        })
    }

    /// The last round; a run that has none yet has done nothing.
    fn last(&self) -> Round {
        let none = Round {
            round: 0,
            env_steps: 0,
            simulation_steps: 0,
            gradient_steps: 0,
            collect_success_rate: None,
            success_rate: 0.0,
            success_ci95: [0.0, 1.0],
            lessons: 0,
        };
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
        let sources: Vec<Box<dyn Proposal + '_>> =
            vec![Box::new(Generator::new(&sampler, self.run.seed)), Box::new(Warm)];
        let mut planner = Planner::new(
            Box::new(&self.engine),
            sources,
            Box::new(PredictiveSampling),
            horizons,
            self.settings.candidates,
        )?;
        let mut recorder = Recorder::new(&mut planner, self.settings.elites.clone(), self.run.task.control().range());
        let with_elites = self.settings.elite_share > 0.0;
        let episodes = self.settings.episodes_per_round;
        let settings = evaluate::Settings {
            purpose: Purpose::FinetuneReset,
            first: (round - 1) * episodes as u64,
            lockstep: self.settings.lockstep,
            keep_actions: true,
            ..evaluate::Settings::held_out(episodes, self.run.seed, horizons)
        };
        let decider: &mut dyn Decide = if with_elites { &mut recorder } else { recorder.planner() };
        let mut phase = Phase { observer, round, name: "collect" };
        let outcome = evaluate(&self.run.task, decider, &settings, &self.pool, &mut phase)?;
        let report = Report::new(&outcome, self.run.task.spec().control_rate);
        let succeeded: BTreeSet<u64> = outcome.episodes.iter().filter(|e| e.success).map(|e| e.episode).collect();
        if succeeded.is_empty() {
            return Err(Error::NothingLearned { round, episodes });
        }
        if with_elites {
            let states = keep_successful(recorder.lessons, &succeeded);
            if states.is_empty() {
                return Err(Error::NothingLearned { round, episodes });
            }
            save(&self.folder(round).join(ELITES_FILE), &states)?;
        }
        let solved = outcome.episodes.iter().filter(|e| e.success);
        let lessons = solved.map(|e| e.decisions.len()).sum();
        self.keep_episodes(round, outcome.episodes)?;
        let collected = Collected {
            env_steps: report.env_steps,
            simulation_steps: report.physics_steps,
            success_rate: report.success_rate,
            lessons,
        };
        let text =
            serde_json::to_string(&collected).map_err(|e| InputError::unexpected("collected.json", "figures", e))?;
        files::write_text(&place, &text)?;
        Ok(collected)
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
        episodes.retain(|e| e.success);
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
        for earlier in 1..=round {
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
        let solved = windows(current, &solved, self.run.task.spec().pictures.is_some().then(|| Arc::new(pictures)))?;
        let share = if self.demonstrations.is_some() { self.settings.demonstration_share } else { 0.0 };
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

    /// Success of the generator alone; the counters of the round are left to the caller.
    fn evaluate(&self, round: u64, checkpoint: &Checkpoint, observer: &mut dyn Observer) -> Result<Round> {
        let horizons = self.run.task.horizons(checkpoint.config().horizons);
        let sampler = Sampler::new(checkpoint, self.run.threads, self.run.device)?;
        let mut alone = GeneratorAlone::new(&sampler, self.run.seed, horizons);
        let settings = evaluate::Settings {
            lockstep: self.settings.lockstep,
            ..evaluate::Settings::held_out(self.settings.evaluation_episodes, self.run.seed, horizons)
        };
        let outcome = evaluate(
            &self.run.task,
            &mut alone,
            &settings,
            &self.pool,
            &mut Phase { observer, round, name: "evaluate" },
        )?;
        let report = Report::new(&outcome, self.run.task.spec().control_rate);
        Ok(Round { round, success_rate: report.success_rate, success_ci95: report.success_ci95, ..self.last() })
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
        self.log.log(round.env_steps, &figures)?;
        observer.round(&round);
        self.state.rounds.push(round);
        write_state(self.run.out, &self.state)
    }
}

/// The windows of `episodes` as `checkpoint` sees them.
fn windows(
    checkpoint: &Checkpoint,
    episodes: &[Episode],
    pictures: Option<Arc<Vec<u8>>>,
) -> Result<DemonstrationChunks> {
    let config = checkpoint.config();
    let windows = DemonstrationChunks::new(&config.spec, config.horizons, episodes)?;
    Ok(match pictures {
        Some(pictures) => windows.with_pictures(pictures)?,
        None => windows,
    })
}

struct Phase<'o> {
    observer: &'o mut dyn Observer,
    round: u64,
    name: &'static str,
}

impl Progress for Phase<'_> {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        let message = format!("solved {solved}");
        self.observer.phase(self.round, self.name, done as u64, total as u64, &message);
        !self.observer.should_stop()
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
