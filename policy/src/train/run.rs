//! The loop around a [`Trainer`]: logs, evaluations, checkpoints, and stopping.

use super::observer::{EvalPoint, TrainMetrics, TrainObserver};
use super::settings::TrainSettings;
use super::state::{self, BestEvaluation, Course};
use super::trainer::{FreshStart, Trainer};
use super::window::Window;
use crate::error::{Error, Result};
use crate::{checkpoint::Checkpoint, metrics::RunLog, policy::Policy, targets::TargetSource};
use imle_configs::files;
use std::path::Path;
use std::time::Instant;
use tch::Device;

/// Name of the folder with the checkpoint of the best evaluation.
pub const BEST_FOLDER: &str = "best";

/// Steps in a row with a loss or gradient that is not finite after which training gives up.
const PATIENCE: u64 = 5;

/// The start of a training.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainStart<'a> {
    /// From fresh weights; the output folder must be empty or not there.
    Fresh(Box<FreshStart>),
    /// From a checkpoint's weights; the output folder must be empty or not there.
    Checkpoint {
        /// The weights, network, horizons and normalisers to start from.
        checkpoint: &'a Checkpoint,
        /// The training data, for the provenance.
        data: String,
    },
    /// From the state in the output folder.
    Resume,
}

impl TrainStart<'_> {
    /// The state in `folder`, which must have been begun with the training data `data`, wherever they lie: the end of
    /// its provenance.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no training state, or it was begun with other data.
    pub fn resume(folder: &Path, data: &str) -> Result<Self> {
        let begun = state::saved_data(folder)?;
        if !begun.ends_with(data) {
            let expected = format!("what {} was begun with, {begun}", folder.display());
            return Err(imle_configs::Error::unexpected("--data", expected, data).into());
        }
        Ok(Self::Resume)
    }
}

/// The result of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainOutcome {
    /// Steps done in all.
    pub step: u64,
    /// Whether it was stopped before the last step; a checkpoint has been written.
    pub interrupted: bool,
    /// The last line of the log of this call.
    pub metrics: Option<TrainMetrics>,
    /// The last evaluation of this call.
    pub evaluation: Option<EvalPoint>,
    /// The best evaluation, earlier calls included; its checkpoint is in `best/`.
    pub best: Option<BestEvaluation>,
}

/// Trains to the last step or until the observer says stop; `out` becomes the checkpoint's folder.
/// Work is spread over `pool`; the result is the same for any number of its threads.
///
/// # Errors
/// [`Error::Config`] for bad settings or places; [`Error::NonFinite`] after five steps in a row whose loss or
/// gradient was not finite; [`Error::Evaluation`]; [`Error::Torch`].
pub fn train(
    settings: &TrainSettings,
    pool: &rayon::ThreadPool,
    device: Device,
    start: TrainStart<'_>,
    source: &dyn TargetSource,
    out: &Path,
    observer: &mut dyn TrainObserver,
) -> Result<TrainOutcome> {
    settings.check()?;
    let trainer = match start {
        TrainStart::Fresh(fresh) => Trainer::fresh(settings, &fresh, device)?,
        TrainStart::Checkpoint { checkpoint, data } => Trainer::from_checkpoint(settings, checkpoint, &data, device)?,
        TrainStart::Resume => {
            let (trainer, course) = state::load(out, settings, device)?;
            let _lock = files::reopen_output_folder(out)?;
            let log = RunLog::resume(out, course.log_lines, trainer.counters().step)?;
            state::settle(&trainer, &trainer.checkpoint()?, out)?;
            return Run::new(trainer, log, course, out, observer).go(source, pool);
        }
    };
    let _lock = files::create_output_folder(out)?;
    // From here on there is something to resume.
    state::save(&trainer, out, Course { log_lines: Some(0), ..Course::default() })?;
    Run::new(trainer, RunLog::create(out)?, Course::default(), out, observer).go(source, pool)
}

