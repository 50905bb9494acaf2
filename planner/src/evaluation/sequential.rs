//! Sequential evaluation: blocks of episodes, after each of which there may be enough of them.

use super::environment::{Environment, evaluate};
use super::outcome::{EvaluationSettings, Onwards, Outcome, Progress};
use crate::{decide::Decide, error::Result};

/// Runs the episodes of `settings` in blocks that end at `looks` (rising numbers of episodes) and at the last, and
/// stops after a block if `enough` says so of all episodes so far.
///
/// The outcome is that of [`evaluate`] with as many episodes, but for the times of the decisions: an episode does not
/// depend on those it is run beside.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_sequentially(
    environment: &dyn Environment,
    decider: &mut dyn Decide,
    settings: &EvaluationSettings,
    pool: &rayon::ThreadPool,
    progress: &mut dyn Progress,
    looks: &[usize],
    mut enough: impl FnMut(&Outcome) -> bool,
) -> Result<Outcome> {
    let mut ends: Vec<usize> = looks.iter().copied().filter(|n| *n > 0 && *n < settings.episodes).collect();
    ends.push(settings.episodes);
    let mut block = |from: usize, to: usize, solved: usize| {
        let mut progress = Onwards { progress: &mut *progress, done: from, solved, total: settings.episodes };
        evaluate(environment, decider, &settings.part(from..to), pool, &mut progress)
    };
    let mut all = block(0, ends[0], 0)?;
    for ends in ends.windows(2) {
        if enough(&all) {
            break;
        }
        let next = block(ends[0], ends[1], all.solved())?;
        all.extend(next);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::report::{Percentiles, Report};
    use crate::optimizer::PredictiveSampling;
    use crate::planner::Planner;
    use crate::proposal::{Noise, Proposal, Warm};
    use imle_configs::spec::Horizons;
    use imle_envs::{rollout::RolloutEngine, task::Task};
    use std::sync::Arc;

    /// The report of `episodes` in blocks that end at `looks`, without times, and the totals that progress received.
    fn report(episodes: usize, looks: &[usize], enough: impl FnMut(&Outcome) -> bool) -> (Report, Vec<(usize, usize)>) {
        let task = Arc::new(Task::load("cylinder_push").unwrap());
        let pool = crate::threads::pool(2).unwrap();
        let engine = Arc::new(RolloutEngine::new(task.clone(), 2).unwrap());
        let noise = Noise { seed: 1, scale: 0.3, knots: 3, bounds: task.action_bounds().clone() };
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Warm), Box::new(noise)];
        let horizons = Horizons { observation: 2, prediction: 8, action: 8 };
        let mut planner = Planner::new(Box::new(engine), sources, Box::new(PredictiveSampling), horizons, 4).unwrap();
        let settings = EvaluationSettings::held_out(episodes, 7, horizons);
        let mut totals = Totals::default();
        let outcome = evaluate_sequentially(&task, &mut planner, &settings, &pool, &mut totals, looks, enough).unwrap();
        let report = Report::new(&outcome, task.spec().control_rate);
        (Report { plan_ms: Percentiles::default(), plan_batch: 0, ..report }, totals.0)
    }

    #[derive(Default)]
    struct Totals(Vec<(usize, usize)>);

    impl Progress for Totals {
        fn advanced(&mut self, done: usize, total: usize, _: usize) -> bool {
            self.0.push((done, total));
            true
        }
    }

    #[test]
    fn episodes_in_blocks_are_those_run_at_once() {
        let (whole, _) = report(4, &[], |_| true);
        let (blocks, totals) = report(4, &[1, 3, 9], |_| false);
        assert_eq!(whole, blocks);
        assert!(totals.windows(2).all(|w| w[0].0 <= w[1].0) && totals.iter().all(|(_, total)| *total == 4));
        assert_eq!(totals.last(), Some(&(4, 4)));
    }

    #[test]
    fn a_stopped_evaluation_is_one_of_fewer_episodes() {
        let (fewer, _) = report(3, &[], |_| false);
        let (stopped, _) = report(9, &[1, 3], |o| o.episodes.len() == 3);
        assert_eq!(fewer, stopped);
    }
}
