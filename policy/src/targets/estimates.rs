//! Estimates of the frames of demonstrations, which the generator behind an estimator learns to act on.

use super::demonstrations::DemonstrationChunks;
use super::source::TargetSource;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::method::NetworkPool;
use crate::network::ObservationTensors;
use tch::{Device, Kind, Tensor};

/// Frames of one pass.
const BATCH: usize = 64;

/// The estimates (frames, L) of every frame of `windows`, in the units of the estimated terms. `frames` has as many
/// values a frame as the estimator observes, and its pictures. With a `copy` pictures are shifted and recoloured as in
/// the estimator's training, another way for each copy; without they are as they come at run time.
///
/// # Errors
/// [`Error::Argument`] if the frames are not of the estimator's shape; [`Error::Torch`].
pub fn estimates(
    estimator: &Checkpoint,
    pool: &rayon::ThreadPool,
    device: Device,
    windows: &DemonstrationChunks,
    copy: Option<u64>,
) -> Result<Vec<f32>> {
    let (config, found) = (estimator.config(), windows.shape());
    let shape = config.shape();
    let Some(preprocessor) = config.preprocessor() else {
        return Err(Error::argument("targets::estimates", "estimator", "one that sees pictures", "none"));
    };
    let bytes = shape.vision.map_or(0, |v| v.bytes);
    if (found.observation, found.pictures) != (shape.observation, bytes) {
        let expected = format!("frames of {} values and {bytes} bytes", shape.observation);
        let found = format!("{} and {}", found.observation, found.pictures);
        return Err(Error::argument("targets::estimates", "windows", expected, found));
    }
    let latent = config.network.latent_size(&config.network_shape()) as i64;
    let networks = NetworkPool::new(pool, device, || estimator.network(device))?;
    let mut out = vec![0.0; windows.len() * shape.chunk()];
    let tasks: Vec<_> = out.chunks_mut(BATCH * shape.chunk()).enumerate().collect();
    networks.run(tasks, |network, (batch, out)| {
        let rows = out.len() / shape.chunk();
        let (mut values, mut pictures) = (vec![0.0; rows * shape.observation], vec![0; rows * bytes]);
        for (i, values) in values.chunks_exact_mut(shape.observation).enumerate() {
            windows.window(batch * BATCH + i, values, &mut []);
            windows.window_pictures(batch * BATCH + i, &mut pictures[i * bytes..][..bytes]);
        }
        config.normalizers.observation.normalize(&mut values);
        let pictures = match copy {
            Some(copy) => preprocessor.augmented(&pictures, copy, batch as u64, device)?,
            None => preprocessor.centred(&pictures, device)?,
        };
        let values = Tensor::f_from_slice(&values)?.f_view([rows as i64, -1])?.f_to_device(device)?;
        let features = network.encode(&ObservationTensors { values, pictures: Some(pictures) })?;
        let z = Tensor::f_zeros([rows as i64, 1, latent], (Kind::Float, device))?;
        let found = network.generate(&z, &network.condition(&features, None)?)?;
        found.f_to_device(Device::Cpu)?.f_contiguous()?.f_copy_data(out, out.len())?;
        config.normalizers.action.denormalize(out);
        Ok(())
    })?;
    Ok(out)
}