struct Run<'a> {
    trainer: Trainer,
    log: RunLog,
    out: &'a Path,
    observer: &'a mut dyn TrainObserver,
    window: Window,
    outcome: TrainOutcome,
    evaluation_due: bool,
    saved_at: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(trainer: Trainer, log: RunLog, course: Course, out: &'a Path, observer: &'a mut dyn TrainObserver) -> Self {
        let outcome = TrainOutcome { step: trainer.counters().step, best: course.best, ..TrainOutcome::default() };
        let Course { evaluation_due, window, .. } = course;
        Self { trainer, log, out, observer, window, outcome, evaluation_due, saved_at: None }
    }

    fn go(mut self, source: &dyn TargetSource, pool: &rayon::ThreadPool) -> Result<TrainOutcome> {
        let settings = self.trainer.settings().clone();
        self.log.describe("settings", &serde_json::to_value(&settings).unwrap_or_default())?;
        if self.evaluation_due {
            self.evaluate(pool)?;
            if self.evaluation_due {
                self.outcome.interrupted = true;
                return Ok(self.outcome);
            }
            self.save()?;
        }
        while self.outcome.step < settings.steps {
            let began = Instant::now();
            let report = self.trainer.step(source, pool)?;
            self.window.add(report, began.elapsed());
            let counters = self.trainer.counters();
            self.outcome.step = counters.step;
            if counters.skipped_in_a_row >= PATIENCE {
                return self.give_up();
            }
            let last = counters.step >= settings.steps;
            let due = |every: u64| last || (every > 0 && counters.step.is_multiple_of(every));
            if due(settings.log_every) {
                self.write_line(settings.steps)?;
            }
            if due(settings.evaluate_every) {
                self.evaluate(pool)?;
            }
            if due(settings.checkpoint_every) {
                self.save()?;
            }
            if self.evaluation_due || (!last && self.observer.should_stop()) {
                self.save()?;
                self.outcome.interrupted = true;
                break;
            }
        }
        Ok(self.outcome)
    }

    fn write_line(&mut self, steps: u64) -> Result<()> {
        let counters = self.trainer.counters();
        let metrics = TrainMetrics {
            step: counters.step,
            steps,
            skipped: counters.skipped,
            empty: counters.empty,
            ..std::mem::take(&mut self.window).means()
        };
        self.log.log(metrics.step, &metrics.figures())?;
        self.observer.logged(&metrics);
        self.outcome.metrics = Some(metrics);
        Ok(())
    }

    /// Evaluates; if that is stopped in its course, the evaluation stays due.
    fn evaluate(&mut self, pool: &rayon::ThreadPool) -> Result<()> {
        let step = self.trainer.counters().step;
        let checkpoint = self.trainer.checkpoint()?;
        let policy = Policy::with_threads(&checkpoint, pool.current_num_threads(), self.trainer.device())?;
        let point = match self.observer.evaluate(step, &policy) {
            Ok(None) => {
                self.evaluation_due = self.observer.should_stop();
                return Ok(());
            }
            Ok(Some(point)) => point,
            Err(error) => {
                self.save()?;
                let reason = error.to_string().lines().next().unwrap_or_default().to_string();
                return Err(Error::Evaluation { step, reason });
            }
        };
        let mut figures = vec![
            ("eval/success_rate".to_string(), point.success_rate),
            ("eval/episodes".to_string(), point.episodes as f64),
        ];
        figures.extend(point.figures.iter().cloned());
        self.log.log(step, &figures)?;
        if self.outcome.best.is_none_or(|best| point.success_rate > best.success_rate) {
            checkpoint.save(&self.out.join(BEST_FOLDER))?;
            self.outcome.best = Some(BestEvaluation { step, success_rate: point.success_rate });
        }
        self.outcome.evaluation = Some(point);
        self.evaluation_due = false;
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let step = self.trainer.counters().step;
        if self.saved_at != Some(step) {
            let course = Course {
                best: self.outcome.best,
                evaluation_due: self.evaluation_due,
                log_lines: Some(self.log.lines()),
                window: self.window.clone(),
            };
            state::save(&self.trainer, self.out, course)?;
            self.saved_at = Some(step);
        }
        Ok(())
    }

    /// Skipped steps change nothing, so what is in memory is the last good state: it is saved if nothing was yet.
    fn give_up(mut self) -> Result<TrainOutcome> {
        if self.saved_at.is_none() {
            self.save()?;
        }
        let counters = self.trainer.counters();
        let count = counters.skipped_in_a_row;
        Err(Error::NonFinite { step: counters.step, count, folder: self.out.to_path_buf() })
    }
}
