//! The generator as MPPI's prior over dynamics and a cost of your own: no MuJoCo in the loop.
//! Run it with `cargo run --release --example mppi_prior`.
//!
//! The hand of `avoid` is a point that follows its target with a lag; it is to pass the rows of obstacles near a line that
//! you choose. The generator, which was shown 24 ways around them, proposes; MPPI weighs by your cost.

use imle_configs::embedded;
use imle_envs::task::Task;
use imle_planner::simulator::{Candidates, Score, Simulator};
use imle_planner::space::{Chunk, Range};
use imle_planner::{decide::*, optimizer::Mppi, planner::Planner, proposal::Generator, threads};
use imle_policy::{checkpoint::Checkpoint, sampler::Sampler};

/// x ← x + 0.3 · (target − x) at every control step; the cost is the distance of x from `line` and of y from the far side.
struct Point {
    range: Range,
    line: f64,
}

impl Simulator for Point {
    fn state_size(&self) -> usize {
        2
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        (&self.range.low, &self.range.high)
    }

    fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> imle_planner::Result<()> {
        let each = out.len() / (c.states.len() / 2);
        for (i, score) in out.iter_mut().enumerate() {
            let mut at = [c.states[i / each * 2], c.states[i / each * 2 + 1]];
            let mut cost = 0.0;
            for target in c.chunks[i * c.steps * 2..][..c.steps * 2].chunks(2) {
                at.iter_mut().zip(target).for_each(|(x, t)| *x += 0.3 * (f64::from(*t) - *x));
                cost += (at[0] - self.line).abs() + 0.2 * (f64::from(self.range.high[1]) - at[1]).abs();
            }
            *score = Score::of(cost / c.steps as f64);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Task::load("avoid")?; // for its range, and what its generator sees
    let files = embedded::checkpoint("avoid").ok_or("no checkpoint is shipped")?;
    let checkpoint = Checkpoint::load_bytes("shipped", &files)?;
    let horizons = checkpoint.config().horizons;
    let pool = threads::pool(2)?;
    let sampler = Sampler::new(&checkpoint, 2, tch::Device::Cpu)?;
    let (low, high) = task.action_bounds().range();
    let range = Range::new(low, high);
    for line in [-0.1, 0.05] {
        let sources = vec![Box::new(Generator::new(&sampler, 0)) as _];
        let point = Point { range: range.clone(), line };
        let planner = Planner::new(Box::new(point), sources, Box::new(Mppi::default()), horizons, 33)?;
        let mut planner = planner.searching(Box::new(Chunk::new(range.clone(), horizons.prediction)), 0);
        // The hand stands at the start; the observation is its place, as the task's file orders it.
        let at = [0.0, -0.28];
        let size = task.spec().observation.size();
        let mut seen = vec![0.0f32; size];
        let world = imle_envs::world::World::new(task.clone().into());
        let mut world = world?;
        world.reset(0, imle_configs::seed::Purpose::Reset, 0)?;
        world.observe(&mut seen);
        let seen = seen.repeat(horizons.observation);
        let (warm, keys) = (vec![0.0; horizons.prediction * 2], [Key { episode: 0, decision: 0 }]);
        let situation = Situation {
            observations: &seen,
            pictures: &[],
            states: &at,
            warm: &warm,
            warm_left: &[0],
            keys: &keys,
            deadline: None,
            lockstep: false,
        };
        let (mut plan, mut how) = (vec![0.0; warm.len()], [Decision::default()]);
        planner.decide(&pool, &situation, &mut plan, &mut how)?;
        let ends: Vec<f32> = plan.chunks(2).map(|a| a[0]).collect();
        println!(
            "line {line}: x of the plan {ends:.2?}\n  from {}, {:?}",
            planner.sources()[how[0].source],
            how[0].quality
        );
    }
    Ok(())
}
