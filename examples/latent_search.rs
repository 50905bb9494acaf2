//! A search in the generator's latents for a cost of your own, with argmin's executor.
//! Run it with `cargo run --release --example latent_search`.
//!
//! Which of the chunks that `avoid`'s generator can draw ends furthest to the right? CMA-ES moves the latent, so that every
//! candidate is one that the generator would have drawn.

use argmin::core::{CostFunction, Error, Executor};
use planner::optimizer::cma_es::CmaEsSolver;
use planner::seed::Purpose;
use planner::workers::Workers;
use planner::{Policy, Task, World};

struct Rightmost {
    policy: Policy,
    workers: Workers,
    history: Vec<f32>,
}

impl Rightmost {
    fn chunk(&self, z: &[f64]) -> Result<Vec<f32>, Error> {
        let latent: Vec<f32> = z.iter().map(|x| *x as f32).collect();
        let mut chunk = vec![0.0; self.policy.sampler().shape().chunk()];
        self.policy.sampler().sample_latents(&self.workers, &self.history, &latent, 1, &mut chunk)?;
        Ok(chunk)
    }
}

impl CostFunction for Rightmost {
    type Param = Vec<f64>;
    type Output = f64;

    /// Minus the last x, and a little for leaving where latents are likely.
    fn cost(&self, z: &Vec<f64>) -> Result<f64, Error> {
        let chunk = self.chunk(z)?;
        let length = z.iter().map(|x| x * x).sum::<f64>() / z.len() as f64;
        Ok(-f64::from(chunk[chunk.len() - 2]) + 0.01 * (length - 1.0).max(0.0))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (task, policy) = (Task::load("avoid")?, Policy::pretrained("avoid")?);
    let mut world = World::new(task.into())?;
    world.reset(0, Purpose::Reset, 0)?;
    let mut observation = vec![0.0; policy.spec().observation.size()];
    world.observe(&mut observation);
    let history = observation.repeat(policy.horizons().observation);
    let start = vec![0.0; policy.latent_size()];
    let problem = Rightmost { policy, workers: Workers::shared()?, history };
    println!("from latent 0 the chunk ends at x = {:.3}", -problem.cost(&start)?);
    let found = Executor::new(problem, CmaEsSolver::new(start, 0.5, 16, 1)).configure(|s| s.max_iters(40)).run()?;
    let best = found.state().get_best_cost();
    println!("after {} candidates at x = {:.3}", found.problem().counts["cost_count"], -best);
    Ok(())
}
