//! Networks built from their settings and a flat parameter vector.

use super::interface::{Network, ObservationTensors};
use super::parameters::{Builder, ParameterTable};
use super::vision_network::VisionNetwork;
use super::{architecture::in_range, conditioning::Conditioning, config::NetworkConfig, registry, shape::ChunkShape};
use crate::error::Result;
use tch::{Kind, Tensor};

impl NetworkConfig {
    /// Checks that the network can be built for `shape`; `place` names the file in errors.
    ///
    /// # Errors
    /// [`imle_configs::Error`] naming the key.
    pub fn check(&self, shape: &ChunkShape, place: &str) -> imle_configs::Result<()> {
        let architecture = registry::by_name(&self.kind).map_err(|e| e.in_file(place))?;
        let latent = in_range("latent", self.latent, 0..=1 << 16);
        latent.and_then(|()| architecture.check(self, &shape.body())).map_err(|e| e.in_file(place))
    }

    /// The network, behind encoders if there are pictures.
    fn assemble(&self, shape: &ChunkShape, builder: &mut Builder) -> Result<Box<dyn Network>> {
        let body = registry::by_name(&self.kind)?.build(self, &shape.body(), builder)?;
        match &shape.vision {
            None => Ok(body),
            Some(vision) => Ok(Box::new(VisionNetwork::new(body, vision, builder)?)),
        }
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
        let (table, architecture) = (self.parameters(shape)?, registry::by_name(&self.kind)?);
        let weights = table.parameters().iter().filter(|p| p.shape.len() > 1);
        Ok(weights.map(|p| p.len() * architecture.uses(self, shape, &p.name)).sum())
    }

    /// The network over a flat parameter vector laid out by `table`; gradients flow back to `flat` as one tensor. With
    /// a vector of bfloat16 it computes in bfloat16, between inputs and outputs in single precision.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if `flat` is not of the table's length.
    pub fn build(&self, shape: &ChunkShape, table: &ParameterTable, flat: &Tensor) -> Result<Box<dyn Network>> {
        let network = self.assemble(shape, &mut Builder::bind(table.views(flat)?))?;
        Ok(if flat.kind() == Kind::BFloat16 { Box::new(Bf16Network(network)) } else { network })
    }
}

/// A network whose parameters are bfloat16, between inputs and outputs in single precision.
struct Bf16Network(Box<dyn Network>);

impl Network for Bf16Network {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        let pictures = observations.pictures.as_ref().map(|p| p.f_to_kind(Kind::BFloat16)).transpose()?;
        self.0.encode(&ObservationTensors { values: observations.values.f_to_kind(Kind::BFloat16)?, pictures })
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        self.0.condition(features, times)
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        Ok(self.0.generate(&z.f_to_kind(Kind::BFloat16)?, conditioning)?.f_to_kind(Kind::Float)?)
    }
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
