//! Devices that tensors live on, libtorch's threads on them, and the most that a device can multiply.

mod choice;
pub mod roofline;
pub(crate) mod threads;

pub use choice::{DeviceChoice, open_cuda};
pub use threads::{use_one_thread, with_threads};

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// The values of a tensor, row-major.
///
/// # Errors
/// [`crate::Error::Torch`] if memory runs out.
pub fn to_host(tensor: &Tensor) -> Result<Vec<f32>> {
    let mut values = vec![0.0; tensor.numel()];
    let host = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    host.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}
