//! Learner that the online algorithms share: the generator, a chunk critic, the replay buffer, and the anchor.

use super::{actor::Actor, settings::OnlineSettings};
use crate::critic::{
    chunk_critic::{Critic, Judgement},
    ensemble::StepCounters,
};
use crate::error::Result;
use crate::modes::{Floors, share_of_demonstrations};
use crate::replay::{
    buffer::{ReplayBuffer, TransitionBatch},
    trajectory::{Sizes, Trajectory},
};
use crate::run::{Figures, Run};
use imle_configs::seed::{Purpose, stream};
use imle_configs::{Error as InputError, spec::Horizons};
use imle_policy::network::Network;
use imle_policy::targets::{DemonstrationChunks, MixedTargets, TargetSource};
use imle_policy::train::{StepReport, WeightedSource};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::{ops::Range, path::Path};
use tch::Tensor;

const ACTOR_FOLDER: &str = "actor";
const CRITIC_FILE: &str = "critic.safetensors";
/// Difference of the seed of acting from that of the run.
const ACTING: u64 = 0x5a1d_c0de;
/// Factor by which the anchor rises or falls after an iteration.
const ANCHOR_STEP: f64 = 2.0;
const MOST_ANCHOR: f64 = 16.0;

/// Parts of the learner that an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnerParts {
    /// A chunk critic.
    pub critic: bool,
    /// To decide anew every control step, whatever T_act the generator was made for.
    pub every_step: bool,
}

/// Generator, critic, replay buffer and anchor of a run.
pub struct Learner<'a> {
    /// Inputs of the run.
    pub run: &'a Run<'a>,
    /// Settings.
    pub settings: &'a OnlineSettings,
    /// Threads for what needs no gradient.
    pub pool: rayon::ThreadPool,
    /// T_obs, T_pred, T_act.
    pub horizons: Horizons,
    /// Sizes of what is collected.
    pub sizes: Sizes,
    /// Decisions collected so far.
    pub replay: ReplayBuffer,
    /// The generator.
    pub actor: Actor,
    /// Values of chunks; none for an algorithm without a critic.
    pub critic: Option<Critic>,
    /// Counters.
    pub state: LearnerState,
    /// The windows of the demonstrations.
    pub demonstrations: Option<DemonstrationChunks>,
    /// Whether the last episodes were collected by the generator as it came, and only critics learn from them.
    pub warm: bool,
    /// Measures of the generator as it came.
    pub before: Figures,
    /// The last solved episodes.
    solved: Option<DemonstrationChunks>,
}

/// StepCounters and weights that are saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Steps of the critic so far, each with a batch of its own.
    pub critic_steps: u64,
    /// Steps of the generator so far.
    pub actor_steps: u64,
    /// Of the critic's network.
    pub critic: StepCounters,
    /// Weight of the anchor's loss now.
    pub anchor: f64,
    /// Share of the demonstrations among its states now.
    pub demonstration_share: f64,
    /// Whether the critic was last found to rank what it had not seen.
    pub trusted: bool,
    /// Times in a row that a critic diverged, and in all.
    pub diverged: u64,
    /// See `diverged`.
    pub diverged_in_all: u64,
}

impl<'a> Learner<'a> {
    /// A fresh one, or that of `folder`.
    ///
    /// # Errors
    /// A bad input: a generator that cannot be fine-tuned so; a folder that does not fit.
    pub fn new(
        run: &'a Run<'a>,
        settings: &'a OnlineSettings,
        needs: LearnerParts,
        saved: Option<(&Path, LearnerState)>,
    ) -> Result<Self> {
        let config = run.checkpoint.config();
        let planned = run.environment.horizons(config.horizons);
        let horizons = Horizons { action: if needs.every_step { 1 } else { planned.action }, ..planned };
        let sizes = Sizes {
            observation: config.spec.observation.size(),
            action: config.spec.action.size(),
            executed: horizons.action,
            seen: horizons.observation,
            base: if needs.every_step { planned.action } else { 0 },
        };
        let bounds = run.environment.return_bounds(settings.discount);
        run.check_environment(bounds)?;
        let (chunk, threads, seed) = (sizes.chunk(), settings.learner_threads, run.seed);
        let place = saved.as_ref().map(|(folder, _)| folder.join(ACTOR_FOLDER));
        let place = place.as_deref();
        let actor = Actor::new(&settings.actor, run.checkpoint, chunk, threads, seed, place, run.device)?;
        let file = saved.as_ref().map(|(folder, state)| (folder.join(CRITIC_FILE), state.critic));
        let critic = || {
            let (inputs, file) = (sizes.history() + chunk, file.as_ref().map(|(path, steps)| (path.as_path(), *steps)));
            Critic::new(&settings.critic, inputs, bounds, seed, file, run.device)
        };
        let critic = needs.critic.then(critic).transpose()?;
        let state = saved.map(|(_, state)| state).unwrap_or_else(|| LearnerState {
            anchor: settings.anchor.weight,
            demonstration_share: settings.anchor.demonstration_share,
            ..LearnerState::default()
        });
        Ok(Self {
            run,
            settings,
            pool: imle_planner::threads::pool(run.threads)?,
            horizons,
            sizes,
            replay: ReplayBuffer::new(sizes, settings.discount, config.normalizers.clone()),
            actor,
            critic,
            state,
            demonstrations: run.demonstration_windows()?,
            solved: None,
            warm: false,
            before: Figures::new(),
        })
    }

