//! AdamW and the moving average of the weights, in place on flat vectors, so that all their state can be saved.

use crate::error::Result;
use tch::Tensor;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// First and second moments of AdamW (Loshchilov, Hutter 2019), each of the weights' length.
pub struct Moments {
    /// m.
    pub first: Tensor,
    /// v.
    pub second: Tensor,
    /// Reused from step to step: fresh memory of this size costs more than the arithmetic on it.
    scratch: Tensor,
}

impl Moments {
    /// From saved moments.
    pub fn new(first: Tensor, second: Tensor) -> Result<Self> {
        let scratch = first.f_zeros_like()?;
        Ok(Self { first, second, scratch })
    }

    /// Update number `update` (1 for the first) of `weights` by `gradient`, both flat; `gradient` is used up.
    ///
    /// ```text
    /// m ← β1 m + (1 − β1) g        v ← β2 v + (1 − β2) g²
    /// w ← w − rate · (decay · w + m / (1 − β1ᵗ) / (√(v / (1 − β2ᵗ)) + ε))
    /// ```
    pub fn step(&mut self, weights: &Tensor, gradient: Tensor, update: u64, rate: f64, decay: f64) -> Result<()> {
        let update = update.min(i32::MAX as u64) as i32;
        let (correct1, correct2) = (1.0 - BETA1.powi(update), 1.0 - BETA2.powi(update));
        tch::no_grad(|| {
            let mut weights = weights.shallow_clone();
            let _ = self.first.f_lerp_(&gradient, 1.0 - BETA1)?;
            let _ = gradient.f_square_out(&self.scratch)?;
            let _ = self.second.f_lerp_(&self.scratch, 1.0 - BETA2)?;
            let mut divisor = self.second.f_sqrt_out(&self.scratch)?;
            let _ = divisor.f_div_scalar_(correct2.sqrt())?.f_add_scalar_(EPSILON)?;
            let _ = weights.f_mul_scalar_(1.0 - rate * decay)?;
            let scaled = self.first.f_mul_scalar_out(&gradient, -rate / correct1)?;
            let _ = weights.f_addcdiv_(&scaled, &divisor)?;
            Ok(())
        })
    }
}

/// Decay of the moving average at update number `update` (1 for the first): 1 − update^(−power), at most `max`, so
/// that the first update copies the weights (as in Diffusion Policy's `EMAModel` with inverse gamma 1).
pub fn average_decay(update: u64, power: f64, max: f64) -> f64 {
    (1.0 - (update.max(1) as f64).powf(-power)).clamp(0.0, max)
}

/// Moves `average` towards `weights`: a ← decay · a + (1 − decay) · w.
pub fn move_average(average: &mut Tensor, weights: &Tensor, decay: f64) -> Result<()> {
    let _ = tch::no_grad(|| average.f_lerp_(weights, 1.0 - decay))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_formula() {
        let weights = Tensor::from_slice(&[1.0f32, -2.0]);
        let mut moments = Moments::new(weights.zeros_like(), weights.zeros_like()).unwrap();
        let (mut w, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        for t in 1..=5 {
            let g = [0.3 * t as f64, -0.1];
            moments.step(&weights, Tensor::from_slice(&g.map(|x| x as f32)), t, 0.01, 0.1).unwrap();
            for i in 0..2 {
                m[i] = BETA1 * m[i] + (1.0 - BETA1) * g[i];
                v[i] = BETA2 * v[i] + (1.0 - BETA2) * g[i] * g[i];
                let t = t as i32;
                let (mh, vh) = (m[i] / (1.0 - BETA1.powi(t)), v[i] / (1.0 - BETA2.powi(t)));
                w[i] -= 0.01 * (0.1 * w[i] + mh / (vh.sqrt() + EPSILON));
            }
        }
        for (i, expected) in w.iter().enumerate() {
            assert!((weights.double_value(&[i as i64]) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn the_average_starts_as_a_copy() {
        assert_eq!(average_decay(1, 0.75, 0.9999), 0.0);
        assert_eq!(average_decay(u64::MAX, 0.75, 0.9999), 0.9999);
        let mut average = Tensor::from_slice(&[5.0f32]);
        move_average(&mut average, &Tensor::from_slice(&[1.0f32]), 0.75).unwrap();
        assert_eq!(average.double_value(&[0]), 4.0);
    }
}
