//! The critic's gradient through the generator, with RS-IMLE as the anchor.
//!
//! ```text
//! actor   minimise  −w · mean_j Q(o, G(o, z_j)) / mean |Q|  +  α · RS-IMLE(solved episodes, demonstrations)
//! critic  towards Σ γⁱ r_i + γⁿ mean_n Q̄(o', G(o', z_n))
//! ```
//!
//! A one-step generator is a differentiable function of its latent, so that the gradient needs no likelihood and no pass back
//! through a chain: TD3+BC (Fujimoto and Gu, arXiv 2106.06860) with the regression to one action replaced by RS-IMLE, which
//! keeps every mode that was demonstrated covered.

use crate::algorithm::{Algorithm, Collecting};
use crate::error::Result;
use crate::journal::Record;
use crate::judged::Judged;
use crate::learner::{Figures, Learner, Mean, repeat};
use imle_planner::decide::Decide;
use std::ops::Range;
use tch::Kind;

/// Name of the algorithm.
pub const NAME: &str = "gradient";

/// Least mean |Q| that it is divided by.
const LEAST_SCALE: f64 = 0.05;

/// The algorithm; all it knows is the learner's.
pub struct Gradient;

impl Algorithm for Gradient {
    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let candidates = if c.learner.state.trusted && !c.warm { c.learner.settings.gradient.candidates } else { 1 };
        Ok(Box::new(Judged::new(c.learner, c.sampler, candidates, 0.0)))
    }

    fn learn(&mut self, learner: &mut Learner<'_>, _: Range<usize>, _: &[Record], figures: &mut Figures) -> Result<()> {
        let (mut critic_loss, mut actor_loss, mut values) = (Mean::default(), Mean::default(), Mean::default());
        let network = learner.actor.trainer.network(true)?;
        for _ in 0..learner.critic_steps_due() {
            learner.critic_step(network.as_ref(), false, &mut critic_loss)?;
        }
        let settings = learner.settings.gradient.clone();
        for _ in 0..learner.actor_steps_due() {
            let step = learner.state.actor_steps;
            let (b, n, device) = (learner.settings.actor.batch_size, settings.samples, learner.device());
            let batch = learner.draw(u64::MAX - step, b)?;
            let z = learner.actor.latents((learner.run.seed, u64::MAX - step), b, n, device)?;
            let critic = learner.critic.take();
            let maps = learner.actor.maps();
            let mut beside = |network: &dyn imle_policy::network::Network| -> imle_policy::Result<_> {
                let Some(critic) = critic.as_ref().filter(|_| settings.weight > 0.0) else { return Ok(None) };
                let executed = maps.executed(network, &batch.before, &z)?;
                let rows = executed.f_reshape([(b * n) as i64, -1])?;
                let value = critic.values(&repeat(&batch.before, n)?, &rows)?.f_mean(Kind::Float)?;
                let mean = value.f_double_value(&[])?;
                values.add(Some(mean));
                Ok(Some(value.f_mul_scalar(-settings.weight / mean.abs().max(LEAST_SCALE))?))
            };
            let trusted = learner.state.trusted;
            let report = match trusted {
                true => learner.actor_step(None, &mut beside),
                false => learner.actor_step(None, &mut |_| Ok(None)),
            };
            learner.critic = critic;
            actor_loss.add(report?.loss);
        }
        critic_loss.write("critic/loss", figures);
        actor_loss.write("train/loss", figures);
        values.write("train/value", figures);
        Ok(())
    }
}
