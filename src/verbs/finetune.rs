//! `planner finetune`

use crate::cli::FinetuneArgs;
use crate::failure::{Failure, Result};
use crate::output::{Output, Progress, percent};
use crate::place::Place;
use crate::verbs::train::{print_settings, read};
use crate::view::View;
use crate::{interrupt, load};
use imle_configs::settings;
use imle_rl::algorithm::{self, Algorithm};
use imle_rl::expert_iteration::{self, Observer, Round, Run, Settings};
use serde_json::json;
use std::time::Instant;

/// Fine-tunes a generator.
pub fn run(args: &FinetuneArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    let Algorithm::ExpertIteration = algorithm::by_name(&args.algorithm)?;
    let defaults = match (&args.out, args.resume) {
        (Some(out), true) => expert_iteration::saved_settings(out)?,
        _ => Settings::default(),
    };
    let settings: Settings = settings::load(&defaults, args.settings.config.as_deref(), &args.settings.set)?;
    if args.settings.settings {
        return print_settings(&settings);
    }
    let (Some(task), Some(out)) = (&args.task, &args.out) else {
        return Err(Failure::Input("--task and --out are needed".into()));
    };
    let whole = load::task_in(task, &args.world)?;
    let (task, checkpoint) = load::checkpoint(args.checkpoint.as_deref(), whole.clone())?;
    let device = load::device(args.device)?;
    let vision = checkpoint.config().vision_settings();
    let demonstrations = match &args.data {
        Some(folder) => {
            let dataset = read(folder, args.episodes)?;
            dataset.spec.check_matches(whole.spec(), &folder.display().to_string())?;
            let view = View::new(folder, dataset, &vision, &load::pool(&args.common)?, output)?;
            view.dataset.spec.check_matches(task.spec(), &folder.display().to_string())?;
            Some(view)
        }
        None => None,
    };
    let _folder = if args.resume { None } else { Some(Place::folder(out)?) };
    let run = Run {
        task,
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
    let mut watch = Watch { output, progress: None };
    let rounds = expert_iteration::run(&settings, &run, &mut watch);
    watch.end_phase();
    let rounds = match rounds {
        Err(imle_rl::Error::Planner(imle_planner::Error::Interrupted)) => {
            return Err(Failure::Run("interrupted; go on with --resume".into()));
        }
        other => other?,
    };
    let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else {
        return Err(Failure::Run("no round was run".into()));
    };
    output.say(format!(
        "generator alone: {} before, {} after ({} episodes each); {} control steps in the world and {} physics steps of \
         the planner",
        percent(first.success_rate),
        percent(last.success_rate),
        settings.evaluation_episodes,
        last.env_steps,
        last.simulation_steps
    ));
    output.say(format!("checkpoint in {}", out.display()));
    output.result(&json!({
        "success_rate": last.success_rate, "success_ci95": last.success_ci95, "success_rate_before": first.success_rate,
        "success_ci95_before": first.success_ci95, "episodes": settings.evaluation_episodes,
        "env_steps": last.env_steps, "physics_steps": last.simulation_steps, "gradient_steps": last.gradient_steps,
        "rounds": rounds, "seed": args.seed, "wall_s": begun.elapsed().as_secs_f64(),
    }))
}

struct Watch {
    output: Output,
    progress: Option<(u64, &'static str, Progress)>,
}

impl Watch {
    fn end_phase(&mut self) {
        if let Some((_, _, progress)) = self.progress.take() {
            progress.finish();
        }
    }
}

impl Observer for Watch {
    fn phase(&mut self, round: u64, phase: &'static str, done: u64, total: u64, message: &str) {
        if self.progress.as_ref().is_none_or(|(r, p, _)| (*r, *p) != (round, phase)) {
            self.end_phase();
            self.progress = Some((round, phase, self.output.progress(total, phase)));
        }
        if let Some((_, _, progress)) = &mut self.progress {
            progress.set(done, &format!("round {round}, {message}"));
        }
    }

    fn round(&mut self, r: &Round) {
        self.end_phase();
        let planned = r.collect_success_rate.map_or(String::new(), |s| format!(", planner {}", percent(s)));
        self.output.note(format!(
            "round {}: generator alone {} [{}, {}]{planned}; {} control steps, {} physics steps of the planner, {} \
             decisions of solved episodes",
            r.round,
            percent(r.success_rate),
            percent(r.success_ci95[0]),
            percent(r.success_ci95[1]),
            r.env_steps,
            r.simulation_steps,
            r.lessons
        ));
    }

    fn should_stop(&self) -> bool {
        interrupt::asked()
    }
}
