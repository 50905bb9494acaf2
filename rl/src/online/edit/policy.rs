//! Acting with edits: a chunk of the generator every C control steps, and an edit of it that is held for some of them.

use super::networks::EditNetworks;
use crate::replay::trajectory::Sizes;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_policy::device::to_host;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};
use rand::Rng;
use std::collections::BTreeMap;

/// The episodes under way, by number.
pub type Bases = BTreeMap<u64, EditedEpisode>;

/// Of one episode: its base chunks, (chunks, C, A), whether the present one is edited, and the edit that is held, (E,).
#[derive(Clone, Debug, Default)]
pub struct EditedEpisode {
    /// Base chunks.
    pub base: Vec<f32>,
    edited: bool,
    delta: Vec<f32>,
}

/// Settings of an [`EditPolicy`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EditActing {
    /// Chunks of which the critic chooses one.
    pub candidates: usize,
    /// Share of the episodes in which it is the first one instead.
    pub first_share: f64,
    /// Deviation of the noise on edits, as a share of their bounds.
    pub noise: f64,
    /// Share of the edits in whose place one is drawn that is as likely small as large.
    pub explore: f64,
    /// Control steps that an edit is held.
    pub hold: usize,
    /// Deviations of the critic's members by which a choice is taken for worse than their mean.
    pub pessimism: f64,
    /// Whether edits are learned: before they are, noise alone acts.
    pub learned: bool,
    /// Seed of latents and noise.
    pub seed: u64,
}

/// Executes base + b · (δ(s) + noise), or in a share of the decisions base + b · a drawn edit.
pub struct EditPolicy<'c> {
    networks: &'c EditNetworks,
    sampler: &'c Policy,
    sizes: Sizes,
    acting: EditActing,
    bases: &'c mut Bases,
}

impl<'c> EditPolicy<'c> {
    /// Over `sampler`'s chunks, which it keeps in `bases`.
    pub fn new(
        networks: &'c EditNetworks,
        sampler: &'c Policy,
        sizes: Sizes,
        acting: EditActing,
        bases: &'c mut Bases,
    ) -> Self {
        Self { networks, sampler, sizes, acting, bases }
    }

    /// Draws the next chunk of the episodes at `due`.
    fn draw(&mut self, pool: &rayon::ThreadPool, situation: &Situation<'_>, due: &[usize]) -> imle_policy::Result<()> {
        let history = self.sizes.history();
        let rows = |b: &usize| &situation.observations[b * history..][..history];
        let observations: Vec<f32> = due.iter().flat_map(rows).copied().collect();
        let key = |b: &usize| {
            let key = situation.keys[*b];
            LatentKey { seed: self.acting.seed, episode: key.episode, step: key.decision }
        };
        let keys: Vec<LatentKey> = due.iter().map(key).collect();
        let n = if self.acting.learned { self.acting.candidates } else { 1 };
        let sampler = self.sampler.sampler();
        let shape = sampler.shape();
        let (chunk, executed) = (shape.chunk(), self.sizes.base * self.sizes.action);
        let mut drawn = vec![0.0; due.len() * n * chunk];
        sampler.sample(pool, Observations::from(&observations), &keys, n, &mut drawn)?;
        let best = match self.acting.learned {
            true => self.best(&observations, &drawn, n, chunk)?,
            false => vec![([0; 2], [false; 2]); due.len()],
        };
        for (i, key) in keys.iter().enumerate() {
            let mut rng = stream(self.acting.seed, Purpose::FinetuneBatch, key.episode, 0, 6);
            let which = usize::from(rng.random::<f64>() < self.acting.first_share);
            let (chosen, edited) = best[i];
            let base = &drawn[(i * n + chosen[which]) * chunk..][..executed];
            let kept = self.bases.entry(key.episode).or_default();
            if key.step == 0 {
                kept.base.clear();
            }
            kept.base.extend_from_slice(base);
            kept.edited = edited[which];
        }
        Ok(())
    }

