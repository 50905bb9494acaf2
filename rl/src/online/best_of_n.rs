//! Best of N with a chunk critic, distilled: the critic chooses among the generator's candidates, in the world and in
//! memory, and the generator learns to draw what it chooses.
//!
//! ```text
//! act     argmax_n Q(o, G(o, z_n)), n = 1…N                           (a share of the episodes: G alone)
//! critic  towards Σ γⁱ r_i + γⁿ max_n Q̄(o', G(o', z_n))
//! actor   RS-IMLE on: the K best of M candidates of remembered states, by the least of the critic's members
//!                     solved episodes and demonstrations (the anchor)
//! ```
//!
//! After the behaviour policy of IDQL (Hansen-Estruch et al., arXiv 2304.10573) and Q-chunking (arXiv 2507.07969); what
//! is new is that elites are matched as RS-IMLE matches demonstrations, so that several ways to do well stay several.

use super::algorithm::{Algorithm, Collecting, Iteration};
use super::best_of_n_policy::BestOfNPolicy;
use super::learner::{Learner, Mean, repeat};
use crate::{
    error::Result,
    run::{Figures, Observer},
};
use imle_planner::decide::Decide;
use imle_policy::device::to_host;
use imle_policy::targets::{TargetSource, WeightedState, WeightedTargets};

/// Name of the algorithm.
pub const NAME: &str = "best-of-n";

/// States whose elites are chosen anew each iteration.
const STATES: usize = 256;

/// The algorithm; all it knows is the learner's.
pub struct BestOfN;

impl Algorithm for BestOfN {
    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let settings = &c.learner.settings.best_of_n;
        let trusted = c.learner.state.trusted && !c.warm;
        let candidates = if trusted { settings.candidates } else { 1 };
        Ok(Box::new(BestOfNPolicy::new(c.learner, c.sampler, candidates, settings.generator_share)))
    }

    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        iteration: &Iteration,
        figures: &mut Figures,
        _: &mut dyn Observer,
    ) -> Result<()> {
        let (mut critic_loss, mut actor_loss) = (Mean::default(), Mean::default());
        let network = learner.actor.trainer.network(true)?;
        for _ in 0..learner.critic_steps_due() {
            learner.critic_step(network.as_ref(), &mut critic_loss)?;
        }
        let elites = if learner.state.trusted { Some(elites(learner, iteration.index + 1)?) } else { None };
        let share = learner.settings.best_of_n.elite_share;
        for _ in 0..learner.actor_steps_due() {
            let source = elites.as_ref().map(|e| (share, e as &dyn TargetSource));
            actor_loss.add(learner.actor_step(source)?.loss);
        }
        critic_loss.write("critic/loss", figures);
        actor_loss.write("train/loss", figures);
        Ok(())
    }
}

/// The best candidates of states drawn anew, by the stream of `draws`.
fn elites(learner: &Learner<'_>, draws: u64) -> Result<WeightedTargets> {
    let settings = &learner.settings.best_of_n;
    let (n, device) = (settings.elite_candidates, learner.run.device);
    // Draws of their own: the critic's count from 0.
    let draw = u64::MAX - draws;
    let batch = learner.draw(draw, STATES)?;
    let network = learner.actor.trainer.network(true)?;
    let z = learner.actor.latents((learner.run.seed, draw), STATES, n, device)?;
    let (chunks, values) = tch::no_grad(|| -> imle_policy::Result<_> {
        let chunks = learner.actor.maps.chunks(network.as_ref(), &batch.before, &z)?;
        let executed = chunks.f_narrow(2, 0, learner.sizes.chunk() as i64)?;
        let rows = executed.f_reshape([(STATES * n) as i64, -1])?;
        let values = match &learner.critic {
            Some(critic) => critic.values(&repeat(&batch.before, n)?, &rows)?.f_amin([0i64].as_slice(), false)?,
            None => rows.f_select(1, 0)?.f_zeros_like()?,
        };
        Ok((to_host(&chunks)?, to_host(&values)?))
    })?;
    let normalizers = &learner.run.checkpoint.config().normalizers;
    let size = chunks.len() / (STATES * n);
    let mut states = Vec::with_capacity(STATES);
    let mut history = vec![0.0; learner.sizes.history()];
    for (state, row) in batch.rows.iter().enumerate() {
        let (trajectory, index) = learner.replay.place(*row);
        trajectory.history(index * learner.sizes.executed, learner.sizes, &mut history);
        let values = &values[state * n..][..n];
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|i, j| values[*j].total_cmp(&values[*i]).then(i.cmp(j)));
        let elite = |i: &usize| {
            let mut chunk = chunks[(state * n + i) * size..][..size].to_vec();
            normalizers.action.denormalize(&mut chunk);
            chunk
        };
        states.push(WeightedState {
            observation: history.clone(),
            elites: order[..settings.elites].iter().map(elite).collect(),
            weights: Vec::new(),
            probability: 1.0,
        });
    }
    // As many draws as latents: fewer would leave the latents of the worse modes where they are
    // (`imle_policy::rs_imle`).
    Ok(WeightedTargets::new(&states, learner.settings.actor.samples)?)
}
