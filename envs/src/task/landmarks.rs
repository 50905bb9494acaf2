//! Places that a task speaks of: goals, objects, the hand.

use super::file::QuantityFile;
use crate::kinematics::point::Point;
use imle_configs::Result;
use mujoco_rs::prelude::MjModel;
use std::collections::BTreeMap;

/// The points of the quantities.
///
/// # Errors
/// A bad input, if one of them names nothing in the model.
pub(super) fn resolve(quantities: &BTreeMap<String, QuantityFile>, model: &MjModel) -> Result<Vec<Point>> {
    quantities.values().flat_map(QuantityFile::points).map(|p| Point::resolve(&p, model)).collect()
}
