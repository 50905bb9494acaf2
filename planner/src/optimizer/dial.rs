//! Diffusion-inspired annealing (DIAL-MPC, Xue et al. 2024, arXiv 2409.15610).
//!
//! MPPI whose deviation falls from wave to wave, and is smaller for what is executed soon than for what is far ahead: at
//! share i of the waves and share h of the horizon σ(i, h) = σ · exp(−i/β₁ − (1 − h)/β₂), β₁ = 0.8, β₂ = 0.8. The large
//! deviations of the first waves find where to go, the small ones of the last how.

use super::mppi::Around;
use super::{Optimizer, Search, Settings, divide};

/// Annealed weighted means.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dial(pub Settings);

/// How fast the deviation falls over the waves, and grows along the horizon.
const BETA: [f64; 2] = [0.8, 0.8];
/// Waves that are drawn, unless told.
const WAVES: usize = 4;

impl Optimizer for Dial {
    fn name(&self) -> &'static str {
        "dial"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.0.waves.unwrap_or(WAVES), true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        let anneal = |over: f64, ahead: f64| (-over / BETA[0] - (1.0 - ahead) / BETA[1]).exp();
        Box::new(Around { settings: self.0, mean: Vec::new(), weights: Vec::new(), anneal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Mppi;
    use crate::optimizer::testing::{bowl, minimise};

    #[test]
    fn large_noise_is_annealed_to_a_finer_end_than_mppi_has() {
        let settings = Settings { noise: 0.5, waves: Some(6), ..Settings::default() };
        let sum = |optimizer: &dyn Optimizer| {
            (0..10).map(|s| minimise(optimizer, 128, &[0.4; 6], 0.5, s, bowl).1).sum::<f64>()
        };
        let (annealed, constant) = (sum(&Dial(settings)), sum(&Mppi(settings)));
        assert!(annealed < constant, "{annealed} {constant}");
    }
}
