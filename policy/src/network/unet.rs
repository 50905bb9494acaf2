//! The paper's generator: Diffusion Policy's conditional 1D U-Net over time, for methods of one pass without the
//! timestep embedding.
//!
//! Sources: arXiv 2303.04137 (network), arXiv 2502.12371 (its use as a one-pass generator). Parameter names and
//! shapes are those of the public `ConditionalUnet1D`, so that its state dicts fit ([`crate::import`] brings them in).
//! Every block is Conv → GroupNorm → Mish, FiLM, Conv → GroupNorm → Mish, plus a residual; the observation history
//! itself is the condition, after the embedded times if there are any. T_pred must be divisible by 2^(levels − 1). A
//! latent that is not shaped like the chunk is mapped to one linearly (`latent.weight`, not in the public networks).

use super::architecture::{Architecture, in_range, require};
use super::interface::{Network, ObservationTensors};
use super::layers::{Conv1d, GroupNorm, Linear, Upsample, as_chunks, sinusoidal};
use super::{conditioning::Conditioning, config::NetworkConfig, parameters::Builder, shape::ChunkShape};
use crate::error::Result;
use tch::Tensor;

/// The architecture `unet`.
pub(super) struct UnetArchitecture;

impl Architecture for UnetArchitecture {
    fn check(&self, c: &NetworkConfig, shape: &ChunkShape) -> imle_configs::Result<()> {
        in_range("kernel_size", c.kernel_size, 1..=31)?;
        require(!c.kernel_size.is_multiple_of(2), "kernel_size", "an odd number", c.kernel_size)?;
        in_range("n_groups", c.n_groups, 1..=1024)?;
        let (dims, levels, groups) = (&c.down_dims, c.down_dims.len(), c.n_groups);
        let within = (1..=8).contains(&levels) && dims.iter().all(|d| (1..=8192).contains(d));
        let expected = "1 to 8 numbers of channels, each 1 to 8192";
        require(within, "down_dims", expected, format_args!("{dims:?}"))?;
        for d in dims {
            let expected = format_args!("a divisor of every down_dims, {dims:?}");
            require(d.is_multiple_of(groups), "n_groups", expected, format_args!("{groups} for {d}"))?;
        }
        let expected = format_args!("a first number of channels that is a multiple of {LAST_GROUPS}");
        require(dims[0].is_multiple_of(LAST_GROUPS), "down_dims", expected, dims[0])?;
        let even = (4..=8192).contains(&c.time_embedding) && c.time_embedding.is_multiple_of(2);
        require(even, "time_embedding", "an even number, 4 to 8192", c.time_embedding)?;
        let (steps, divisor) = (shape.prediction, 1usize << (levels - 1));
        let found = format_args!("{levels} levels for T_pred {steps}, which is no multiple of {divisor}");
        require(steps.is_multiple_of(divisor), "down_dims", "levels that halve T_pred evenly", found)
    }

    fn build(&self, c: &NetworkConfig, shape: &ChunkShape, b: &mut Builder) -> Result<Box<dyn Network>> {
        let latent = (c.latent > 0).then(|| Linear::new(b, "latent", c.latent, shape.chunk())).transpose()?;
        let size = c.time_embedding;
        let embedding = || -> Result<_> {
            let first = Linear::new(b, "diffusion_step_encoder.1", shape.times * size, 4 * size)?;
            Ok((size as i64, [first, Linear::new(b, "diffusion_step_encoder.3", 4 * size, size)?]))
        };
        let time = (shape.times > 0).then(embedding).transpose()?;
        let o = shape.observation + if time.is_some() { size } else { 0 };
        let dims = &c.down_dims;
        let top = dims.len() - 1;
        let pair = |b: &mut Builder, name: String, inputs: usize, outputs: usize| -> Result<[ResidualBlock; 2]> {
            Ok([
                ResidualBlock::new(b, &format!("{name}.0"), (inputs, outputs), c, o)?,
                ResidualBlock::new(b, &format!("{name}.1"), (outputs, outputs), c, o)?,
            ])
        };
        let mut down = Vec::new();
        for (i, dim) in dims.iter().enumerate() {
            let inputs = if i == 0 { shape.action } else { dims[i - 1] };
            let blocks = pair(b, format!("down_modules.{i}"), inputs, *dim)?;
            let conv = || Conv1d::new(b, &format!("down_modules.{i}.2.conv"), (*dim, *dim), (3, 2, 1));
            let resample = (i < top).then(conv).transpose()?;
            down.push(Level { blocks, resample });
        }
        let mid = pair(b, "mid_modules".into(), dims[top], dims[top])?;
        let mut up = Vec::new();
        for i in 0..top {
            let (inputs, outputs) = (dims[top - i], dims[top - i - 1]);
            let blocks = pair(b, format!("up_modules.{i}"), 2 * inputs, outputs)?;
            let resample = Some(Upsample::new(b, &format!("up_modules.{i}.2.conv"), outputs)?);
            up.push(Level { blocks, resample });
        }
        let last = ConvBlock::new(b, "final_conv.0", (dims[0], dims[0]), (c.kernel_size, LAST_GROUPS))?;
        let output = Conv1d::new(b, "final_conv.1", (dims[0], shape.action), (1, 1, 0))?;
        let chunk = [shape.prediction as i64, shape.action as i64];
        Ok(Box::new(Unet { chunk, latent, time, down, mid, up, last, output }))
    }

