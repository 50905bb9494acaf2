//! The layers networks are made of, with PyTorch's parameter names, shapes and initial values.
//!
//! Weights and biases start uniform in ±1/√(fan in), PyTorch's default for linear and convolution layers.

use super::parameters::{Builder, Initial};
use crate::error::Result;
use tch::{Kind, Tensor};

fn uniform(fan_in: usize) -> Initial {
    Initial::Uniform(1.0 / (fan_in.max(1) as f32).sqrt())
}

/// y = x Wᵀ + b over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(b: &mut Builder, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = b.next(format_args!("{name}.weight"), &[outputs, inputs], uniform(inputs))?;
        let bias = b.next(format_args!("{name}.bias"), &[outputs], uniform(inputs))?;
        Ok(Self { weight, bias })
    }

    /// A 1×1 convolution with bias as a linear map over channels: the parameters keep a convolution's shape.
    pub fn pointwise(b: &mut Builder, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = b.next(format_args!("{name}.weight"), &[outputs, inputs, 1, 1], uniform(inputs))?;
        let weight = if weight.defined() { weight.f_flatten(1, 3)? } else { weight };
        let bias = b.next(format_args!("{name}.bias"), &[outputs], uniform(inputs))?;
        Ok(Self { weight, bias })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// As [`forward`](Self::forward), of an `x` of any type, which is brought to the weights'.
    pub fn forward_as_weights(&self, x: &Tensor) -> Result<Tensor> {
        self.forward(&x.f_to_kind(self.weight.kind())?)
    }
}

/// Latents (B, n, Z) as rows of chunks (B · n, T, A): mapped by `latent`, or of that size already.
pub fn as_chunks(z: &Tensor, latent: Option<&Linear>, [t, a]: [i64; 2]) -> Result<Tensor> {
    let (b, n, size) = z.size3()?;
    let z = z.f_reshape([b * n, size])?;
    let z = match latent {
        Some(latent) => latent.forward(&z)?,
        None => z,
    };
    Ok(z.f_view([b * n, t, a])?)
}

/// Sinusoidal features (Vaswani et al. 2017, as `SinusoidalPosEmb` of Diffusion Policy has them) of times (B, k):
/// (B, k · size), for each time the sines and then the cosines of size / 2 frequencies from 1 down to 1/10000.
pub fn sinusoidal(times: &Tensor, size: i64) -> Result<Tensor> {
    let (b, k) = times.size2()?;
    let half = size / 2;
    let step = -(10_000f64.ln()) / (half - 1).max(1) as f64;
    let frequencies = Tensor::f_arange(half, (Kind::Float, times.device()))?.f_mul_scalar(step)?.f_exp()?;
    let angles = times.f_view([b, k, 1])?.f_mul(&frequencies)?;
    Ok(Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 2)?.f_view([b, k * 2 * half])?)
}

/// h (…, width), its last dimension normalised without learned parameters.
pub fn layer_norm(h: &Tensor, width: i64) -> Result<Tensor> {
    Ok(h.f_layer_norm([width], None::<&Tensor>, None::<&Tensor>, 1e-5, true)?)
}

/// Steps of all rows up to which a convolution over time is faster as one product of matrices: libtorch's own kernels
/// bring all weights into another order at every call, which few steps do not repay.
const FEW: i64 = 64;
/// With gradient also for rows of so few steps under so many weights.
const SHORT: i64 = 4;
const HEAVY: usize = 1 << 20;

/// Convolution over time, (R, inputs, T) to (R, outputs, T').
pub struct Conv1d {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Conv1d {
    pub fn new(
        b: &mut Builder,
        name: &str,
        channels: (usize, usize),
        (kernel, stride, padding): (usize, usize, usize),
    ) -> Result<Self> {
        let (inputs, outputs) = channels;
        let initial = uniform(inputs * kernel);
        let weight = b.next(format_args!("{name}.weight"), &[outputs, inputs, kernel], initial)?;
        let bias = b.next(format_args!("{name}.bias"), &[outputs], initial)?;
        Ok(Self { weight, bias, stride: stride as i64, padding: padding as i64 })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, _, kernel) = self.weight.size3()?;
        let (rows, _, time) = x.size3()?;
        let steps = (time + 2 * self.padding - kernel) / self.stride + 1;
        let short = steps <= SHORT && self.weight.requires_grad() && self.weight.numel() >= HEAVY;
        if rows * steps > FEW && !short {
            return Ok(x.f_conv1d(&self.weight, Some(&self.bias), [self.stride], [self.padding], [1], 1)?);
        }
        let windows = x.f_constant_pad_nd([self.padding, self.padding])?.f_unfold(2, kernel, self.stride)?;
        let windows = windows.f_transpose(1, 2)?.f_reshape([rows * steps, -1])?;
        let out = windows.f_linear(&self.weight.f_flatten(1, 2)?, Some(&self.bias))?;
        Ok(out.f_view([rows, steps, outputs])?.f_transpose(1, 2)?)
    }
}

