//! Branch-reset groups: the simulator goes back to states that were met, candidates are rolled out from there to the end of the
//! episode, and the generator learns to draw those that went well.
//!
//! ```text
//! for states s of the last episodes:
//!     a_j = G(o, z_j), every second one disturbed by σ,  j = 1…m
//!     R_j = the return of a_j and then the generator alone, from s
//!     w_j ∝ e^(R_j / β)
//! actor   RS-IMLE on groups: as many targets as latents drawn from the a_j by w_j, assigned jointly, so that the mass of the
//!         generator's modes follows the weights; a group counts by the deviation of its returns
//!         beside solved episodes and demonstrations (the anchor)
//! ```
//!
//! There is no critic: returns are true, if noisy. They cost steps of simulation in place of steps in the world, and are told apart.
//! On a robot the simulator would be its model. Groups after GRPO (arXiv 2402.03300), resets as in Vine (arXiv 2410.01679).

use crate::algorithm::{Algorithm, Collecting};
use crate::error::Result;
use crate::journal::{Group, Record};
use crate::learner::{Figures, Learner, Mean};
use crate::trajectory::Trajectory;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_planner::alone::GeneratorAlone;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluate::{self, Start, evaluate};
use imle_policy::sampler::LatentKey;
use imle_policy::targets::{TargetSource, WeightedState, WeightedTargets};
use rand::Rng;
use std::ops::Range;

/// Name of the algorithm.
pub const NAME: &str = "branches";

/// What sets the latents of branches apart from those of the world.
const SEED: u64 = 0x6272_616e_6368;
/// Groups whose returns differ by less teach nothing.
const LEAST_SPREAD: f64 = 1e-6;

/// The algorithm; all it knows is in the records.
#[derive(Default)]
pub struct Branches;

impl Algorithm for Branches {
    fn has_critic(&self) -> bool {
        false
    }

    fn wants_states(&self) -> bool {
        true
    }

    fn behaviour<'c>(&'c mut self, c: Collecting<'c>) -> Result<Box<dyn Decide + 'c>> {
        Ok(Box::new(GeneratorAlone::new(c.sampler, c.learner.run.seed, c.learner.horizons)))
    }

    fn branch(
        &mut self,
        c: Collecting<'_>,
        index: u64,
        trajectories: &[Trajectory],
        states: &[Vec<Vec<f64>>],
    ) -> Result<(Vec<Group>, u64)> {
        let (learner, settings, sizes) = (c.learner, &c.learner.settings.branches, c.learner.sizes);
        let (run, m) = (learner.run, settings.group);
        let decisions: Vec<(usize, usize)> =
            trajectories.iter().enumerate().flat_map(|(t, x)| (0..x.decisions(sizes)).map(move |k| (t, k))).collect();
        if decisions.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let mut rng = stream(run.seed, Purpose::FinetuneBatch, 3, index, 0);
        let mut drawn: Vec<(usize, usize)> =
            (0..settings.states).map(|_| decisions[rng.random_range(0..decisions.len())]).collect();
        drawn.sort_unstable();
        drawn.dedup();

        let mut histories = Vec::new();
        let mut starts: Vec<Start> = Vec::new();
        let mut history = vec![0.0; sizes.history()];
        for (t, k) in &drawn {
            let step = k * sizes.executed;
            trajectories[*t].history(step, sizes, &mut history);
            histories.extend_from_slice(&history);
            let start = Start {
                state: states[*t][step].clone(),
                history: history.clone(),
                steps_left: run.task.max_steps() - step,
            };
            starts.extend(std::iter::repeat_n(start, m));
        }
        let seed = run.seed ^ SEED;
        let key = |g: usize| LatentKey { seed, episode: g as u64, step: index };
        let keys: Vec<LatentKey> = (0..drawn.len()).map(key).collect();
        let chunk = c.sampler.shape().chunk();
        let mut chunks = vec![0.0; drawn.len() * m * chunk];
        c.sampler.sample(&learner.pool, &histories, &keys, m, &mut chunks)?;
        disturb(&mut chunks, (chunk, sizes.chunk()), &learner.run.checkpoint.config().normalizers.action.scales(), {
            let sigma = settings.sigma;
            move |candidate, out| {
                fill_normal(&mut stream(seed, Purpose::Perturbation, candidate, index, 0), out);
                out.iter_mut().for_each(|x| *x *= sigma as f32);
            }
        });

        let alone = GeneratorAlone::new(c.sampler, seed.wrapping_add(index), learner.horizons);
        let mut decider = First { chunks: &chunks, chunk, then: alone };
        let episodes = evaluate::Settings {
            purpose: Purpose::FinetuneReset,
            lockstep: learner.settings.lockstep,
            keep_actions: true,
            starts: Some(starts.into()),
            ..evaluate::Settings::held_out(drawn.len() * m, run.seed, learner.horizons)
        };
        let outcome = evaluate(&run.task, &mut decider, &episodes, &learner.pool, &mut ())?;
        let steps: u64 = outcome.episodes.iter().map(|e| e.steps as u64).sum();
        let least = run.task.reward().bounds()[0];
        let returns: Vec<f64> = outcome
            .episodes
            .into_iter()
            .map(|e| {
                Trajectory::of(e)
                    .map_or(least, |t| t.return_from(0, sizes, run.task.reward(), learner.settings.discount))
            })
            .collect();
        let groups = histories
            .chunks_exact(sizes.history())
            .zip(chunks.chunks_exact(m * chunk))
            .zip(returns.chunks_exact(m))
            .map(|((history, chunks), returns)| Group {
                history: history.to_vec(),
                chunks: chunks.to_vec(),
                returns: returns.to_vec(),
            })
            .collect();
        Ok((groups, steps * run.task.substeps() as u64))
    }

