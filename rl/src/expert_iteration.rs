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
//! Each phase ends with an atomic write, the episodes that are being collected are kept after every `lockstep` of them (with
//! `elite_share` only later attempts are), and every draw is keyed by counters: a run that is killed and resumed gives the
//! bits of one that was not.

mod collect;
mod kept;
mod settings;

pub use settings::Settings;

use crate::balance;
use crate::elites::load;
use crate::error::Result;
use crate::modes::{Floors, MOST_SHARE, Modes, share_of_demonstrations};
use crate::run::{Observer, Phase, Round, Run, State};
use imle_configs::Error as InputError;
use imle_configs::episode::Episode;
use imle_envs::rollout::RolloutEngine;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::metrics::RunLog;
use imle_policy::targets::{DemonstrationChunks, MixedTargets, TargetSource, WeightedTargets};
use imle_policy::train::{self, STATE_FOLDER, Start, TrainMetrics, TrainObserver};
use std::collections::BTreeMap;
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
/// A bad input; [`crate::Error::NothingLearned`]; [`imle_planner::Error::Interrupted`] when asked to stop, with everything
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

    /// The windows of solved episodes, drawn by their modes.
    fn lessons(&self, episodes: &[Episode], pictures: Option<Arc<Vec<u8>>>) -> Result<DemonstrationChunks> {
        let windows = self.run.windows(episodes, pictures)?;
        let Some(first) = self.state.rounds.first().filter(|_| self.settings.balance) else { return Ok(windows) };
        let modes: Vec<&str> = episodes.iter().map(|e| e.mode.as_str()).collect();
        let of_mode = balance::weights(&modes, &first.figures);
        let weights: Vec<f64> = (0..windows.len()).map(|t| of_mode[windows.episode(t)]).collect();
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
        let mut figures = match &mut self.modes {
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
        figures.extend(self.ladder(checkpoint, &mut Phase { observer, round, name: "plan" })?);
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
