//! Splines: few knots, evenly over the chunk, added to the best proposal.
//!
//! A chunk's parameters are the knots of the spline nearest to it (least squares). A candidate is the best proposal
//! plus the spline of the difference of its knots from the best proposal's, so that what a spline cannot say of the
//! proposal (the moment at which a gripper closes) stays as it was.

use super::kind::ParameterizationKind;
use super::representation::{Decode, Parameterization, ProposedChunks};
use crate::error::Result;
use imle_configs::{Error as InputError, bounds::ActionBounds};
use nalgebra::DMatrix;

/// Interpolation between two knots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interpolation {
    /// The knot before.
    Zero,
    /// A line.
    Linear,
    /// A cubic with slopes from finite differences, one-sided at the ends (Catmull and Rom), as in MuJoCo MPC.
    Cubic,
}

/// P = K·A, in halves of the range of an action.
#[derive(Clone, Debug)]
pub struct Knots {
    interpolation: Interpolation,
    range: ActionBounds,
    /// Spline at each step for each knot, (T, K); and what brings a chunk to its knots, (K, T).
    basis: DMatrix<f32>,
    fit: DMatrix<f32>,
}

impl Knots {
    /// Splines of `knots` over `steps` actions.
    ///
    /// # Errors
    /// A bad input: fewer knots than the spline needs, or more than steps.
    pub fn new(
        interpolation: Interpolation,
        range: ActionBounds,
        steps: usize,
        knots: usize,
    ) -> imle_configs::Result<Self> {
        let least = if interpolation == Interpolation::Zero { 1 } else { 2 };
        InputError::ensure(
            (least..=steps).contains(&knots),
            "knots",
            format!("{least} to {steps}, the steps of a chunk"),
            knots,
        )?;
        let basis = DMatrix::from_fn(steps, knots, |t, k| basis(interpolation, t, k, steps, knots));
        let expected = "knots that a spline can be fitted with";
        let fit = basis.clone().pseudo_inverse(1e-6).map_err(|_| InputError::unexpected("knots", expected, knots))?;
        Ok(Self { interpolation, range, basis, fit })
    }
}

/// Value at step `t` of the spline whose knot `k` is 1 and the others 0.
fn basis(interpolation: Interpolation, t: usize, k: usize, steps: usize, knots: usize) -> f32 {
    let value = |i: usize| if i == k { 1.0f32 } else { 0.0 };
    if interpolation == Interpolation::Zero {
        return value(t * knots / steps);
    }
    let at = t as f32 * (knots - 1) as f32 / (steps - 1).max(1) as f32;
    let i = (at as usize).min(knots - 2);
    let s = at - i as f32;
    if interpolation == Interpolation::Linear {
        return value(i) * (1.0 - s) + value(i + 1) * s;
    }
    let slope = |i: usize| match i {
        0 => value(1) - value(0),
        i if i + 1 == knots => value(i) - value(i - 1),
        i => (value(i + 1) - value(i - 1)) / 2.0,
    };
    let (s2, s3) = (s * s, s * s * s);
    (2.0 * s3 - 3.0 * s2 + 1.0) * value(i)
        + (s3 - 2.0 * s2 + s) * slope(i)
        + (3.0 * s2 - 2.0 * s3) * value(i + 1)
        + (s3 - s2) * slope(i + 1)
}

impl Parameterization for Knots {
    fn kind(&self) -> Option<ParameterizationKind> {
        Some(match self.interpolation {
            Interpolation::Zero => ParameterizationKind::Zero,
            Interpolation::Linear => ParameterizationKind::Linear,
            Interpolation::Cubic => ParameterizationKind::Cubic,
        })
    }

    fn size(&self) -> usize {
        self.basis.ncols() * self.range.size()
    }

    fn dims(&self) -> usize {
        self.range.size()
    }

    fn encode(&self, proposals: ProposedChunks<'_>, out: &mut [f32]) {
        let (action, steps, knots) = (self.range.size(), self.basis.nrows(), self.basis.ncols());
        let rows = out.chunks_exact_mut(knots * action).zip(proposals.chunks.chunks_exact(steps * action));
        for (row, chunk) in rows {
            for (i, x) in row.iter_mut().enumerate() {
                let (k, d) = (i / action, i % action);
                let fitted: f32 = (0..steps).map(|t| self.fit[(k, t)] * chunk[t * action + d]).sum();
                *x = fitted / self.range.half_range(d);
            }
        }
    }

