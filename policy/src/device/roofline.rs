//! The roofline of a device: the rate of large matrix products, above which no generator computes.

use super::threads::use_one_thread;
use crate::error::Result;
use rayon::prelude::*;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Sizes of the square matrices, each thread's own on a processor.
const PROCESSOR: i64 = 1024;
const GPU: i64 = 8192;
/// Products timed, after as many for warming up.
const PRODUCTS: u32 = 10;

/// Floating-point operations a second, two a multiplication, of products of large matrices in single precision: on all
/// threads of `pool` at once, or on the GPU.
///
/// # Errors
/// [`crate::Error::Torch`] if memory runs out.
pub fn peak_flops(pool: &rayon::ThreadPool, device: Device) -> Result<f64> {
    if device != Device::Cpu {
        return rate(device, GPU);
    }
    let threads = pool.current_num_threads();
    let each = |_| {
        use_one_thread();
        rate(device, PROCESSOR)
    };
    let rates: Result<Vec<f64>> = pool.install(|| (0..threads).into_par_iter().with_max_len(1).map(each).collect());
    Ok(rates?.iter().sum())
}

fn rate(device: Device, size: i64) -> Result<f64> {
    tch::no_grad(|| {
        let matrix = || Tensor::f_ones([size, size], (Kind::Float, device));
        let (a, b, out) = (matrix()?, matrix()?, matrix()?);
        let products = || -> Result<f64> {
            let begun = Instant::now();
            for _ in 0..PRODUCTS {
                let _ = a.f_matmul_out(&out, &b)?;
            }
            // Reading a value waits for the GPU.
            let _ = out.f_get(0)?.f_get(0)?.f_double_value(&[])?;
            Ok(begun.elapsed().as_secs_f64())
        };
        products()?;
        Ok(2.0 * (size as f64).powi(3) * f64::from(PRODUCTS) / products()?)
    })
}
