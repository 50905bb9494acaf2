//! iLQG ([`crate::ilqg`]): from the best candidate downhill, by derivatives along its trajectory.
//!
//! A later wave is one iteration: derivatives along the best candidate so far, a backward pass for each of a few dampings, and
//! a line search whose steps are the wave's candidates. Steps are taken along the linear model, so that candidates are
//! chunks like all others and what they cost is the simulator's word.

use super::{Optimizer, Search, Settings, Wave, World};
use crate::error::Result;
use crate::ilqg::Policy;
use crate::simulator::Trajectory;
use imle_configs::derivatives::Derivatives;

/// Descends from the best proposal. It searches in whole chunks alone, and needs a simulator that has derivatives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ilqg(pub Settings);

/// Waves, unless told: the proposals and one iteration.
const WAVES: usize = 2;
/// Most candidates of a line search.
const MOST_STEPS: usize = 16;
/// Dampings of a wave's backward passes, of the mean curvature by an action: none, and what keeps nearer to where the model
/// holds.
const DAMPINGS: [f64; 4] = [0.0, 0.1, 1.0, 10.0];
/// Damping that keeps a flat problem solvable.
const LEAST_DAMPING: f64 = 1e-9;
/// What the next steps are shorter by, once every damping had one.
const SHORTER: f64 = 0.3;

impl Optimizer for Ilqg {
    fn name(&self) -> &'static str {
        "ilqg"
    }

    /// A quarter of the candidates for each line search, as long as the proposals keep half of all.
    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        let searches = self.0.waves.unwrap_or(WAVES).clamp(1, candidates.max(1)) - 1;
        let each = (candidates / 2 / searches.max(1)).min(candidates / 4).clamp(1, MOST_STEPS);
        let searches = searches.min(candidates.saturating_sub(1) / each);
        out.clear();
        out.push(candidates - searches * each);
        out.extend(std::iter::repeat_n(each, searches));
    }

    fn space(&self) -> Option<&'static str> {
        Some("chunk")
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Descent::default())
    }
}

#[derive(Default)]
struct Descent {
    derivatives: Derivatives,
}

impl Search for Descent {
    /// Without derivatives there is nowhere to go.
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        let Some(best) = wave.best() else { return out.fill(0.0) };
        out.chunks_exact_mut(wave.size()).for_each(|row| row.copy_from_slice(wave.row(best)));
    }

    fn sample_in(&mut self, wave: &Wave<'_>, world: &World<'_>, out: &mut [f32]) -> Result<u64> {
        self.sample(wave, out);
        let Some(best) = wave.best() else { return Ok(0) };
        let (chunk, nominal) = (&world.chunks[best * wave.size()..][..wave.size()], wave.row(best));
        let trajectory = Trajectory { key: wave.key, state: world.state, chunk };
        world.simulator.differentiate(world.pool, trajectory, &mut self.derivatives)?;
        let d = &self.derivatives;
        let Some(bold) = Policy::backward(d, nominal, LEAST_DAMPING) else { return Ok(d.physics_steps) };
        let dampings = DAMPINGS[1..].iter().map(|x| LEAST_DAMPING + x * bold.curvature());
        let careful: Vec<Policy> = dampings.filter_map(|x| Policy::backward(d, nominal, x)).collect();
        let policies: Vec<&Policy> = std::iter::once(&bold).chain(&careful).collect();
        for (i, row) in out.chunks_exact_mut(wave.size()).enumerate() {
            let share = SHORTER.powi((i / policies.len()) as i32);
            policies[i % policies.len()].forward(d, nominal, share, row);
        }
        Ok(d.physics_steps)
    }
}
