//! Times as features of a diffusion or flow network's pass.

use crate::error::Result;
use tch::{Kind, Tensor};

/// Sinusoidal features (Vaswani et al. 2017, as `SinusoidalPosEmb` of Diffusion Policy has them) of times (B, k):
/// (B, k · size), for each time the sines and then the cosines of size / 2 frequencies from 1 down to 1/10000.
pub(super) fn sinusoidal(times: &Tensor, size: i64) -> Result<Tensor> {
    let (b, k) = times.size2()?;
    let half = size / 2;
    let step = -(10_000f64.ln()) / (half - 1).max(1) as f64;
    let frequencies = Tensor::f_arange(half, (Kind::Float, times.device()))?.f_mul_scalar(step)?.f_exp()?;
    let angles = times.f_view([b, k, 1])?.f_mul(&frequencies)?;
    Ok(Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 2)?.f_view([b, k * 2 * half])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_diffusion_policy_has_them() {
        let times = Tensor::from_slice(&[0.0f32, 3.0]).view([2, 1]);
        let found = Vec::<f32>::try_from(sinusoidal(&times, 4).unwrap().view([-1])).unwrap();
        let expected = [0.0, 0.0, 1.0, 1.0, 3f32.sin(), (3e-4f32).sin(), 3f32.cos(), (3e-4f32).cos()];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
