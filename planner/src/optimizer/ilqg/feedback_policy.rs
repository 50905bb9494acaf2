//! The backward pass: how the actions of a trajectory are to change, and to go on changing with its states.

use super::box_qp;
use imle_configs::derivatives::Derivatives;
use nalgebra::{DMatrix, DMatrixView, DVector, DVectorView};

/// δa_t = α k_t + K_t δx_t, within the limits of the actions.
#[derive(Clone, Debug, Default)]
pub struct FeedbackPolicy {
    /// k_t (A) and K_t (A, n) of each step.
    steps: Vec<(DVector<f64>, DMatrix<f64>)>,
    /// Mean curvature of the objective by an action, before any damping.
    curvature: f64,
}

/// F_t, (n, n + A).
fn dynamics(d: &Derivatives, t: usize) -> DMatrixView<'_, f64> {
    let both = d.states + d.actions;
    DMatrixView::from_slice(&d.dynamics[t * both * d.states..][..both * d.states], d.states, both)
}

impl FeedbackPolicy {
    /// The policy that is best for the model `d` around the actions `nominal` (T, A), in halves of their range around
    /// its middle, if a change of an action by 1 costs `damping` / 2 besides. Nothing if the model is not finite, or
    /// not convex.
    pub fn backward(d: &Derivatives, nominal: &[f32], damping: f64) -> Option<Self> {
        let (n, m) = (d.states, d.actions);
        let both = n + m;
        let mut policy = Self { steps: vec![(DVector::zeros(0), DMatrix::zeros(0, 0)); d.steps], curvature: 0.0 };
        let (mut value_slope, mut value) = (DVector::zeros(n), DMatrix::zeros(n, n));
        for t in (0..d.steps).rev() {
            let f = dynamics(d, t);
            let across = f.transpose();
            let slope = DVectorView::from_slice(&d.gradient[t * both..][..both], both) + &across * &value_slope;
            let own = DMatrixView::from_slice(&d.hessian[t * both * both..][..both * both], both, both);
            let q = own + &across * (&value * f);
            policy.curvature += q.view((n, n), (m, m)).trace() / (m * d.steps) as f64;
            let (qx, qa) = (slope.rows(0, n), slope.rows(n, m).clone_owned());
            let (qxx, qax, qaa) = (q.view((0, 0), (n, n)), q.view((n, 0), (m, n)), q.view((n, n), (m, m)));
            let (low, high) = limits(&nominal[t * m..][..m]);
            let damped = qaa + DMatrix::identity(m, m) * damping;
            let solution = box_qp::solve(&damped, &qa, &low, &high)?;
            let mut gain = DMatrix::zeros(m, n);
            if let Some(factor) = &solution.factor {
                let rows = factor.solve(&qax.select_rows(&solution.free));
                solution.free.iter().enumerate().for_each(|(row, i)| gain.set_row(*i, &-rows.row(row)));
            }
            let (k, back) = (solution.x, gain.transpose());
            value_slope = qx + &back * (qaa * &k + &qa) + qax.transpose() * &k;
            let mixed = &back * qax;
            value = qxx + &back * (qaa * &gain) + &mixed + mixed.transpose();
            value = (&value + value.transpose()) * 0.5;
            if !(value.iter().chain(value_slope.iter()).chain(k.iter()).all(|x| x.is_finite())) {
                return None;
            }
            policy.steps[t] = (k, gain);
        }
        Some(policy)
    }

    /// Mean curvature of the objective by an action, in halves of its range: what a damping is to be measured by.
    pub fn curvature(&self) -> f64 {
        self.curvature
    }

    /// Writes the actions (T, A) that follow from a step of `share` of the whole along the model `d` that the policy is
    /// of.
    pub fn forward(&self, d: &Derivatives, nominal: &[f32], share: f64, out: &mut [f32]) {
        let (n, m) = (d.states, d.actions);
        let mut z = DVector::zeros(n + m);
        for (t, (k, gain)) in self.steps.iter().enumerate() {
            let own = &nominal[t * m..][..m];
            let (low, high) = limits(own);
            let change = k * share + gain * z.rows(0, n);
            for i in 0..m {
                z[n + i] = change[i].clamp(low[i], high[i]);
                out[t * m + i] = (f64::from(own[i].clamp(-1.0, 1.0)) + z[n + i]) as f32;
            }
            let next = dynamics(d, t) * &z;
            z.rows_mut(0, n).copy_from(&next);
        }
    }
}

/// By how much actions may change.
fn limits(nominal: &[f32]) -> (DVector<f64>, DVector<f64>) {
    let at = |i: usize| f64::from(nominal[i].clamp(-1.0, 1.0));
    (DVector::from_fn(nominal.len(), |i, _| -1.0 - at(i)), DVector::from_fn(nominal.len(), |i, _| 1.0 - at(i)))
}
