//! Edits: the generator stays as it is, and a bounded edit is added to what it proposes.
//!
//! ```text
//! act     chunk of C actions: the best of N by Q, or the first        (each in a share of the episodes)
//!         base + b · δ(s), the edit δ held over the chunk, or decided anew every few control steps; or the base alone
//!         where that is worth more
//! critic  on the returns of n decisions, half of each batch from demonstrations
//! edit    up the critic's mean
//! end     the generator learns what the edits do
//! ```
//!
//! After ResFiT (arXiv 2509.19301), EXPO (arXiv 2507.07986) and IBRL (arXiv 2311.02198), for a base that proposes in one
//! pass: the learning state holds what is left of the chunk, so that the critic can rank chunks before they are begun, and
//! knows what base comes next. Demonstrations have a base too: of 64 chunks drawn where they are, the nearest.

mod distil;
pub mod edited;
mod memory;
mod networks;
mod policy;
mod space;
mod state;

use super::algorithm::{Algorithm, Collecting, Iteration};
use super::learner::{Learner, LearnerParts, Mean, damaged};
use super::settings::OnlineSettings;
use crate::critic::chunk_critic::Judgement;
use crate::critic::{ensemble::StepCounters, rank_correlation::spearman};
use crate::replay::{step_buffer::StepBuffer, trajectory::Trajectory};
use crate::{error::Result, run::Figures, run::Observer};
use edited::Edits;
use imle_configs::seed::{Purpose, stream};
use imle_configs::{Error as InputError, episode::Episode, files};
use imle_planner::decide::Decide;
use imle_policy::device::to_host;
use imle_policy::sampler::{LatentKey, Observations};
use imle_policy::{checkpoint::Checkpoint, policy::Policy};
use memory::{EditMemory, hold};
use networks::EditNetworks;
use policy::{Bases, EditActing, EditPolicy};
use rand::{Rng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use space::EditSpace;
use state::LearningState;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tch::Kind;

/// Name of the algorithm.
pub const NAME: &str = "edit";

const COUNTERS_FILE: &str = "edit.json";
/// Steps of the critic between two reports.
const PROGRESS: u64 = 100;

/// Counters that are saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct EditCounters {
    /// Steps of the critic, each with a batch of its own.
    critic_steps: u64,
    /// Control steps collected when the critic began to learn.
    began: u64,
    /// Of the critic's network and the edit's.
    networks: [StepCounters; 2],
    /// Control steps of the run at whose end the generator was taught, or 0.
    #[serde(default)]
    taught_of: u64,
}

/// The algorithm.
#[derive(Default)]
pub struct Edit {
    /// Made anew once there are episodes to fit the learning state to.
    learned: Option<Learned>,
    counters: EditCounters,
    /// Folder of the saved networks, until they are made.
    saved: Option<PathBuf>,
    bases: Bases,
    /// The generator that was taught.
    student: Option<Checkpoint>,
}

struct Learned {
    /// Whether the learning state was fitted to anything.
    fitted: bool,
    networks: EditNetworks,
    /// The generator as it came, which is edited.
    base: Policy,
    memory: EditMemory,
}

impl Algorithm for Edit {
    fn defaults(&self) -> OnlineSettings {
        let mut settings = OnlineSettings { episodes: 8, warmup_steps: 10_000, ..OnlineSettings::default() };
        let critic = &mut settings.critic;
        (critic.members, critic.batch_size, critic.learning_rate, critic.weight_decay) = (5, 256, 3e-4, 0.0);
        settings
    }

    fn needs(&self) -> LearnerParts {
        LearnerParts { critic: false, every_step: true }
    }

    fn heeds_anchor(&self) -> bool {
        false
    }

