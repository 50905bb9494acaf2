//! A fine-tuning run as all algorithms share it: inputs, state on disk, evaluations and observer.

use crate::error::Result;
use imle_configs::episode::{Episode, checksum, fingerprint};
use imle_configs::{Error as InputError, files, files::FolderLock, renames, spec::Horizons};
use imle_envs::task::file::RewardKind;
use imle_planner::evaluation::{Environment, EvaluationSettings, Outcome, Progress, evaluate, report::Report};
use imle_planner::{decide::Decide, policy_controller::PolicyController};
use imle_policy::{checkpoint::Checkpoint, policy::Policy, targets::DemonstrationChunks};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use tch::Device;

/// Inputs of a run.
pub struct Run<'a> {
    /// Where it acts: an `Arc<Task>`, or an environment of your own.
    pub environment: &'a dyn Environment,
    /// The generator to start from.
    pub checkpoint: &'a Checkpoint,
    /// Demonstrations; may be empty.
    pub demonstrations: &'a [Episode],
    /// The pictures of their frames, (frames, cameras, H, W, 3), for a generator that sees pictures.
    pub pictures: Option<Arc<Vec<u8>>>,
    /// Control steps in the environment to learn from.
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

impl Run<'_> {
    /// The windows of `episodes` as the generator sees them.
    pub(crate) fn windows(&self, episodes: &[Episode], pictures: Option<Arc<Vec<u8>>>) -> Result<DemonstrationChunks> {
        let config = self.checkpoint.config();
        let windows = DemonstrationChunks::new(&config.spec, config.horizons, episodes)?;
        Ok(if let Some(pictures) = pictures { windows.with_pictures(pictures)? } else { windows })
    }

    /// The windows of the demonstrations, if there are any.
    pub(crate) fn demonstration_windows(&self) -> Result<Option<DemonstrationChunks>> {
        if self.demonstrations.is_empty() {
            return Ok(None);
        }
        self.windows(self.demonstrations, self.pictures.clone()).map(Some)
    }

    /// Checks that the generator is one that is trained whole.
    pub(crate) fn check_generator(&self) -> Result<()> {
        let (expected, found) = ("a generator that sees the state itself", "one behind an estimator of pictures");
        Ok(InputError::ensure(self.checkpoint.estimator().is_none(), "checkpoint", expected, found)?)
    }

    /// Checks that the generator can act in the environment, and that critics can learn returns within these bounds.
    pub(crate) fn check_environment(&self, returns: [f64; 2]) -> Result<()> {
        let (environment, seen) = (self.environment, &self.checkpoint.config().spec);
        self.check_generator()?;
        let place = |part: &str| format!("environment {}: {part}", environment.spec().task);
        for (part, its, own) in [
            ("observation", &environment.spec().observation, &seen.observation),
            ("action", &environment.spec().action, &seen.action),
        ] {
            InputError::ensure(
                its.size() == own.size(),
                place(part),
                format_args!("{own}, as the generator has"),
                its,
            )?;
        }
        let [low, high] = returns;
        let finite = low.is_finite() && high.is_finite() && low < high;
        let expected = "finite bounds, low to high, for critics";
        Ok(InputError::ensure(finite, place("return_bounds"), expected, format_args!("{low} to {high}"))?)
    }

    /// The generator of `checkpoint` alone on held-out start states.
    pub(crate) fn evaluate(
        &self,
        pool: &rayon::ThreadPool,
        checkpoint: &Checkpoint,
        episodes: usize,
        lockstep: usize,
        progress: &mut dyn Progress,
    ) -> Result<Evaluation> {
        let horizons = self.environment.horizons(checkpoint.config().horizons);
        let sampler = Policy::with_threads(checkpoint, self.threads, self.device)?;
        let mut alone = PolicyController::new(sampler, self.seed, horizons);
        self.evaluate_by(pool, &mut alone, horizons, (episodes, lockstep), progress)
    }

    /// `decider` on held-out start states: so many episodes, and of them in lock-step.
    pub(crate) fn evaluate_by(
        &self,
        pool: &rayon::ThreadPool,
        decider: &mut dyn Decide,
        horizons: Horizons,
        (episodes, lockstep): (usize, usize),
        progress: &mut dyn Progress,
    ) -> Result<Evaluation> {
        let settings = EvaluationSettings { lockstep, ..EvaluationSettings::held_out(episodes, self.seed, horizons) };
        let outcome = evaluate(self.environment, decider, &settings, pool, progress)?;
        let rate = self.environment.control_rate().unwrap_or(f64::NAN);
        Ok(Evaluation { report: Report::new(&outcome, rate), outcome })
    }
}

/// Held-out episodes.
pub(crate) struct Evaluation {
    pub(crate) report: Report,
    pub(crate) outcome: Outcome,
}

