//! Step buffer: decisions of episodes as transitions over n of them, each a state and a short action.

use imle_configs::seed::{Purpose, stream};
use imle_policy::Result;
use rand::Rng;
use tch::{Device, Tensor};

/// One episode of K decisions as it is added: states before each and after the last, and what was done and earned.
#[derive(Clone, Copy, Debug)]
pub struct StepEpisode<'a> {
    /// States, (K + 1, S), or (K, S) where nothing is known of what came after the last decision.
    pub states: &'a [f32],
    /// Actions, (K, E).
    pub actions: &'a [f32],
    /// Rewards of the control steps, (L,).
    pub rewards: &'a [f64],
    /// Control steps of a decision; the last may have fewer.
    pub hold: usize,
    /// Whether the task ended it: nothing follows. Otherwise it was cut off.
    pub terminated: bool,
}

/// Transitions (s_k, a_k, Σ γⁱ r_i over the control steps of n decisions, their discount or 0, s_{k+n}).
#[derive(Debug)]
pub struct StepBuffer {
    sizes: (usize, usize),
    steps: usize,
    discount: f64,
    states: Vec<f32>,
    actions: Vec<f32>,
    /// Rows of states of each transition, before and after.
    rows: Vec<(u32, u32)>,
    rewards: Vec<f32>,
    discounts: Vec<f32>,
    returns: Vec<f32>,
}

/// B transitions as tensors.
#[derive(Debug)]
pub struct StepBatch {
    /// States before, (B, S).
    pub before: Tensor,
    /// Actions, (B, E).
    pub actions: Tensor,
    /// Σ γⁱ r_i, (B,).
    pub rewards: Tensor,
    /// Discounts of what follows, (B,).
    pub discounts: Tensor,
    /// States n steps later, (B, S).
    pub after: Tensor,
    /// The discounted returns to the end of the episode, (B,).
    pub returns: Tensor,
}

impl StepBuffer {
    /// Of states of S and actions of E values, over n decisions, `steps`; `discount` is γ of a control step.
    pub fn new(sizes: (usize, usize), steps: usize, discount: f64) -> Self {
        Self {
            sizes,
            steps: steps.max(1),
            discount,
            states: Vec::new(),
            actions: Vec::new(),
            rows: Vec::new(),
            rewards: Vec::new(),
            discounts: Vec::new(),
            returns: Vec::new(),
        }
    }

