//! CMA-ES as a solver of argmin.

use super::strategy::Strategy;
use crate::selection::cheapest::cheapest;
use argmin::core::{CostFunction, Error, KV, PopulationState, Problem, Solver, State};
use imle_configs::seed::{Purpose, fill_normal, stream};

/// Runs a [`Strategy`] on a problem that implements [`CostFunction`] over `Vec<f64>`. A generation is evaluated by
/// [`CostFunction::bulk_cost`], in parallel unless the problem says otherwise. The population of argmin's state is the
/// last generation, its individual the best of that. Nothing is random but what `seed` says.
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, State};
/// use imle_planner::optimizer::cma_es::CmaEsSolver;
///
/// struct Sphere;
/// impl CostFunction for Sphere {
///     type Param = Vec<f64>;
///     type Output = f64;
///     fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
///         Ok(x.iter().map(|v| v * v).sum())
///     }
/// }
///
/// let solver = CmaEsSolver::new(vec![1.0; 4], 0.3, 16, 7);
/// let found = Executor::new(Sphere, solver).configure(|s| s.max_iters(80).target_cost(1e-8)).run()?;
/// assert!(found.state().get_best_cost() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CmaEsSolver {
    strategy: Strategy,
    candidates: usize,
    seed: u64,
}

impl CmaEsSolver {
    /// From `mean` with step size `sigma` and so many `candidates` a generation, at least 2.
    pub fn new(mean: Vec<f64>, sigma: f64, candidates: usize, seed: u64) -> Self {
        Self { strategy: Strategy::new(&mean, sigma), candidates: candidates.max(2), seed }
    }
}

impl<O> Solver<O, PopulationState<Vec<f64>, f64>> for CmaEsSolver
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Sync,
{
    fn name(&self) -> &str {
        "CMA-ES"
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<O>,
        state: PopulationState<Vec<f64>, f64>,
    ) -> Result<(PopulationState<Vec<f64>, f64>, Option<KV>), Error> {
        let generation = state.get_iter();
        let draw = |i: usize| {
            let mut normal = vec![0.0f32; self.strategy.size()];
            fill_normal(&mut stream(self.seed, Purpose::Search, 0, generation, i as u64), &mut normal);
            self.strategy.ask(&normal.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
        };
        let candidates: Vec<Vec<f64>> = (0..self.candidates).map(draw).collect();
        let costs = problem.bulk_cost(&candidates)?;
        self.strategy.tell(&candidates, &costs);
        let message = Some(argmin::kv!("sigma" => self.strategy.sigma();));
        let state = match cheapest(costs.iter().copied()) {
            Some(best) => state.individual(candidates[best].clone()).cost(costs[best]),
            None => state.cost(f64::INFINITY),
        };
        Ok((state.population(candidates), message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argmin::core::Executor;

    struct Bowl;

    impl CostFunction for Bowl {
        type Param = Vec<f64>;
        type Output = f64;

        fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
            Ok(if x[0] > 3.0 { f64::NAN } else { x.iter().map(|v| (v - 1.0).powi(2)).sum() })
        }
    }

    #[test]
    fn the_executor_runs_it_stops_it_and_counts() {
        let run = || {
            let solver = CmaEsSolver::new(vec![2.5; 3], 0.5, 12, 4);
            Executor::new(Bowl, solver).configure(|s| s.max_iters(200).target_cost(1e-6)).run().unwrap()
        };
        let found = run();
        assert!(found.state().get_best_cost() <= 1e-6 && found.state().get_iter() < 200);
        let counted = found.problem().counts["cost_count"];
        assert_eq!(counted, 12 * found.state().get_iter());
        assert_eq!(found.state().get_best_param(), run().state().get_best_param());
    }
}
