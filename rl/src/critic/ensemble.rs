//! An ensemble of multilayer perceptrons, and what is learned of them: critics.
//!
//! Each of E members is, with layer norms without parameters of their own,
//!
//! ```text
//! y = W_3 SiLU(LN(W_2 SiLU(LN(W_1 x + b_1)) + b_2)) + b_3
//! ```
//!
//! All members are computed in one product of matrices a layer. Layer norms keep a critic from extrapolating without
//! bound (Ball et al., arXiv 2302.02948).

use imle_policy::network::parameters::{Initial, Parameter, ParameterTable};
use imle_policy::train::optimizer::{Moments, move_average};
use imle_policy::{Result, checkpoint::weights_file};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Tensor};

/// Longest gradient; longer ones are scaled down to it.
const CLIP: f64 = 10.0;

/// Sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnsembleShape {
    /// E.
    pub members: usize,
    /// Values of x.
    pub inputs: usize,
    /// Units of a layer.
    pub width: usize,
    /// Values of y.
    pub outputs: usize,
    /// The last layer at the beginning.
    pub last: LastLayer,
}

/// The last layer of a fresh network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LastLayer {
    /// Like the others.
    Uniform,
    /// Like the others, with this bias.
    Bias(f32),
    /// 0: so is every output, whatever is seen.
    Zero,
}

/// Weights, their moments, and a slow copy of them.
pub struct MlpEnsemble {
    shape: EnsembleShape,
    table: ParameterTable,
    weights: Tensor,
    slow: Tensor,
    moments: Moments,
    /// Steps so far.
    pub counters: StepCounters,
}

/// Steps so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounters {
    /// Steps that changed the weights.
    pub updates: u64,
    /// Steps whose loss or gradient was not finite, and which changed nothing.
    pub skipped: u64,
}

/// Names of the parts of a file.
const PARTS: [&str; 4] = ["weights.", "slow.", "first_moment.", "second_moment."];

impl MlpEnsemble {
    /// Fresh weights from the `Weights` streams of `seed`, or what was saved to a file, with these counters.
    ///
    /// # Errors
    /// libtorch's, if memory runs out; a bad input that names the file and the tensor.
    pub fn new(shape: EnsembleShape, seed: u64, saved: Option<(&Path, StepCounters)>, device: Device) -> Result<Self> {
        let table = table(shape);
        let ([weights, slow, first, second], counters) = match saved {
            Some((path, counters)) => (weights_file::read(path, &table, PARTS)?, counters),
            None => {
                let (initial, zeros) = (table.initial(seed), vec![0.0; table.len()]);
                ([initial.clone(), initial, zeros.clone(), zeros], StepCounters::default())
            }
        };
        let tensor = |flat: Vec<f32>| -> Result<Tensor> { Ok(Tensor::f_from_slice(&flat)?.f_to_device(device)?) };
        Ok(Self {
            weights: tensor(weights)?.f_set_requires_grad(true)?,
            slow: tensor(slow)?,
            moments: Moments::new(tensor(first)?, tensor(second)?)?,
            shape,
            table,
            counters,
        })
    }

    /// (E, B, outputs) of `x` (B, inputs); gradients flow to `x` and to the weights.
    ///
    /// # Errors
    /// libtorch's, if the sizes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.layers(&self.table.views(&self.weights)?, x)
    }

    /// As [`forward`](Self::forward), with the weights cut off from the gradient.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn frozen(&self, x: &Tensor) -> Result<Tensor> {
        self.layers(&self.table.views(&self.weights.f_detach()?)?, x)
    }

    /// As [`forward`](Self::forward), of the slow copy of some `members`, (members, B, outputs), which has no gradient.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn slow(&self, x: &Tensor, members: &[i64]) -> Result<Tensor> {
        let members = Tensor::f_from_slice(members)?.f_to_device(x.device())?;
        let views = self.table.views(&self.slow)?;
        let views = views.iter().map(|v| Ok(v.f_index_select(0, &members)?)).collect::<Result<Vec<_>>>()?;
        self.layers(&views, x)
    }

    fn layers(&self, views: &[Tensor], x: &Tensor) -> Result<Tensor> {
        let width = [self.shape.width as i64];
        let members = views.first().map_or(1, |v| v.size()[0]);
        let mut h = x.f_unsqueeze(0)?.f_expand([members, -1, -1], false)?;
        for (i, layer) in views.chunks_exact(2).enumerate() {
            let [weight, bias] = layer else { continue };
            if i > 0 {
                h = h.f_layer_norm(width, None::<&Tensor>, None::<&Tensor>, 1e-5, true)?.f_silu()?;
            }
            h = bias.f_baddbmm(&h, weight, 1, 1)?;
        }
        Ok(h)
    }

    /// One step of AdamW down `loss`; returns whether it was taken: a loss or gradient that is not finite changes
    /// nothing and is counted.
    ///
    /// # Errors
    /// libtorch's.
    pub fn step(&mut self, loss: &Tensor, rate: f64, decay: f64) -> Result<bool> {
        let gradient = Tensor::f_run_backward(&[loss], &[&self.weights], false, false)?.swap_remove(0);
        let (norm, value) = (gradient.f_norm()?.f_double_value(&[])?, loss.f_double_value(&[])?);
        if !(norm.is_finite() && value.is_finite()) {
            self.counters.skipped += 1;
            return Ok(false);
        }
        let gradient = if norm > CLIP { gradient.f_mul_scalar(CLIP / norm)? } else { gradient };
        self.counters.updates += 1;
        self.moments.step(&self.weights, gradient, self.counters.updates, rate, decay)?;
        Ok(true)
    }

    /// Moves the slow copy by `share` of the way to the weights.
    ///
    /// # Errors
    /// libtorch's.
    pub fn follow(&mut self, share: f64) -> Result<()> {
        move_average(&mut self.slow, &self.weights, 1.0 - share)
    }

    /// Writes weights, slow copy and moments to `path`, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self, path: &Path) -> Result<()> {
        let parts = [&self.weights, &self.slow, &self.moments.first, &self.moments.second];
        weights_file::write_tensors(path, &self.table, PARTS, parts)
    }
}

