//! Environments that Python steps: copies of a Gymnasium environment behind an object with `reset` and `step`.

use crate::boundary::arrays::{array, finite, numbers, shape};
use crate::boundary::failure::unexpected;
use imle_configs::{bounds::ActionBounds, seed::Purpose, spec::Spec};
use imle_planner::evaluation::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment, Vectorized};
use imle_planner::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The copies. `reset(slots, episodes, seeds, learning)` returns (observation, pictures) a slot, and `step(slots, actions)`
/// (observation, pictures, reward, terminated, truncated, success).
pub struct PythonCopies {
    copies: Py<PyAny>,
    count: usize,
    observation: usize,
    action: usize,
    pictures: usize,
}

/// An environment of the copies; `about` has `max_steps`, `low`, `high`, `identity` and `copies`, their number, and where
/// rewards are learned from `reward_range` and `return_range`.
pub fn environment(
    copies: &Bound<'_, PyAny>,
    about: &Bound<'_, PyDict>,
    spec: &Spec,
) -> PyResult<Vectorized<PythonCopies>> {
    let get = |key: &str| about.get_item(key)?.ok_or_else(|| unexpected("environment", format!("`{key}`"), "none"));
    let (low, high): (Vec<f32>, Vec<f32>) = (get("low")?.extract()?, get("high")?.extract()?);
    let range = |key: &str| about.get_item(key)?.map(|range| range.extract::<[f64; 2]>()).transpose();
    let known = EnvironmentInfo {
        spec: spec.clone(),
        control_rate: Some(spec.control_rate),
        max_steps: get("max_steps")?.extract()?,
        execute: None,
        action_bounds: ActionBounds::new(low, high),
        reward_bounds: range("reward_range")?.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]),
        return_bounds: range("return_range")?,
        identity: get("identity")?.extract()?,
    };
    let inner = PythonCopies {
        copies: copies.clone().unbind(),
        count: get("copies")?.extract()?,
        observation: spec.observation.size(),
        action: spec.action.size(),
        pictures: spec.pictures.as_ref().map_or(0, |p| p.bytes()),
    };
    Vectorized::new(known, inner).map_err(crate::boundary::failure::raise)
}

impl PythonCopies {
    fn seen(&self, observation: &Bound<'_, PyAny>, pictures: &Bound<'_, PyAny>) -> PyResult<Seen> {
        let given = numbers::<f32>(observation, "observation", "float32")?;
        if given.values()?.len() != self.observation {
            return Err(unexpected("observation", format!("{} values", self.observation), shape(given.shape())));
        }
        finite("observation", given.values()?)?;
        let observation = given.values()?.to_vec();
        if self.pictures == 0 {
            return Ok(Seen { observation, pictures: Vec::new() });
        }
        let given = numbers::<u8>(pictures, "pictures", "uint8")?;
        if given.values()?.len() != self.pictures {
            return Err(unexpected("pictures", format!("{} bytes", self.pictures), shape(given.shape())));
        }
        Ok(Seen { observation, pictures: given.values()?.to_vec() })
    }

    fn asked<T>(&self, question: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<T>) -> Result<T> {
        Python::attach(|py| {
            py.check_signals()?;
            question(py, self.copies.bind(py))
        })
        .map_err(|raised: PyErr| Error::Environment(Box::new(raised)))
    }
}

impl VectorEnvironment for PythonCopies {
    fn copies(&self) -> usize {
        self.count
    }

    fn reset(&mut self, starts: &[EpisodeStart]) -> Result<Vec<Seen>> {
        let slots: Vec<usize> = starts.iter().map(|s| s.slot).collect();
        let episodes: Vec<u64> = starts.iter().map(|s| s.episode).collect();
        let seeds: Vec<u32> = starts.iter().map(|s| s.seed).collect();
        let learning = starts.first().is_some_and(|s| s.purpose == Purpose::FinetuneReset);
        self.asked(|_, copies| {
            let all: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> =
                copies.call_method1("reset", (slots, episodes, seeds, learning))?.extract()?;
            all.iter().map(|(observation, pictures)| self.seen(observation, pictures)).collect()
        })
    }

    fn step(&mut self, slots: &[usize], actions: &[f32]) -> Result<Vec<Stepped>> {
        type Row<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, f64, bool, bool, bool);
        self.asked(|py, copies| {
            let actions = array(py, actions.to_vec(), &[slots.len(), self.action])?;
            let all: Vec<Row<'_>> = copies.call_method1("step", (slots.to_vec(), actions))?.extract()?;
            let row = |(observation, pictures, reward, terminated, truncated, success): Row<'_>| {
                Ok(Stepped { seen: self.seen(&observation, &pictures)?, reward, terminated, truncated, success })
            };
            all.into_iter().map(row).collect()
        })
    }
}
