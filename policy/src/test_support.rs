//! Small shapes shared by this crate's tests.

use crate::checkpoint::{Checkpoint, CheckpointConfig, FORMAT, Provenance};
use crate::method::Sampling;
use crate::network::NetworkConfig;
use crate::normalizer::{Normalizer, Normalizers};
use imle_configs::spec::{Horizons, Layout, Spec, Term};

/// A task with `observation` and `action` values.
pub fn spec(observation: usize, action: usize) -> Spec {
    let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
    Spec {
        task: "toy".into(),
        control_rate: 10.0,
        observation: layout("position", observation),
        action: layout("target", action),
        pictures: None,
    }
}

/// A small untrained MLP checkpoint.
pub fn checkpoint(observation: usize, action: usize, seed: u64) -> Checkpoint {
    let range = |size: usize| Normalizer::Range { min: vec![-2.0; size], max: vec![3.0; size] };
    let config = CheckpointConfig {
        format: FORMAT,
        version: imle_configs::VERSION.into(),
        method: "imle".into(),
        spec: spec(observation, action),
        horizons: Horizons { observation: 2, prediction: 4, action: 2 },
        network: NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() },
        lead: 0,
        normalizers: Normalizers { observation: range(observation), action: range(action), residual: None },
        sampling: Sampling::default(),
        vision: None,
        provenance: Provenance { data: "toy".into(), steps: 0, seed },
    };
    let table = config.network.parameters(&config.shape()).unwrap();
    Checkpoint::new(config, table.initial(seed)).unwrap()
}
