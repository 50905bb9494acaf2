//! Number of candidates that a contender gets in the time that another takes for a decision.

use crate::observed::Observed;
use imle_cli::failure::Result;
use imle_configs::seed::Purpose;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Key, Situation};
use imle_planner::evaluation::{EvaluationSettings, evaluate};
use imle_planner::threads;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// Episodes in which situations are met, and how many of those are decided anew.
const EPISODES: usize = 3;
const SITUATIONS: usize = 16;
/// Most candidates that are tried.
const MOST: u32 = 4096;

/// Number of candidates that take as long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The most candidates a decision that take no longer than a decision of the reference, or the fewest that there
    /// can be.
    pub candidates: u32,
    /// Time of a decision with so many, in that of the reference: the median over situations.
    pub ratio: f64,
    /// Median time of a decision of the reference for one episode on one thread, ms.
    pub reference_ms: f64,
}

/// Situations of one episode each, met under a reference.
pub struct Situations {
    met: Vec<Met>,
    pool: rayon::ThreadPool,
}

/// A [`Situation`] of one episode, owned, and T_pred · A.
#[derive(Clone)]
struct Met {
    observations: Vec<f32>,
    pictures: Vec<u8>,
    states: Vec<f64>,
    warm: Vec<f32>,
    warm_left: Vec<usize>,
    keys: Vec<Key>,
}

impl Situations {
    /// Evenly spread over episodes of `reference` that are not those of the sweep.
    ///
    /// # Errors
    /// Errors of the episodes.
    pub fn of<D: Decide + ?Sized>(task: &Arc<Task>, reference: &mut D, horizons: Horizons, seed: u64) -> Result<Self> {
        let pool = threads::pool(1)?;
        let settings = EvaluationSettings {
            purpose: Purpose::Bench,
            lockstep: 1,
            ..EvaluationSettings::held_out(EPISODES, seed, horizons)
        };
        let mut met = Vec::new();
        let look = |_: &D, _: &rayon::ThreadPool, s: &Situation<'_>, _| {
            met.push(Met {
                observations: s.observations.to_vec(),
                pictures: s.pictures.to_vec(),
                states: s.states.to_vec(),
                warm: s.warm.to_vec(),
                warm_left: s.warm_left.to_vec(),
                keys: s.keys.to_vec(),
            });
            Ok(())
        };
        evaluate(task, &mut Observed { decider: reference, look }, &settings, &pool, &mut ())?;
        let every = met.len().div_ceil(SITUATIONS).max(1);
        Ok(Self { met: met.into_iter().step_by(every).collect(), pool })
    }

    /// Time of one decision in each situation, ms, of two deciders in turn.
    fn race(&self, reference: &mut dyn Decide, contender: &mut dyn Decide) -> Result<Vec<(f64, f64)>> {
        let mut times = Vec::with_capacity(self.met.len());
        for (index, met) in self.met.iter().chain(self.met.first()).enumerate() {
            let both = (self.time(reference, met)?, self.time(contender, met)?);
            // The first decision makes the buffers; its situation comes again at the end.
            if index > 0 {
                times.push(both);
            }
        }
        Ok(times)
    }

    fn time(&self, decider: &mut dyn Decide, met: &Met) -> Result<f64> {
        let Met { observations, pictures, states, warm, warm_left, keys } = met;
        let situation = Situation { observations, pictures, states, warm, warm_left, keys, ..Situation::default() };
        let (mut chunk, mut how) = (vec![0.0; met.warm.len()], [Decision::default()]);
        let begun = Instant::now();
        decider.decide(&self.pool, &situation, &mut chunk, &mut how)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }
}

/// The most candidates, at least `least`, with which a decision of `contender` takes no longer than one of `reference`.
///
/// One episode and one thread, and both in turn in the same situations, so that what else the machine does weighs on
/// both alike.
///
/// # Errors
/// Errors of the deciders.
pub fn fit<'a>(
    situations: &Situations,
    reference: &mut dyn Decide,
    mut contender: impl FnMut(u32) -> Result<Box<dyn Decide + 'a>>,
    least: u32,
) -> Result<Fit> {
    most(least, |candidates| {
        let times = situations.race(reference, contender(candidates)?.as_mut())?;
        let ratio = median(times.iter().map(|(reference, own)| own / reference));
        Ok(Fit { candidates, ratio, reference_ms: median(times.iter().map(|t| t.0)) })
    })
}

/// The most candidates that `with` finds to take no longer: by doubling, then by halving what is left.
fn most(least: u32, mut with: impl FnMut(u32) -> Result<Fit>) -> Result<Fit> {
    let mut best = with(least)?;
    if best.ratio > 1.0 {
        return Ok(best);
    }
    let mut too_many = MOST + 1;
    while best.candidates < MOST {
        let tried = with((2 * best.candidates).min(MOST))?;
        if tried.ratio > 1.0 {
            too_many = tried.candidates;
            break;
        }
        best = tried;
    }
    // Closer than a thirtieth is within what times differ anyway.
    while too_many > best.candidates + 1 + best.candidates / 32 {
        let tried = with(best.candidates.midpoint(too_many))?;
        if tried.ratio > 1.0 {
            too_many = tried.candidates;
        } else {
            best = tried;
        }
    }
    Ok(best)
}

/// The middle value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    imle_planner::evaluation::report::percentiles(values.collect()).p50
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number found if `of(n)` is the time of n candidates.
    fn found(least: u32, of: impl Fn(f64) -> f64) -> u32 {
        let fit = |candidates| Fit { candidates, ratio: of(f64::from(candidates)), reference_ms: 1.0 };
        most(least, |n| Ok(fit(n))).unwrap().candidates
    }

    #[test]
    fn as_many_candidates_are_found_as_take_as_long() {
        assert_eq!(found(2, |n| n / 23.5), 23);
        assert!((970..=1000).contains(&found(2, |n| n / 1000.0)));
        // Drawn sixteen at a time.
        assert_eq!(found(2, |n| (n / 16.0).ceil() / 3.0), 48);
        assert_eq!((found(3, |n| n), found(2, |_| 0.5)), (3, MOST));
    }
}
