//! A search in the generator's latents for a cost of your own, with argmin's executor.
//! Run it with `cargo run --release --example latent_search`.
//!
//! Which of the chunks that `avoid`'s generator can draw ends furthest to the right? CMA-ES moves the latent, so that every
//! candidate is one that the generator would have drawn.

use argmin::core::{CostFunction, Error, Executor};
use imle_configs::embedded;
use imle_configs::seed::Purpose;
use imle_envs::{task::Task, world::World};
use imle_planner::{cma::Cma, threads};
use imle_policy::{checkpoint::Checkpoint, sampler::Sampler};
use std::sync::Arc;

struct Rightmost<'a> {
    sampler: &'a Sampler,
    pool: &'a rayon::ThreadPool,
    seen: Vec<f32>,
}

impl Rightmost<'_> {
    fn chunk(&self, z: &[f64]) -> Result<Vec<f32>, Error> {
        let latent: Vec<f32> = z.iter().map(|x| *x as f32).collect();
        let mut chunk = vec![0.0; self.sampler.shape().chunk()];
        self.sampler.sample_latents(self.pool, &self.seen, &latent, 1, &mut chunk)?;
        Ok(chunk)
    }
}

impl CostFunction for Rightmost<'_> {
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
    let task = Arc::new(Task::load("avoid")?);
    let files = embedded::checkpoint("avoid").ok_or("no checkpoint is shipped")?;
    let checkpoint = Checkpoint::load_bytes("shipped", &files)?;
    let (pool, sampler) = (threads::pool(2)?, Sampler::new(&checkpoint, 2, tch::Device::Cpu)?);
    let mut world = World::new(task.clone())?;
    world.reset(0, Purpose::Reset, 0)?;
    let mut seen = vec![0.0; task.spec().observation.size()];
    world.observe(&mut seen);
    let seen = seen.repeat(checkpoint.config().horizons.observation);
    let problem = Rightmost { sampler: &sampler, pool: &pool, seen };
    let start = vec![0.0; sampler.latent_size()];
    println!("from latent 0 the chunk ends at x = {:.3}", -problem.cost(&start)?);
    let found = Executor::new(problem, Cma::new(start, 0.5, 16, 1)).configure(|s| s.max_iters(40)).run()?;
    let best = found.state().get_best_cost();
    println!("after {} candidates at x = {:.3}", found.problem().counts["cost_count"], -best);
    Ok(())
}
