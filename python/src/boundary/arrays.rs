//! NumPy arrays as slices: read in place where type and layout allow, otherwise converted once.

use crate::boundary::failure::{raise, unexpected, wrong_type};
use imle_configs::Error as InputError;
use numpy::{Element, PyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An array that is read in place for as long as it lives.
pub struct Numbers<'py, T: Element> {
    array: PyReadonlyArrayDyn<'py, T>,
    name: &'static str,
}

impl<'py, T: Element> Numbers<'py, T> {
    /// Values, row-major.
    pub fn values(&self) -> PyResult<&[T]> {
        self.array.as_slice().map_err(|_| unexpected(self.name, "a contiguous array", "another layout"))
    }

    /// Shape.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }
}

/// `value` as an array of `T` (`dtype` is NumPy's name of it). Arrays of that type and layout are not copied; lists,
/// other numbers, other layouts and CPU tensors are converted.
pub fn numbers<'py, T: Element>(
    value: &Bound<'py, PyAny>,
    name: &'static str,
    dtype: &'static str,
) -> PyResult<Numbers<'py, T>> {
    if let Ok(array) = value.cast::<PyArrayDyn<T>>()
        && array.is_c_contiguous()
    {
        return Ok(Numbers { array: array.try_readonly().map_err(|_| borrowed(name))?, name });
    }
    let py = value.py();
    let numpy = py.import("numpy")?;
    let array = numpy.call_method1("asarray", (value,)).map_err(|e| odd(py, name, e))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    if !["b", "i", "u", "f"].contains(&kind.as_str()) {
        return Err(wrong_type(name, "an array of numbers", format!("one of dtype {}", array.getattr("dtype")?)));
    }
    let options = PyDict::new(py);
    options.set_item("dtype", dtype)?;
    let array = numpy.call_method("ascontiguousarray", (array,), Some(&options))?;
    let array = array.cast_into::<PyArrayDyn<T>>().map_err(|_| wrong_type(name, "an array of numbers", "another"))?;
    Ok(Numbers { array: array.try_readonly().map_err(|_| borrowed(name))?, name })
}

fn borrowed(name: &str) -> PyErr {
    unexpected(name, "an array that nobody writes", "one that is being written")
}

fn odd(py: Python<'_>, name: &str, error: PyErr) -> PyErr {
    let text = error.value(py).to_string();
    wrong_type(name, "an array of numbers", text.lines().next().unwrap_or("another object"))
}

/// Refuses a value that is not finite.
pub fn finite<T: Copy + Into<f64>>(name: &str, values: &[T]) -> PyResult<()> {
    InputError::finite(name, values).map_err(raise)
}

/// A shape as Python writes it.
pub fn shape(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({}{})", sizes.join(", "), if shape.len() == 1 { "," } else { "" })
}

/// `values` as a NumPy array of `shape`, without a copy.
pub fn array<'py, T: Element>(py: Python<'py>, values: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray::from_vec(py, values).reshape(shape.to_vec())
}