    fn uses(&self, c: &NetworkConfig, shape: &ChunkShape, name: &str) -> usize {
        let top = c.down_dims.len() - 1;
        let parts: Vec<&str> = name.split('.').collect();
        let level = |i: usize| parts.get(i).and_then(|p| p.parse::<usize>().ok()).unwrap_or(0);
        let halvings = match parts[0] {
            "latent" => return 1,
            _ if name.contains("cond_encoder") => return 0,
            // A kernel is used once for every step that it makes; going up, for every one that it is made from.
            "down_modules" => level(1) + usize::from(parts[2] == "2"),
            "mid_modules" => top,
            "up_modules" => top - level(1),
            "final_conv" => 0,
            _ => return 0,
        };
        shape.prediction >> halvings
    }
}

/// Conv → GroupNorm → Mish.
struct ConvBlock {
    conv: Conv1d,
    norm: GroupNorm,
}

impl ConvBlock {
    fn new(b: &mut Builder, name: &str, channels: (usize, usize), (k, groups): (usize, usize)) -> Result<Self> {
        let conv = Conv1d::new(b, &format!("{name}.block.0"), channels, (k, 1, k / 2))?;
        let norm = GroupNorm::new(b, &format!("{name}.block.1"), groups, channels.1)?;
        Ok(Self { conv, norm })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.norm.forward(&self.conv.forward(x)?)?.f_mish()?)
    }
}

/// Two convolution blocks with FiLM between them and a residual around them.
struct ResidualBlock {
    blocks: [ConvBlock; 2],
    condition: Linear,
    residual: Option<Conv1d>,
    channels: i64,
    scaled: bool,
}

impl ResidualBlock {
    fn new(
        b: &mut Builder,
        name: &str,
        (inputs, outputs): (usize, usize),
        c: &NetworkConfig,
        o: usize,
    ) -> Result<Self> {
        let form = (c.kernel_size, c.n_groups);
        let blocks = [
            ConvBlock::new(b, &format!("{name}.blocks.0"), (inputs, outputs), form)?,
            ConvBlock::new(b, &format!("{name}.blocks.1"), (outputs, outputs), form)?,
        ];
        let values = if c.film_scale { 2 * outputs } else { outputs };
        let condition = Linear::new(b, &format!("{name}.cond_encoder.1"), o, values)?;
        let conv = || Conv1d::new(b, &format!("{name}.residual_conv"), (inputs, outputs), (1, 1, 0));
        let residual = (inputs != outputs).then(conv).transpose()?;
        Ok(Self { blocks, condition, residual, channels: outputs as i64, scaled: c.film_scale })
    }

    /// Scale and shift (B, channels) from Mish(o).
    fn condition(&self, activated: &Tensor) -> Result<(Tensor, Tensor)> {
        let values = self.condition.forward(activated)?;
        if !self.scaled {
            return Ok((values.f_ones_like()?, values));
        }
        let pair = values.f_view([-1, 2, self.channels])?;
        Ok((pair.f_select(1, 0)?, pair.f_select(1, 1)?))
    }

    /// `x` (B · n, C, T) under B rows of (scale, shift).
    fn forward(&self, x: &Tensor, (scale, shift): (&Tensor, &Tensor)) -> Result<Tensor> {
        let out = self.blocks[0].forward(x)?;
        let (rows, channels, time) = out.size3()?;
        let b = scale.size2()?.0;
        let film = |t: &Tensor| t.f_view([b, 1, channels, 1]);
        let out = film(&shift.f_contiguous()?)?
            .f_addcmul(&film(&scale.f_contiguous()?)?, &out.f_view([b, rows / b, channels, time])?)?;
        let out = self.blocks[1].forward(&out.f_view([rows, channels, time])?)?;
        match &self.residual {
            Some(conv) => Ok(out.f_add(&conv.forward(x)?)?),
            None => Ok(out.f_add(x)?),
        }
    }
}

struct Level<R> {
    blocks: [ResidualBlock; 2],
    resample: Option<R>,
}

/// Groups of the last block's normalisation: the public networks have so many whatever those of the others.
const LAST_GROUPS: usize = 8;

