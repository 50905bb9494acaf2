//! Networks by name: a new one is one file and one line in `builder_of`.
//!
//! A network is split in three so that each observation is encoded once: [`Network::encode`] makes features of the
//! observation, [`Network::condition`] every FiLM scale and shift from the features and the times of a pass,
//! [`Network::generate`] maps latents to chunks under them. All are pure functions of tensors; a network is rebuilt
//! from its flat parameter vector ([`parameters`]) whenever that is needed, once a training step or once a worker.

mod conditioning;
mod film;
pub(crate) mod layers;
mod mlp;
mod observed;
pub mod parameters;
mod reduced;
mod sighted;
mod time;
mod transformer;
mod unet;

use crate::vision::VisionShape;
pub use conditioning::Conditioning;
use imle_configs::{Error as ConfigError, spec::Horizons};
pub use observed::Observed;
use parameters::{Builder, ParameterTable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::Result;

/// A conditional generator of chunks. `B` conditions, `n` latents each; all tensors f32, actions normalised.
pub trait Network: Send {
    /// Features (B, F) of B observation histories. With pictures this is where the time goes: once an observation.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the shape does not fit or memory runs out.
    fn encode(&self, observed: &Observed) -> Result<Tensor>;

    /// B rows of conditioning from features (B, F) and, of a network built with times, those of the pass
    /// (B, times), in the units of the method.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning>;

    /// Chunks (B, n, T_pred, A), contiguous, from latents `z` (B, n, Z) under B rows of conditioning; Z is
    /// [`NetworkConfig::latent_size`].
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor>;
}

/// The sizes a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkShape {
    /// Values of an observation history, T_obs · O.
    pub observation: usize,
    /// Actions of a chunk, T_pred.
    pub prediction: usize,
    /// Values of an action, A.
    pub action: usize,
    /// Times that a pass is told beside the observation: 0 for methods of one pass.
    pub times: usize,
    /// The pictures beside the observation, if there are any, and how they are encoded.
    pub vision: Option<VisionShape>,
}

impl ChunkShape {
    /// Of `horizons` with observations of `observation` values and actions of `action` values, without times and
    /// pictures.
    pub fn new(horizons: Horizons, observation: usize, action: usize) -> Self {
        let (observation, prediction) = (horizons.observation * observation, horizons.prediction);
        Self { observation, prediction, action, times: 0, vision: None }
    }

    /// The same with pictures.
    #[must_use]
    pub fn with_vision(self, vision: Option<VisionShape>) -> Self {
        Self { vision, ..self }
    }

    /// Of the network behind the encoders, for which the pictures' features are part of the observation.
    fn body(&self) -> Self {
        let seen = self.vision.map_or(0, |v| v.steps * v.cameras * v.features);
        Self { observation: self.observation + seen, vision: None, ..*self }
    }

    /// The same with the times of a method.
    #[must_use]
    pub fn with_times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Values of a chunk, T_pred · A.
    pub fn chunk(&self) -> usize {
        self.prediction * self.action
    }
}

/// Which network, and its sizes. Written into `config.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkConfig {
    /// `mlp`: residual MLP over the whole flattened chunk, the fast one. `transformer`: attention over its steps.
    /// `unet`: the paper's conditional 1D U-Net.
    pub kind: String,
    /// Values of a latent; 0 for one shaped like the chunk, which diffusion and flow need.
    pub latent: usize,
    /// `mlp`, `transformer`: units of a layer.
    pub width: usize,
    /// `mlp`, `transformer`: residual blocks.
    pub blocks: usize,
    /// `transformer`: heads of attention; divides the width.
    pub heads: usize,
    /// `unet`: channels of each level; the chunk's length is halved between levels.
    pub down_dims: Vec<usize>,
    /// `unet`: kernel size over time, odd.
    pub kernel_size: usize,
    /// `unet`: groups of the group normalisation; divides every level's channels. The last block has 8.
    pub n_groups: usize,
    /// `unet`: values of the embedding of a time, even.
    pub time_embedding: usize,
    /// `unet`: whether the condition scales the features too, or only shifts them.
    pub film_scale: bool,
}

impl Default for NetworkConfig {
    /// The MLP; the U-Net's sizes are the paper's.
    fn default() -> Self {
        Self {
            kind: "mlp".into(),
            latent: 0,
            width: 256,
            blocks: 4,
            heads: 4,
            down_dims: vec![256, 512, 1024],
            kernel_size: 5,
            n_groups: 8,
            time_embedding: 256,
            film_scale: true,
        }
    }
}

/// Names of all networks.
pub const KINDS: [&str; 3] = ["mlp", "transformer", "unet"];

