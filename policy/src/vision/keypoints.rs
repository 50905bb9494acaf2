//! Spatial softmax (Finn et al. 2016, arXiv 1509.06113, as robomimic and LeRobot have it): where in the picture each of
//! K learned features is.
//!
//! ```text
//! a_k = softmax over places of (W maps)_k        p_k = Σ a_k(x, y) · (x, y),   x and y from −1 to 1
//! ```

use crate::error::Result;
use crate::network::{layers::Linear, parameters::Builder};
use tch::{Kind, Tensor};

/// K keypoints of feature maps.
pub(super) struct SpatialSoftmax {
    /// The 1×1 convolution, as a linear map over channels.
    nets: Linear,
}

impl SpatialSoftmax {
    pub(super) fn new(b: &mut Builder, name: &str, channels: usize, keypoints: usize) -> Result<Self> {
        Ok(Self { nets: Linear::pointwise(b, &format!("{name}.nets"), channels, keypoints)? })
    }

    /// Keypoints (R, 2 K), x and y in turn, f32, of maps (R, channels, h, w).
    pub(super) fn forward(&self, maps: &Tensor) -> Result<Tensor> {
        let (r, c, h, w) = maps.size4()?;
        let places = maps.f_permute([0, 2, 3, 1])?.f_reshape([r, h * w, c])?;
        let attention = self.nets.forward_as_weights(&places)?.f_transpose(1, 2)?.f_softmax(2, Kind::Float)?;
        let along = |n: i64| Tensor::f_linspace(-1.0, 1.0, n, (Kind::Float, maps.device()));
        let x = along(w)?.f_view([1, w])?.f_expand([h, w], false)?;
        let y = along(h)?.f_view([h, 1])?.f_expand([h, w], false)?;
        let grid = Tensor::f_stack(&[x, y], 2)?.f_view([h * w, 2])?;
        Ok(attention.f_matmul(&grid)?.f_flatten(1, 2)?)
    }
}
