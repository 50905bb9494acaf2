//! The named scalars of a task, evaluated together.
//!
//! Some are read from the simulated state ([`Quantity`]); others are derived from those: counts, least and greatest
//! values, sums. Derived quantities may use each other, but not in a circle.

use super::custom::CustomQuantities;
use super::file::QuantityFile;
use super::predicate::{Predicate, index};
use super::quantity::Quantity;
use crate::mujoco::simulation::{Needs, Simulation};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use std::collections::BTreeMap;

/// A scalar of other scalars, which it names by index.
#[derive(Clone, Debug)]
enum Derived {
    Count(Vec<Predicate>),
    Least { of: Vec<usize>, except: Vec<Predicate>, otherwise: f64 },
    Greatest(Vec<usize>),
    Sum(Vec<(usize, f64)>),
    Magnitude(usize),
}

impl Derived {
    /// Resolves a derived quantity; nothing if `file` is read from the state.
    fn resolve(file: &QuantityFile, names: &[String]) -> Result<Option<Self>> {
        let all = |list: &[String]| -> Result<Vec<usize>> {
            InputError::ensure(!list.is_empty(), "of", "at least one", "none")?;
            list.iter().map(|n| index(names, n)).collect()
        };
        let comparisons = |list: &[String]| Predicate::parse_all(list, names);
        Ok(Some(match file {
            QuantityFile::Count { of } => Self::Count(comparisons(of)?),
            QuantityFile::Least { of, except, otherwise } => {
                let expected = format!("{} comparisons, one a quantity, or none", of.len());
                let fit = except.is_empty() || except.len() == of.len();
                InputError::ensure(fit, "except", expected, except.len())?;
                Self::Least { of: all(of)?, except: comparisons(except)?, otherwise: *otherwise }
            }
            QuantityFile::Greatest { of } => Self::Greatest(all(of)?),
            QuantityFile::Sum { of, weights } => {
                let expected = format!("{} weights, one a quantity, or none", of.len());
                let fit = weights.is_empty() || weights.len() == of.len();
                InputError::ensure(fit, "weights", expected, weights.len())?;
                if let Some(bad) = weights.iter().find(|w| !w.is_finite()) {
                    return Err(InputError::unexpected("weights", "finite numbers", bad));
                }
                let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
                Self::Sum(all(of)?.into_iter().zip(weights).collect())
            }
            QuantityFile::Magnitude { of } => Self::Magnitude(index(names, of)?),
            _ => return Ok(None),
        }))
    }

    fn uses(&self) -> Vec<usize> {
        let mut all = Vec::new();
        match self {
            Self::Count(predicates) => predicates.iter().for_each(|p| p.uses(&mut all)),
            Self::Least { of, except, .. } => {
                all.extend(of);
                except.iter().for_each(|p| p.uses(&mut all));
            }
            Self::Greatest(of) => all.extend(of),
            Self::Sum(of) => all.extend(of.iter().map(|(q, _)| *q)),
            Self::Magnitude(of) => all.push(*of),
        }
        all
    }

    fn value(&self, values: &[f64]) -> f64 {
        match self {
            Self::Count(comparisons) => comparisons.iter().filter(|c| c.holds(values)).count() as f64,
            Self::Least { of, except, otherwise } => {
                let left_out = |i: usize| except.get(i).is_some_and(|c| c.holds(values));
                let kept = of.iter().enumerate().filter(|(i, _)| !left_out(*i)).map(|(_, q)| values[*q]);
                kept.reduce(f64::min).unwrap_or(*otherwise)
            }
            Self::Greatest(of) => of.iter().map(|q| values[*q]).fold(f64::NEG_INFINITY, f64::max),
            Self::Sum(of) => of.iter().map(|(q, weight)| weight * values[*q]).sum(),
            Self::Magnitude(of) => values[*of].abs(),
        }
    }
}

/// The named scalars of a task.
#[derive(Clone, Debug, Default)]
pub struct Quantities {
    names: Vec<String>,
    units: Vec<&'static str>,
    read: Vec<(usize, Quantity)>,
    /// In an order in which each uses only what comes before.
    derived: Vec<(usize, Derived)>,
}