/// Takes its parameters from the builder in a fixed order: the same code declares and binds them.
type BuildNetwork = fn(&NetworkConfig, &ChunkShape, &mut Builder) -> Result<Box<dyn Network>>;
/// Checks a configuration: (key, expected, found) of the first thing wrong.
type CheckNetwork = fn(&NetworkConfig, &ChunkShape) -> std::result::Result<(), (&'static str, String, String)>;

/// How often a weight of this name is used in generating one chunk; 0 for those of the conditioning.
type UsesOfWeight = fn(&NetworkConfig, &ChunkShape, &str) -> usize;

fn builder_of(kind: &str) -> std::result::Result<(BuildNetwork, CheckNetwork, UsesOfWeight), ConfigError> {
    match kind {
        "mlp" => Ok((mlp::build, mlp::check, mlp::uses)),
        "transformer" => Ok((transformer::build, transformer::check, transformer::uses)),
        "unet" => Ok((unet::build, unet::check, unet::uses)),
        _ => Err(ConfigError::unknown("network", kind, KINDS)),
    }
}

impl NetworkConfig {
    /// Checks that the network can be built for `shape`; `place` names the file in errors.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn check(&self, shape: &ChunkShape, place: &str) -> std::result::Result<(), ConfigError> {
        let (_, check, _) = builder_of(&self.kind).map_err(|e| e.in_file(place))?;
        let latent = in_range("latent", self.latent, 0..=1 << 16);
        latent.and_then(|()| check(self, &shape.body())).map_err(|(key, expected, found)| {
            ConfigError::unexpected(format!("{place}: network.{key}"), expected, found)
        })
    }

    /// The network, behind encoders if there are pictures.
    fn assemble(&self, shape: &ChunkShape, builder: &mut Builder) -> Result<Box<dyn Network>> {
        let body = builder_of(&self.kind)?.0(self, &shape.body(), builder)?;
        match &shape.vision {
            None => Ok(body),
            Some(vision) => Ok(Box::new(sighted::Sighted::new(body, vision, builder)?)),
        }
    }

    /// Values of a latent for chunks of `shape`.
    pub fn latent_size(&self, shape: &ChunkShape) -> usize {
        if self.latent == 0 { shape.chunk() } else { self.latent }
    }

    /// Names, shapes and initialisations of the parameters.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn parameters(&self, shape: &ChunkShape) -> Result<ParameterTable> {
        self.check(shape, "settings")?;
        let mut builder = Builder::declare();
        self.assemble(shape, &mut builder)?;
        Ok(builder.into_table())
    }

    /// Multiplications of weights in generating one chunk in one pass, conditioning excluded. Those of a transformer's
    /// attention without weights and of normalisation are left out.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn multiplications(&self, shape: &ChunkShape) -> Result<usize> {
        let (table, uses) = (self.parameters(shape)?, builder_of(&self.kind)?.2);
        let weights = table.parameters().iter().filter(|p| p.shape.len() > 1);
        Ok(weights.map(|p| p.len() * uses(self, shape, &p.name)).sum())
    }

    /// The network over a flat parameter vector laid out by `table`; gradients flow back to `flat` as one tensor. With
    /// a vector of bfloat16 it computes so, between inputs and outputs in single precision.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if `flat` is not of the table's length.
    pub fn build(&self, shape: &ChunkShape, table: &ParameterTable, flat: &Tensor) -> Result<Box<dyn Network>> {
        let network = self.assemble(shape, &mut Builder::bind(table.views(flat)?))?;
        Ok(if flat.kind() == Kind::BFloat16 { Box::new(reduced::Reduced(network)) } else { network })
    }
}

