//! The weights of a public policy, put where ours have them: of its conditional U-Net, and of its encoders of pictures.

use super::{tensors::Tensors, vision_input::VisionInput};
use crate::{checkpoint::CheckpointConfig, error::Result};
use imle_configs::Error as ConfigError;

/// Names that a kind of policy has for the network's parameters.
pub(super) enum Names {
    /// As the public `ConditionalUnet1D`, and we: after this prefix, unless the file has another.
    Public(&'static str),
    /// As LeRobot.
    LeRobot(&'static str),
}

/// The last layer, which every kind names alike: it gives the prefix.
const LAST: &str = "final_conv.1.weight";

impl Names {
    /// The prefix of the network's tensors in a file.
    pub(super) fn prefix(&self, tensors: &Tensors) -> String {
        let usual = match self {
            Self::Public(prefix) | Self::LeRobot(prefix) => *prefix,
        };
        let mut found = tensors.names().filter_map(|name| name.strip_suffix(LAST));
        match (found.next(), found.next()) {
            (Some(prefix), None) => prefix.to_string(),
            _ => usual.to_string(),
        }
    }

    /// The name that the kind has for our parameter `name`.
    fn of(&self, name: &str) -> String {
        match self {
            Self::Public(_) => name.to_string(),
            Self::LeRobot(_) => name
                .replace(".blocks.0.block.", ".conv1.block.")
                .replace(".blocks.1.block.", ".conv2.block.")
                .replace(".2.conv.", ".2."),
        }
    }
}

/// Places of the values of a step of the imported policy among those of our network.
pub(super) struct StepLayout {
    /// Of every value of the policy's, in its order, its index in ours. What it does not see gets weights of 0.
    pub(super) order: Vec<usize>,
    /// Number of our values.
    pub(super) size: usize,
}

/// The flat weights of the configuration's network; nothing may be left of `tensors`.
pub(super) fn weights(
    config: &CheckpointConfig,
    names: &Names,
    input: Option<&VisionInput>,
    mut tensors: Tensors,
    step: &StepLayout,
) -> Result<Vec<f32>> {
    let table = config.network.parameters(&config.network_shape())?;
    let prefix = names.prefix(&tensors);
    let observations = config.horizons.observation;
    let mut flat = vec![0.0; table.len()];
    for (parameter, range) in table.ranges() {
        let name = match (parameter.name.strip_prefix("vision."), input) {
            (Some(name), Some(input)) => input.name_of(name),
            _ => format!("{prefix}{}", names.of(&parameter.name)),
        };
        let mut shape: Vec<usize> = parameter.shape.iter().map(|n| *n as usize).collect();
        let out = &mut flat[range];
        if !parameter.name.ends_with("cond_encoder.1.weight") {
            out.copy_from_slice(&tensors.take(&name, &shape)?);
            continue;
        }
        // Rows of the embedded time, then of the observations from the oldest to the newest.
        let times = shape[1] - observations * step.size;
        let of_step = |t: usize| step.order.iter().map(move |i| times + t * step.size + i);
        let columns: Vec<usize> = (0..times).chain((0..observations).flat_map(of_step)).collect();
        let wide = std::mem::replace(&mut shape[1], columns.len());
        let values = tensors.take(&name, &shape)?;
        for (row, out) in values.chunks_exact(columns.len()).zip(out.chunks_exact_mut(wide)) {
            row.iter().zip(&columns).for_each(|(value, column)| out[*column] = *value);
        }
    }
    tensors.finish()?;
    Ok(flat)
}

/// Checks that sizes which a configuration gives twice agree.
pub(super) fn same(place: String, expected: usize, found: usize) -> imle_configs::Result<()> {
    ConfigError::ensure(expected == found, place, expected, found)
}