    fn begin(&mut self, learner: &Learner<'_>, saved: Option<&Path>) -> Result<()> {
        *self = Self::default();
        let Some(folder) = saved else { return Ok(()) };
        let path = folder.join(COUNTERS_FILE);
        if path.exists() {
            let counters = files::read_checked(&path, "counters")?;
            self.counters = serde_json::from_value(counters).map_err(|e| damaged(&path, e))?;
            self.saved = Some(folder.to_path_buf());
        }
        if self.counters.taught_of == learner.run.env_steps {
            self.student = Some(Checkpoint::load(&distil::folder(learner))?);
        }
        Ok(())
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        let settings = &c.learner.settings.edit;
        self.update(c.learner)?;
        let learned = self.counters.critic_steps > 0 && !c.warm;
        let explore = if learned { settings.explore } else { settings.warmup_explore };
        let acting = EditActing {
            candidates: settings.candidates,
            first_share: settings.first_share,
            noise: settings.noise,
            explore,
            hold: hold(c.learner),
            pessimism: settings.pessimism,
            learned,
            seed: c.learner.acting_seed(),
        };
        self.decider(c, acting)
    }

    fn evaluated<'c>(&'c mut self, c: Collecting<'c>) -> Result<Option<Box<dyn Decide + 'c>>> {
        self.update(c.learner)?;
        if self.counters.critic_steps == 0 {
            return Ok(None);
        }
        let candidates = c.learner.settings.edit.candidates;
        let seed = c.learner.run.seed;
        let (noise, explore, hold, pessimism) = (0.0, 0.0, hold(c.learner), c.learner.settings.edit.pessimism);
        let acting = EditActing { candidates, first_share: 0.0, noise, explore, hold, pessimism, learned: true, seed };
        self.decider(c, acting).map(Some)
    }

    fn acting(&self, learner: &Learner<'_>) -> Result<Checkpoint> {
        Ok(self.student.as_ref().unwrap_or(learner.run.checkpoint).clone())
    }

    fn taught(&self) -> bool {
        self.student.is_some()
    }

    fn note(&mut self, c: Collecting<'_>, trajectories: &mut [Trajectory]) -> Result<()> {
        let (sizes, base_of) = (c.learner.sizes, &self.learned.as_ref().ok_or_else(unmade)?.base);
        let sampler = base_of.sampler();
        let mut history = vec![0.0; sizes.history()];
        for trajectory in trajectories {
            let mut base = self.bases.remove(&trajectory.episode).unwrap_or_default().base;
            if trajectory.len.is_multiple_of(sizes.base) {
                // What would have come next, to go on from where an episode was cut off.
                trajectory.history(trajectory.len, sizes, &mut history);
                let step = trajectory.len as u64;
                let key = LatentKey { seed: c.learner.acting_seed(), episode: trajectory.episode, step };
                let mut chunk = vec![0.0; sampler.shape().chunk()];
                let pool = &c.learner.pool;
                sampler.sample(pool, Observations::from(&history), &[key], 1, &mut chunk)?;
                base.extend_from_slice(&chunk[..sizes.base * sizes.action]);
            }
            trajectory.base = base;
        }
        self.bases.clear();
        Ok(())
    }

    fn judge(
        &mut self,
        learner: &mut Learner<'_>,
        _: Range<usize>,
        figures: &mut Figures,
    ) -> Result<Option<Judgement>> {
        if self.counters.critic_steps == 0 {
            return Ok(None);
        }
        self.update(learner)?;
        let learned = self.learned.as_mut().ok_or_else(unmade)?;
        let before = learned.memory.online.len();
        learned.memory.add(&learned.networks.state, learner);
        let rows: Vec<usize> = (before..learned.memory.online.len()).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let batch = StepBuffer::batch(&[(&learned.memory.online, &rows)], learner.run.device)?;
        let values = tch::no_grad(|| to_host(&learned.networks.values_of(&batch.before, &batch.actions)?))?;
        let host = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        let (values, returns) = (host(values), host(to_host(&batch.returns)?));
        let above = values.iter().zip(&returns).map(|(v, r)| v - r).sum::<f64>() / returns.len() as f64;
        let rank_correlation = spearman(&values, &returns).unwrap_or(0.0);
        figures.insert("critic/rank_correlation".into(), rank_correlation);
        figures.insert("critic/above_return".into(), above);
        Ok(Some(Judgement { rank_correlation, above }))
    }

