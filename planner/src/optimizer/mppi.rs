//! Model-predictive path integral control (Williams et al. 2017, arXiv 1707.02342).
//!
//! It solves min_q KL(q ‖ p*) for p*(θ) ∝ p(θ) · exp(−J(θ)/λ) over the means of Gaussians q = N(m, σ² I), one step a wave:
//! m = Σ w_i θ_i with w_i ∝ exp(−(J_i − min J) / (λ · dev J)) over the candidates of the last wave, then draws around m. With
//! one wave, the default, it is the textbook's MPPI around whatever was proposed. λ counts in deviations of the costs, as in
//! DIAL-MPC, so that it need not be set anew for every task. The last rollout is the mean's own.

use super::{Optimizer, Search, Settings, Wave, divide, soft_weights};

/// Weighted means.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mppi(pub Settings);

impl Optimizer for Mppi {
    fn name(&self) -> &'static str {
        "mppi"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.0.waves.unwrap_or(1), true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Around { settings: self.0, mean: Vec::new(), weights: Vec::new(), anneal: |_, _| 1.0 })
    }
}

/// Draws around the weighted mean of the last wave with a deviation that depends on the wave and on the share of the
/// horizon at which a parameter acts.
pub(super) struct Around {
    pub settings: Settings,
    pub mean: Vec<f64>,
    pub weights: Vec<f64>,
    /// Factor of the deviation for the share of waves that is over and the share of the horizon.
    pub anneal: fn(f64, f64) -> f64,
}

impl Search for Around {
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        let (size, first) = (wave.size(), wave.before - wave.last);
        // If a whole wave failed its mean says nothing: the best of all so far stands in.
        soft_weights(&wave.costs[first..], self.settings.temperature, &mut self.weights);
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
            let mppi = Mppi(Settings { noise: 0.2, ..Settings::default() });
            let (_, mean) = minimise(&mppi, 64, &[0.3; 8], 0.2, *seed, bowl);
            let (_, best) = minimise(&crate::optimizer::PredictiveSampling, 64, &[0.3; 8], 0.2, *seed, bowl);
            mean < best
        });
        assert!(better.count() >= 18);
    }

    #[test]
    fn waves_go_down_to_the_least() {
        let mppi = Mppi(Settings { noise: 0.1, waves: Some(8), ..Settings::default() });
        let (_, cost) = minimise(&mppi, 256, &[0.0; 4], 0.1, 1, bowl);
        assert!(cost < 0.01, "{cost}");
    }
}
