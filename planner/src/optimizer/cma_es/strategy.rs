//! Ask-and-tell strategy: draws a generation, and learns from its costs.

use nalgebra::{DMatrix, DVector};

/// The state of a search. Symbols as in the tutorial's figure 6.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// m, the mean.
    mean: DVector<f64>,
    /// σ, the step size.
    sigma: f64,
    /// C, the covariance; and its square root and the inverse of that.
    covariance: DMatrix<f64>,
    root: DMatrix<f64>,
    inverse_root: DMatrix<f64>,
    /// p_σ and p_c, the paths of m.
    path_sigma: DVector<f64>,
    path_c: DVector<f64>,
    generations: u32,
}

/// Rates that depend on the numbers of parameters and candidates alone: equations 49 to 58.
struct Rates {
    weights: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
}

impl Rates {
    fn new(n: f64, lambda: usize) -> Self {
        let mu = (lambda / 2).max(1);
        let raw: Vec<f64> = (0..mu).map(|i| (lambda as f64 / 2.0 + 0.5).ln() - ((i + 1) as f64).ln()).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = if mu == 1 { vec![1.0] } else { raw.iter().map(|w| w / sum).collect() };
        let mu_eff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        Self {
            weights,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n),
            c_1,
            c_mu: (2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((n + 2.0).powi(2) + mu_eff)).min(1.0 - c_1),
        }
    }
}

impl Strategy {
    /// A search from `mean` with step size `sigma`.
    pub fn new(mean: &[f64], sigma: f64) -> Self {
        let n = mean.len();
        Self {
            mean: DVector::from_row_slice(mean),
            sigma,
            covariance: DMatrix::identity(n, n),
            root: DMatrix::identity(n, n),
            inverse_root: DMatrix::identity(n, n),
            path_sigma: DVector::zeros(n),
            path_c: DVector::zeros(n),
            generations: 0,
        }
    }

    /// Number of parameters.
    pub fn size(&self) -> usize {
        self.mean.len()
    }

    /// The mean.
    pub fn mean(&self) -> &[f64] {
        self.mean.as_slice()
    }

    /// The step size.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The candidate that `normal`, standard normal draws, stand for.
    pub fn ask(&self, normal: &[f64]) -> Vec<f64> {
        let x = &self.mean + self.sigma * (&self.root * DVector::from_row_slice(normal));
        x.as_slice().to_vec()
    }

    /// Learns the costs of a generation, (λ, n) and (λ). Costs that are not finite are those of the worst.
    pub fn tell(&mut self, candidates: &[Vec<f64>], costs: &[f64]) {
        let n = self.size() as f64;
        let mut order: Vec<usize> = (0..costs.len().min(candidates.len())).collect();
        order.retain(|i| costs[*i].is_finite());
        order.sort_by(|a, b| costs[*a].total_cmp(&costs[*b]).then(a.cmp(b)));
        if order.is_empty() {
            return;
        }
        let rates = Rates::new(n, order.len());
        let step = |i: usize| (DVector::from_row_slice(&candidates[i]) - &self.mean) / self.sigma;
        let steps: Vec<DVector<f64>> = order.iter().take(rates.weights.len()).map(|i| step(*i)).collect();
        let mut mean_step = DVector::zeros(self.size());
        for (weight, step) in rates.weights.iter().zip(&steps) {
            mean_step += *weight * step;
        }
        self.mean += self.sigma * &mean_step;

        let Rates { mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, .. } = rates;
        let along = (c_sigma * (2.0 - c_sigma) * mu_eff).sqrt();
        self.path_sigma = (1.0 - c_sigma) * &self.path_sigma + along * (&self.inverse_root * &mean_step);
        // Expected length of a standard normal vector.
        let chi = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        let length = self.path_sigma.norm();
        self.generations += 1;
        let settled = (1.0 - (1.0 - c_sigma).powi(2 * self.generations as i32)).sqrt();
        let stalled = length / settled > (1.4 + 2.0 / (n + 1.0)) * chi;
        let h = if stalled { 0.0 } else { 1.0 };
        self.path_c = (1.0 - c_c) * &self.path_c + h * (c_c * (2.0 - c_c) * mu_eff).sqrt() * &mean_step;
        let correction = (1.0 - h) * c_c * (2.0 - c_c);
        let mut covariance =
            (1.0 + c_1 * correction - c_1 - c_mu) * &self.covariance + c_1 * &self.path_c * self.path_c.transpose();
        for (weight, step) in rates.weights.iter().zip(&steps) {
            covariance += c_mu * *weight * step * step.transpose();
        }
        self.sigma *= ((c_sigma / d_sigma) * (length / chi - 1.0)).min(1.0).exp();
        self.covariance = (&covariance + covariance.transpose()) / 2.0;
        let eigen = self.covariance.clone().symmetric_eigen();
        let scale = eigen.eigenvalues.map(|l| l.max(1e-20).sqrt());
        let q = &eigen.eigenvectors;
        self.root = q * DMatrix::from_diagonal(&scale) * q.transpose();
        self.inverse_root = q * DMatrix::from_diagonal(&scale.map(|s| 1.0 / s)) * q.transpose();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::seed::{Purpose, fill_normal, stream};

    fn minimise(f: impl Fn(&[f64]) -> f64, n: usize, lambda: usize, generations: u64) -> f64 {
        let mut strategy = Strategy::new(&vec![0.5; n], 0.3);
        for generation in 0..generations {
            let draw = |i| {
                let mut normal = vec![0.0f32; n];
                fill_normal(&mut stream(1, Purpose::Search, 0, generation, i), &mut normal);
                strategy.ask(&normal.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
            };
            let candidates: Vec<Vec<f64>> = (0..lambda as u64).map(draw).collect();
            let costs: Vec<f64> = candidates.iter().map(|x| f(x)).collect();
            strategy.tell(&candidates, &costs);
        }
        f(strategy.mean())
    }

    #[test]
    fn the_tutorials_test_functions_are_solved() {
        let sphere = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
        assert!(minimise(sphere, 10, 10, 220) < 1e-9);
        // Axes that differ a thousandfold in length: only an adapted covariance gets there.
        let n = 6;
        let cigar = |x: &[f64]| x[0] * x[0] + 1e6 * x[1..].iter().map(|v| v * v).sum::<f64>();
        assert!(minimise(cigar, n, 10, 400) < 1e-6);
        let rosenbrock =
            |x: &[f64]| x.windows(2).map(|w| 100.0 * (w[0] * w[0] - w[1]).powi(2) + (w[0] - 1.0).powi(2)).sum::<f64>();
        assert!(minimise(rosenbrock, 4, 12, 400) < 1e-6);
    }

    #[test]
    fn candidates_that_failed_are_left_out() {
        let half = |x: &[f64]| if x[0] < 0.2 { f64::NAN } else { x.iter().map(|v| v * v).sum() };
        let least = minimise(half, 3, 12, 80);
        assert!((0.0399..0.05).contains(&least), "{least}");
        let mut strategy = Strategy::new(&[1.0], 0.1);
        strategy.tell(&[vec![0.5]], &[f64::INFINITY]);
        assert_eq!((strategy.mean()[0], strategy.sigma()), (1.0, 0.1));
    }
}
