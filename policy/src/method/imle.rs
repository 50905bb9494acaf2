//! Conditional RS-IMLE (arXiv 2502.12371): every target pulls its nearest surviving candidate.
//!
//! Per batch: encode each observation once; draw m latents a state and generate their chunks without gradient;
//! [`rs_imle::select`] rejects and assigns; generate the assigned latents again with gradient; the loss is the mean
//! over states of their mean distance per element. One pass of the network gives a chunk.

use super::objective::{Loss, LossContext, LossValue, Method, TensorBatch};
use crate::error::Result;
use crate::network::{Conditioning, Network};
use crate::rs_imle::{self, Selection};
use imle_configs::seed::{Purpose, fill_normal, stream};
use tch::Tensor;

/// Candidates of a task: enough for full speed, few enough for a core's cache.
const TILE: usize = 256;

/// The method `imle`.
pub struct Imle;

impl Method for Imle {
    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss> {
        let (states, targets, chunk) = batch.targets.size3()?;
        let (device, m) = (batch.targets.device(), context.samples);
        let conditioning = network.condition(&network.encode(&batch.observations)?, None)?;
        let (z, distances) = candidates(batch, &conditioning, context)?;
        let epsilon = rs_imle::at_least(context.epsilon, &distances, batch.mask, m, context.reject_share);
        let mut selection = rs_imle::select(&distances, batch.mask, m, targets as usize, &epsilon)?;

        let (d, within) = (selection.diagnostics, std::mem::take(&mut selection.within));
        let parts = vec![
            ("survivor_share", d.survivor_share),
            ("nearest", d.nearest),
            ("nearest_unrejected", d.nearest_unrejected),
            ("dropped", d.dropped as f64),
        ];
        if distances.iter().any(|d| !d.is_finite()) {
            return Ok(Loss { value: LossValue::NotFinite, parts, within });
        }
        if d.assigned == 0 {
            return Ok(Loss { value: LossValue::Empty, parts, within });
        }
        let chosen = chosen(&z, &selection, m, context.latent);
        let chosen = Tensor::f_from_slice(&chosen)?.f_view([states, targets, -1])?.f_to_device(device)?;
        let chunks = network.generate(&chosen, &conditioning)?.f_view([states, targets, chunk])?;
        let loss = rs_imle::loss(&chunks, &batch.targets, &selection)?;
        Ok(Loss { value: LossValue::Scalar(loss), parts, within })
    }
}

/// Latents (B, m, Z) of this step and the distances (B, m, K) of their chunks to the targets. The latents of state b
/// come from the stream of (seed, `TrainLatent`, b, step), shared ones from that of state 0.
fn candidates(
    batch: &TensorBatch<'_>,
    conditioning: &Conditioning,
    context: &LossContext<'_>,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let (states, targets, _) = batch.targets.size3()?;
    let (states, targets, latent, m) = (states as usize, targets as usize, context.latent, context.samples);
    let (mut z, mut distances) = (vec![0.0f32; states * m * latent], vec![0.0f32; states * m * targets]);
    let tile = context.workers.tile(states, TILE / m);
    let outputs = z.chunks_mut(tile * m * latent).zip(distances.chunks_mut(tile * m * targets));
    let tasks = outputs.enumerate().map(|(i, (z, distances))| {
        let (first, count) = (i * tile, distances.len() / (m * targets));
        let targets = batch.targets.f_narrow(0, first as i64, count as i64)?;
        Ok((first, conditioning.narrow(first, count)?, targets, z, distances))
    });
    let tasks = tasks.collect::<Result<Vec<_>>>()?;
    context.workers.run(tasks, |network, (first, conditioning, targets, z, distances)| {
        for (i, z) in z.chunks_exact_mut(m * latent).enumerate() {
            let state = if context.shared_latents { 0 } else { (first + i) as u64 };
            fill_normal(&mut stream(context.seed, Purpose::TrainLatent, state, context.step, 0), z);
        }
        let (b, _, d) = targets.size3()?;
        let latents = Tensor::f_from_slice(z)?.f_view([b, m as i64, latent as i64])?.f_to_device(targets.device())?;
        let chunks = network.generate(&latents, &conditioning)?.f_view([b, m as i64, d])?;
        Ok(rs_imle::distances(&chunks, &targets)?.f_contiguous()?.f_copy_data(distances, distances.len())?)
    })?;
    Ok((z, distances))
}

