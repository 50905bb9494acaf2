//! CMA-ES over the waves of a decision, from the best proposal.

use super::strategy::Strategy;
use crate::optimizer::search::{Optimizer, Search, Wave};
use crate::optimizer::waves::divide;

/// Draws with an adapted covariance. A wave that has few candidates beside P parameters adapts the step size and little
/// of the covariance: knots or latents suit it better than whole chunks. Its matrices are made anew every wave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CmaEs {
    /// First step size, in halves of an action's range or deviations of a latent.
    pub noise: f64,
    /// Waves that are drawn, the proposals' among them, besides the last rollout, that of the mean.
    pub waves: usize,
}

impl Default for CmaEs {
    /// 0.1 and 4.
    fn default() -> Self {
        Self { noise: 0.1, waves: 4 }
    }
}

impl Optimizer for CmaEs {
    fn name(&self) -> &'static str {
        "cma-es"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.waves, true, out);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Adapted { noise: self.noise, strategy: None })
    }
}

struct Adapted {
    noise: f64,
    strategy: Option<Strategy>,
}

fn double(row: &[f32]) -> Vec<f64> {
    row.iter().map(|x| f64::from(*x)).collect()
}

impl Search for Adapted {
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        let Some(best) = wave.best() else { return out.fill(0.0) };
        let strategy = match &mut self.strategy {
            Some(strategy) if wave.index > 1 => {
                let last = wave.before - wave.last..wave.before;
                let rows: Vec<Vec<f64>> = last.clone().map(|i| double(wave.row(i))).collect();
                strategy.tell(&rows, &wave.costs[last]);
                strategy
            }
            begun => begun.insert(Strategy::new(&double(wave.row(best)), self.noise)),
        };
        if wave.is_last() {
            out.chunks_exact_mut(strategy.size()).for_each(|row| write(strategy.mean(), row));
            return;
        }
        wave.draw(out);
        for row in out.chunks_exact_mut(strategy.size()) {
            write(&strategy.ask(&double(row)), row);
        }
    }
}

fn write(values: &[f64], row: &mut [f32]) {
    row.iter_mut().zip(values).for_each(|(x, v)| *x = *v as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{bowl, minimise};

    #[test]
    fn waves_go_down_to_the_least() {
        let cma = CmaEs { noise: 0.2, waves: 20 };
        let (_, cost) = minimise(&cma, 240, &[0.0; 4], 0.1, 2, bowl);
        assert!(cost < 1e-3, "{cost}");
        assert_eq!(minimise(&cma, 240, &[0.0; 4], 0.1, 2, bowl).1, cost);
    }
}
