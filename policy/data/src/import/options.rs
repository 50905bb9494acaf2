//! Options of a conversion.

use imle_configs::spec::Spec;

/// Options of a conversion.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The spec that the dataset must fit; its own names if absent.
    pub spec: Option<Spec>,
    /// Name of the task, where there is no `spec`.
    pub task: Option<String>,
    /// Control rate, Hz, where the dataset does not say; with `resample` and no `spec`, the one to interpolate to.
    pub rate: Option<f64>,
    /// Interpolate to the rate of `spec`, or to `rate`, where the dataset has another.
    pub resample: bool,
    /// Columns of the observation in their order, each `NAME` or `NAME[FROM:TO]`, a half-open range of its values; the
    /// format's own choice if empty. A folder of records says it in `record.toml`.
    pub observation: Vec<String>,
    /// Columns of the action, likewise.
    pub action: Vec<String>,
    /// Whether pictures come along.
    pub images: bool,
    /// The first so many episodes that have a frame; all if absent.
    pub episodes: Option<usize>,
    /// Leave out episodes that cannot be read or hold a number that is not finite, with a note, in place of an error.
    /// Pictures are read twice for it.
    pub skip_broken: bool,
}
