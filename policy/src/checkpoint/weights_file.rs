//! Safetensors files: flat parameter vectors as named tensors, and back with every tensor checked by name.

use crate::network::parameters::ParameterTable;
use half::f16;
use imle_configs::{Error as ConfigError, Result};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// The precision that weights are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredPrecision {
    /// As they are.
    Single,
    /// Rounded to IEEE 754 half precision (11 significant bits): half the size.
    Half,
}

/// The bytes of a file with the parameters of `table` once for each (prefix, flat vector).
pub fn to_bytes(
    table: &ParameterTable,
    parts: &[(&str, &[f32])],
    precision: StoredPrecision,
) -> std::result::Result<Vec<u8>, String> {
    let mut named: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (prefix, flat) in parts {
        for (parameter, range) in table.ranges() {
            let values = flat.get(range).ok_or_else(|| format!("`{}` lies past the end", parameter.name))?;
            let shape = parameter.shape.iter().map(|n| *n as usize).collect();
            let bytes = match precision {
                StoredPrecision::Single => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
                StoredPrecision::Half => values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
            };
            named.push((format!("{prefix}{}", parameter.name), shape, bytes));
        }
    }
    let dtype = match precision {
        StoredPrecision::Single => Dtype::F32,
        StoredPrecision::Half => Dtype::F16,
    };
    let views = named
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(dtype, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    views.and_then(|views| safetensors::serialize(views, None)).map_err(|e| e.to_string())
}

/// The flat vectors, one a prefix, in a file called `place`: exactly those tensors, f32 or f16, finite.
///
/// # Errors
/// [`ConfigError::Unexpected`] naming the file and the first tensor that is missing, extra, of another shape or type,
/// or not finite.
pub fn from_bytes(table: &ParameterTable, prefixes: &[&str], place: &str, bytes: &[u8]) -> Result<Vec<Vec<f32>>> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        ConfigError::unexpected(place, "a whole safetensors file", format!("{} bytes ({e})", bytes.len()))
    })?;
    let mut names: Vec<String> = file.names().iter().map(ToString::to_string).collect();
    names.sort_unstable();
    let mut result = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        let mut flat = vec![0.0f32; table.len()];
        for (parameter, range) in table.ranges() {
            let name = format!("{prefix}{}", parameter.name);
            let shape: Vec<usize> = parameter.shape.iter().map(|n| *n as usize).collect();
            let expected = format!("a tensor F32 {shape:?}");
            let key = || format!("{place}: {name}");
            let view =
                file.tensor(&name).map_err(|_| ConfigError::unexpected(key(), &expected, "none of that name"))?;
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F16) || view.shape() != shape {
                return Err(ConfigError::unexpected(
                    key(),
                    &expected,
                    format!("{:?} {:?}", view.dtype(), view.shape()),
                ));
            }
            fill(&mut flat[range.clone()], &view);
            if let Some(value) = flat[range].iter().find(|x| !x.is_finite()) {
                return Err(ConfigError::unexpected(key(), "finite weights", value.to_string()));
            }
            if let Ok(index) = names.binary_search(&name) {
                names.remove(index);
            }
        }
        result.push(flat);
    }
    match names.first() {
        None => Ok(result),
        Some(extra) => {
            Err(ConfigError::unexpected(format!("{place}: {extra}"), "only the network's own tensors", "an extra one"))
        }
    }
}

/// The values of a tensor in f32 or f16.
fn fill(values: &mut [f32], view: &TensorView<'_>) {
    if view.dtype() == Dtype::F16 {
        let halves = view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32());
        values.iter_mut().zip(halves).for_each(|(value, x)| *value = x);
    } else {
        let singles = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        values.iter_mut().zip(singles).for_each(|(value, x)| *value = x);
    }
}
