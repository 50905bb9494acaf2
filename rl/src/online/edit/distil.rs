//! Teaching the generator what its edits do, so that one pass is enough.
//!
//! ```text
//! states    o of the run's episodes, solved or not, and of the demonstrations
//! elites    of M chunks G(o, z), each edited where that is taken for better, the K that the critic takes for best
//! student   a fresh network, RS-IMLE on elites and, in a share of the states, on demonstrations
//! ```
//!
//! The critic's choice among edited chunks is worth more than any one edit, and it is no function of a latent: a
//! regression with the latent given learns none of it. RS-IMLE matches elites as it matches demonstrations. A network
//! that goes on from the base keeps the chunks that are not chosen, since nothing pulls them away
//! (docs/experiments/finetuning-edits.md).

use super::networks::EditNetworks;
use crate::error::Result;
use crate::online::learner::Learner;
use crate::run::Observer;
use imle_configs::files;
use imle_configs::seed::{Purpose, stream};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::device::to_host;
use imle_policy::network::Network;
use imle_policy::targets::{MixedTargets, TargetSource, WeightedState, WeightedTargets};
use imle_policy::train::{self, FreshStart, TrainMetrics, TrainObserver, TrainSettings, TrainStart};
use rand::Rng;
use std::path::PathBuf;
use tch::Tensor;

/// States whose chunks are judged at a time.
const BATCH: usize = 64;
/// Draws of latents begin here, far from those of an algorithm's own steps.
const FIRST_DRAW: u64 = 1 << 41;

/// The folder of the student's training, in the run's: a longer run trains another.
pub fn folder(learner: &Learner<'_>) -> PathBuf {
    learner.run.out.join(format!("student-of-{}", learner.run.env_steps))
}

/// Trains a generator to draw what the critic chooses among the base's edited chunks; goes on where it was stopped.
///
/// # Errors
/// [`imle_planner::Error::Interrupted`]; what a training returns.
pub fn distil(
    learner: &Learner<'_>,
    networks: &EditNetworks,
    round: u64,
    observer: &mut dyn Observer,
) -> Result<Checkpoint> {
    let (run, settings) = (learner.run, &learner.settings.edit);
    let config = run.checkpoint.config();
    let training = TrainSettings {
        method: config.method.clone(),
        steps: settings.distill_steps,
        samples: learner.settings.actor.samples,
        epsilon: learner.settings.actor.epsilon,
        gradient_threads: learner.settings.learner_threads,
        warmup_steps: (settings.distill_steps / 20).max(1),
        seed: run.seed,
        horizons: config.horizons,
        network: config.network.clone(),
        sampling: config.sampling.clone(),
        ..TrainSettings::default()
    };
    let elites = elites(learner, networks, round, observer)?;
    // As many draws as latents: fewer would leave some latents where they are (`imle_policy::rs_imle`).
    let chosen = WeightedTargets::new(&elites, training.samples)?;
    let share = learner.settings.anchor.demonstration_share;
    let mut sources: Vec<(f64, &dyn TargetSource)> = vec![(1.0 - share, &chosen)];
    if let Some(demonstrations) = learner.demonstrations.as_ref().filter(|_| share > 0.0) {
        sources.push((share, demonstrations));
    }
    let targets = MixedTargets::new(&sources)?;
    let out = folder(learner);
    let begin = if train::can_resume(&out) {
        TrainStart::Resume
    } else {
        files::remove(&out)?;
        let (spec, normalizers) = (config.spec.clone(), config.normalizers.clone());
        TrainStart::Fresh(Box::new(FreshStart { spec, normalizers, estimator: None, data: "edits".into() }))
    };
    let mut watch = Watch { observer, round };
    let outcome = train::train(&training, &learner.pool, run.device, begin, &targets, &out, &mut watch)?;
    if outcome.interrupted {
        return Err(imle_planner::Error::Interrupted.into());
    }
    Ok(Checkpoint::load(&out)?)
}

