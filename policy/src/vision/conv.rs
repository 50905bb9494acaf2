//! Four 3×3 convolutions, the first two of stride 2: maps of a quarter of the picture's sides, fine enough for a spatial
//! softmax to place things within a fraction of a pixel. The place of every pixel comes as two more channels (Liu et
//! al. 2018, CoordConv, arXiv 1807.03247).

use super::backbone::{Backbone, BackboneFamily};
use super::shape::VisionShape;
use crate::error::Result;
use crate::network::{layers::Conv2d, parameters::Builder};
use tch::Tensor;

const STRIDES: [usize; 4] = [2, 2, 1, 1];
/// Colours and coordinates.
const INPUTS: usize = 5;

/// The backbone `conv`.
pub(super) struct ConvFamily;

impl BackboneFamily for ConvFamily {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn channels(&self, width: usize) -> usize {
        width
    }

    fn least_side(&self) -> usize {
        8
    }

    fn build(&self, shape: &VisionShape, name: &str, b: &mut Builder) -> Result<Box<dyn Backbone>> {
        let layer = |(i, stride): (usize, &usize)| {
            let inputs = if i == 0 { INPUTS } else { shape.width };
            Conv2d::with_bias(b, &format!("{name}.conv{}", i + 1), (inputs, shape.width), (3, *stride))
        };
        Ok(Box::new(Conv(STRIDES.iter().enumerate().map(layer).collect::<Result<_>>()?)))
    }
}

/// The convolutions. There is no normalisation between them: on processors it costs more than they do.
struct Conv(Vec<Conv2d>);

impl Backbone for Conv {
    fn maps(&self, pictures: &Tensor) -> Result<Tensor> {
        let (rows, _, height, width) = pictures.size4()?;
        let options = (pictures.kind(), pictures.device());
        let [x, y] = [width, height].map(|n| Tensor::f_linspace(-1.0, 1.0, n, options));
        let x = x?.f_view([1, 1, width, 1])?.f_expand([rows, height, width, 1], false)?;
        let y = y?.f_view([1, height, 1, 1])?.f_expand([rows, height, width, 1], false)?;
        // Channels stay last in memory.
        let mut h = Tensor::f_cat(&[pictures.f_permute([0, 2, 3, 1])?, x, y], 3)?.f_permute([0, 3, 1, 2])?;
        for conv in &self.0 {
            h = conv.forward(&h)?.f_relu_()?;
        }
        Ok(h)
    }
}