    fn decode(&self, _: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()> {
        let (action, steps, size) = (self.range.size(), self.basis.nrows(), self.size());
        let chunk = steps * action;
        let each = what.parameters.len() / what.around_parameters.len().max(1);
        for (i, (plan, knots)) in out.chunks_exact_mut(chunk).zip(what.parameters.chunks_exact(size)).enumerate() {
            let b = i / each;
            let (around, from) = (&what.around[b * chunk..][..chunk], &what.around_parameters[b * size..][..size]);
            for (j, a) in plan.iter_mut().enumerate() {
                let (t, d) = (j / action, j % action);
                let knot = |k: usize| self.basis[(t, k)] * (knots[k * action + d] - from[k * action + d]);
                let moved: f32 = (0..self.basis.ncols()).map(knot).sum();
                *a = self.range.clamp(d, around[j] + self.range.half_range(d) * moved);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Key, Situation};
    use crate::proposal::source::{Role, SourceCount};

    const ALL: [Interpolation; 3] = [Interpolation::Zero, Interpolation::Linear, Interpolation::Cubic];

    fn splines(interpolation: Interpolation) -> Knots {
        Knots::new(interpolation, ActionBounds::new([-1.0, 0.0], [1.0, 4.0]), 8, 4).unwrap()
    }

    /// Chunks whose knots are `parameters`, around the chunk of `from`.
    fn decoded(space: &Knots, parameters: &[f32], around: &[f32]) -> Vec<f32> {
        let pool = crate::threads::pool(1).unwrap();
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &[],
            warm: &[],
            warm_left: &[],
            keys: &[],
            deadline: None,
            lockstep: false,
        };
        let mut from = vec![0.0; space.size()];
        space.encode(proposals(around), &mut from);
        let mut out = vec![0.0; parameters.len() / space.size() * 16];
        let what = Decode { situation: &situation, parameters, around, around_parameters: &from };
        space.decode(&pool, what, &mut out).unwrap();
        out
    }

    fn proposals(chunks: &[f32]) -> ProposedChunks<'_> {
        ProposedChunks {
            key: Key { episode: 0, decision: 0 },
            sources: &[SourceCount { name: "noise", role: Role::Other, count: 1 }],
            chunks,
        }
    }

    #[test]
    fn the_best_proposal_is_its_own_candidate() {
        let chunk: Vec<f32> =
            (0..16).map(|i| if i % 2 == 0 { (i as f32).sin() } else { 2.0 + (i as f32).cos() }).collect();
        for interpolation in ALL {
            let space = splines(interpolation);
            let mut knots = vec![0.0; 8];
            space.encode(proposals(&chunk), &mut knots);
            for (a, b) in decoded(&space, &knots, &chunk).iter().zip(&chunk) {
                assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn splines_pass_through_their_knots_and_are_found_again() {
        let still = vec![0.0; 16];
        let knots = [0.1, 0.2, -0.3, 0.4, 0.5, 0.1, -0.2, 0.3];
        for interpolation in ALL {
            let space = splines(interpolation);
            let chunk = decoded(&space, &knots, &still);
            assert!((chunk[0] - 0.1).abs() < 1e-6 && (chunk[1] - 0.4).abs() < 1e-6, "{chunk:?}");
            assert!((chunk[14] + 0.2).abs() < 1e-6 && (chunk[15] - 0.6).abs() < 1e-6, "{chunk:?}");
            let mut found = vec![0.0; 8];
            space.encode(proposals(&chunk), &mut found);
            assert!(found.iter().zip(&knots).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        }
        let stair = decoded(&splines(Interpolation::Zero), &knots, &still);
        assert_eq!((stair[0], stair[4]), (stair[2], stair[6]));
    }

    #[test]
    fn actions_stay_in_their_range_and_too_many_knots_are_refused() {
        let far = decoded(&splines(Interpolation::Linear), &[9.0; 8], &[0.0; 16]);
        assert_eq!((far[0], far[1]), (1.0, 4.0));
        let range = ActionBounds::new([0.0], [1.0]);
        let error = Knots::new(Interpolation::Cubic, range.clone(), 8, 9).unwrap_err().to_string();
        assert!(error.contains("knots") && error.contains("2 to 8"), "{error}");
        assert!(Knots::new(Interpolation::Cubic, range, 8, 1).is_err());
    }
}
