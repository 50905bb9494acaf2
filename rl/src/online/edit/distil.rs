//! Teaching the generator what the edits do, so that one pass is enough.
//!
//! The last part of a run's control steps is for this. In its first half the edited generator acts without noise; the
//! student learns from what it solves. In the second half the student begins every episode and the edited generator
//! finishes it from wherever that led, after a random number of chunks; the student learns from both, and of these
//! episodes only from what came after. Chunks are drawn so that modes are as frequent as the generator had them.

use crate::online::learner::Learner;
use crate::replay::trajectory::Trajectory;
use crate::run::Observer;
use crate::student_turns::StudentTurns;
use crate::{error::Result, mode_reweighting};
use imle_configs::files;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::targets::{MixedTargets, TargetSource};
use imle_policy::train::{self, TrainMetrics, TrainObserver, TrainSettings, TrainStart};
use std::path::PathBuf;

/// Part of the control steps for learning, the last of them, whose solved episodes the student learns from too.
const LATE: f64 = 0.25;

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The edit learns.
    Learning,
    /// The edited generator shows the student how it is done.
    Showing,
    /// The student begins, the edited generator finishes.
    HandingOver,
    /// Over.
    Over,
}

/// The part in which control step `at` of `total` is, with so large a `share` for distilling.
pub fn part(at: u64, total: u64, share: f64) -> Part {
    let [shown, handed] = [1.0 - share, 1.0 - share / 2.0].map(|done| (done * total as f64) as u64);
    match at {
        _ if at >= total => Part::Over,
        _ if at >= handed && share > 0.0 => Part::HandingOver,
        _ if at >= shown && share > 0.0 => Part::Showing,
        _ => Part::Learning,
    }
}

/// The control step from which on solved episodes are learned from.
pub fn late(total: u64, share: f64) -> u64 {
    ((1.0 - share) * (1.0 - LATE) * total as f64) as u64
}

/// The folder of student `number`, 1 or 2, in the run's.
pub fn folder(learner: &Learner<'_>, number: u64) -> PathBuf {
    learner.run.out.join(format!("student-{number}-of-{}", learner.run.env_steps))
}

/// Trains student `number` from `start` on the solved ones of `episodes`, and on the demonstrations; goes on where it
/// was stopped. Episodes from `begun` on were begun by the first student, in its `turns`.
pub fn train_student(
    learner: &Learner<'_>,
    number: u64,
    start: &Checkpoint,
    episodes: &[&Trajectory],
    turns: StudentTurns,
    begun: u64,
    observer: &mut dyn Observer,
) -> Result<Option<Checkpoint>> {
    let (run, sizes) = (learner.run, learner.sizes);
    let solved: Vec<&Trajectory> = episodes.iter().copied().filter(|t| t.success).collect();
    if solved.is_empty() {
        return Ok(None);
    }
    let shown: Vec<_> = solved.iter().map(|t| t.episode(sizes, run.seed)).collect();
    let windows = run.windows(&shown, None)?;
    let modes: Vec<&str> = solved.iter().map(|t| t.mode.as_str()).collect();
    let of_mode = mode_reweighting::weights(&modes, &learner.before);
    let mut weights = Vec::with_capacity(windows.len());
    for (trajectory, weight) in solved.iter().zip(of_mode) {
        // Only a second student's episodes were begun by the first.
        let students = if number > 1 && trajectory.episode >= begun { turns.students(trajectory.episode) } else { 0 };
        let first = students as usize * sizes.base;
        weights.extend((0..trajectory.len).map(|t| if t < first { 0.0 } else { weight }));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return Ok(None);
    }
    let windows = windows.with_weights(&weights)?;
    let share = learner.settings.anchor.demonstration_share;
    let mut sources: Vec<(f64, &dyn TargetSource)> = vec![(1.0 - share, &windows)];
    if let Some(demonstrations) = learner.demonstrations.as_ref().filter(|_| share > 0.0) {
        sources.push((share, demonstrations));
    }
    let targets = MixedTargets::new(&sources)?;
    let (out, steps, actor) = (folder(learner, number), learner.settings.edit.distill_steps, &learner.settings.actor);
    let settings = TrainSettings {
        method: start.config().method.clone(),
        steps,
        batch_size: actor.batch_size,
        samples: actor.samples,
        epsilon: actor.epsilon,
        learning_rate: actor.learning_rate,
        warmup_steps: (steps / 20).max(1),
        gradient_threads: learner.settings.learner_threads,
        seed: run.seed.wrapping_add(number),
        horizons: start.config().horizons,
        network: start.config().network.clone(),
        ..TrainSettings::default()
    };
    let started = train::can_resume(&out);
    if !started {
        files::remove(&out)?;
    }
    let data = format!("edits, student {number}");
    let begin = if started { TrainStart::Resume } else { TrainStart::Checkpoint { checkpoint: start, data } };
    let mut watch = Distilling { observer, number };
    let outcome = train::train(&settings, &learner.pool, run.device, begin, &targets, &out, &mut watch)?;
    if outcome.interrupted {
        return Err(imle_planner::Error::Interrupted.into());
    }
    Ok(Some(Checkpoint::load(&out)?))
}

struct Distilling<'o> {
    observer: &'o mut dyn Observer,
    number: u64,
}

impl TrainObserver for Distilling<'_> {
    fn logged(&mut self, m: &TrainMetrics) {
        self.observer.phase(self.number, "distil", m.step, m.steps, &format!("loss {:.4}", m.loss));
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_with_the_student() {
        let of = |at| part(at, 1000, 0.2);
        assert_eq!(
            [0, 799, 800, 899, 900, 999, 1000].map(of),
            [
                Part::Learning,
                Part::Learning,
                Part::Showing,
                Part::Showing,
                Part::HandingOver,
                Part::HandingOver,
                Part::Over
            ]
        );
        assert_eq!((part(999, 1000, 0.0), late(1000, 0.2)), (Part::Learning, 600));
    }
}