fn table(EnsembleShape { members, inputs, width, outputs, last }: EnsembleShape) -> ParameterTable {
    let sizes = [(inputs, width), (width, width), (width, outputs)];
    let layer = |(i, (from, to)): (usize, &(usize, usize))| {
        let usual = Initial::Uniform(1.0 / (*from as f32).sqrt());
        let [weight, bias] = match last {
            LastLayer::Bias(bias) if i + 1 == sizes.len() => [usual, Initial::Constant(bias)],
            LastLayer::Zero if i + 1 == sizes.len() => [Initial::Constant(0.0); 2],
            _ => [usual; 2],
        };
        let parameter = |name: &str, rows: usize, initial: Initial| Parameter {
            name: format!("layers.{i}.{name}"),
            shape: [members, rows, *to].map(|n| n as i64).to_vec(),
            initial,
        };
        [parameter("weight", *from, weight), parameter("bias", 1, bias)]
    };
    ParameterTable::new(sizes.iter().enumerate().flat_map(layer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn members_differ_learn_and_come_back_from_disk() {
        let shape = EnsembleShape { members: 3, inputs: 2, width: 16, outputs: 1, last: LastLayer::Uniform };
        let mut mlp = MlpEnsemble::new(shape, 1, None, Device::Cpu).unwrap();
        let x = Tensor::from_slice(&[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).view([4, 2]);
        let y = Tensor::from_slice(&[0.0f32, 1.0, 1.0, 0.0]).view([1, 4, 1]);
        let first = mlp.forward(&x).unwrap();
        assert_eq!(first.size(), [3, 4, 1]);
        assert!((first.select(0, 0) - first.select(0, 1)).abs().max().double_value(&[]) > 1e-3);
        for _ in 0..300 {
            let loss = (mlp.forward(&x).unwrap() - &y).square().mean(Kind::Float);
            assert!(mlp.step(&loss, 1e-2, 0.0).unwrap());
            mlp.follow(0.1).unwrap();
        }
        let off = |out: Tensor| (out - &y).abs().max().double_value(&[]);
        assert!(off(mlp.forward(&x).unwrap()) < 0.1 && off(mlp.slow(&x, &[0, 2]).unwrap()) < 0.2);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("critic.safetensors");
        mlp.save(&path).unwrap();
        let load = |shape| MlpEnsemble::new(shape, 0, Some((path.as_path(), mlp.counters)), Device::Cpu);
        let back = load(shape).unwrap();
        assert_eq!(back.forward(&x).unwrap(), mlp.forward(&x).unwrap());
        let wrong = load(EnsembleShape { width: 8, ..shape });
        assert!(wrong.err().unwrap().to_string().contains("critic.safetensors"));
    }

    #[test]
    fn the_last_layer_begins_as_it_is_asked_to() {
        let first = |last| {
            let shape = EnsembleShape { members: 2, inputs: 1, width: 8, outputs: 1, last };
            let mlp = MlpEnsemble::new(shape, 1, None, Device::Cpu).unwrap();
            mlp.forward(&Tensor::from_slice(&[1.0f32]).view([1, 1])).unwrap()
        };
        assert_eq!(first(LastLayer::Zero).abs().max().double_value(&[]), 0.0);
        assert!((first(LastLayer::Bias(-3.0)) + 3.0).abs().max().double_value(&[]) < 1.5);
    }

    #[test]
    fn a_step_that_is_not_finite_changes_nothing() {
        let shape = EnsembleShape { members: 1, inputs: 1, width: 4, outputs: 1, last: LastLayer::Uniform };
        let mut mlp = MlpEnsemble::new(shape, 1, None, Device::Cpu).unwrap();
        let x = Tensor::from_slice(&[1.0f32]).view([1, 1]);
        let before = mlp.forward(&x).unwrap();
        let loss = mlp.forward(&x).unwrap().mean(Kind::Float) * f64::NAN;
        assert!(!mlp.step(&loss, 0.1, 0.0).unwrap());
        assert_eq!((mlp.forward(&x).unwrap(), mlp.counters.skipped), (before, 1));
    }
}
