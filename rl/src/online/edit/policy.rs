//! Acting with edits: a chunk of the generator every C control steps, and an edit of it at every one.

use super::networks::EditNetworks;
use crate::replay::trajectory::Sizes;
use crate::student_turns::StudentTurns;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_policy::device::to_host;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};
use rand::Rng;
use std::collections::BTreeMap;

/// The base chunks of episodes, (chunks, C, A) each.
pub type Bases = BTreeMap<u64, Vec<f32>>;

/// How an [`EditPolicy`] acts.
#[derive(Clone, Copy, Debug)]
pub struct EditActing {
    /// Chunks of which the critic chooses one.
    pub candidates: usize,
    /// Share of the episodes in which it is the first one instead.
    pub first_share: f64,
    /// Deviation of the noise on edits, as a share of their bounds.
    pub noise: f64,
    /// Whether edits are learned: before they are, noise alone acts.
    pub learned: bool,
    /// Seed of latents and noise.
    pub seed: u64,
}

/// A student that begins episodes, without edits.
#[derive(Clone, Copy)]
pub struct Beginner<'c> {
    /// Draws its chunks.
    pub sampler: &'c Policy,
    /// For how many of them.
    pub turns: StudentTurns,
}

/// Executes base + b · (δ(s) + noise), with noise that goes from one drawn value to the next in the time of a chunk.
pub struct EditPolicy<'c> {
    networks: &'c EditNetworks,
    sampler: &'c Policy,
    sizes: Sizes,
    acting: EditActing,
    beginner: Option<Beginner<'c>>,
    bases: &'c mut Bases,
}

impl<'c> EditPolicy<'c> {
    /// Over `sampler`'s chunks, or at first those of a `beginner`, which it keeps in `bases`.
    pub fn new(
        networks: &'c EditNetworks,
        sampler: &'c Policy,
        sizes: Sizes,
        acting: EditActing,
        beginner: Option<Beginner<'c>>,
        bases: &'c mut Bases,
    ) -> Self {
        bases.clear();
        Self { networks, sampler, sizes, acting, beginner, bases }
    }

    /// Whether the control step `step` of `episode` is the beginner's.
    fn begins(&self, episode: u64, step: u64) -> bool {
        let students = self.beginner.map_or(0, |beginner| beginner.turns.students(episode));
        step < students * self.sizes.base as u64
    }

    /// Draws the next chunk of the episodes at `due`, of which the beginner has all or none.
    fn draw(&mut self, pool: &rayon::ThreadPool, situation: &Situation<'_>, due: &[usize]) -> imle_policy::Result<()> {
        let history = self.sizes.history();
        let rows = |b: &usize| &situation.observations[b * history..][..history];
        let observations: Vec<f32> = due.iter().flat_map(rows).copied().collect();
        let key = |b: &usize| {
            let key = situation.keys[*b];
            LatentKey { seed: self.acting.seed, episode: key.episode, step: key.decision }
        };
        let keys: Vec<LatentKey> = due.iter().map(key).collect();
        let begins = keys.first().is_some_and(|key| self.begins(key.episode, key.step));
        let n = if self.acting.learned && !begins { self.acting.candidates } else { 1 };
        let sampler = self.beginner.filter(|_| begins).map_or(self.sampler, |beginner| beginner.sampler).sampler();
        let shape = sampler.shape();
        let (chunk, executed) = (shape.chunk(), self.sizes.base * self.sizes.action);
        let mut drawn = vec![0.0; due.len() * n * chunk];
        sampler.sample(pool, Observations::from(&observations), &keys, n, &mut drawn)?;
        let best = if n > 1 { self.best(&observations, &drawn, n, chunk)? } else { vec![0; due.len()] };
        for (i, key) in keys.iter().enumerate() {
            let mut rng = stream(self.acting.seed, Purpose::FinetuneBatch, key.episode, 0, 6);
            let chosen = if rng.random::<f64>() < self.acting.first_share { 0 } else { best[i] };
            let base = &drawn[(i * n + chosen) * chunk..][..executed];
            self.bases.entry(key.episode).or_default().extend_from_slice(base);
        }
        Ok(())
    }