/// Convolution over a picture, (R, inputs, H, W) to (R, outputs, H', W'), padded by half its kernel; without bias, as
/// torchvision's ResNet has them, or with one. Starts as there too, with He's variance by fan out (arXiv 1502.01852), but uniform.
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: i64,
}

impl Conv2d {
    pub fn new(
        b: &mut Builder,
        name: &str,
        (inputs, outputs): (usize, usize),
        (kernel, stride): (usize, usize),
    ) -> Result<Self> {
        let initial = Initial::Uniform((6.0 / (outputs * kernel * kernel) as f32).sqrt());
        let weight = b.next(format_args!("{name}.weight"), &[outputs, inputs, kernel, kernel], initial)?;
        Ok(Self { weight, bias: None, stride: stride as i64, padding: (kernel / 2) as i64 })
    }

    /// With a bias, which starts at 0.
    pub fn with_bias(
        b: &mut Builder,
        name: &str,
        channels: (usize, usize),
        (kernel, stride): (usize, usize),
    ) -> Result<Self> {
        let conv = Self::new(b, name, channels, (kernel, stride))?;
        let bias = Some(b.next(format_args!("{name}.bias"), &[channels.1], Initial::Constant(0.0))?);
        Ok(Self { bias, ..conv })
    }

    /// In the type of `x`, to which the weights are brought.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight.f_to_kind(x.kind())?;
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(x.kind())).transpose()?;
        Ok(x.f_conv2d(&weight, bias, [self.stride], [self.padding], [1], 1)?)
    }
}

/// Transposed convolution with kernel 4, stride 2, padding 1: doubles the time axis.
pub struct Upsample {
    weight: Tensor,
    bias: Tensor,
}

impl Upsample {
    pub fn new(b: &mut Builder, name: &str, channels: usize) -> Result<Self> {
        let initial = uniform(channels * 4);
        let weight = b.next(format_args!("{name}.weight"), &[channels, channels, 4], initial)?;
        let bias = b.next(format_args!("{name}.bias"), &[channels], initial)?;
        Ok(Self { weight, bias })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, channels, time) = x.size3()?;
        if rows * time > FEW {
            return Ok(x.f_conv_transpose1d(&self.weight, Some(&self.bias), [2], [1], [0], 1, [1])?);
        }
        // Steps 2t and 2t + 1 are taps 1 and 2 of step t, beside taps 3 and 0 of the steps before and after.
        let rows_of_steps = x.f_transpose(1, 2)?.f_reshape([rows * time, channels])?;
        let taps = rows_of_steps.f_matmul(&self.weight.f_flatten(1, 2)?)?.f_view([rows, time, channels, 4])?;
        let tap = |i: i64| taps.f_select(3, i);
        let even = tap(1)?.f_add(&tap(3)?.f_constant_pad_nd([0, 0, 1, -1])?)?;
        let odd = tap(2)?.f_add(&tap(0)?.f_constant_pad_nd([0, 0, -1, 1])?)?;
        let out = Tensor::f_stack(&[even, odd], 2)?.f_view([rows, 2 * time, channels])?.f_add(&self.bias)?;
        Ok(out.f_transpose(1, 2)?)
    }
}

/// Group normalisation with a learned scale and shift.
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
}

impl GroupNorm {
    pub fn new(b: &mut Builder, name: &str, groups: usize, channels: usize) -> Result<Self> {
        let weight = b.next(format_args!("{name}.weight"), &[channels], Initial::Constant(1.0))?;
        let bias = b.next(format_args!("{name}.bias"), &[channels], Initial::Constant(0.0))?;
        Ok(Self { weight, bias, groups: groups as i64 })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.weight.f_to_kind(x.kind())?, self.bias.f_to_kind(x.kind())?);
        Ok(x.f_group_norm(self.groups, Some(&weight), Some(&bias), 1e-5, true)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinusoids_are_as_diffusion_policy_has_them() {
        let times = Tensor::from_slice(&[0.0f32, 3.0]).view([2, 1]);
        let found = Vec::<f32>::try_from(sinusoidal(&times, 4).unwrap().view([-1])).unwrap();
        let expected = [0.0, 0.0, 1.0, 1.0, 3f32.sin(), (3e-4f32).sin(), 3f32.cos(), (3e-4f32).cos()];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
