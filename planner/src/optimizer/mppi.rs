//! Model-predictive path integral control (Williams et al. 2017, arXiv 1707.02342).
//!
//! It solves min_q KL(q ‖ p*) for p*(θ) ∝ p(θ) · exp(−J(θ)/λ) over the means of Gaussians q = N(m, σ² I), one step a
//! wave: m = Σ w_i θ_i with w_i ∝ exp(−(J_i − min J) / (λ · dev J)) over the candidates of the last wave, then draws
//! around m. With one wave, the default, it is the textbook's MPPI around whatever was proposed. λ counts in deviations
//! of the costs, as in DIAL-MPC, so that it need not be set anew for every task. The last rollout is the mean's own.

use super::search::{Optimizer, Search, Wave};
use super::waves::{divide, soft_weights};

/// Weighted means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mppi {
    /// λ, inverse sharpness of the weights, in deviations of the candidates' costs.
    pub lambda: f64,
    /// Deviation of the draws, in halves of an action's range or deviations of a latent.
    pub noise: f64,
    /// Waves that are drawn, the proposals' among them, besides the last rollout, that of the mean.
    pub waves: usize,
}

impl Default for Mppi {
    /// 0.1, 0.1, and 1.
    fn default() -> Self {
        Self { lambda: 0.1, noise: 0.1, waves: 1 }
    }
}

impl Optimizer for Mppi {
    fn name(&self) -> &'static str {
        "mppi"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.waves, true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Around::new(*self, |_, _| 1.0))
    }
}

/// Draws around the weighted mean of the last wave with a deviation that depends on the wave and on the share of the
/// horizon at which a parameter acts.
pub(super) struct Around {
    settings: Mppi,
    mean: Vec<f64>,
    weights: Vec<f64>,
    /// Factor of the deviation for the share of waves that is over and the share of the horizon.
    anneal: fn(f64, f64) -> f64,
}

impl Around {
    pub(super) fn new(settings: Mppi, anneal: fn(f64, f64) -> f64) -> Self {
        Self { settings, mean: Vec::new(), weights: Vec::new(), anneal }
    }
}

impl Search for Around {
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        let (size, first) = (wave.size(), wave.before - wave.last);
        // If a whole wave failed its mean says nothing: the best of all so far stands in.
        soft_weights(&wave.costs[first..], self.settings.lambda, &mut self.weights);
        self.mean.clear();
        self.mean.resize(size, 0.0);
        if self.weights.iter().all(|w| *w == 0.0) {
            let Some(best) = wave.best() else { return out.fill(0.0) };
            self.mean.iter_mut().zip(wave.row(best)).for_each(|(m, x)| *m = f64::from(*x));
        }
        for (i, weight) in self.weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            self.mean.iter_mut().zip(wave.row(first + i)).for_each(|(m, x)| *m += weight * f64::from(*x));
        }
        if wave.is_last() {
            out.fill(0.0);
        } else {
            wave.draw(out);
        }
        let over = wave.index as f64 / wave.waves as f64;
        for row in out.chunks_exact_mut(size) {
            for (i, x) in row.iter_mut().enumerate() {
                let ahead = (i / wave.dims + 1) as f64 * wave.dims as f64 / size as f64;
                let deviation = self.settings.noise * (self.anneal)(over, ahead);
                *x = (self.mean[i] + deviation * f64::from(*x)) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{bowl, minimise};

    #[test]
    fn the_mean_of_noise_is_better_than_its_best() {
        let better = (0..20).filter(|seed| {
            let mppi = Mppi { noise: 0.2, ..Mppi::default() };
            let (_, mean) = minimise(&mppi, 64, &[0.3; 8], 0.2, *seed, bowl);
            let (_, best) = minimise(&crate::optimizer::PredictiveSampling, 64, &[0.3; 8], 0.2, *seed, bowl);
            mean < best
        });
        assert!(better.count() >= 18);
    }

    #[test]
    fn waves_go_down_to_the_least() {
        let mppi = Mppi { noise: 0.1, waves: 8, ..Mppi::default() };
        let (_, cost) = minimise(&mppi, 256, &[0.0; 4], 0.1, 1, bowl);
        assert!(cost < 0.01, "{cost}");
    }
}