/// `value` must lie in `range`, else (key, expected, found).
fn in_range(
    key: &'static str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> std::result::Result<(), (&'static str, String, String)> {
    if range.contains(&value) {
        return Ok(());
    }
    Err((key, format!("{} to {}", range.start(), range.end()), value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn small_unet() -> NetworkConfig {
        NetworkConfig { kind: "unet".into(), down_dims: vec![16, 32, 64], ..NetworkConfig::default() }
    }

    #[test]
    fn networks_keep_their_shapes_and_pass_gradients_to_the_flat_vector() {
        let mlp = || NetworkConfig { width: 32, ..NetworkConfig::default() };
        let transformer = || NetworkConfig { kind: "transformer".into(), ..mlp() };
        let low = |config| NetworkConfig { latent: 8, ..config };
        let plain = [mlp(), transformer(), small_unet()].map(|config| (config, 0));
        let from_few = [mlp(), transformer(), small_unet()].map(|config| (low(config), 0));
        let timed = [(mlp(), 1), (transformer(), 2), (small_unet(), 2)];
        for (config, times) in plain.into_iter().chain(from_few).chain(timed) {
            let shape = ChunkShape { observation: 10, prediction: 16, action: 3, times, vision: None };
            let table = config.parameters(&shape).unwrap();
            let flat = Tensor::from_slice(&table.initial(7)).set_requires_grad(true);
            let network = config.build(&shape, &table, &flat).unwrap();
            let features = network.encode(&Tensor::ones([4, 10], (Kind::Float, Device::Cpu)).into()).unwrap();
            let at = |t: f64| Tensor::full([4, times as i64], t, (Kind::Float, Device::Cpu));
            let condition = |t: f64| network.condition(&features, (times > 0).then(|| at(t)).as_ref()).unwrap();
            let conditioning = condition(3.0);
            let z = Tensor::ones([4, 5, config.latent_size(&shape) as i64], (Kind::Float, Device::Cpu));
            let chunks = network.generate(&z, &conditioning).unwrap();
            assert_eq!(chunks.size(), [4, 5, 16, 3]);
            assert!(chunks.abs().max().double_value(&[]) < 20.0);
            let later = network.generate(&z, &condition(40.0)).unwrap();
            assert_eq!((&later - &chunks).abs().max().double_value(&[]) > 1e-4, times > 0);
            let gradient = Tensor::run_backward(&[chunks.square().mean(Kind::Float)], &[&flat], false, false);
            assert_eq!(gradient[0].size(), flat.size());
            assert!(gradient[0].norm().double_value(&[]) > 0.0);
        }
    }

    #[test]
    fn selected_rows_of_conditioning_are_the_rows() {
        let shape = ChunkShape { observation: 4, prediction: 8, action: 2, times: 0, vision: None };
        let config = NetworkConfig { width: 16, blocks: 2, ..NetworkConfig::default() };
        let table = config.parameters(&shape).unwrap();
        let network = config.build(&shape, &table, &Tensor::from_slice(&table.initial(1))).unwrap();
        let observations = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([3, 4]).into();
        let z = Tensor::ones([3, 1, 16], (Kind::Float, Device::Cpu));
        let condition = || network.condition(&network.encode(&observations).unwrap(), None).unwrap();
        let all = network.generate(&z, &condition()).unwrap();
        let rows = Tensor::from_slice(&[2i64, 0]);
        let conditioning = condition().select(&rows).unwrap();
        let some = network.generate(&z.narrow(0, 0, 2), &conditioning).unwrap();
        assert!((some - all.index_select(0, &rows)).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn multiplications_are_those_of_the_layers() {
        let shape = ChunkShape { observation: 5, prediction: 16, action: 2, times: 1, vision: None };
        let of = |config: NetworkConfig| config.multiplications(&shape).unwrap();
        let small = || NetworkConfig { width: 8, blocks: 1, heads: 2, ..NetworkConfig::default() };
        assert_eq!(of(small()), 32 * 8 + 8 * 8 + 8 * 32);
        let from_few = NetworkConfig { kind: "transformer".into(), latent: 3, ..small() };
        assert_eq!(of(from_few), 3 * 32 + 16 * (2 * 8 + (3 + 1 + 4 + 4) * 8 * 8 + 8 * 2));
        let unet = NetworkConfig { kind: "unet".into(), down_dims: vec![8, 16], ..NetworkConfig::default() };
        let down = 16 * (2 * 8 * 5 + 3 * 8 * 8 * 5 + 2 * 8) + 8 * 8 * 8 * 3;
        let low = 8 * (8 * 16 * 5 + 3 * 16 * 16 * 5 + 8 * 16) + 8 * 4 * 16 * 16 * 5;
        let up = 8 * (32 * 8 * 5 + 3 * 8 * 8 * 5 + 32 * 8) + 8 * 8 * 8 * 4;
        assert_eq!(of(unet), down + low + up + 16 * (8 * 8 * 5 + 8 * 2));
    }

    #[test]
    fn bad_configurations_name_the_key() {
        let shape = ChunkShape { observation: 4, prediction: 8, action: 2, times: 0, vision: None };
        let text = |c: NetworkConfig| c.check(&shape, "a.toml").unwrap_err().to_string();
        assert!(text(NetworkConfig { kind: "mpl".into(), ..Default::default() }).contains("did you mean `mlp`"));
        assert!(text(NetworkConfig { width: 0, ..Default::default() }).contains("a.toml: network.width"));
        assert!(text(NetworkConfig { n_groups: 5, ..small_unet() }).contains("network.n_groups"));
        assert!(text(NetworkConfig { kernel_size: 4, ..small_unet() }).contains("network.kernel_size"));
        let heads = NetworkConfig { kind: "transformer".into(), heads: 3, ..Default::default() };
        assert!(text(heads).contains("network.heads: expected a divisor of the width, 256"));
        let odd = ChunkShape { prediction: 6, ..shape };
        assert!(small_unet().check(&odd, "a").unwrap_err().to_string().contains("network.down_dims"));
    }
}
