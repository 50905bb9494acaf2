//! Conditional RS-IMLE (arXiv 2502.12371): every target pulls its nearest surviving candidate.
//!
//! Per batch: encode each observation once; draw m latents a state and generate their chunks without gradient;
//! [`rs_imle::select`] rejects and assigns; generate the assigned latents again with gradient; the loss is their
//! mean distance per element. One pass of the network gives a chunk.

use super::{Loss, LossContext, LossValue, Method, TensorBatch};
use crate::Result;
use crate::network::{Conditioning, Network};
use crate::rs_imle;
use imle_configs::seed::{Purpose, fill_normal, stream};
use tch::Tensor;

/// The method `imle`.
pub struct Imle;

impl Method for Imle {
    fn name(&self) -> &'static str {
        "imle"
    }

    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext) -> Result<Loss> {
        let (states, targets, chunk) = batch.targets.size3()?;
        let (m, shape) = (context.samples as i64, context.shape);
        let (t, a) = (shape.prediction as i64, shape.action as i64);
        let conditioning = network.condition(&batch.observations)?;
        let z = latents(context, states * m)?.f_view([states, m, t, a])?.f_to_device(batch.targets.device())?;

        let distances = tch::no_grad(|| -> Result<Vec<f32>> {
            let candidates = network.generate(&z, &conditioning)?.f_view([states, m, chunk])?;
            let distances = rs_imle::distances(&candidates, &batch.targets)?;
            let mut host = vec![0.0; distances.numel()];
            distances.f_reshape([-1])?.f_copy_data(&mut host, distances.numel())?;
            Ok(host)
        })?;
        let selection = rs_imle::select(&distances, batch.mask, context.samples, targets as usize, context.epsilon)?;

        let d = selection.diagnostics;
        let parts = vec![
            ("survivor_share", d.survivor_share),
            ("nearest", d.nearest),
            ("nearest_unrejected", d.nearest_unrejected),
            ("dropped", d.dropped as f64),
        ];
        if distances.iter().any(|d| !d.is_finite()) {
            return Ok(Loss { value: LossValue::NotFinite, parts });
        }
        if d.assigned == 0 {
            return Ok(Loss { value: LossValue::Empty, parts });
        }
        let index = Tensor::f_from_slice(&selection.candidates)?.f_view([states, targets, 1, 1])?;
        let index = index.f_expand([states, targets, t, a], false)?.f_to_device(z.device())?;
        let kept = Tensor::f_from_slice(&selection.kept)?.f_view([states, targets])?.f_to_device(z.device())?;
        let chunks = network.generate(&z.f_gather(1, &index, false)?, &conditioning)?;
        let loss = rs_imle::loss(&chunks.f_view([states, targets, chunk])?, &batch.targets, &kept, d.assigned)?;
        Ok(Loss { value: LossValue::Scalar(loss), parts })
    }

    fn generate(&self, network: &dyn Network, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        network.generate(z, conditioning)
    }
}

/// Standard normal latents of this step, (rows, T_pred · A) flat, from the step's own stream.
fn latents(context: &LossContext, rows: i64) -> Result<Tensor> {
    let mut values = vec![0.0f32; rows as usize * context.shape.chunk()];
    fill_normal(&mut stream(context.seed, Purpose::TrainLatent, 0, context.step, 0), &mut values);
    Ok(Tensor::f_from_slice(&values)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{ChunkShape, NetworkConfig};
    use tch::{Device, Kind};

    /// Selecting first and differentiating only the survivors gives the gradient of differentiating everything.
    #[test]
    fn gradient_through_survivors_is_the_gradient_through_everything() {
        let shape = ChunkShape { observation: 3, prediction: 4, action: 2 };
        let config = NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() };
        let table = config.parameters(&shape).unwrap();
        let flat = Tensor::from_slice(&table.initial(3)).set_requires_grad(true);
        let context = LossContext { seed: 1, step: 2, shape, samples: 6, epsilon: 0.7 };
        let observations = Tensor::arange(15, (Kind::Float, Device::Cpu)).view([5, 3]) * 0.1;
        let targets = (Tensor::arange(80, (Kind::Float, Device::Cpu)).view([5, 2, 8]) * 0.7).sin();
        let mask = [true, true, true, false, true, true, false, true, true, true];
        let batch = TensorBatch { observations, targets, mask: &mask };

        let network = config.build(&shape, &table, &flat).unwrap();
        let LossValue::Scalar(fast) = Imle.loss(network.as_ref(), &batch, &context).unwrap().value else { panic!() };
        let fast_gradient = Tensor::run_backward(&[&fast], &[&flat], false, false);

        let network = config.build(&shape, &table, &flat).unwrap();
        let z = latents(&context, 30).unwrap().view([5, 6, 4, 2]);
        let conditioning = network.condition(&batch.observations).unwrap();
        let all = network.generate(&z, &conditioning).unwrap().view([5, 6, 8]);
        let d = rs_imle::distances(&all, &batch.targets).unwrap();
        let host = Vec::<f32>::try_from(d.reshape([-1])).unwrap();
        let s = rs_imle::select(&host, &mask, 6, 2, 0.7).unwrap();
        assert!(s.diagnostics.survivor_share < 1.0 && s.diagnostics.assigned > 4);
        let index = Tensor::from_slice(&s.candidates).view([5, 2, 1]).expand([5, 2, 8], false);
        let kept = Tensor::from_slice(&s.kept).view([5, 2]);
        let slow = rs_imle::loss(&all.gather(1, &index, false), &batch.targets, &kept, s.diagnostics.assigned).unwrap();
        let slow_gradient = Tensor::run_backward(&[&slow], &[&flat], false, false);

        assert!((fast.double_value(&[]) - slow.double_value(&[])).abs() < 1e-6);
        let off = (&fast_gradient[0] - &slow_gradient[0]).abs().max().double_value(&[]);
        assert!(off < 1e-6 && fast_gradient[0].norm().double_value(&[]) > 1e-3, "{off}");
    }
}
