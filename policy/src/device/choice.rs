//! Devices that tensors live on: `cpu`, `cuda`, or `auto`.
//!
//! The CUDA backend is not linked: it is loaded by name when asked for, so that one binary serves both. This must
//! come before anything that makes libtorch look for CUDA (`tch::manual_seed`, `tch::Cuda::…`), which caches "none"
//! for good; the crate itself calls neither before [`open_cuda`].

use crate::error::{Error, Result};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::{fmt, str::FromStr, sync::OnceLock};
use tch::Device;

/// A device by the name the command line gives it (`--device`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// The first NVIDIA GPU; an error if there is none.
    Cuda,
    /// The first NVIDIA GPU if it can be used, else the processor.
    Auto,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Device`] for `cuda` where it cannot be used.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda => open_cuda(),
            Self::Auto => Ok(open_cuda().unwrap_or(Device::Cpu)),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = [("cpu", Self::Cpu), ("cuda", Self::Cuda), ("auto", Self::Auto)];
        Ok(imle_configs::by_name("device", name, &known)?)
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        })
    }
}

/// Loads libtorch's CUDA backend, once a process, and gives the first GPU.
///
/// # Errors
/// [`Error::Device`] in one line naming what is missing: a library of the CUDA set-up, or a usable GPU.
pub fn open_cuda() -> Result<Device> {
    static BACKEND: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let fail = |reason: String| Err(Error::Device { device: "cuda".into(), reason });
    if let Err(reason) = BACKEND.get_or_init(load_backend) {
        return fail(format!(
            "cannot load libtorch's CUDA backend ({reason}); the CUDA libraries are a separate set-up step, `make cuda`"
        ));
    }
    if tch::Cuda::device_count() < 1 || !tch::Cuda::is_available() {
        return fail("the libraries are there but no NVIDIA GPU with a working driver was found".into());
    }
    Ok(Device::Cuda(0))
}

fn load_backend() -> std::result::Result<(), String> {
    const NAME: &str = "libtorch_cuda.so";
    // SAFETY: loading runs the library's initialisers. It is libtorch's own backend, made for being loaded this way
    // by PyTorch, and it is leaked below, so no code or data of it is ever unmapped.
    let library = unsafe { Library::open(Some(NAME), RTLD_NOW | RTLD_GLOBAL) };
    match library {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(error.to_string().lines().next().unwrap_or(NAME).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_unknown_ones_refused() {
        assert_eq!("auto".parse::<DeviceChoice>().unwrap().to_string(), "auto");
        let text = "gpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(text.contains("unknown device `gpu`"), "{text}");
    }

    #[test]
    fn cuda_opens_or_says_in_one_line_what_is_missing() {
        match open_cuda() {
            Ok(device) => assert!(device.is_cuda()),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("device cuda: ") && text.lines().count() == 1, "{text}");
                assert!(error.is_input());
                assert_eq!(DeviceChoice::Auto.open().unwrap(), Device::Cpu);
            }
        }
    }
}
