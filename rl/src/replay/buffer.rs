//! Replay buffer: the decisions of all trajectories, normalised once.

use super::trajectory::{Sizes, Trajectory};
use imle_configs::seed::{Purpose, stream};
use imle_policy::{Result, normalizer::Normalizers};
use rand::Rng;
use tch::{Device, Tensor};

/// The decisions collected so far, M of them.
pub struct ReplayBuffer {
    sizes: Sizes,
    discount: f64,
    normalizers: Normalizers,
    trajectories: Vec<Trajectory>,
    /// Trajectory and index within it of each decision.
    places: Vec<(usize, usize)>,
    /// Observation histories before and after each decision, (M, T_obs · O), normalised.
    before: Vec<f32>,
    after: Vec<f32>,
    /// Executed chunks, (M, T_act · A), normalised.
    chunks: Vec<f32>,
    rewards: Vec<f32>,
    discounts: Vec<f32>,
}

/// B decisions on the learner's device, normalised.
#[derive(Debug)]
pub struct TransitionBatch {
    /// Observation histories before, (B, T_obs · O).
    pub before: Tensor,
    /// Executed chunks, (B, T_act · A).
    pub chunks: Tensor,
    /// Σ γⁱ r_i, (B,).
    pub rewards: Tensor,
    /// Discounts of the value of the state after, (B,).
    pub discounts: Tensor,
    /// Observation histories after, (B, T_obs · O).
    pub after: Tensor,
    /// Which decisions they are.
    pub rows: Vec<usize>,
}

impl ReplayBuffer {
    /// Empty, for trajectories of `sizes`; `discount` is γ of a control step.
    pub fn new(sizes: Sizes, discount: f64, normalizers: Normalizers) -> Self {
        Self {
            sizes,
            discount,
            normalizers,
            trajectories: Vec::new(),
            places: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            chunks: Vec::new(),
            rewards: Vec::new(),
            discounts: Vec::new(),
        }
    }

    /// Adds trajectories.
    pub fn extend(&mut self, trajectories: Vec<Trajectory>) {
        let mut history = vec![0.0; self.sizes.history()];
        let old = self.places.len();
        for trajectory in trajectories {
            for index in 0..trajectory.decisions(self.sizes) {
                let consequence = trajectory.consequence(index, self.sizes, self.discount);
                let first = index * self.sizes.executed;
                trajectory.history(first, self.sizes, &mut history);
                self.before.extend_from_slice(&history);
                trajectory.history(first + consequence.steps, self.sizes, &mut history);
                self.after.extend_from_slice(&history);
                self.chunks.extend_from_slice(&trajectory.planned[index * self.sizes.chunk()..][..self.sizes.chunk()]);
                self.rewards.push(consequence.reward as f32);
                self.discounts.push(consequence.discount as f32);
                self.places.push((self.trajectories.len(), index));
            }
            self.trajectories.push(trajectory);
        }
        let (o, c) = (self.sizes.history(), self.sizes.chunk());
        self.normalizers.observation.normalize(&mut self.before[old * o..]);
        self.normalizers.observation.normalize(&mut self.after[old * o..]);
        self.normalizers.action.normalize(&mut self.chunks[old * c..]);
    }

    /// M.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing was collected yet.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All trajectories, in the order in which they were added.
    pub fn trajectories(&self) -> &[Trajectory] {
        &self.trajectories
    }

    /// Which trajectory decision `row` belongs to, and which of its decisions it is.
    pub fn place(&self, row: usize) -> (&Trajectory, usize) {
        let (trajectory, index) = self.places[row];
        (&self.trajectories[trajectory], index)
    }

    /// The discounted return from decision `row` on.
    pub fn return_from(&self, row: usize) -> f64 {
        let (trajectory, index) = self.place(row);
        trajectory.return_from(index, self.sizes, self.discount)
    }

    /// Indices of `count` decisions, drawn from the stream of (seed, step).
    pub fn draw(&self, seed: u64, step: u64, count: usize) -> Vec<usize> {
        let mut rng = stream(seed, Purpose::FinetuneBatch, 0, step, 0);
        (0..count).map(|_| rng.random_range(0..self.len())).collect()
    }

    /// The decisions `rows` as tensors.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn batch(&self, rows: Vec<usize>, device: Device) -> Result<TransitionBatch> {
        let (o, c) = (self.sizes.history(), self.sizes.chunk());
        let gather = |all: &[f32], size: usize| -> Result<Tensor> {
            let values: Vec<f32> = rows.iter().flat_map(|r| &all[r * size..][..size]).copied().collect();
            Ok(Tensor::f_from_slice(&values)?.f_view([-1, size as i64])?.f_to_device(device)?)
        };
        Ok(TransitionBatch {
            before: gather(&self.before, o)?,
            chunks: gather(&self.chunks, c)?,
            rewards: gather(&self.rewards, 1)?.f_squeeze_dim(1)?,
            discounts: gather(&self.discounts, 1)?.f_squeeze_dim(1)?,
            after: gather(&self.after, o)?,
            rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::trajectory::tests::{SIZES, straight};
    use imle_policy::normalizer::Normalizer;

    #[test]
    fn decisions_are_what_the_trajectories_hold() {
        let range = |n: usize| Normalizer::Range { min: vec![0.0; n], max: vec![2.0; n] };
        let normalizers = Normalizers { observation: range(2), action: range(1), residual: None };
        let mut replay = ReplayBuffer::new(SIZES, 0.5, normalizers);
        replay.extend(vec![straight(0, 4, true)]);
        replay.extend(vec![straight(1, 5, false)]);
        assert_eq!((replay.len(), replay.place(3).0.episode, replay.place(3).1), (5, 1, 1));
        assert_eq!((replay.return_from(0), replay.return_from(4)), (0.125, 0.0));
        let batch = replay.batch(vec![1, 3], Device::Cpu).unwrap();
        let host = |t: &Tensor| imle_policy::device::to_host(t).unwrap();
        assert_eq!(host(&batch.before)[6..], [-1.0, -1.0, 0.0, 9.0, 1.0, 19.0]);
        assert_eq!((host(&batch.chunks), host(&batch.rewards)), (vec![1.0, 2.0, 1.0, 2.0], vec![0.5, 0.0]));
        assert_eq!(host(&batch.discounts), [0.0, 0.25]);
        assert!(replay.draw(3, 4, 50).iter().all(|row| (0..5).contains(row)));
        assert_eq!(replay.draw(3, 4, 50), replay.draw(3, 4, 50));
    }
}