/// The elites of states drawn anew.
fn elites(
    learner: &Learner<'_>,
    networks: &EditNetworks,
    round: u64,
    observer: &mut dyn Observer,
) -> Result<Vec<WeightedState>> {
    let base = tch::no_grad(|| learner.run.checkpoint.network(learner.run.device))?;
    let states = States::of(learner);
    let all = learner.settings.edit.distill_states as u64;
    let mut elites = Vec::new();
    while (elites.len() as u64) < all {
        let done = elites.len() as u64;
        observer.phase(round, "judge", done, all, "");
        if observer.should_stop() {
            return Err(imle_planner::Error::Interrupted.into());
        }
        let histories = states.draw(learner, done / BATCH as u64);
        let draw = FIRST_DRAW + done / BATCH as u64;
        elites.extend(tch::no_grad(|| best_chunks(learner, networks, base.as_ref(), &histories, draw))?);
    }
    Ok(elites)
}

/// Of chunks drawn for each of the raw `histories` (B, T_obs, O) those of the highest values.
fn best_chunks(
    learner: &Learner<'_>,
    networks: &EditNetworks,
    base: &dyn Network,
    histories: &[f32],
    draw: u64,
) -> imle_policy::Result<Vec<WeightedState>> {
    let (run, sizes, settings) = (learner.run, learner.sizes, &learner.settings.edit);
    let (n, history) = (settings.distill_candidates, sizes.history());
    let count = histories.len() / history;
    let normalizers = &run.checkpoint.config().normalizers;
    let mut seen = histories.to_vec();
    normalizers.observation.normalize(&mut seen);
    let seen = Tensor::f_from_slice(&seen)?.f_view([-1, history as i64])?.f_to_device(run.device)?;
    let latents = learner.actor.latents((run.seed, draw), count, n, run.device)?;
    let mut chunks = to_host(&learner.actor.maps.chunks(base, &seen, &latents)?)?;
    normalizers.action.denormalize(&mut chunks);
    let chunk = chunks.len() / (count * n);
    let values = networks.edit_chunks(histories, &mut chunks, n, settings.pessimism)?;
    let state = |(i, history): (usize, &[f32])| {
        let mut order: Vec<usize> = (i * n..(i + 1) * n).collect();
        order.sort_by(|i, j| values[*j].total_cmp(&values[*i]).then(i.cmp(j)));
        WeightedState {
            observation: history.to_vec(),
            elites: order[..settings.distill_elites].iter().map(|i| chunks[i * chunk..][..chunk].to_vec()).collect(),
            weights: Vec::new(),
            probability: 1.0,
        }
    };
    Ok(histories.chunks_exact(history).enumerate().map(state).collect())
}

/// The states of a run: those of its episodes and of the demonstrations.
struct States<'s> {
    /// Observations of each episode, (at least L, O).
    episodes: Vec<&'s [f32]>,
    /// Control steps of the episodes before each, and of all.
    before: Vec<usize>,
}

impl<'s> States<'s> {
    fn of(learner: &'s Learner<'_>) -> Self {
        let own = learner.replay.trajectories().iter().map(|t| (&t.observations[..], t.len));
        let shown = learner.run.demonstrations.iter().map(|e| (&e.observations[..], e.len));
        let (mut episodes, mut before) = (Vec::new(), vec![0]);
        for (observations, len) in own.chain(shown) {
            episodes.push(observations);
            before.push(before.last().map_or(0, |sum| sum + len));
        }
        Self { episodes, before }
    }

    /// Histories, (B, T_obs, O).
    fn draw(&self, learner: &Learner<'_>, step: u64) -> Vec<f32> {
        let sizes = learner.sizes;
        let mut rng = stream(learner.run.seed, Purpose::FinetuneBatch, 7, step, 0);
        let all = self.before.last().copied().unwrap_or(0);
        let mut histories = vec![0.0; BATCH * sizes.history()];
        for history in histories.chunks_exact_mut(sizes.history()) {
            let at = rng.random_range(0..all);
            let episode = self.before.partition_point(|before| *before <= at) - 1;
            sizes.write_history(self.episodes[episode], at - self.before[episode], history);
        }
        histories
    }
}

struct Watch<'o> {
    observer: &'o mut dyn Observer,
    round: u64,
}

impl TrainObserver for Watch<'_> {
    fn logged(&mut self, m: &TrainMetrics) {
        self.observer.phase(self.round, "distil", m.step, m.steps, &format!("loss {:.4}", m.loss));
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}