    /// Index of the best of `n` chunks for each of the histories.
    fn best(&self, observations: &[f32], drawn: &[f32], n: usize, chunk: usize) -> imle_policy::Result<Vec<usize>> {
        let (history, executed) = (self.sizes.history(), self.sizes.base * self.sizes.action);
        let size = self.networks.state.size();
        let mut states = vec![0.0; drawn.len() / chunk * size];
        for (i, (state, chunk)) in states.chunks_exact_mut(size).zip(drawn.chunks_exact(chunk)).enumerate() {
            self.networks.state.write(&observations[i / n * history..][..history], &chunk[..executed], state);
        }
        let values = tch::no_grad(|| to_host(&self.networks.values(&self.networks.rows(&states)?)?))?;
        let best = |values: &[f32]| (0..n).max_by(|i, j| values[*i].total_cmp(&values[*j]).then(j.cmp(i))).unwrap_or(0);
        Ok(values.chunks_exact(n).map(best).collect())
    }

    /// Adds noise to the edit of an episode's control step.
    fn disturb(&self, episode: u64, step: usize, delta: &mut [f32]) {
        let (c, e) = (self.sizes.base, delta.len());
        let knot = |k: usize| {
            let mut knot = vec![0.0; e];
            fill_normal(&mut stream(self.acting.seed, Purpose::Perturbation, episode, k as u64, 3), &mut knot);
            knot
        };
        let (from, to, share) = (knot(step / c), knot(step / c + 1), (step % c) as f32 / c as f32);
        for (i, delta) in delta.iter_mut().enumerate() {
            *delta += self.acting.noise as f32 * (from[i] + share * (to[i] - from[i]));
        }
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
        let (c, a, history) = (self.sizes.base, self.sizes.action, self.sizes.history());
        let step = |b: usize| situation.keys[b].decision as usize;
        let begins: Vec<bool> = situation.keys.iter().map(|key| self.begins(key.episode, key.decision)).collect();
        for whose in [true, false] {
            let due = |b: &usize| step(*b).is_multiple_of(c) && begins[*b] == whose;
            let due: Vec<usize> = (0..situation.keys.len()).filter(due).collect();
            if !due.is_empty() {
                self.draw(pool, situation, &due)?;
            }
        }
        let left = |bases: &Bases, b: usize| -> Vec<f32> {
            let base = bases.get(&situation.keys[b].episode).map_or(&[][..], Vec::as_slice);
            base[base.len() - (c - step(b) % c) * a..].to_vec()
        };
        let (size, e) = (self.networks.state.size(), self.networks.state.space.size());
        let mut states = vec![0.0; how.len() * size];
        for (b, state) in states.chunks_exact_mut(size).enumerate() {
            let seen = &situation.observations[b * history..][..history];
            self.networks.state.write(seen, &left(self.bases, b), state);
        }
        let deltas = |states: &[f32]| -> imle_policy::Result<Vec<f32>> {
            tch::no_grad(|| to_host(&self.networks.deltas(&self.networks.rows(states)?)?))
        };
        let mut deltas = if self.acting.learned { deltas(&states)? } else { vec![0.0; how.len() * e] };
        let chunk = chunks.len() / how.len().max(1);
        for (b, (plan, delta)) in chunks.chunks_exact_mut(chunk).zip(deltas.chunks_exact_mut(e)).enumerate() {
            if self.acting.noise > 0.0 {
                self.disturb(situation.keys[b].episode, step(b), delta);
            }
            let most = if begins[b] { 0.0 } else { 1.0 };
            delta.iter_mut().for_each(|d| *d = d.clamp(-most, most));
            // One action is executed; the rest of the plan is the base's.
            let left = left(self.bases, b);
            for (i, action) in plan.chunks_exact_mut(a).enumerate() {
                action.copy_from_slice(&left[(i * a).min(left.len() - a)..][..a]);
            }
            self.networks.state.space.apply(delta, &mut plan[..a]);
        }
        Ok(())
    }
}