    /// For each of the histories the indices of the best of `n` chunks and of the first, and whether each of the two is
    /// better edited.
    fn best(
        &self,
        observations: &[f32],
        drawn: &[f32],
        n: usize,
        chunk: usize,
    ) -> imle_policy::Result<Vec<([usize; 2], [bool; 2])>> {
        let (history, executed) = (self.sizes.history(), self.sizes.base * self.sizes.action);
        let size = self.networks.state.size();
        let mut states = vec![0.0; drawn.len() / chunk * size];
        for (i, (state, chunk)) in states.chunks_exact_mut(size).zip(drawn.chunks_exact(chunk)).enumerate() {
            self.networks.state.write(&observations[i / n * history..][..history], &chunk[..executed], state);
        }
        let [base, edited] = tch::no_grad(|| -> imle_policy::Result<_> {
            let [base, edited] = self.networks.choices(&self.networks.rows(&states)?, self.acting.pessimism)?;
            Ok([to_host(&base)?, to_host(&edited)?])
        })?;
        let best = |(base, edited): (&[f32], &[f32])| {
            let value = |i: usize| base[i].max(edited[i]);
            let best = (0..n).max_by(|i, j| value(*i).total_cmp(&value(*j)).then(j.cmp(i))).unwrap_or(0);
            ([best, 0], [best, 0].map(|i| edited[i] > base[i]))
        };
        Ok(base.chunks_exact(n).zip(edited.chunks_exact(n)).map(best).collect())
    }

    /// Disturbs the edit of an episode's decision at control step `step`.
    fn disturb(&self, episode: u64, step: u64, delta: &mut [f32]) {
        let mut rng = stream(self.acting.seed, Purpose::Perturbation, episode, step, 3);
        if rng.random::<f64>() < self.acting.explore {
            let size: f32 = rng.random();
            delta.iter_mut().for_each(|d| *d = size * rng.random_range(-1.0..=1.0));
        }
        let mut noise = vec![0.0; delta.len()];
        fill_normal(&mut rng, &mut noise);
        delta.iter_mut().zip(noise).for_each(|(d, n)| *d = (*d + self.acting.noise as f32 * n).clamp(-1.0, 1.0));
    }

    /// Decides the edits of the episodes at `due`.
    fn edit(&mut self, situation: &Situation<'_>, due: &[usize]) -> imle_policy::Result<()> {
        let (size, e, history) = (self.networks.state.size(), self.networks.state.space.size(), self.sizes.history());
        let mut states = vec![0.0; due.len() * size];
        for (b, state) in due.iter().zip(states.chunks_exact_mut(size)) {
            let key = situation.keys[*b];
            let left = self.left(key.episode, key.decision as usize);
            self.networks.state.write(&situation.observations[b * history..][..history], left, state);
        }
        let deltas = match self.acting.learned {
            true => tch::no_grad(|| to_host(&self.networks.deltas(&self.networks.rows(&states)?)?))?,
            false => vec![0.0; due.len() * e],
        };
        for (b, delta) in due.iter().zip(deltas.chunks_exact(e)) {
            let key = situation.keys[*b];
            let edited = self.bases.get(&key.episode).is_some_and(|kept| kept.edited);
            let mut delta = if edited { delta.to_vec() } else { vec![0.0; e] };
            self.disturb(key.episode, key.decision, &mut delta);
            self.bases.entry(key.episode).or_default().delta = delta;
        }
        Ok(())
    }

    /// The rest of an episode's chunk at control step `step`, (at most C, A).
    fn left(&self, episode: u64, step: usize) -> &[f32] {
        let base = self.bases.get(&episode).map_or(&[][..], |kept| &kept.base);
        &base[base.len() - (self.sizes.base - step % self.sizes.base) * self.sizes.action..]
    }
}

impl Decide for EditPolicy<'_> {
    fn sources(&self) -> Vec<&'static str> {
        vec!["imle"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        how.fill(Decision::default());
        let (c, a) = (self.sizes.base, self.sizes.action);
        let step = |b: usize| situation.keys[b].decision as usize;
        let due: Vec<usize> = (0..how.len()).filter(|b| step(*b).is_multiple_of(c)).collect();
        if !due.is_empty() {
            self.draw(pool, situation, &due)?;
        }
        let due: Vec<usize> = (0..how.len()).filter(|b| (step(*b) % c).is_multiple_of(self.acting.hold)).collect();
        if !due.is_empty() {
            self.edit(situation, &due)?;
        }
        let chunk = chunks.len() / how.len().max(1);
        for (b, plan) in chunks.chunks_exact_mut(chunk).enumerate() {
            let key = situation.keys[b];
            let left = self.left(key.episode, step(b));
            // One action is executed; the rest of the plan is the base's.
            for (i, action) in plan.chunks_exact_mut(a).enumerate() {
                action.copy_from_slice(&left[(i * a).min(left.len() - a)..][..a]);
            }
            if let Some(kept) = self.bases.get(&key.episode) {
                self.networks.state.space.apply(&kept.delta, &mut plan[..a]);
            }
        }
        Ok(())
    }
}
