//! All parameters of a network as one flat vector with a table of names, shapes and places.
//!
//! One vector makes AdamW, gradient clipping and the moving average a handful of operations instead of a handful
//! per parameter, and hands the gradient back as one tensor. Each parameter starts at a multiple of 16 floats
//! (64 bytes), so that the arithmetic kernels see the same alignment wherever the vector lies; the gaps are zeros.

use crate::error::{Error, Result};
use imle_configs::seed::{Purpose, stream};
use rand::Rng;
use tch::Tensor;

const ALIGNMENT: usize = 16;

/// The initial values of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// Uniform in ±bound.
    Uniform(f32),
    /// One value everywhere.
    Constant(f32),
}

/// Name, shape and start of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Unique dotted name, as in a PyTorch state dict.
    pub name: String,
    /// Sizes of all dimensions.
    pub shape: Vec<i64>,
    /// Initial values.
    pub initial: Initial,
}

impl Parameter {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }
}

/// The parameters of a network in the order in which it takes them, and their places in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterTable {
    parameters: Vec<Parameter>,
    /// Length of each parameter and of the gap behind it, alternating.
    split: Vec<i64>,
}

impl ParameterTable {
    /// Of `parameters`, in this order.
    pub fn new(parameters: Vec<Parameter>) -> Self {
        let gap = |n: usize| n.next_multiple_of(ALIGNMENT) - n;
        let split = parameters.iter().flat_map(|p| [p.len() as i64, gap(p.len()) as i64]).collect();
        Self { parameters, split }
    }

    /// The parameters in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Length of the flat vector, gaps included.
    pub fn len(&self) -> usize {
        self.split.iter().sum::<i64>() as usize
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Number of values, gaps excluded.
    pub fn count(&self) -> usize {
        self.parameters.iter().map(Parameter::len).sum()
    }

    /// Each parameter with its range in the flat vector.
    pub fn ranges(&self) -> impl Iterator<Item = (&Parameter, std::ops::Range<usize>)> {
        self.parameters.iter().scan(0, |start, p| {
            let range = *start..*start + p.len();
            *start += p.len().next_multiple_of(ALIGNMENT);
            Some((p, range))
        })
    }

    /// A fresh flat vector, every value drawn from the `Weights` streams of `seed`, one stream a parameter.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut flat = vec![0.0; self.len()];
        for (index, (parameter, range)) in self.ranges().enumerate() {
            match parameter.initial {
                Initial::Constant(value) => flat[range].fill(value),
                Initial::Uniform(bound) => {
                    let mut rng = stream(seed, Purpose::Weights, index as u64, 0, 0);
                    flat[range].fill_with(|| (rng.random::<f32>() * 2.0 - 1.0) * bound);
                }
            }
        }
        flat
    }

    /// One view a parameter, in order; a single split, so that the gradient comes back in one concatenation.
    ///
    /// # Errors
    /// [`Error::Argument`] if `flat` is not of the table's length.
    pub fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>> {
        if flat.size() != [self.len() as i64] {
            let expected = format!("{} values", self.len());
            return Err(Error::argument("NetworkConfig::build", "flat", expected, format!("shape {:?}", flat.size())));
        }
        let parts = flat.f_split_with_sizes(self.split.as_slice(), 0)?;
        let views = parts.iter().step_by(2).zip(&self.parameters).map(|(t, p)| Ok(t.f_view(p.shape.as_slice())?));
        views.collect()
    }
}

/// Hands parameters to a network's layers in a fixed order: first to learn what they are, later to bind tensors.
pub struct Builder {
    declared: Vec<Parameter>,
    bound: Option<std::vec::IntoIter<Tensor>>,
}

impl Builder {
    pub(crate) fn declare() -> Self {
        Self { declared: Vec::new(), bound: None }
    }

    pub(crate) fn bind(views: Vec<Tensor>) -> Self {
        Self { declared: Vec::new(), bound: Some(views.into_iter()) }
    }

    pub(crate) fn into_table(self) -> ParameterTable {
        ParameterTable::new(self.declared)
    }

    /// The next parameter; while declaring, an undefined tensor.
    pub(crate) fn next(&mut self, name: std::fmt::Arguments<'_>, shape: &[usize], initial: Initial) -> Result<Tensor> {
        match &mut self.bound {
            Some(views) => views.next().ok_or_else(|| {
                Error::argument("NetworkConfig::build", "table", format!("parameter `{name}`"), "the end")
            }),
            None => {
                let shape = shape.iter().map(|n| *n as i64).collect();
                self.declared.push(Parameter { name: name.to_string(), shape, initial });
                Ok(Tensor::new())
            }
        }
    }
}