/// The latents (B, K, Z) of the selected candidates.
fn chosen(z: &[f32], selection: &Selection, m: usize, latent: usize) -> Vec<f32> {
    let targets = selection.candidates.len() * m * latent / z.len().max(1);
    let rows = selection.candidates.iter().enumerate();
    rows.flat_map(|(i, j)| &z[((i / targets.max(1)) * m + *j as usize) * latent..][..latent]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::NetworkPool;
    use crate::network::{ChunkShape, NetworkConfig};
    use tch::{Device, Kind};

    /// Selecting first and differentiating only the survivors gives the gradient of differentiating everything.
    #[test]
    fn gradient_through_survivors_is_the_gradient_through_everything() {
        let shape = ChunkShape { observation: 3, prediction: 4, action: 2, times: 0, vision: None };
        let config = NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() };
        let table = config.parameters(&shape).unwrap();
        let flat = Tensor::from_slice(&table.initial(3)).set_requires_grad(true);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let workers = NetworkPool::new(&pool, Device::Cpu, || config.build(&shape, &table, &flat)).unwrap();
        let context = LossContext {
            workers: &workers,
            seed: 1,
            step: 2,
            shape,
            latent: 8,
            samples: 6,
            epsilon: &[0.7; 5],
            shared_latents: false,
            reject_share: 0.0,
            sampling: &crate::method::Sampling::default(),
        };
        let observations = Tensor::arange(15, (Kind::Float, Device::Cpu)).view([5, 3]) * 0.1;
        let targets = (Tensor::arange(80, (Kind::Float, Device::Cpu)).view([5, 2, 8]) * 0.7).sin();
        let mask = [true, true, true, false, true, true, false, true, true, true];
        let batch = TensorBatch { observations: observations.into(), targets, mask: &mask };

        let network = config.build(&shape, &table, &flat).unwrap();
        let LossValue::Scalar(fast) = Imle.loss(network.as_ref(), &batch, &context).unwrap().value else { panic!() };
        let fast_gradient = Tensor::run_backward(&[&fast], &[&flat], false, false);

        let network = config.build(&shape, &table, &flat).unwrap();
        let conditioning = network.condition(&network.encode(&batch.observations).unwrap(), None).unwrap();
        let z = Tensor::from_slice(&candidates(&batch, &conditioning, &context).unwrap().0).view([5, 6, 8]);
        let all = network.generate(&z, &conditioning).unwrap().view([5, 6, 8]);
        let d = rs_imle::distances(&all, &batch.targets).unwrap();
        let host = Vec::<f32>::try_from(d.reshape([-1])).unwrap();
        let s = rs_imle::select(&host, &mask, 6, 2, &[0.7; 5]).unwrap();
        assert!(s.diagnostics.survivor_share < 1.0 && s.diagnostics.assigned > 4);
        let index = Tensor::from_slice(&s.candidates).view([5, 2, 1]).expand([5, 2, 8], false);
        let slow = rs_imle::loss(&all.gather(1, &index, false), &batch.targets, &s).unwrap();
        let slow_gradient = Tensor::run_backward(&[&slow], &[&flat], false, false);

        assert!((fast.double_value(&[]) - slow.double_value(&[])).abs() < 1e-6);
        let off = (&fast_gradient[0] - &slow_gradient[0]).abs().max().double_value(&[]);
        assert!(off < 1e-6 && fast_gradient[0].norm().double_value(&[]) > 1e-3, "{off}");
    }
}