impl Quantities {
    /// Resolves the quantities of a task file; `custom` are those of the program.
    ///
    /// # Errors
    /// A bad input that names the quantity.
    pub fn resolve(files: &BTreeMap<String, QuantityFile>, model: &MjModel, custom: &CustomQuantities) -> Result<Self> {
        let names: Vec<String> = files.keys().cloned().collect();
        let (mut read, mut waiting) = (Vec::new(), Vec::new());
        for (i, (name, file)) in files.iter().enumerate() {
            let place = |e: InputError| e.in_file(format!("quantities.{name}"));
            match Derived::resolve(file, &names).map_err(place)? {
                Some(derived) => waiting.push((i, derived)),
                None => read.push((i, Quantity::resolve(name, file, model, custom).map_err(place)?)),
            }
        }
        let mut derived: Vec<(usize, Derived)> = Vec::new();
        while !waiting.is_empty() {
            let open: Vec<usize> = waiting.iter().map(|(i, _)| *i).collect();
            let (now, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, d)| d.uses().iter().all(|u| !open.contains(u)));
            if now.is_empty() {
                let circle: Vec<&str> = open.iter().map(|i| names[*i].as_str()).collect();
                let found = format!("a circle of {}", circle.join(", "));
                return Err(InputError::unexpected("quantities", "quantities that do not need themselves", found));
            }
            derived.extend(now);
            waiting = later;
        }
        let units = files.values().map(QuantityFile::unit).collect();
        Ok(Self { names, units, read, derived })
    }

    /// Number of quantities.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Their names, in the order of their values.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Their units, in the order of their values; empty where there is none or the model decides.
    pub fn units(&self) -> &[&'static str] {
        &self.units
    }

    /// Parts of the state that have to be up to date before they are evaluated.
    pub fn needs(&self) -> Needs {
        self.read.iter().fold(Needs::default(), |all, (_, q)| all.and(q.needs()))
    }

    /// Writes all values in the present state to `out` (length [`Quantities::len`]).
    pub fn evaluate(&self, sim: &Simulation, out: &mut [f64]) {
        for (i, quantity) in &self.read {
            out[*i] = quantity.value(sim);
        }
        for (i, derived) in &self.derived {
            out[*i] = derived.value(out);
        }
    }

    /// Index of the quantity of that name.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn index(&self, name: &str) -> Result<usize> {
        index(&self.names, name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Quantities of these names, all read from a fixed point.
    pub(crate) fn of_names(names: &[&str]) -> Quantities {
        let text: String = names
            .iter()
            .map(|n| format!("{n} = {{ kind = \"coordinate\", of = [0, 0, 0], axis = \"x\" }}\n"))
            .collect();
        of_text(&text).unwrap()
    }

    fn of_text(text: &str) -> Result<Quantities> {
        let model = MjModel::from_xml_string("<mujoco/>").unwrap();
        Quantities::resolve(&toml::from_str(text).unwrap(), &model, &CustomQuantities::default())
    }

    #[test]
    fn derived_quantities_use_each_other_but_not_themselves() {
        let text = r#"
            all = { kind = "sum", of = ["p", "q"] }
            angle = { kind = "angle", at = [0, 0, 5], from = [1, 0, 0], to = [0, 3, 0], axes = "xy" }
            best = { kind = "least", of = ["p", "q"], except = ["p < 2.5", "q > 9"] }
            done = { kind = "count", of = ["p < 2.5", "q < 2.5", "all < 6"] }
            most = { kind = "greatest", of = ["all", "done"] }
            none = { kind = "least", of = ["p"], except = ["p < 9"], otherwise = -1.0 }
            p = { kind = "coordinate", of = [2, 0, 0], axis = "x" }
            q = { kind = "coordinate", of = [3, 0, 0], axis = "x" }
            weighed = { kind = "sum", of = ["p", "q"], weights = [2, -1] }
        "#;
        let quantities = of_text(text).unwrap();
        let model = std::sync::Arc::new(MjModel::from_xml_string("<mujoco/>").unwrap());
        let mut values = vec![0.0; quantities.len()];
        quantities.evaluate(&Simulation::new(model).unwrap(), &mut values);
        assert_eq!(values, [5.0, std::f64::consts::FRAC_PI_2, 3.0, 2.0, 5.0, -1.0, 2.0, 3.0, 1.0]);
        let circle = of_text("a = { kind = \"sum\", of = [\"b\"] }\nb = { kind = \"sum\", of = [\"a\"] }");
        assert!(circle.unwrap_err().to_string().contains("circle of a, b"));
        let short = of_text("a = { kind = \"least\", of = [\"a\", \"a\"], except = [\"a < 1\"] }");
        assert!(short.unwrap_err().to_string().contains("2 comparisons"));
    }
}