impl Evaluation {
    /// Mean reward and length of its episodes, under the names of Stable-Baselines3.
    pub(crate) fn figures(&self) -> Figures {
        let length = self.report.env_steps as f64 / self.report.episodes.max(1) as f64;
        [("eval/mean_reward", self.outcome.mean_return()), ("eval/mean_ep_length", length)]
            .map(|(name, value)| (name.to_string(), value))
            .into()
    }
}

/// Control steps since a run was begun or resumed, and how long they took.
pub(crate) struct Throughput {
    begun: Instant,
    before: u64,
}

impl Throughput {
    /// From now on, after `env_steps` control steps.
    pub(crate) fn after(env_steps: u64) -> Self {
        Self { begun: Instant::now(), before: env_steps }
    }

    /// The figures at `env_steps` control steps, under the names of Stable-Baselines3.
    pub(crate) fn figures(&self, env_steps: u64) -> [(&'static str, f64); 2] {
        let done = env_steps.saturating_sub(self.before) as f64;
        [("time/fps", done / self.begun.elapsed().as_secs_f64().max(1e-9)), ("time/total_timesteps", env_steps as f64)]
    }
}

/// Figures of an iteration or evaluation, by name.
pub type Figures = BTreeMap<String, f64>;

/// Figures at an evaluation, as kept in `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Index; round 0 is the generator as it came.
    pub round: u64,
    /// Control steps in the world so far.
    pub env_steps: u64,
    /// Physics steps of rollouts so far, a planner's.
    pub simulation_steps: u64,
    /// Training steps of the generator so far.
    pub gradient_steps: u64,
    /// Success while collecting since the last round, if anything was collected.
    pub collect_success_rate: Option<f64>,
    /// Success on held-out starts, of the generator alone or, if `edited`, with its edits.
    pub success_rate: f64,
    /// Whether edits were added to what the generator proposed.
    #[serde(default)]
    pub edited: bool,
    /// 95 % Wilson interval of the success rate.
    pub success_ci95: [f64; 2],
    /// Decisions of the solved episodes since the last round, which are learned from.
    pub training_decisions: usize,
    /// Other measurements: `modes/…`, `critic/…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// Follows a run, and may stop it.
pub trait Observer {
    /// A phase of a round goes on: its name, what is done, of how much.
    fn phase(&mut self, round: u64, phase: &'static str, done: u64, total: u64, message: &str);
    /// A round is over.
    fn round(&mut self, round: &Round);
    /// A warning for the user.
    fn warn(&mut self, message: &str);
    /// Whether to stop now; the run can be resumed.
    fn should_stop(&self) -> bool;
}

/// Reports the progress of a phase's episodes to an observer.
pub(crate) struct Phase<'o> {
    pub(crate) observer: &'o mut dyn Observer,
    pub(crate) round: u64,
    pub(crate) name: &'static str,
}

impl Progress for Phase<'_> {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        let message = format!("{solved} solved");
        self.observer.phase(self.round, self.name, done as u64, total as u64, &message);
        !self.observer.should_stop()
    }
}

/// Of format 2, up to version 0.1.0, some names were others ([`renames`]).
const FORMAT: u32 = 3;
const READ: [u32; 2] = [2, FORMAT];
const STATE_FILE: &str = "state.json";

/// `state.json` of a run's folder; S are the settings of its algorithm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State<S> {
    format: u32,
    pub(crate) algorithm: String,
    pub(crate) seed: u64,
    inputs: Inputs,
    pub(crate) settings: S,
    pub(crate) rounds: Vec<Round>,
    /// Lines of the log; version 0.1.0 kept none.
    #[serde(default)]
    pub(crate) log_lines: Option<u64>,
    /// State of an algorithm that learns online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) course: Option<Course>,
}

/// Where an online run is: at the end of an iteration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Course {
    /// Iterations done.
    pub(crate) iterations: u64,
    /// The folder of weights and moments, in the run's.
    pub(crate) folder: String,
    /// That of the iteration before, to go back to from a critic that diverged.
    #[serde(default)]
    pub(crate) earlier: String,
    /// The learner's own counters.
    pub(crate) learner: serde_json::Value,
    /// Control steps at which the next evaluation is due.
    pub(crate) evaluate_at: u64,
    /// Measures of the generator as it came.
    #[serde(default)]
    pub(crate) before: BTreeMap<String, f64>,
    /// Those of the last evaluation that was due.
    #[serde(default)]
    pub(crate) last: BTreeMap<String, f64>,
    /// Whether an iteration has heeded these.
    #[serde(default)]
    pub(crate) heeded: bool,
}