    /// Writes generator and critic to `folder`, and returns the rest.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&mut self, folder: &Path) -> Result<LearnerState> {
        self.actor.trainer.save(&folder.join(ACTOR_FOLDER))?;
        if let Some(critic) = &self.critic {
            critic.mlp.save(&folder.join(CRITIC_FILE))?;
            self.state.critic = critic.mlp.counters;
        }
        Ok(self.state.clone())
    }

    /// Adds trajectories to the replay buffer; returns the decisions that came.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn remember(&mut self, trajectories: Vec<Trajectory>) -> Result<Range<usize>> {
        let before = self.replay.len();
        self.replay.extend(trajectories);
        let most = self.settings.anchor.most_episodes;
        let last = self.replay.trajectories().iter().rev().filter(|t| t.success).take(most);
        let mut episodes: Vec<_> = last.map(|t| t.episode(self.sizes, self.run.seed)).collect();
        episodes.reverse();
        self.solved = if episodes.is_empty() { None } else { Some(self.run.windows(&episodes, None)?) };
        Ok(before..self.replay.len())
    }

    /// Judges the critic on the decisions `new`, which it has not learned from.
    ///
    /// # Errors
    /// libtorch's.
    pub fn judge(&mut self, new: Range<usize>, figures: &mut Figures) -> Result<Option<Judgement>> {
        let Some(critic) = self.critic.as_ref().filter(|_| self.state.critic_steps > 0 && !new.is_empty()) else {
            return Ok(None);
        };
        let judged = critic.judge(&self.replay, new.collect(), self.run.device)?;
        figures.insert("critic/rank_correlation".into(), judged.rank_correlation);
        figures.insert("critic/above_return".into(), judged.above);
        self.state.trusted = judged.rank_correlation >= self.settings.critic.least_rank_correlation;
        Ok(Some(judged))
    }

    /// Seed of what acts in the world: the latents of evaluations are others.
    pub fn acting_seed(&self) -> u64 {
        self.run.seed ^ ACTING
    }

    /// Steps of the critic that are due for what was collected.
    pub fn critic_steps_due(&self) -> u64 {
        let wanted = self.replay.len() as f64 * self.settings.critic.steps_per_decision;
        (wanted as u64).saturating_sub(self.state.critic_steps)
    }

    /// Steps of the generator that are due for what was collected; none at the beginning.
    pub fn actor_steps_due(&self) -> u64 {
        if self.warm {
            return 0;
        }
        let wanted = self.replay.len() as f64 * self.settings.actor.steps_per_decision;
        (wanted as u64).saturating_sub(self.state.actor_steps)
    }

    /// A batch of decisions for step `step`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn draw(&self, step: u64, count: usize) -> Result<TransitionBatch> {
        let rows = self.replay.draw(self.run.seed, step, count);
        Ok(self.replay.batch(rows, self.run.device)?)
    }

    /// One step of the critic, with the candidates of `network` in the states after; the best of them counts.
    ///
    /// # Errors
    /// libtorch's.
    pub fn critic_step(&mut self, network: &dyn Network, losses: &mut Mean) -> Result<()> {
        let step = self.state.critic_steps;
        self.state.critic_steps += 1;
        let settings = &self.settings.critic;
        let batch = self.draw(step, settings.batch_size)?;
        let members = settings.members as i64;
        let mut rng = stream(self.run.seed, Purpose::FinetuneBatch, 1, step, 0);
        let first = rng.random_range(0..members);
        let second = (first + rng.random_range(1..members)) % members;
        let device = self.run.device;
        let z = self.actor.latents((self.run.seed, step), settings.batch_size, settings.target_candidates, device)?;
        let Some(critic) = self.critic.as_mut() else { return Ok(()) };
        let targets = tch::no_grad(|| {
            let candidates = self.actor.maps.executed(network, &batch.after, &z)?;
            critic.targets(&batch, &candidates, [first, second])
        })?;
        losses.add(critic.learn(settings, &batch.before, &batch.chunks, &targets)?);
        Ok(())
    }

    /// One step of the generator: RS-IMLE on the anchor's states and those of `more`, with its share of them.
    ///
    /// # Errors
    /// libtorch's; [`crate::error::Error::ActorDiverged`] after several steps in a row that were not finite.
    pub fn actor_step(&mut self, more: Option<(f64, &dyn TargetSource)>) -> Result<StepReport> {
        let mut sources: Vec<(f64, &dyn TargetSource)> = Vec::new();
        // What keeps the modes counts more by its share where there is another source, since the step's size is the
        // same with any weight of both.
        let usual = self.settings.anchor.weight;
        let raised = if usual == 0.0 { 1.0 } else { self.state.anchor / usual };
        let more = more.map(|(share, source)| (share / (share + (1.0 - share) * raised), source));
        let (rest, shown) = (1.0 - more.map_or(0.0, |(share, _)| share), self.state.demonstration_share);
        match (&self.solved, &self.demonstrations) {
            (Some(solved), Some(demonstrations)) => {
                sources.push((rest * (1.0 - shown), solved));
                sources.push((rest * shown, demonstrations));
            }
            (Some(one), None) | (None, Some(one)) => sources.push((rest, one)),
            (None, None) => {}
        }
        if let Some((share, source)) = more {
            sources.push((if sources.is_empty() { 1.0 } else { share }, source));
        }
        sources.retain(|(share, _)| *share > 0.0);
        self.state.actor_steps += 1;
        let weight = if more.is_some() { 1.0 } else { self.state.anchor };
        let mixed = (!sources.is_empty() && weight != 0.0).then(|| MixedTargets::new(&sources)).transpose()?;
        let weighted = mixed.as_ref().map(|mixed| WeightedSource { weight, source: mixed });
        let report = self.actor.trainer.step_with_auxiliary(weighted, &mut |_| Ok(None), &self.pool)?;
        let skipped = self.actor.trainer.counters().skipped_in_a_row;
        if skipped >= crate::error::PATIENCE {
            return Err(crate::error::Error::ActorDiverged { steps: skipped, folder: self.run.out.to_path_buf() });
        }
        Ok(report)
    }

    /// Shares of the initial generator's modes that must remain.
    pub(crate) fn floors(&self) -> Floors {
        let settings = &self.settings.anchor;
        Floors { recall: settings.recall_floor, entropy: settings.entropy_floor }
    }

    /// Raises the anchor where a floor is `missed`, and lets it back where none is.
    pub(crate) fn adapt_anchor(&mut self, missed: bool) {
        let settings = &self.settings.anchor;
        let (least, shown) = (settings.weight, settings.demonstration_share);
        self.state.anchor = if missed {
            (self.state.anchor * ANCHOR_STEP).min(MOST_ANCHOR.max(least))
        } else {
            (self.state.anchor / ANCHOR_STEP).max(least)
        };
        self.state.demonstration_share = share_of_demonstrations(self.state.demonstration_share, shown, missed);
    }
}

/// A mean of figures, some of which are missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    /// Adds one, if it is there.
    pub fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    /// Writes it under `name`, if anything was added.
    pub fn write(&self, name: &str, figures: &mut Figures) {
        if self.count > 0 {
            figures.insert(name.into(), self.sum / self.count as f64);
        }
    }
}

/// Rows (B, F) once for each of `n` candidates, (B · n, F).
///
/// # Errors
/// libtorch's.
pub fn repeat(rows: &Tensor, n: usize) -> imle_policy::Result<Tensor> {
    let (b, f) = rows.size2()?;
    Ok(rows.f_unsqueeze(1)?.f_expand([b, n as i64, f], false)?.f_reshape([b * n as i64, f])?)
}

/// A run's folder and key as an error names them.
pub(crate) fn damaged(place: &Path, message: impl std::fmt::Display) -> InputError {
    InputError::unexpected(place.display(), "what the run has saved", message)
}
