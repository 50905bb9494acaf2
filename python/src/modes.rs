//! Modes of a controller's candidates, for pictures.

use crate::boundary::arrays::{numbers, shape};
use crate::boundary::failure::unexpected;
use imle_planner::selection::ModeTracker;
use pyo3::prelude::*;

/// Numbers the modes of one decision after the other; a mode that goes on keeps its number.
#[pyclass(name = "ModeTracker", module = "imle_planner._native")]
#[derive(Default)]
pub struct PythonModeTracker {
    tracker: ModeTracker,
}

#[pymethods]
impl PythonModeTracker {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The mode of each of N candidates (N, T, A) of these costs (N,), `passed` control steps after the last decision;
    /// actions (A,) lie between `low` and `high`.
    fn number(
        &mut self,
        candidates: &Bound<'_, PyAny>,
        costs: Vec<f64>,
        low: Vec<f32>,
        high: Vec<f32>,
        passed: usize,
    ) -> PyResult<Vec<usize>> {
        let given = numbers::<f32>(candidates, "candidates", "float32")?;
        if low.len() != high.len() || !matches!(given.shape(), [n, _, a] if *n == costs.len() && *a == low.len()) {
            let expected = format!("({}, T, {})", costs.len(), low.len());
            return Err(unexpected("candidates", expected, shape(given.shape())));
        }
        Ok(self.tracker.number(given.values()?, &costs, (&low, &high), passed))
    }
}
