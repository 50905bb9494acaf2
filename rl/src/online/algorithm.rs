//! The trait of the algorithms that learn online.

use super::{learner::Learner, learner::LearnerParts, settings::OnlineSettings};
use crate::critic::chunk_critic::Judgement;
use crate::{
    error::Result,
    replay::trajectory::Trajectory,
    run::{Figures, Observer},
};
use imle_planner::decide::Decide;
use imle_policy::{checkpoint::Checkpoint, policy::Policy};
use std::{ops::Range, path::Path};

/// Inputs of an algorithm's collection.
#[derive(Clone, Copy)]
pub struct Collecting<'c> {
    /// The shared part.
    pub learner: &'c Learner<'c>,
    /// Draws from the acting generator.
    pub sampler: &'c Policy,
    /// Whether the generator is to act as it came, and only critics learn.
    pub warm: bool,
}

/// One iteration of the loop.
#[derive(Clone, Debug)]
pub struct Iteration {
    /// Index, from 0.
    pub index: u64,
    /// Rows of the replay buffer that it added.
    pub new: Range<usize>,
    /// Control steps in the environment, its own included.
    pub env_steps: u64,
}

/// An algorithm that learns online.
pub trait Algorithm: Send {
    /// Default settings.
    fn defaults(&self) -> OnlineSettings {
        OnlineSettings::default()
    }

    /// Parts of the learner that it needs.
    fn needs(&self) -> LearnerParts {
        LearnerParts { critic: true, every_step: false }
    }

    /// Whether its generator learns by [`Learner::actor_step`], and so from an anchor that rises where modes are lost.
    fn heeds_anchor(&self) -> bool {
        true
    }

    /// Makes what it has of its own for a new run, or reads what [`save`](Self::save) wrote to the folder `saved`.
    ///
    /// # Errors
    /// If memory runs out; a bad input that names the file.
    fn begin(&mut self, _learner: &Learner<'_>, _saved: Option<&Path>) -> Result<()> {
        Ok(())
    }

    /// Decider that acts in the world.
    ///
    /// # Errors
    /// If it cannot be made.
    fn behaviour<'c>(&'c mut self, collecting: Collecting<'c>) -> Result<Box<dyn Decide + 'c>>;

    /// Decider that is evaluated in place of the generator alone, if there is another.
    ///
    /// # Errors
    /// If it cannot be made.
    fn evaluated<'c>(&'c mut self, _collecting: Collecting<'c>) -> Result<Option<Box<dyn Decide + 'c>>> {
        Ok(None)
    }

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
    fn note(&mut self, _collecting: Collecting<'_>, _trajectories: &mut [Trajectory]) -> Result<()> {
        Ok(())
    }

    /// Judges the critic on the decisions `new`, which it has not learned from.
    ///
    /// # Errors
    /// libtorch's.
    fn judge(
        &mut self,
        learner: &mut Learner<'_>,
        new: Range<usize>,
        figures: &mut Figures,
    ) -> Result<Option<Judgement>> {
        learner.judge(new, figures)
    }

    /// Values of chunks, as [`ChunkValues`](crate::critic::within_states::ChunkValues) has them; nothing without a critic
    /// that has learned.
    ///
    /// # Errors
    /// libtorch's.
    fn chunk_values(
        &mut self,
        _learner: &Learner<'_>,
        _history: &[f32],
        _chunks: &mut [f32],
    ) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    /// Learns from what `iteration` added to the replay buffer.
    ///
    /// # Errors
    /// What the learner returns; [`imle_planner::Error::Interrupted`] if `observer` says so, and the iteration learns
    /// again when the run is resumed.
    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        iteration: &Iteration,
        figures: &mut Figures,
        observer: &mut dyn Observer,
    ) -> Result<()>;

    /// Whether it has taught the generator what its decider does, so that the generator alone is evaluated beside that
    /// at the end.
    fn taught(&self) -> bool {
        false
    }

    /// Writes to the run's folder what can be used of it beside the generator, at every evaluation.
    ///
    /// # Errors
    /// If the disk refuses.
    fn publish(&self, _learner: &Learner<'_>) -> Result<()> {
        Ok(())
    }

    /// Writes what it has of its own beside the learner.
    ///
    /// # Errors
    /// If the disk refuses.
    fn save(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }
}
