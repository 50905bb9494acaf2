//! The cross-entropy method (Rubinstein 1999; for control Kobilarov 2012).
//!
//! It solves min_q E_q[−log-likelihood of the elite] over Gaussians with diagonal covariance: mean and deviation of the
//! best share of all candidates so far are those of the next wave's draws. Keeping the elite of earlier waves (as iCEM,
//! Pinneri et al. 2020, arXiv 2008.06389) lets few rollouts a wave do. The last rollout is the elite's mean.

use super::search::{Optimizer, Search, Wave};
use super::waves::divide;

/// Draws from the elite's distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cem {
    /// Share of a wave that is the elite, above 0 and at most 1.
    pub elite: f64,
    /// Deviation of the first draws, in halves of an action's range or deviations of a latent.
    pub noise: f64,
    /// Waves that are drawn besides the last rollout, that of the mean.
    pub waves: usize,
}

impl Default for Cem {
    /// A quarter, 0.1, and 3.
    fn default() -> Self {
        Self { elite: 0.25, noise: 0.1, waves: 3 }
    }
}

/// The deviation never falls below this share of `noise`.
const LEAST_DEVIATION: f64 = 0.05;

impl Optimizer for Cem {
    fn name(&self) -> &'static str {
        "cem"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.waves, true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Elite { settings: *self, order: Vec::new() })
    }
}

struct Elite {
    settings: Cem,
    order: Vec<usize>,
}

impl Search for Elite {
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        self.order.clear();
        self.order.extend((0..wave.before).filter(|i| wave.costs[*i].is_finite()));
        // Unstable sorts allocate nothing; ties are broken by index.
        self.order.sort_unstable_by(|a, b| wave.costs[*a].total_cmp(&wave.costs[*b]).then(a.cmp(b)));
        let wanted = (self.settings.elite * wave.last as f64).ceil() as usize;
        self.order.truncate(wanted.max(2));
        if self.order.is_empty() {
            return out.fill(0.0);
        }
        let (size, count) = (wave.size(), self.order.len() as f64);
        if wave.is_last() {
            out.fill(0.0);
        } else {
            wave.draw(out);
        }
        for i in 0..size {
            let values = || self.order.iter().map(|c| f64::from(wave.row(*c)[i]));
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            let deviation = variance.sqrt().max(LEAST_DEVIATION * self.settings.noise);
            out.iter_mut().skip(i).step_by(size).for_each(|x| *x = (mean + deviation * f64::from(*x)) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{bowl, minimise};

    #[test]
    fn waves_go_down_to_the_least() {
        let cem = Cem { noise: 0.3, waves: 6, elite: 0.2 };
        let worst = (0..10).map(|seed| minimise(&cem, 256, &[0.0; 4], 0.3, seed, bowl).1).fold(0.0, f64::max);
        assert!(worst < 0.1, "{worst}"); // 1.25 where it begins
    }

    #[test]
    fn failed_candidates_are_no_elite() {
        let cost = |x: &[f32]| if x[0] < 0.4 { f64::INFINITY } else { bowl(x) };
        let cem = Cem { noise: 0.3, ..Cem::default() };
        let (x, cost) = minimise(&cem, 96, &[0.5; 3], 0.3, 3, cost);
        assert!(x[0] >= 0.4 && cost < 0.05, "{x:?} {cost}");
    }
}
