//! Small quadratic programs in a box, by projected Newton steps (Bertsekas 1982; Tassa, Mansard and Todorov 2014).

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Most Newton steps: the set of free variables settles within a few.
const STEPS: usize = 40;
/// Shortest share of a Newton step that is tried.
const LEAST_SHARE: f64 = 1e-6;
/// Share of the promised decrease that a step must bring (Armijo).
const ARMIJO: f64 = 0.1;
/// Slope along the free variables, relative to that at the start, at which a solution is one.
const TOLERANCE: f64 = 1e-10;

/// The least point, and what the Hessian is where no bound holds it.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The least point x.
    pub x: DVector<f64>,
    /// Variables that no bound holds.
    pub free: Vec<usize>,
    /// Factor of the Hessian's rows and columns of those; nothing if there are none.
    pub factor: Option<Cholesky<f64, Dyn>>,
}

/// Minimises ½ xᵀ H x + g·x over `low` ≤ x ≤ `high`, which contain 0. Nothing if H is not positive definite.
pub fn solve(h: &DMatrix<f64>, g: &DVector<f64>, low: &DVector<f64>, high: &DVector<f64>) -> Option<Solution> {
    let value = |x: &DVector<f64>| 0.5 * x.dot(&(h * x)) + g.dot(x);
    let mut x = DVector::zeros(g.len());
    let mut solution = Solution { x: x.clone(), free: Vec::new(), factor: None };
    let scale = g.amax();
    for step in 0..STEPS {
        let slope = g + h * &x;
        let held = |i: usize| (x[i] <= low[i] && slope[i] > 0.0) || (x[i] >= high[i] && slope[i] < 0.0);
        let free: Vec<usize> = (0..x.len()).filter(|i| !held(*i)).collect();
        if free.is_empty() {
            (solution.free, solution.factor) = (free, None);
            break;
        }
        if step == 0 || free != solution.free {
            let rows = h.select_rows(&free).select_columns(&free);
            (solution.free, solution.factor) = (free, Some(Cholesky::new(rows)?));
        }
        let own = slope.select_rows(&solution.free);
        let Some(factor) = solution.factor.as_ref().filter(|_| own.amax() > TOLERANCE * scale) else { break };
        let newton = factor.solve(&own);
        let (before, mut share) = (value(&x), 1.0);
        let moved = loop {
            let mut next = x.clone();
            for (i, d) in solution.free.iter().zip(newton.iter()) {
                next[*i] = (x[*i] - share * d).clamp(low[*i], high[*i]);
            }
            let promised = slope.dot(&(&x - &next));
            if before - value(&next) >= ARMIJO * promised && promised > 0.0 {
                break Some(next);
            }
            share *= 0.5;
            if share < LEAST_SHARE {
                break None;
            }
        };
        let Some(next) = moved else { break };
        x = next;
    }
    solution.x = x;
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solutions_are_least(entries in prop::collection::vec(-1.0..1.0f64, 9), g in prop::collection::vec(-2.0..2.0f64, 3)) {
            let root = DMatrix::from_vec(3, 3, entries);
            let h = &root * root.transpose() + DMatrix::identity(3, 3) * 0.1;
            let (g, low, high) =
                (DVector::from_vec(g), DVector::from_element(3, -0.5), DVector::from_vec(vec![0.5, 0.0, 2.0]));
            let solution = solve(&h, &g, &low, &high).unwrap();
            let slope = &g + &h * &solution.x;
            for i in 0..3 {
                let x = solution.x[i];
                prop_assert!(x >= low[i] && x <= high[i]);
                // Either there is no slope, or a bound holds it.
                prop_assert!(slope[i].abs() < 1e-6 || (slope[i] > 0.0 && x == low[i]) || (slope[i] < 0.0 && x == high[i]));
                prop_assert!(solution.free.contains(&i) || slope[i] != 0.0);
            }
        }
    }

    #[test]
    fn what_is_not_convex_is_refused() {
        let (zero, one) = (DVector::zeros(1), DVector::from_element(1, 1.0));
        assert!(solve(&DMatrix::from_element(1, 1, -1.0), &one, &-&one, &one).is_none());
        assert_eq!(solve(&DMatrix::identity(1, 1), &zero, &-&one, &one).unwrap().x, zero);
    }
}
