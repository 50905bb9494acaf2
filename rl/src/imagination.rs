//! Critic-guided policy optimisation in imagination: PPO's clipped objective on perturbed chunks that the critic judges, beside
//! RS-IMLE on what succeeded.
//!
//! ```text
//! for remembered states o, one latent z each:
//!     a_j   = G_old(o, z) + σ ε_j, j = 1…m                          over the executed actions
//!     A_e,j = Q_e(o, a_j) − mean_j Q_e(o, a_j)                      one a member of the critic
//!     A_j   = min_e A_e,j if all are positive, max_e if all are negative, else 0     (consensus)
//!     ρ_j   = exp mean_d [ln N(a_j; G(o, z), σ) − ln N(a_j; G_old(o, z), σ)]
//!     minimise −mean min(ρ_j A_j, clip(ρ_j, 1 ± c) A_j) + α · RS-IMLE(solved episodes, demonstrations)
//! ```
//!
//! It costs no step in the world. After OGPO with one generator step; p(z) cancels in the ratio, which is therefore exact.

use crate::actor::{clipped, disturbed, normal};
use crate::algorithm::{Algorithm, Collecting};
use crate::critic::Critic;
use crate::error::Result;
use crate::journal::Record;
use crate::judged::Judged;
use crate::learner::{Figures, Learner, Mean, repeat};
use crate::settings::Settings;
use imle_configs::seed::Purpose;
use imle_planner::decide::Decide;
use imle_policy::network::Network;
use std::ops::Range;
use tch::{Kind, Tensor};

/// Name of the algorithm.
pub const NAME: &str = "imagination";

/// Least deviation that advantages are divided by, in units of return.
const LEAST_SPREAD: f64 = 1e-3;

/// The algorithm; all it knows is the learner's.
pub struct Imagination;

impl Algorithm for Imagination {
    fn defaults(&self, settings: &mut Settings) {
        settings.actor.learning_rate = 5e-5;
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let candidates = if c.learner.state.trusted && !c.warm { c.learner.settings.imagination.candidates } else { 1 };
        Ok(Box::new(Judged::new(c.learner, c.sampler, candidates, 0.0)))
    }

    fn learn(&mut self, learner: &mut Learner<'_>, _: Range<usize>, _: &[Record], figures: &mut Figures) -> Result<()> {
        let (mut critic_loss, mut actor_loss) = (Mean::default(), Mean::default());
        let (mut moved, mut agreed) = (Mean::default(), Mean::default());
        let network = learner.actor.trainer.network(true)?;
        for _ in 0..learner.critic_steps_due() {
            learner.critic_step(network.as_ref(), false, &mut critic_loss)?;
        }
        let settings = learner.settings.imagination.clone();
        let mut old = learner.actor.trainer.network(false)?;
        for index in 0..learner.actor_steps_due() {
            if index > 0 && index.is_multiple_of(settings.refresh as u64) {
                old = learner.actor.trainer.network(false)?;
            }
            let step = learner.state.actor_steps;
            let (b, m, device) = (learner.settings.actor.batch_size, settings.perturbations, learner.device());
            let draw = u64::MAX - step;
            let batch = learner.draw(draw, b)?;
            let z = learner.actor.latents((learner.run.seed, draw), b, 1, device)?;
            let noise =
                normal((learner.run.seed, Purpose::Perturbation, draw), &[b, m, learner.sizes.chunk()], device)?;
            let maps = learner.actor.maps();
            let then = tch::no_grad(|| maps.executed(old.as_ref(), &batch.before, &z))?;
            let taken = disturbed(&then, &noise, settings.sigma)?;
            let advantages = match learner.critic.as_ref().filter(|_| learner.state.trusted) {
                Some(critic) => Some(advantages(critic, &batch.before, &taken, settings.consensus)?),
                None => None,
            };
            let mut beside = |network: &dyn Network| -> imle_policy::Result<_> {
                let Some((advantages, agreement)) = &advantages else { return Ok(None) };
                let now = maps.executed(network, &batch.before, &z)?;
                let (loss, ratio) = clipped((&now, &then, &taken), advantages, settings.sigma, settings.clip)?;
                let outside = ratio.f_sub_scalar(1.0)?.f_abs()?.f_gt(settings.clip)?.f_to_kind(Kind::Float)?;
                moved.add(Some(outside.f_mean(Kind::Float)?.f_double_value(&[])?));
                agreed.add(Some(*agreement));
                Ok(Some(loss))
            };
            actor_loss.add(learner.actor_step(None, &mut beside)?.loss);
        }
        critic_loss.write("critic/loss", figures);
        actor_loss.write("train/loss", figures);
        moved.write("train/clip_fraction", figures);
        agreed.write("critic/agreement", figures);
        Ok(())
    }
}

/// Advantages (B, m) of the perturbed chunks (B, m, T_act · A), in units of their deviation, and the share that all members
/// agree on.
fn advantages(
    critic: &Critic,
    histories: &Tensor,
    taken: &Tensor,
    consensus: bool,
) -> imle_policy::Result<(Tensor, f64)> {
    tch::no_grad(|| {
        let (b, m, chunk) = taken.size3()?;
        let values = critic.values(&repeat(histories, m as usize)?, &taken.f_reshape([b * m, chunk])?)?;
        let values = values.f_view([-1, b, m])?;
        let advantages = values.f_sub(&values.f_mean_dim([2i64].as_slice(), true, Kind::Float)?)?;
        agreed(&advantages, consensus)
    })
}

/// What members (E, B, m) of advantages agree on.
fn agreed(advantages: &Tensor, consensus: bool) -> imle_policy::Result<(Tensor, f64)> {
    let (least, most) = (advantages.f_amin([0i64].as_slice(), false)?, advantages.f_amax([0i64].as_slice(), false)?);
    // The least where all are positive, the most where all are negative, else 0.
    let agreed = least.f_clamp_min(0.0)?.f_add(&most.f_clamp_max(0.0)?)?;
    let share = agreed.f_ne(0.0)?.f_to_kind(Kind::Float)?.f_mean(Kind::Float)?.f_double_value(&[])?;
    let used = match consensus {
        true => agreed,
        false => advantages.f_mean_dim([0i64].as_slice(), false, Kind::Float)?,
    };
    let spread = used.f_square()?.f_mean(Kind::Float)?.f_sqrt()?.f_double_value(&[])?;
    Ok((used.f_div_scalar(spread.max(LEAST_SPREAD))?, share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::to_host;

    #[test]
    fn only_what_all_members_agree_on_counts() {
        let members = Tensor::from_slice(&[0.2f32, -0.3, 0.1, 0.1, -0.1, -0.2]).view([2, 1, 3]);
        let (used, share) = agreed(&members, true).unwrap();
        let spread = ((0.01 + 0.01) / 3.0f32).sqrt();
        let expected = [0.1 / spread, -0.1 / spread, 0.0];
        assert!(to_host(&used).unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
        assert!((share - 2.0 / 3.0).abs() < 1e-6);
    }
}