    fn learn(
        &mut self,
        learner: &mut Learner<'_>,
        _: Range<usize>,
        records: &[Record],
        figures: &mut Figures,
    ) -> Result<()> {
        let settings = &learner.settings.branches;
        let groups = records.iter().rev().flat_map(|r| &r.groups).take(settings.most_groups);
        let states: Vec<WeightedState> = groups.filter_map(|g| state(g, settings.temperature)).collect();
        let share = settings.share;
        let targets = match states.is_empty() {
            true => None,
            false => Some(WeightedTargets::new(&states, learner.settings.actor.samples)?),
        };
        let mut loss = Mean::default();
        for _ in 0..learner.actor_steps_due() {
            let source = targets.as_ref().map(|t| (share, t as &dyn TargetSource));
            loss.add(learner.actor_step(source, &mut |_| Ok(None))?.loss);
        }
        loss.write("train/loss", figures);
        let last = records.last().map_or(&[][..], |r| &r.groups);
        let spreads: Vec<f64> = last.iter().map(|g| spread(&g.returns)).collect();
        figures.insert("branches/spread".into(), spreads.iter().sum::<f64>() / spreads.len().max(1) as f64);
        Ok(())
    }
}

/// A group as a state to learn from; nothing where its returns are alike.
fn state(group: &Group, temperature: f64) -> Option<WeightedState> {
    let spread = spread(&group.returns);
    let most = group.returns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (spread > LEAST_SPREAD).then(|| WeightedState {
        observation: group.history.clone(),
        elites: group.chunks.chunks_exact(group.chunks.len() / group.returns.len()).map(<[f32]>::to_vec).collect(),
        weights: group.returns.iter().map(|r| ((r - most) / temperature).exp()).collect(),
        probability: spread,
    })
}

/// Standard deviation.
fn spread(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// Adds to the executed part of every second chunk what `draw` writes for it, in normalised units; `scales` are what one unit of
/// each action dimension is in them.
fn disturb(chunks: &mut [f32], (chunk, executed): (usize, usize), scales: &[f32], draw: impl Fn(u64, &mut [f32])) {
    let mut noise = vec![0.0; executed];
    for (i, chunk) in chunks.chunks_exact_mut(chunk).enumerate().skip(1).step_by(2) {
        draw(i as u64, &mut noise);
        for (row, noise) in chunk.chunks_exact_mut(scales.len()).zip(noise.chunks_exact(scales.len())) {
            for ((x, n), scale) in row.iter_mut().zip(noise).zip(scales) {
                *x += if *scale > 0.0 { n / scale } else { 0.0 };
            }
        }
    }
}

/// A given chunk first, and then the generator alone.
struct First<'c> {
    /// One an episode.
    chunks: &'c [f32],
    chunk: usize,
    then: GeneratorAlone<'c>,
}

impl Decide for First<'_> {
    fn sources(&self) -> Vec<&'static str> {
        self.then.sources()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        if situation.keys.iter().any(|k| k.decision > 0) {
            self.then.decide(pool, situation, chunks, how)?;
        }
        for (key, out) in situation.keys.iter().zip(chunks.chunks_exact_mut(self.chunk)) {
            if key.decision == 0 {
                out.copy_from_slice(&self.chunks[key.episode as usize * self.chunk..][..self.chunk]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_weighs_its_candidates_by_what_followed() {
        let group = Group { history: vec![1.0], chunks: vec![0.0, 1.0, 2.0], returns: vec![0.0, 0.5, 0.5] };
        let state = state(&group, 0.5).unwrap();
        assert_eq!(state.elites, [[0.0], [1.0], [2.0]]);
        assert!((state.weights[0] - (-1f64).exp()).abs() < 1e-12 && state.weights[1] == 1.0);
        assert!((state.probability - (0.5f64 / 9.0 * 0.5 * 2.0).sqrt()).abs() < 1e-9, "{}", state.probability);
        assert!(super::state(&Group { returns: vec![0.5; 3], ..group }, 0.5).is_none());
    }

    #[test]
    fn every_second_chunk_is_disturbed_where_it_is_executed() {
        let mut chunks = vec![0.0; 12];
        disturb(&mut chunks, (6, 4), &[2.0, 0.0], |_, out| out.fill(1.0));
        assert_eq!(chunks, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    }
}
