//! The layers networks are made of, with PyTorch's parameter names, shapes and initial values.
//!
//! Weights and biases start uniform in ±1/√(fan in), PyTorch's default for linear and convolution layers.

use super::parameters::{Builder, Initial};
use crate::Result;
use tch::Tensor;

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

/// Rows times steps up to which a convolution over time is drawn faster as one product of matrices: libtorch's own
/// kernels bring all weights into another order at every call, which few rows do not repay.
const FEW: i64 = 64;

/// Windows of `kernel` steps, one every `stride` steps, of `x` (R, C, T) padded by `padding` zeros, as rows
/// (R · T', kernel · C), each in one piece: of rows that overlap libtorch makes many small products.
fn windows(x: &Tensor, (kernel, stride, padding): (i64, i64, i64)) -> Result<Tensor> {
    let (rows, channels, time) = x.size3()?;
    let padded = x.f_transpose(1, 2)?.f_constant_pad_nd([0, 0, padding, padding])?.f_contiguous()?;
    let (time, row) = (time + 2 * padding, (time + 2 * padding) * channels);
    let count = (time - kernel) / stride + 1;
    let windows = padded.f_as_strided([rows, count, kernel * channels], [row, stride * channels, 1], None)?;
    Ok(windows.f_reshape([rows * count, kernel * channels])?)
}

/// Convolution over time, (R, inputs, T) to (R, outputs, T').
pub struct Conv1d {
    weight: Tensor,
    /// The same as (outputs, kernel · inputs), where parameters are arranged.
    matrix: Option<Tensor>,
    bias: Tensor,
    kernel: i64,
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
        let matrix = b.arranged(|| Ok(weight.f_transpose(1, 2)?.f_contiguous()?.f_flatten(1, 2)?))?;
        let bias = b.next(format_args!("{name}.bias"), &[outputs], initial)?;
        Ok(Self { weight, matrix, bias, kernel: kernel as i64, stride: stride as i64, padding: padding as i64 })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.matrix {
            Some(matrix) if x.size()[0] * x.size()[2] <= FEW * self.stride => {
                let windows = windows(x, (self.kernel, self.stride, self.padding))?;
                let out = windows.f_linear(matrix, Some(&self.bias))?;
                Ok(out.f_view([x.size()[0], -1, matrix.size()[0]])?.f_transpose(1, 2)?)
            }
            _ => Ok(x.f_conv1d(&self.weight, Some(&self.bias), [self.stride], [self.padding], [1], 1)?),
        }
    }
}

/// Convolution over a picture without bias, (R, inputs, H, W) to (R, outputs, H', W'), padded by half its kernel, as
/// torchvision's ResNet has them. Starts as there too, with He's variance by fan out (arXiv 1502.01852), but uniform.
pub struct Conv2d {
    weight: Tensor,
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
        Ok(Self { weight, stride: stride as i64, padding: (kernel / 2) as i64 })
    }

    /// In the type of `x`, to which the weights are brought.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight.f_to_kind(x.kind())?;
        Ok(x.f_conv2d(&weight, None::<&Tensor>, [self.stride], [self.padding], [1], 1)?)
    }
}

/// Transposed convolution with kernel 4, stride 2, padding 1: doubles the time axis.
pub struct Upsample {
    weight: Tensor,
    /// Where parameters are arranged: (2 · channels, 2 · channels), from two steps to the two steps between them.
    matrix: Option<Tensor>,
    bias: Tensor,
}

impl Upsample {
    pub fn new(b: &mut Builder, name: &str, channels: usize) -> Result<Self> {
        let initial = uniform(channels * 4);
        let weight = b.next(format_args!("{name}.weight"), &[channels, channels, 4], initial)?;
        let c = channels as i64;
        // Step 2t + 1 is taps 2 and 0 of steps t and t + 1, step 2t + 2 taps 3 and 1 of the same.
        let matrix = b.arranged(|| {
            let taps = weight.f_view([c, c, 2, 2])?.f_flip([2])?;
            Ok(taps.f_permute([3, 1, 2, 0])?.f_contiguous()?.f_view([2 * c, 2 * c])?)
        })?;
        let bias = b.next(format_args!("{name}.bias"), &[channels], initial)?;
        Ok(Self { weight, matrix, bias })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, channels, time) = x.size3()?;
        match &self.matrix {
            Some(matrix) if rows * time <= FEW => {
                let between = windows(x, (2, 1, 1))?.f_linear(matrix, None::<&Tensor>)?;
                let steps = between.f_view([rows, 2 * time + 2, channels])?.f_narrow(1, 1, 2 * time)?;
                Ok(steps.f_add(&self.bias)?.f_transpose(1, 2)?)
            }
            _ => Ok(x.f_conv_transpose1d(&self.weight, Some(&self.bias), [2], [1], [0], 1, [1])?),
        }
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
