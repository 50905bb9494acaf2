//! The native half of the Python package `imle_planner`: arrays in, arrays out, and JSON for settings and reports.
//!
//! What users call is in `imle_planner/*.py`, with its documentation; this module checks arguments, releases the
//! interpreter's lock, and turns errors into exceptions.

mod boundary;
mod controller;
mod cost;
mod episodes;
mod learning;
mod modes;
mod policy;
mod task;

use boundary::process;
use episodes::{evaluation, worlds};
use learning::{dataset, finetuning, training};
use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    process::remember();
    module.add("VERSION", imle_configs::VERSION)?;
    module.add_class::<policy::PythonPolicy>()?;
    module.add_class::<task::PythonTask>()?;
    module.add_class::<controller::PythonController>()?;
    module.add_class::<worlds::Worlds>()?;
    module.add_class::<modes::PythonModeTracker>()?;
    module.add_function(wrap_pyfunction!(task::task_names, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::evaluate_environment, module)?)?;
    module.add_function(wrap_pyfunction!(training::train, module)?)?;
    module.add_function(wrap_pyfunction!(finetuning::finetune, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::write_dataset, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::read_dataset, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::dataset_episode, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::convert_dataset, module)?)
}