struct Unet {
    chunk: [i64; 2],
    latent: Option<Linear>,
    /// Sinusoids a time, and their embedding.
    time: Option<(i64, [Linear; 2])>,
    down: Vec<Level<Conv1d>>,
    mid: [ResidualBlock; 2],
    up: Vec<Level<Upsample>>,
    last: ConvBlock,
    output: Conv1d,
}

impl Unet {
    /// All residual blocks in the order of the forward pass, which is the order of the conditioning.
    fn residual_blocks(&self) -> impl Iterator<Item = &ResidualBlock> {
        let down = self.down.iter().flat_map(|l| &l.blocks);
        down.chain(&self.mid).chain(self.up.iter().flat_map(|l| &l.blocks))
    }
}

impl Network for Unet {
    fn encode(&self, observations: &ObservationTensors) -> Result<Tensor> {
        Ok(observations.values.shallow_clone())
    }

    fn condition(&self, features: &Tensor, times: Option<&Tensor>) -> Result<Conditioning> {
        let activated = match (&self.time, times) {
            (Some((size, [first, second])), Some(times)) => {
                let embedded = first.forward(&sinusoidal(times, *size)?.f_to_kind(features.kind())?)?.f_mish()?;
                Tensor::f_cat(&[&second.forward(&embedded)?, features], 1)?.f_mish()?
            }
            _ => features.f_mish()?,
        };
        let blocks = self.residual_blocks().map(|block| block.condition(&activated));
        Ok(Conditioning::new(blocks.collect::<Result<_>>()?))
    }

    fn generate(&self, z: &Tensor, conditioning: &Conditioning) -> Result<Tensor> {
        let (b, n, _) = z.size3()?;
        let [t, a] = self.chunk;
        let z = as_chunks(z, self.latent.as_ref(), self.chunk)?;
        let mut x = z.f_transpose(1, 2)?.f_contiguous()?;
        let mut film = (0..).map(|i| conditioning.block(i));
        let mut step = |block: &ResidualBlock, x: &Tensor| match film.next() {
            Some(pair) => block.forward(x, pair),
            None => Ok(x.shallow_clone()),
        };
        let mut skips = Vec::with_capacity(self.down.len());
        for level in &self.down {
            x = step(&level.blocks[0], &x)?;
            x = step(&level.blocks[1], &x)?;
            skips.push(x.shallow_clone());
            if let Some(conv) = &level.resample {
                x = conv.forward(&x)?;
            }
        }
        for block in &self.mid {
            x = step(block, &x)?;
        }
        for (level, skip) in self.up.iter().zip(skips.iter().rev()) {
            x = step(&level.blocks[0], &Tensor::f_cat(&[&x, skip], 1)?)?;
            x = step(&level.blocks[1], &x)?;
            if let Some(conv) = &level.resample {
                x = conv.forward(&x)?;
            }
        }
        let chunks = self.output.forward(&self.last.forward(&x)?)?;
        Ok(chunks.f_transpose(1, 2)?.f_contiguous()?.f_view([b, n, t, a])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_as_in_the_public_state_dict() {
        let config = NetworkConfig { kind: "unet".into(), ..NetworkConfig::default() };
        let shape = ChunkShape { observation: 10, prediction: 16, action: 2, times: 1, vision: None };
        let table = config.parameters(&shape).unwrap();
        let shape_of = |name: &str| table.parameters().iter().find(|p| p.name == name).map(|p| p.shape.clone());
        for (name, expected) in [
            ("down_modules.0.0.blocks.0.block.0.weight", vec![256, 2, 5]),
            ("down_modules.0.0.blocks.0.block.1.weight", vec![256]),
            ("diffusion_step_encoder.1.weight", vec![1024, 256]),
            ("diffusion_step_encoder.3.weight", vec![256, 1024]),
            ("down_modules.0.0.cond_encoder.1.weight", vec![512, 266]),
            ("down_modules.0.0.residual_conv.weight", vec![256, 2, 1]),
            ("down_modules.1.2.conv.weight", vec![512, 512, 3]),
            ("mid_modules.1.blocks.1.block.0.weight", vec![1024, 1024, 5]),
            ("up_modules.0.0.blocks.0.block.0.weight", vec![512, 2048, 5]),
            ("up_modules.1.2.conv.weight", vec![256, 256, 4]),
            ("final_conv.0.block.1.bias", vec![256]),
            ("final_conv.1.weight", vec![2, 256, 1]),
        ] {
            assert_eq!(shape_of(name), Some(expected), "{name}");
        }
        assert_eq!(shape_of("down_modules.2.2.conv.weight"), None);
        assert_eq!(shape_of("mid_modules.0.residual_conv.weight"), None);
    }
}