impl<S: Serialize + DeserializeOwned + Clone + PartialEq + Default> State<S> {
    /// A fresh one in the run's new folder, or the one that is there, which must be of the same inputs; and the right
    /// to write in the folder.
    pub(crate) fn begin(algorithm: &str, settings: &S, run: &Run<'_>) -> Result<(Self, FolderLock)> {
        if !run.resume {
            let lock = files::create_output_folder(run.out)?;
            let state = Self {
                format: FORMAT,
                algorithm: algorithm.into(),
                seed: run.seed,
                inputs: Inputs::of(run),
                settings: settings.clone(),
                rounds: Vec::new(),
                log_lines: Some(0),
                course: None,
            };
            // The state comes first: a run that was killed before it is begun anew, any other resumed.
            state.write(run.out)?;
            return Ok((state, lock));
        }
        let place = run.out.join(STATE_FILE);
        let state = Self::read(run.out)?;
        InputError::ensure(state.algorithm == algorithm, "--algorithm", &state.algorithm, algorithm)?;
        let same = state.seed == run.seed && state.settings == *settings;
        let expected = "the seed and settings the run was begun with";
        InputError::ensure(same, place.display(), expected, "others; leave them out to resume")?;
        if let Some((flag, was, is)) = state.inputs.difference(&Inputs::of(run)) {
            let expected = format!("{was}, with which {} was begun", run.out.display());
            return Err(InputError::unexpected(flag, expected, is).into());
        }
        Ok((state, files::reopen_output_folder(run.out)?))
    }

    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let (place, mut value) = read_value(folder)?;
        let name = place.display().to_string();
        if let Some(settings) = value.get_mut("settings") {
            renames::update_json(settings, &S::default(), &name)?;
        }
        for round in value.get_mut("rounds").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            renames::update_record(round, &Round::default(), &name)?;
        }
        let refused = |e| InputError::unexpected(&name, "the state of a fine-tuning run", e);
        Ok(Self { format: FORMAT, ..serde_json::from_value(value).map_err(refused)? })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        Ok(files::write_checked(&folder.join(STATE_FILE), self)?)
    }

    /// The inputs that the run was begun with, and of its settings those that its algorithm `reads`.
    pub(crate) fn described(&self, reads: serde_json::Value) -> serde_json::Value {
        json!({ "algorithm": self.algorithm, "seed": self.seed, "inputs": self.inputs, "settings": reads })
    }
}

/// The state in `folder`, of whatever algorithm.
fn read_value(folder: &Path) -> Result<(PathBuf, serde_json::Value)> {
    let place = folder.join(STATE_FILE);
    let expected = "a run to go on with";
    InputError::ensure(place.exists(), folder.display(), expected, format_args!("no {STATE_FILE}"))?;
    let value = files::read_checked(&place, "the state of a fine-tuning run")?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    let known = READ.iter().any(|known| format == Some(u64::from(*known)));
    let found = format.map_or("none".into(), |n| n.to_string());
    let expected = READ.map(|n| n.to_string()).join(" or ");
    InputError::ensure(known, format_args!("{}: format", place.display()), expected, found)?;
    Ok((place, value))
}

/// The algorithm with which the run in `folder` was begun.
///
/// # Errors
/// A bad input, if there is no run.
pub fn saved_algorithm(folder: &Path) -> Result<String> {
    let (place, value) = read_value(folder)?;
    let name = value.get("algorithm").and_then(|a| a.as_str());
    let none = || InputError::unexpected(format!("{}: algorithm", place.display()), "its name", "none");
    Ok(name.ok_or_else(none)?.to_string())
}

/// The settings with which the run in `folder` was begun.
///
/// # Errors
/// A bad input, if there is no run, or one of another algorithm.
pub fn saved_settings<S: Serialize + DeserializeOwned + Clone + PartialEq + Default>(folder: &Path) -> Result<S> {
    Ok(State::<S>::read(folder)?.settings)
}

/// Inputs of a run: a resumed one must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Inputs {
    task: String,
    mismatch: Option<String>,
    /// Of a task of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reward: Option<RewardKind>,
    /// Fingerprints.
    checkpoint: String,
    demonstrations: String,
    /// Identity of an environment that is not a task of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
}

impl Inputs {
    fn of(run: &Run<'_>) -> Self {
        let task = run.environment.task();
        Self {
            task: run.environment.spec().task.clone(),
            mismatch: task.and_then(|t| t.mismatch()).map(|m| m.name.clone()),
            reward: task.map(|t| t.reward().kind),
            environment: task.is_none().then(|| run.environment.identity()),
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
        let reward = |inputs: &Self| none(&inputs.reward.map(|kind| kind.to_string()));
        [
            ("--task", self.task.clone(), now.task.clone()),
            ("environment", none(&self.environment), none(&now.environment)),
            ("--mismatch", none(&self.mismatch), none(&now.mismatch)),
            ("--reward", reward(self), reward(now)),
            ("--checkpoint", self.checkpoint.clone(), now.checkpoint.clone()),
            ("--data", self.demonstrations.clone(), now.demonstrations.clone()),
        ]
        .into_iter()
        .find(|(_, was, is)| was != is)
    }
}
