//! ResNet18 (He et al. 2016, arXiv 1512.03385) without its classifier, with torchvision's parameter names, and group in
//! place of batch normalisation (16 channels a group), as Diffusion Policy has it: a moving average of the weights and
//! statistics of a batch do not go together.

use super::backbone::{Backbone, BackboneFamily};
use super::shape::VisionShape;
use crate::error::Result;
use crate::network::{
    layers::{Conv2d, GroupNorm},
    parameters::Builder,
};
use tch::Tensor;

const LEVELS: usize = 4;
const BLOCKS: usize = 2;
/// Channels of a group.
const GROUP: usize = 16;

fn norm(b: &mut Builder, name: &str, channels: usize) -> Result<GroupNorm> {
    GroupNorm::new(b, name, (channels / GROUP).max(1), channels)
}

/// Two 3×3 convolutions with a residual around them.
struct Block {
    convs: [Conv2d; 2],
    norms: [GroupNorm; 2],
    downsample: Option<(Conv2d, GroupNorm)>,
}

impl Block {
    fn new(b: &mut Builder, name: &str, (inputs, outputs): (usize, usize), stride: usize) -> Result<Self> {
        let first = Conv2d::new(b, &format!("{name}.conv1"), (inputs, outputs), (3, stride))?;
        let first_norm = norm(b, &format!("{name}.bn1"), outputs)?;
        let second = Conv2d::new(b, &format!("{name}.conv2"), (outputs, outputs), (3, 1))?;
        let second_norm = norm(b, &format!("{name}.bn2"), outputs)?;
        let downsample = match stride == 1 && inputs == outputs {
            true => None,
            false => Some((
                Conv2d::new(b, &format!("{name}.downsample.0"), (inputs, outputs), (1, stride))?,
                norm(b, &format!("{name}.downsample.1"), outputs)?,
            )),
        };
        Ok(Self { convs: [first, second], norms: [first_norm, second_norm], downsample })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h = self.norms[0].forward(&self.convs[0].forward(x)?)?.f_relu_()?;
        let h = self.norms[1].forward(&self.convs[1].forward(&h)?)?;
        let around = match &self.downsample {
            Some((conv, norm)) => norm.forward(&conv.forward(x)?)?,
            None => x.shallow_clone(),
        };
        Ok(h.f_add(&around)?.f_relu_()?)
    }
}

/// The backbone `resnet18`.
pub(super) struct ResNet18;

impl BackboneFamily for ResNet18 {
    fn name(&self) -> &'static str {
        "resnet18"
    }

    /// Those of the last level.
    fn channels(&self, width: usize) -> usize {
        width << (LEVELS - 1)
    }

    fn least_side(&self) -> usize {
        33
    }

    fn build(&self, shape: &VisionShape, name: &str, b: &mut Builder) -> Result<Box<dyn Backbone>> {
        let width = shape.width;
        let conv1 = Conv2d::new(b, &format!("{name}.conv1"), (3, width), (7, 2))?;
        let bn1 = norm(b, &format!("{name}.bn1"), width)?;
        let mut blocks = Vec::with_capacity(LEVELS * BLOCKS);
        for level in 0..LEVELS {
            let outputs = width << level;
            for block in 0..BLOCKS {
                let first = level > 0 && block == 0;
                let (inputs, stride) = if first { (outputs / 2, 2) } else { (outputs, 1) };
                blocks.push(Block::new(b, &format!("{name}.layer{}.{block}", level + 1), (inputs, outputs), stride)?);
            }
        }
        Ok(Box::new(ResNet { conv1, bn1, blocks }))
    }
}

struct ResNet {
    conv1: Conv2d,
    bn1: GroupNorm,
    blocks: Vec<Block>,
}

impl Backbone for ResNet {
    fn maps(&self, pictures: &Tensor) -> Result<Tensor> {
        let h = self.bn1.forward(&self.conv1.forward(pictures)?)?.f_relu_()?;
        let mut h = h.f_max_pool2d([3], [2], [1], [1], false)?;
        for block in &self.blocks {
            h = block.forward(&h)?;
        }
        Ok(h)
    }
}
