//! Devices that tensors live on, libtorch's threads on them, and the most that a device can multiply.

mod choice;
pub mod roofline;
pub(crate) mod threads;

pub use choice::{DeviceChoice, open_cuda};
pub use threads::use_one_thread;
