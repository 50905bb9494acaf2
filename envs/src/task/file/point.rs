//! References to points of a model.

use serde::Deserialize;

/// A point: `body:NAME`, `site:NAME`, `geom:NAME` or `[x, y, z]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "body:NAME, site:NAME, geom:NAME or [x, y, z]")]
pub enum PointFile {
    /// A named thing.
    Named(String),
    /// A fixed point in the world frame, m.
    Fixed([f64; 3]),
}

/// Order of rotational symmetry of a thing without any.
pub(super) fn one() -> u32 {
    1
}