    /// Of the first chunk unedited, with the edit that is learned, and with edits that are drawn.
    fn chunk_values(&mut self, learner: &Learner<'_>, history: &[f32], chunks: &mut [f32]) -> Result<Option<Vec<f64>>> {
        if self.counters.critic_steps == 0 {
            return Ok(None);
        }
        self.update(learner)?;
        let learned = self.learned.as_ref().ok_or_else(unmade)?;
        let (networks, sizes) = (&learned.networks, learner.sizes);
        let (state, e) = (&networks.state, networks.state.space.size());
        let size = learned.base.sampler().shape().chunk();
        let first = chunks[..size].to_vec();
        let mut row = vec![0.0; state.size()];
        state.write(history, &first[..sizes.base * sizes.action], &mut row);
        let learnt = tch::no_grad(|| to_host(&networks.deltas(&networks.rows(&row)?)?))?;
        let salt = history.iter().fold(0u64, |sum, x| sum.wrapping_mul(31).wrapping_add(u64::from(x.to_bits())));
        let mut rng = stream(learner.run.seed, Purpose::Bench, salt, 0, 2);
        let (mut rows, mut deltas) = (Vec::new(), Vec::new());
        for (i, chunk) in chunks.chunks_exact_mut(size).enumerate() {
            let delta: Vec<f32> = match i {
                0 => vec![0.0; e],
                1 => learnt.clone(),
                _ => (0..e).map(|_| rng.random_range(-1.0..=1.0)).collect(),
            };
            chunk.copy_from_slice(&first);
            chunk.chunks_exact_mut(sizes.action).for_each(|action| state.space.apply(&delta, action));
            rows.extend_from_slice(&row);
            deltas.extend(delta);
        }
        let values = tch::no_grad(|| {
            let deltas = tch::Tensor::f_from_slice(&deltas)?.f_view([-1, e as i64])?.f_to_device(learner.run.device)?;
            to_host(&networks.values_of(&networks.rows(&rows)?, &deltas)?)
        })?;
        Ok(Some(values.into_iter().map(f64::from).collect()))
    }

    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        iteration: &Iteration,
        figures: &mut Figures,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        if learner.warm {
            return Ok(());
        }
        self.update(learner)?;
        let round = iteration.index;
        let learned = self.learned.as_mut().ok_or_else(unmade)?;
        learned.memory.add(&learned.networks.state, learner);
        let (settings, steps) = (&learner.settings.edit, iteration.env_steps);
        if self.counters.critic_steps == 0 {
            self.counters.began = steps;
        }
        let alone = settings.critic_updates;
        let wanted = alone + ((steps - self.counters.began) as f64 * settings.updates_per_step) as u64;
        let (mut loss, mut value) = (Mean::default(), Mean::default());
        let begun = self.counters.critic_steps;
        while self.counters.critic_steps < wanted {
            let step = self.counters.critic_steps;
            if step.is_multiple_of(PROGRESS) {
                observer.phase(round, "learn", step - begun, wanted - begun, "");
                if observer.should_stop() {
                    return Err(imle_planner::Error::Interrupted.into());
                }
            }
            self.counters.critic_steps += 1;
            let batch = learned.memory.draw(learner, step)?;
            let critic = &learner.settings.critic;
            let targets = if step < alone / 2 {
                batch.returns.shallow_clone()
            } else {
                let mut rng = stream(learner.run.seed, Purpose::FinetuneBatch, 1, step, 0);
                let mut members: Vec<i64> = (0..critic.members as i64).collect();
                members.shuffle(&mut rng);
                members.truncate(settings.target_members);
                tch::no_grad(|| learned.networks.targets(&batch, &members))?
            };
            loss.add(learned.networks.critic.learn(critic, &batch.before, &batch.actions, &targets)?);
            if step >= alone && step.is_multiple_of(settings.actor_every) {
                value.add(Some(learned.networks.improve(&batch.before, settings, critic.follow)?));
                learner.state.actor_steps += 1;
            }
        }
        let batch = learned.memory.draw(learner, self.counters.critic_steps)?;
        let size = tch::no_grad(|| -> imle_policy::Result<f64> {
            Ok(learned.networks.deltas(&batch.before)?.f_abs()?.f_mean(Kind::Float)?.f_double_value(&[])?)
        })?;
        figures.insert("edit/size".into(), size);
        figures.insert("edit/demonstrations_within_bound".into(), learned.memory.within);
        loss.write("critic/loss", figures);
        value.write("critic/value", figures);
        if steps >= learner.run.env_steps && learner.settings.edit.distill_steps > 0 {
            self.student = Some(distil::distil(learner, &learned.networks, round, observer)?);
            self.counters.taught_of = learner.run.env_steps;
        }
        Ok(())
    }

    fn publish(&self, learner: &Learner<'_>) -> Result<()> {
        let Some(learned) = self.learned.as_ref().filter(|_| self.counters.critic_steps > 0) else { return Ok(()) };
        let (run, settings) = (learner.run, learner.settings);
        let edits = Edits {
            state: learned.networks.state.clone(),
            sizes: learner.sizes,
            critic: settings.critic.clone(),
            bounds: run.environment.return_bounds(settings.discount),
            candidates: settings.edit.candidates,
            hold: hold(learner),
            pessimism: settings.edit.pessimism,
            counters: self.counters.networks,
        };
        edits.save(&run.out.join(edited::FOLDER), &learned.networks, run.checkpoint)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let Some(learned) = self.learned.as_ref().filter(|_| self.counters.critic_steps > 0) else { return Ok(()) };
        let counters = EditCounters { networks: learned.networks.save(folder)?, ..self.counters };
        Ok(files::write_checked(&folder.join(COUNTERS_FILE), &counters)?)
    }
}

