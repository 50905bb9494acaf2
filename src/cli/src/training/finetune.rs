//! Fine-tuning as the flags describe it.

use crate::args::finetune::FinetuneArgs;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::load;
use crate::output::{Output, ProgressLine, percent};
use crate::place::Place;
use crate::training::algorithm::{ChosenAlgorithm, GivenSettings};
use crate::training::dataset::read;
use crate::training::settings::print_settings;
use crate::training::view::View;
use imle_configs::Error as InputError;
use imle_envs::task::file::RewardKind;
use imle_rl::expert_iteration::{self, CANDIDATES_FOR_95, ExpertIterationSettings};
use imle_rl::online::settings::OnlineSettings;
use imle_rl::registry::FineTuning;
use imle_rl::run::{Observer, Round, Run};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The algorithm without `--algorithm`.
pub const DEFAULT: &str = expert_iteration::NAME;

/// Outcome of a run.
pub struct Learned {
    /// The algorithm's name.
    pub algorithm: String,
    /// The first is the generator as it came.
    pub rounds: Vec<Round>,
    /// Held-out episodes of each.
    pub episodes: usize,
}

/// Fine-tunes; nothing if the settings are only to be printed.
///
/// # Errors
/// A bad input; what went wrong in learning; [`Failure::Run`] after Ctrl-C, with a state to resume from.
pub fn learn(args: &FinetuneArgs) -> Result<Option<Learned>> {
    let resumed = args.out.as_deref().filter(|_| args.resume);
    let mut chosen =
        ChosenAlgorithm::new(args.algorithm.as_deref(), DEFAULT, resumed, |algorithm| given(args, algorithm))?;
    if args.settings.settings {
        return print(&chosen).map(|()| None);
    }
    let mut watch = Watch { output: args.common.output(), progress: None };
    let rounds = with_run(args, |run| chosen.run(run, &mut watch))?;
    watch.end_phase();
    Ok(Some(Learned { algorithm: chosen.name().into(), rounds, episodes: chosen.evaluation_episodes() }))
}

/// All settings of an algorithm with those of `set` beside its defaults.
///
/// # Errors
/// An unknown algorithm or setting.
pub fn resolved(name: &str, set: &[String]) -> Result<Value> {
    let words = |_: &FineTuning| Ok(GivenSettings::Words(None, set.to_vec()));
    Ok(match ChosenAlgorithm::new(Some(name), DEFAULT, None, words)? {
        ChosenAlgorithm::ExpertIteration(settings) => json!(settings),
        ChosenAlgorithm::Online(_, _, settings) => json!(settings),
    })
}

/// Settings as the flags give them.
fn given(args: &FinetuneArgs, algorithm: &FineTuning) -> Result<GivenSettings> {
    let flags = match algorithm {
        FineTuning::ExpertIteration => args.optimization.words("train_steps", "batch_size", "learning_rate"),
        FineTuning::Online(name, _) => {
            let (steps, expected) =
                (args.optimization.steps, format!("none beside {name}, which learns for --env-steps"));
            InputError::ensure(steps.is_none(), "--steps", expected, steps.unwrap_or_default())?;
            args.optimization.words("", "actor.batch_size", "actor.learning_rate")
        }
    };
    Ok(GivenSettings::Words(args.settings.config.clone(), [args.settings.set.clone(), flags].concat()))
}

fn print(chosen: &ChosenAlgorithm) -> Result<()> {
    match chosen {
        ChosenAlgorithm::ExpertIteration(settings) => print_settings::<ExpertIterationSettings>(settings),
        ChosenAlgorithm::Online(name, _, settings) => print_settings::<OnlineSettings>(&settings.read_by(name)?),
    }
}

