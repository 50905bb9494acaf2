//! Diffusion-inspired annealing (DIAL-MPC, Xue et al. 2024, arXiv 2409.15610).
//!
//! MPPI whose deviation falls from wave to wave, and is smaller for what is executed soon than for what is far ahead:
//! at share i of the waves and share h of the horizon σ(i, h) = σ · exp(−i/β₁ − (1 − h)/β₂), β₁ = 0.8, β₂ = 0.8. The
//! large deviations of the first waves find where to go, the small ones of the last how.

use super::mppi::{Around, Mppi};
use super::search::{Optimizer, Search};
use super::waves::divide;

/// Annealed weighted means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dial {
    /// λ, inverse sharpness of the weights, in deviations of the candidates' costs.
    pub lambda: f64,
    /// Deviation σ that is annealed, in halves of an action's range or deviations of a latent.
    pub noise: f64,
    /// Waves that are drawn, the proposals' among them, besides the last rollout, that of the mean.
    pub waves: usize,
}

impl Default for Dial {
    /// 0.1, 0.1, and 4.
    fn default() -> Self {
        Self { lambda: 0.1, noise: 0.1, waves: 4 }
    }
}

/// Rates at which the deviation falls over the waves and grows along the horizon.
const BETA: [f64; 2] = [0.8, 0.8];

impl Optimizer for Dial {
    fn name(&self) -> &'static str {
        "dial"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.waves, true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        let anneal = |over: f64, ahead: f64| (-over / BETA[0] - (1.0 - ahead) / BETA[1]).exp();
        let Self { lambda, noise, waves } = *self;
        Box::new(Around::new(Mppi { lambda, noise, waves }, anneal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{bowl, minimise};

    #[test]
    fn large_noise_is_annealed_to_a_finer_end_than_mppi_has() {
        let mppi = Mppi { noise: 0.5, waves: 6, ..Mppi::default() };
        let dial = Dial { noise: 0.5, waves: 6, ..Dial::default() };
        let sum = |optimizer: &dyn Optimizer| {
            (0..10).map(|s| minimise(optimizer, 128, &[0.4; 6], 0.5, s, bowl).1).sum::<f64>()
        };
        let (annealed, constant) = (sum(&dial), sum(&mppi));
        assert!(annealed < constant, "{annealed} {constant}");
    }
}