impl Edit {
    fn decider<'c>(&'c mut self, c: Collecting<'c>, acting: EditActing) -> Result<Box<dyn Decide + 'c>> {
        let learned = self.learned.as_ref().ok_or_else(unmade)?;
        Ok(Box::new(EditPolicy::new(&learned.networks, &learned.base, c.learner.sizes, acting, &mut self.bases)))
    }

    /// Makes the networks and the memory of demonstrations, once there is something to fit the learning state to.
    fn update(&mut self, learner: &Learner<'_>) -> Result<()> {
        if self.learned.as_ref().is_some_and(|learned| learned.fitted) {
            return Ok(());
        }
        let (run, settings, sizes) = (learner.run, learner.settings, learner.sizes);
        // Without demonstrations the first episodes collected say where the hand is.
        let first = settings.episodes as u64;
        let collected = learner.replay.trajectories().iter().filter(|t| t.episode < first);
        let collected: Vec<Episode> = match run.demonstrations {
            [] => collected.map(|t| t.episode(sizes, run.seed)).collect(),
            _ => Vec::new(),
        };
        let shown = run.demonstrations.iter().chain(&collected);
        let fitted = shown.clone().next().is_some();
        let spec = &run.checkpoint.config().spec;
        let named = run.environment.task().is_some();
        let space = EditSpace::new(&spec.action, run.environment.action_bounds(), named, settings.edit.scale as f32);
        let shown = shown.map(|e| (&e.observations[..], &e.actions[..]));
        let normalizer = run.checkpoint.config().normalizers.observation.clone();
        let state = LearningState::fit(space, sizes, normalizer, shown);
        let bounds = run.environment.return_bounds(settings.discount);
        let saved = self.saved.as_deref().map(|folder| (folder, self.counters.networks));
        let mut memory = EditMemory::new(&state, learner);
        let networks = EditNetworks::new(&settings.critic, state, bounds, run.seed, saved, run.device)?;
        let base = Policy::with_threads(run.checkpoint, run.threads, run.device)?;
        // Of demonstrations no other reward is known than that of solving.
        if bounds == [0.0, 1.0] {
            memory.show(&networks.state, &base, learner)?;
        }
        self.learned = Some(Learned { fitted, networks, base, memory });
        Ok(())
    }
}

/// There is a decider only of what was made.
fn unmade() -> InputError {
    InputError::unexpected("edit", "networks", "none")
}