/// Loads what the run is given, and runs it.
fn with_run(args: &FinetuneArgs, go: impl FnOnce(&Run<'_>) -> imle_rl::Result<Vec<Round>>) -> Result<Vec<Round>> {
    let output = args.common.output();
    let (Some(task), Some(out)) = (&args.task, &args.out) else {
        return Err(Failure::Input("--task and --out are needed".into()));
    };
    let whole = load::task_in(task, &args.world)?;
    let whole = match args.reward.as_deref().map(RewardKind::by_name).transpose()? {
        Some(kind) => Arc::new(Arc::unwrap_or_clone(whole).with_reward(kind)),
        None => whole,
    };
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), whole.clone())?;
    let device = load::device(args.device)?;
    let vision = checkpoint.config().vision_settings();
    let view = |folder: &Path| -> Result<View> {
        let dataset = read(folder, args.episodes)?;
        dataset.spec.check_matches(whole.spec(), &folder.display().to_string())?;
        let view = View::new(folder, dataset, &vision, &load::pool(&args.common)?, output)?;
        view.dataset.spec.check_matches(task.spec(), &folder.display().to_string())?;
        Ok(view)
    };
    let demonstrations = args.data.as_deref().map(view).transpose()?;
    let _folder = if args.resume { None } else { Some(Place::folder(out)?) };
    let run = Run {
        environment: &task,
        checkpoint: &checkpoint,
        demonstrations: demonstrations.as_ref().map_or(&[], |view| &view.dataset.episodes),
        pictures: demonstrations.as_ref().and_then(View::pictures),
        env_steps: args.env_steps,
        seed: args.seed,
        out,
        resume: args.resume,
        device,
        threads: args.common.threads(),
    };
    match go(&run) {
        Err(imle_rl::Error::Planner(imle_planner::Error::Interrupted)) => {
            Err(Failure::Run("interrupted; go on with --resume".into()))
        }
        other => Ok(other?),
    }
}

struct Watch {
    output: Output,
    /// Of a round's phase and its number of steps: a phase may come again with fewer.
    progress: Option<((u64, &'static str, u64), ProgressLine)>,
}

impl Watch {
    fn end_phase(&mut self) {
        if let Some((_, progress)) = self.progress.take() {
            progress.finish();
        }
    }
}

impl Observer for Watch {
    fn phase(&mut self, round: u64, phase: &'static str, done: u64, total: u64, message: &str) {
        let of = (round, phase, total);
        if self.progress.as_ref().is_none_or(|(shown, _)| *shown != of) {
            let unit = match phase {
                "distil" => "steps",
                "judge" => "states",
                "learn" => "decisions",
                _ => "episodes",
            };
            self.end_phase();
            self.progress = Some((of, self.output.progress(total, phase, unit)));
        }
        if let Some((_, progress)) = &mut self.progress {
            progress.set(done, &format!("round {round}, {message}"));
        }
    }

    fn round(&mut self, r: &Round) {
        self.end_phase();
        let planned = r.collect_success_rate.map_or(String::new(), |s| format!(", {} while collecting", percent(s)));
        let few = r.figures.get(CANDIDATES_FOR_95);
        let few = few.map_or(String::new(), |n| format!(", planned 95 % with {n} candidates"));
        self.output.note(format!(
            "round {}: generator {} {} [{}, {}]{planned}{few}; {} control steps, {} physics steps of rollouts, {} \
             decisions of solved episodes",
            r.round,
            if r.edited { "with edits" } else { "alone" },
            percent(r.success_rate),
            percent(r.success_ci95[0]),
            percent(r.success_ci95[1]),
            r.env_steps,
            r.simulation_steps,
            r.training_decisions
        ));
    }

    fn warn(&mut self, message: &str) {
        self.end_phase();
        self.output.note(format!("warning: {message}"));
    }

    fn should_stop(&self) -> bool {
        interrupt::asked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_stands_beside_the_defaults_of_the_algorithm() {
        let set = |name: &str, words: &[&str]| resolved(name, &words.iter().map(|w| w.to_string()).collect::<Vec<_>>());
        let of = set(expert_iteration::NAME, &["attempts=3"]).unwrap();
        assert_eq!(of["attempts"], 3);
        assert_eq!(of["train_steps"], json!(ExpertIterationSettings::default().train_steps));
        let rate = |name: &str| set(name, &[]).unwrap()["actor"]["learning_rate"].as_f64().unwrap();
        assert!(rate("ppo") < rate("best-of-n"), "ppo has a rate of its own");
        assert!(set("ppo", &["attempts=3"]).is_err() && set("no-such", &[]).is_err());
    }
}
