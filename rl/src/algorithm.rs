//! The registry of algorithms, and what an online one is.

use crate::error::Result;
use crate::journal::{Group, Record};
use crate::learner::{Figures, Learner};
use crate::settings::Settings;
use crate::trajectory::Trajectory;
use crate::{best_of_n, branches, cycle, expert_iteration, gradient, imagination, latent, ppo};
use imle_configs::Error as InputError;
use imle_planner::decide::Decide;
use imle_planner::evaluate::Progress;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::sampler::Sampler;
use std::ops::Range;
use std::path::Path;

/// Names of the algorithms.
pub const NAMES: [&str; 8] = [
    expert_iteration::NAME,
    cycle::NAME,
    best_of_n::NAME,
    imagination::NAME,
    branches::NAME,
    gradient::NAME,
    ppo::NAME,
    latent::NAME,
];

/// A fine-tuning algorithm.
pub enum Kind {
    /// [`crate::expert_iteration`]: rounds of planning and imitation.
    ExpertIteration,
    /// One that learns online ([`crate::online`]), and its name.
    Online(&'static str, Box<dyn Algorithm>),
}

/// The algorithm of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn by_name(name: &str) -> imle_configs::Result<Kind> {
    Ok(match name {
        expert_iteration::NAME => Kind::ExpertIteration,
        cycle::NAME => Kind::Online(cycle::NAME, Box::<cycle::Cycle>::default()),
        best_of_n::NAME => Kind::Online(best_of_n::NAME, Box::new(best_of_n::BestOfN)),
        imagination::NAME => Kind::Online(imagination::NAME, Box::new(imagination::Imagination)),
        branches::NAME => Kind::Online(branches::NAME, Box::<branches::Branches>::default()),
        gradient::NAME => Kind::Online(gradient::NAME, Box::new(gradient::Gradient)),
        ppo::NAME => Kind::Online(ppo::NAME, Box::<ppo::Ppo>::default()),
        latent::NAME => Kind::Online(latent::NAME, Box::<latent::Latent>::default()),
        _ => return Err(InputError::unknown("algorithm", name, NAMES)),
    })
}

/// What an algorithm collects with.
#[derive(Clone, Copy)]
pub struct Collecting<'c> {
    /// The shared part.
    pub learner: &'c Learner<'c>,
    /// Draws from the acting generator.
    pub sampler: &'c Sampler,
    /// Whether the generator is to act as it came, and only critics learn.
    pub warm: bool,
}

/// What differs between the algorithms that learn online.
pub trait Algorithm {
    /// Changes what it has other defaults for than the rest.
    fn defaults(&self, settings: &mut Settings) {
        let _ = settings;
    }

    /// Whether it needs a chunk critic.
    fn has_critic(&self) -> bool {
        true
    }

    /// Whether its generator learns by [`Learner::actor_step`], and so from an anchor that rises where modes are lost.
    fn heeds_anchor(&self) -> bool {
        true
    }

    /// Whether the states of its episodes are to be kept for [`branch`](Self::branch).
    fn wants_states(&self) -> bool {
        false
    }

    /// Deviations, in control steps, with which its solved episodes are played again smoother ([`crate::hindsight`]).
    fn smoothing<'s>(&self, settings: &'s Settings) -> &'s [f64] {
        let _ = settings;
        &[]
    }

    /// Makes what it has of its own, for a new run.
    ///
    /// # Errors
    /// If memory runs out.
    fn begin(&mut self, learner: &Learner<'_>) -> Result<()> {
        let _ = learner;
        Ok(())
    }

    /// Who acts in the world.
    ///
    /// # Errors
    /// If it cannot be made.
    fn behaviour<'c>(&'c mut self, collecting: Collecting<'c>) -> Result<Box<dyn Decide + 'c>>;

    /// The generator that acts: by default the moving average of what is learned.
    ///
    /// # Errors
    /// If its weights are not finite.
    fn acting(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        Ok(learner.actor.trainer.checkpoint()?)
    }

    /// Adds what the behaviour noted to what was collected.
    ///
    /// # Errors
    /// If it does not fit.
    fn note(&mut self, collecting: Collecting<'_>, trajectories: &mut [Trajectory]) -> Result<()> {
        let _ = (collecting, trajectories);
        Ok(())
    }

    /// Rolls groups of candidates out from states of iteration `index`; returns them and the physics steps that it took.
    /// `states` are those before each control step of each trajectory.
    ///
    /// # Errors
    /// What the episodes return.
    fn branch(
        &mut self,
        collecting: Collecting<'_>,
        index: u64,
        trajectories: &[Trajectory],
        states: &[Vec<Vec<f64>>],
    ) -> Result<(Vec<Group>, u64)> {
        let _ = (collecting, index, trajectories, states);
        Ok((Vec::new(), 0))
    }

    /// Learns after the decisions `new` of the last of `records` have been added to the memory.
    ///
    /// # Errors
    /// What the learner returns.
    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        new: Range<usize>,
        records: &[Record],
        figures: &mut Figures,
    ) -> Result<()>;

    /// The generator as it is now, which is evaluated and saved.
    ///
    /// # Errors
    /// If its weights are not finite.
    fn generator(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        self.acting(learner)
    }

    /// What it measures of its own at an evaluation, with the generator that is evaluated.
    ///
    /// # Errors
    /// What its episodes return.
    fn measure(&mut self, collecting: Collecting<'_>, progress: &mut dyn Progress) -> Result<Figures> {
        let _ = (collecting, progress);
        Ok(Figures::new())
    }

    /// Writes what it has of its own beside the learner.
    ///
    /// # Errors
    /// If the disk refuses.
    fn save(&self, folder: &Path) -> Result<()> {
        let _ = folder;
        Ok(())
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// A bad input that names the file.
    fn load(&mut self, learner: &Learner<'_>, folder: &Path) -> Result<()> {
        let _ = (learner, folder);
        Ok(())
    }
}