    /// Adds an episode; what is followed by an unknown state is left out.
    pub fn push(&mut self, episode: StepEpisode<'_>) {
        let (s, _) = self.sizes;
        let (first, known) = (self.states.len() / s, episode.states.len() / s);
        let (length, hold) = (episode.rewards.len(), episode.hold);
        let decisions = length.div_ceil(hold);
        let mut returns = vec![0.0; length + 1];
        for t in (0..length).rev() {
            returns[t] = episode.rewards[t] + self.discount * returns[t + 1];
        }
        let step = |k: usize| (k * hold).min(length);
        self.states.extend_from_slice(episode.states);
        // One action a row of states, so that both have the same index.
        self.actions.extend_from_slice(episode.actions);
        self.actions.resize(self.states.len() / s * self.sizes.1, 0.0);
        for k in 0..decisions {
            let end = (k + self.steps).min(decisions);
            let ended = episode.terminated && end == decisions;
            let after = if ended { k } else { end };
            if after >= known {
                continue;
            }
            let followed = self.discount.powi((step(end) - step(k)) as i32);
            self.rows.push(((first + k) as u32, (first + after) as u32));
            self.rewards.push((returns[step(k)] - followed * returns[step(end)]) as f32);
            self.discounts.push(if ended { 0.0 } else { followed as f32 });
            self.returns.push(returns[step(k)] as f32);
        }
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Indices of `count` transitions, drawn from the stream of (seed, purpose, `which`, step).
    pub fn draw(&self, seed: u64, which: u64, step: u64, count: usize) -> Vec<usize> {
        let mut rng = stream(seed, Purpose::FinetuneBatch, 0, step, which);
        (0..count).map(|_| rng.random_range(0..self.len())).collect()
    }

    /// The transitions `picked` of each buffer, one after the other.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn batch(parts: &[(&Self, &[usize])], device: Device) -> Result<StepBatch> {
        let tensor = |values: Vec<f32>, size: usize| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(&values)?.f_view([-1, size as i64])?.f_to_device(device)?)
        };
        let (s, e) = parts.first().map_or((1, 1), |(buffer, _)| buffer.sizes);
        let gather = |of: &dyn Fn(&Self, usize, &mut Vec<f32>)| {
            let mut values = Vec::new();
            for (buffer, picked) in parts {
                picked.iter().for_each(|i| of(buffer, *i, &mut values));
            }
            values
        };
        let row = |all: &[f32], at: u32, size: usize, out: &mut Vec<f32>| {
            out.extend_from_slice(&all[at as usize * size..][..size]);
        };
        Ok(StepBatch {
            before: tensor(gather(&|b, i, out| row(&b.states, b.rows[i].0, s, out)), s)?,
            actions: tensor(gather(&|b, i, out| row(&b.actions, b.rows[i].0, e, out)), e)?,
            after: tensor(gather(&|b, i, out| row(&b.states, b.rows[i].1, s, out)), s)?,
            rewards: tensor(gather(&|b, i, out| out.push(b.rewards[i])), 1)?.f_squeeze_dim(1)?,
            discounts: tensor(gather(&|b, i, out| out.push(b.discounts[i])), 1)?.f_squeeze_dim(1)?,
            returns: tensor(gather(&|b, i, out| out.push(b.returns[i])), 1)?.f_squeeze_dim(1)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_policy::device::to_host;

    #[test]
    fn every_step_is_a_transition_and_success_is_followed_by_nothing() {
        let mut buffer = StepBuffer::new((1, 1), 3, 0.5);
        let states = [0.0, 1.0, 2.0, 3.0, 4.0];
        let actions = [10.0, 11.0, 12.0, 13.0];
        let solved = StepEpisode {
            states: &states,
            actions: &actions,
            rewards: &[0.0, 0.0, 0.0, 1.0],
            hold: 1,
            terminated: true,
        };
        buffer.push(solved);
        buffer.push(StepEpisode { terminated: false, rewards: &[0.0; 4], ..solved });
        // Without the state after the last step there is nothing to go on from.
        buffer.push(StepEpisode { terminated: false, states: &states[..4], rewards: &[0.0; 4], ..solved });
        assert_eq!(buffer.len(), 4 + 4 + 1);
        let all: Vec<usize> = (0..buffer.len()).collect();
        let batch = StepBuffer::batch(&[(&buffer, &all)], Device::Cpu).unwrap();
        let host = |t: &Tensor| to_host(t).unwrap();
        assert_eq!(host(&batch.before), [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 0.0]);
        assert_eq!(host(&batch.after), [3.0, 1.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0, 3.0]);
        assert_eq!(host(&batch.actions)[..5], [10.0, 11.0, 12.0, 13.0, 10.0]);
        assert_eq!(host(&batch.rewards)[..5], [0.0, 0.25, 0.5, 1.0, 0.0]);
        assert_eq!(host(&batch.discounts), [0.125, 0.0, 0.0, 0.0, 0.125, 0.125, 0.25, 0.5, 0.125]);
        assert_eq!(host(&batch.returns)[..5], [0.125, 0.25, 0.5, 1.0, 0.0]);
    }

    #[test]
    fn a_decision_may_last_several_steps() {
        let mut buffer = StepBuffer::new((1, 1), 1, 0.5);
        let (states, actions, rewards) = ([0.0, 2.0, 4.0], [10.0, 12.0], [0.0, 1.0, 1.0]);
        let episode = StepEpisode { states: &states, actions: &actions, rewards: &rewards, hold: 2, terminated: false };
        buffer.push(episode);
        let batch = StepBuffer::batch(&[(&buffer, &[0, 1])], Device::Cpu).unwrap();
        let host = |t: &Tensor| to_host(t).unwrap();
        assert_eq!((host(&batch.rewards), host(&batch.discounts)), (vec![0.5, 1.0], vec![0.25, 0.5]));
        assert_eq!((host(&batch.after), host(&batch.returns)), (vec![2.0, 4.0], vec![0.75, 1.0]));
    }
}
