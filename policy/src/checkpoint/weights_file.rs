//! Safetensors files: flat parameter vectors as named tensors, and back with every tensor checked by name. Their
//! metadata carry a CRC-32 of the values.

use crate::{device::to_host, network::parameters::ParameterTable};
use half::{bf16, f16};
use imle_configs::{Error as ConfigError, Result, files};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};
use tch::Tensor;

/// The precision that weights are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredPrecision {
    /// As they are.
    Single,
    /// Rounded to IEEE 754 half precision (11 significant bits): half the size.
    Half,
}

/// Key of the metadata with the checksum of the values, in the order of the parts and of their tables.
const CHECKSUM: &str = "crc32";

/// The bytes of a file with the parameters of `table` once for each (prefix, flat vector), and the checksum in it.
pub fn to_bytes(
    table: &ParameterTable,
    parts: &[(&str, &[f32])],
    precision: StoredPrecision,
) -> std::result::Result<(Vec<u8>, String), String> {
    type Encode = fn(&[f32]) -> Vec<u8>;
    let (dtype, encode): (Dtype, Encode) = match precision {
        StoredPrecision::Single => (Dtype::F32, |values| values.iter().flat_map(|x| x.to_le_bytes()).collect()),
        StoredPrecision::Half => {
            (Dtype::F16, |values| values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect())
        }
    };
    let mut named: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut hasher = crc32fast::Hasher::new();
    for (prefix, flat) in parts {
        for (parameter, range) in table.ranges() {
            let values = flat.get(range).ok_or_else(|| format!("`{}` lies past the end", parameter.name))?;
            let shape = parameter.shape.iter().map(|n| *n as usize).collect();
            let bytes = encode(values);
            hasher.update(&bytes);
            named.push((format!("{prefix}{}", parameter.name), shape, bytes));
        }
    }
    let sum = format!("{:08x}", hasher.finalize());
    let metadata = HashMap::from([(CHECKSUM.to_string(), sum.clone())]);
    let views = named
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(dtype, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata))).map_err(|e| e.to_string())?;
    Ok((bytes, sum))
}

/// The checksum that the file of `bytes` carries.
pub(super) fn checksum(bytes: &[u8]) -> Option<String> {
    SafeTensors::read_metadata(bytes).ok()?.1.metadata().as_ref()?.get(CHECKSUM).cloned()
}

/// Writes flat tensors, one a prefix, to `path`.
///
/// # Errors
/// [`ConfigError::Io`] if the disk refuses; [`crate::Error::Torch`].
pub fn write_tensors<const N: usize>(
    path: &Path,
    table: &ParameterTable,
    prefixes: [&str; N],
    tensors: [&Tensor; N],
) -> crate::error::Result<()> {
    let flat = tensors.map(to_host).into_iter().collect::<crate::error::Result<Vec<_>>>()?;
    let named: Vec<(&str, &[f32])> = prefixes.into_iter().zip(flat.iter().map(Vec::as_slice)).collect();
    let bytes = to_bytes(table, &named, StoredPrecision::Single);
    let (bytes, _) = bytes.map_err(|e| ConfigError::io(path, "write", std::io::Error::other(e)))?;
    Ok(files::write_atomic(path, |w| w.write_all(&bytes))?)
}

/// The flat vectors, one a prefix, in the file `path`.
///
/// # Errors
/// As [`from_bytes`]; [`ConfigError::Io`].
pub fn read<const N: usize>(path: &Path, table: &ParameterTable, prefixes: [&str; N]) -> Result<[Vec<f32>; N]> {
    from_bytes(table, prefixes, &path.display().to_string(), &files::read_bytes(path)?)
}

/// The flat vectors, one a prefix, in a file called `place`: exactly those tensors, f32 or f16, finite, of the checksum
/// that the file carries, if it does.
///
/// # Errors
/// [`ConfigError::Unexpected`] naming the file and the first tensor that is missing, extra, of another shape or type,
/// or not finite; or values of another checksum.
pub fn from_bytes<const N: usize>(
    table: &ParameterTable,
    prefixes: [&str; N],
    place: &str,
    bytes: &[u8],
) -> Result<[Vec<f32>; N]> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        ConfigError::unexpected(place, "a whole safetensors file", format!("{} bytes ({e})", bytes.len()))
    })?;
    let mut names: BTreeSet<String> = file.names().iter().map(ToString::to_string).collect();
    let mut result = [(); N].map(|()| vec![0.0f32; table.len()]);
    let mut hasher = crc32fast::Hasher::new();
    for (prefix, flat) in prefixes.into_iter().zip(&mut result) {
        for (parameter, range) in table.ranges() {
            let name = format!("{prefix}{}", parameter.name);
            let shape: Vec<usize> = parameter.shape.iter().map(|n| *n as usize).collect();
            let expected = format!("a tensor F32 {shape:?}");
            let key = || format!("{place}: {name}");
            let view =
                file.tensor(&name).map_err(|_| ConfigError::unexpected(key(), &expected, "none of that name"))?;
            let values = floats(view.dtype(), view.data())
                .filter(|_| matches!(view.dtype(), Dtype::F32 | Dtype::F16) && view.shape() == shape);
            let found = || format!("{:?} {:?}", view.dtype(), view.shape());
            let values = values.ok_or_else(|| ConfigError::unexpected(key(), &expected, found()))?;
            if let Some(value) = values.iter().find(|x| !x.is_finite()) {
                return Err(ConfigError::unexpected(key(), "finite weights", value));
            }
            hasher.update(view.data());
            flat[range].copy_from_slice(&values);
            names.remove(&name);
        }
    }
    if let Some(extra) = names.first() {
        return Err(ConfigError::unexpected(
            format!("{place}: {extra}"),
            "only the network's own tensors",
            "an extra one",
        ));
    }
    let (written, found) = (checksum(bytes), format!("{:08x}", hasher.finalize()));
    let expected = format!("the values that were written, of checksum {}", written.as_deref().unwrap_or(&found));
    ConfigError::ensure(written.as_ref().is_none_or(|sum| *sum == found), place, expected, found)?;
    Ok(result)
}

/// The floating-point numbers of a tensor as f32; nothing if it holds others.
pub(crate) fn floats(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}
