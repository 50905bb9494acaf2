//! Errors as exceptions: bad input is a `ValueError`, a failure while running a `RuntimeError`, each of one line.

use imle_cli::failure::Failure;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use std::fmt::Display;

/// The exception for an error of the libraries.
pub fn raise(error: impl Into<Failure>) -> PyErr {
    let failure = error.into();
    match &failure {
        Failure::Input(_) => PyValueError::new_err(failure.line()),
        Failure::Run(_) => PyRuntimeError::new_err(failure.line()),
    }
}

/// The exception for an error of the planner's: one that was raised in the user's own Python code is passed on.
pub fn raise_planner(error: imle_planner::Error) -> PyErr {
    match error {
        imle_planner::Error::Environment(inner) => match inner.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(inner) => raise(imle_planner::Error::Environment(inner)),
        },
        other => raise(other),
    }
}

/// `ValueError`: what was expected in `place`, and what was found.
pub fn unexpected(place: impl Display, expected: impl Display, found: impl Display) -> PyErr {
    PyValueError::new_err(format!("{place}: expected {expected}, found {found}"))
}

/// `TypeError` of the same form.
pub fn wrong_type(place: impl Display, expected: impl Display, found: impl Display) -> PyErr {
    PyTypeError::new_err(format!("{place}: expected {expected}, found {found}"))
}
