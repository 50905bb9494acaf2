//! The cycle: planner and generator teach each other, and a critic tells the planner what lies beyond its horizon.
//!
//! ```text
//! act     the planner: N candidates of the generator, searched from, scored by
//!             J(a) + w (hi − V(o_T)),     V(o) = max_k mean_e Q_e(o, G(o, z_k)),   once the critic ranks what it has not seen
//! critic  towards Σ γⁱ r_i + γⁿ max_k Q̄(o', G(o', z_k))
//! actor   RS-IMLE on solved episodes, played again smoother where they are solved so too, and demonstrations (the anchor)
//! ```
//!
//! At each evaluation the planner with the generator as it is then is tried with ever more candidates, until it solves 95 % of the
//! episodes: how many it needs falls as the generator learns. After expert iteration (Anthony et al. 2017) and POLO (Lowrey et
//! al., arXiv 1811.01848).

use crate::algorithm::{Algorithm, Collecting};
use crate::error::Result;
use crate::journal::Record;
use crate::ladder::Ladder;
use crate::learner::{Figures, Learner, Mean};
use crate::search::Search;
use crate::settings::{CycleSettings, Settings};
use crate::worth::Worth;
use imle_configs::Error as InputError;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task_file::RewardKind;
use imle_planner::decide::Decide;
use imle_planner::evaluate::Progress;
use imle_planner::planner::Planner;
use imle_planner::simulator::Simulator;
use imle_planner::simulator::terminal::Valued;
use std::ops::Range;
use std::path::Path;

/// Name of the algorithm.
pub const NAME: &str = "cycle";

/// The algorithm.
#[derive(Default)]
pub struct Cycle {
    engine: Option<RolloutEngine>,
}

impl Cycle {
    fn prepare(&mut self, learner: &Learner<'_>) -> Result<()> {
        let (kind, weight) = (learner.run.task.reward().kind, learner.settings.cycle.value_weight);
        if kind == RewardKind::Progress && weight > 0.0 {
            // The value of an end would be the progress still to come: less, the further a candidate has come.
            let expected = "0 beside the reward `progress`, whose values do not rank ends";
            return Err(InputError::unexpected("settings: cycle.value_weight", expected, weight).into());
        }
        self.engine = Some(RolloutEngine::new(learner.run.task.clone(), learner.run.threads)?);
        Ok(())
    }

    /// The planner that searches so, with a terminal value if the critic is trusted.
    fn planner<'c>(&'c self, c: Collecting<'c>, search: &Search<'_>) -> Result<Planner<'c>> {
        let (learner, settings) = (c.learner, &c.learner.settings.cycle);
        let engine = self.engine.as_ref().ok_or(imle_planner::Error::Unsupported("to plan before it was begun"))?;
        let valued = learner.state.trusted && !c.warm && settings.value_weight > 0.0;
        let worth = if valued { Worth::new(learner, c.sampler)? } else { None };
        let simulator: Box<dyn Simulator + 'c> = match worth {
            Some(worth) => {
                let history = learner.sizes.history();
                Box::new(Valued::new(Box::new(engine), Box::new(worth), settings.value_weight, history))
            }
            None => Box::new(engine),
        };
        search.planner(learner.run, simulator, c.sampler, learner.horizons)
    }
}

/// How the planner searches with `candidates`.
fn search(settings: &CycleSettings, candidates: usize) -> Search<'_> {
    let CycleSettings { optimizer, noise, space, knots, .. } = settings;
    Search { optimizer, noise: *noise, space, knots: *knots, candidates, stay: 0.0, slack: 0.0, pace: None }
}

impl Algorithm for Cycle {
    fn begin(&mut self, learner: &Learner<'_>) -> Result<()> {
        self.prepare(learner)
    }

    fn load(&mut self, learner: &Learner<'_>, _: &Path) -> Result<()> {
        self.prepare(learner)
    }

    fn smoothing<'s>(&self, settings: &'s Settings) -> &'s [f64] {
        &settings.cycle.smooth
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let settings = &c.learner.settings.cycle;
        Ok(Box::new(self.planner(c, &search(settings, settings.candidates))?))
    }

    fn learn(&mut self, learner: &mut Learner<'_>, _: Range<usize>, _: &[Record], figures: &mut Figures) -> Result<()> {
        let (mut critic_loss, mut actor_loss) = (Mean::default(), Mean::default());
        let network = learner.actor.trainer.network(true)?;
        for _ in 0..learner.critic_steps_due() {
            learner.critic_step(network.as_ref(), true, &mut critic_loss)?;
        }
        for _ in 0..learner.actor_steps_due() {
            actor_loss.add(learner.actor_step(None, &mut |_| Ok(None))?.loss);
        }
        critic_loss.write("critic/loss", figures);
        actor_loss.write("train/loss", figures);
        Ok(())
    }

    fn measure(&mut self, c: Collecting<'_>, progress: &mut dyn Progress) -> Result<Figures> {
        let (learner, settings) = (c.learner, &c.learner.settings.cycle);
        let ladder = Ladder {
            candidates: &settings.ladder,
            episodes: settings.ladder_episodes,
            lockstep: learner.settings.lockstep,
            horizons: learner.horizons,
        };
        let planner = |candidates| self.planner(c, &search(settings, candidates).or_best_of()?);
        ladder.climb(learner.run, &learner.pool, planner, progress)
    }
}
