//! Ways to train a generator, by name: a new one is one file and one line in [`by_name`].
//!
//! A method is an objective over a batch and the sampler that goes with it; network, data, training loop, checkpoints
//! and [`crate::sampler`] are shared by all. A method of many passes (diffusion, flow) has all its conditioning made
//! once an observation, in [`Method::prepare`], and makes its passes in [`Method::generate`].

mod diffusion;
mod flow;
mod imle;
mod mean_flow;
mod regression;
mod schedule;
mod workers;

pub use schedule::{Betas, Prediction, Schedule, Variance};
pub use workers::Workers;

use crate::latents::Latents;
use crate::network::{ChunkShape, Conditioning, Network, Observed};
use crate::{Error, Result};
use imle_configs::Error as ConfigError;
use imle_configs::seed::{Purpose, fill_normal, stream};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Names of all methods.
pub const NAMES: [&str; 5] = ["imle", "diffusion", "flow", "mean-flow", "regression"];

/// The method called `name`.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest names.
pub fn by_name(name: &str) -> std::result::Result<&'static dyn Method, ConfigError> {
    match name {
        "imle" => Ok(&imle::Imle),
        "diffusion" => Ok(&diffusion::Diffusion),
        "flow" => Ok(&flow::Flow),
        "mean-flow" => Ok(&mean_flow::MeanFlow),
        "regression" => Ok(&regression::Regression),
        _ => Err(ConfigError::unknown("method", name, NAMES)),
    }
}

/// How a checkpoint is sampled. Written into `config.json`; may be changed after training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sampling {
    /// `diffusion`: `ddim` (deterministic, any number of passes) or `ddpm` (ancestral); empty for `ddim`. Of no other
    /// method.
    pub solver: String,
    /// Passes a chunk: denoising or Euler steps; 0 for the method's own number (10 for diffusion, 8 for flow, 1 for
    /// mean-flow). `imle` and `regression` make one.
    pub passes: usize,
    /// How the latents of a decision's candidates are drawn.
    pub latents: Latents,
    /// What the network computes in.
    pub precision: Precision,
    /// Latents are multiplied by this: below 1 candidates keep nearer to what is typical.
    pub temperature: f64,
    /// `diffusion`: its forward process. The one thing here that is fixed by the training.
    pub schedule: Schedule,
}

/// What numbers a network computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// bfloat16, 8 significant bits: about twice as fast for large networks on processors and GPUs that have it.
    Bf16,
}

impl Precision {
    /// The precision called `name`.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the nearest names.
    pub fn by_name(name: &str) -> std::result::Result<Self, ConfigError> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(ConfigError::unknown("precision", name, ["f32", "bf16"])),
        }
    }

    /// As libtorch names it.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            solver: String::new(),
            passes: 0,
            latents: Latents::default(),
            precision: Precision::F32,
            temperature: 1.0,
            schedule: Schedule::default(),
        }
    }
}

impl Sampling {
    /// Checks what does not depend on the method but on `size`, the normal values that a chunk is made from.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] naming the key.
    pub fn check(&self, size: usize) -> std::result::Result<(), ConfigError> {
        if !(self.temperature >= 0.0 && self.temperature <= 10.0) {
            return Err(ConfigError::unexpected("sampling.temperature", "0 to 10", self.temperature));
        }
        self.latents.check(size)
    }
}

/// A batch on the training device, normalised.
#[derive(Debug)]
pub struct TensorBatch<'a> {
    /// Observation histories, B of them.
    pub observations: Observed,
    /// Target chunks (B, K, T_pred · A); anything where `mask` is false.
    pub targets: Tensor,
    /// Which targets count, row-major (B, K).
    pub mask: &'a [bool],
}

/// What a loss may depend on beside network and batch.
pub struct LossContext<'a> {
    /// Where to do what needs no gradient.
    pub workers: &'a Workers<'a>,
    /// Seed of the run.
    pub seed: u64,
    /// Training step: with the seed it keys every draw.
    pub step: u64,
    /// Sizes of observation history and chunk.
    pub shape: ChunkShape,
    /// Values of a latent.
    pub latent: usize,
    /// Latents a state (m of RS-IMLE).
    pub samples: usize,
    /// Rejection distance of each state (B), per element, normalised units.
    pub epsilon: &'a [f64],
    /// Whether all states get the same latents.
    pub shared_latents: bool,
    /// How the checkpoint is sampled: of it diffusion's schedule.
    pub sampling: &'a Sampling,
}

/// A loss, or why there is none; the step is then skipped.
#[derive(Debug)]
pub enum LossValue {
    /// A scalar with gradient.
    Scalar(Tensor),
    /// Nothing in the batch was left to learn from.
    Empty,
    /// Something on the way to it was not finite.
    NotFinite,
}

/// The loss of a batch, with figures for the log.
#[derive(Debug)]
pub struct Loss {
    /// The loss itself.
    pub value: LossValue,
    /// Figures for the log, `train/…` names without the prefix.
    pub parts: Vec<(&'static str, f64)>,
    /// Share of each state's candidates within its rejection distance (B); empty for methods that reject none.
    pub within: Vec<f32>,
}

impl Loss {
    /// Of a method that rejects no candidates and has no figures of its own.
    fn plain(value: LossValue) -> Self {
        Self { value, parts: Vec::new(), within: Vec::new() }
    }
}

/// An objective and its sampler.
pub trait Method: Send + Sync {
    /// The name in settings and checkpoints.
    fn name(&self) -> &'static str;

    /// Times that its network is told of a pass: 0 for methods of one pass.
    fn times(&self) -> usize {
        0
    }

    /// Passes a chunk under `sampling`.
    fn passes(&self, sampling: &Sampling) -> usize {
        let _ = sampling;
        1
    }

    /// Latents of normal values that a chunk is made from.
    fn draws(&self, sampling: &Sampling) -> usize {
        let _ = sampling;
        1
    }

    /// Checks `sampling`, and the size of a latent, 0 for one shaped like the chunk.
    ///
    /// # Errors
    /// The key, what was expected and what was found.
    fn check(&self, sampling: &Sampling, latent: usize) -> std::result::Result<(), ConfigError> {
        let _ = latent;
        no_solver(sampling)?;
        one_pass(sampling)
    }

    /// The loss of one batch; a pure function of its arguments.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn loss(&self, network: &dyn Network, batch: &TensorBatch<'_>, context: &LossContext<'_>) -> Result<Loss>;

    /// The conditioning of every pass, in their order, from the features (B, F) of observation histories.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn prepare(&self, network: &dyn Network, features: &Tensor, sampling: &Sampling) -> Result<Prepared> {
        let _ = sampling;
        Ok(Prepared { passes: vec![network.condition(features, None)?] })
    }

    /// Normalised chunks (B, n, T_pred, A) from latents (B, n, draws · Z) under B rows of what [`prepare`](Self::prepare)
    /// made.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn generate(&self, network: &dyn Network, z: &Tensor, prepared: &Prepared, sampling: &Sampling) -> Result<Tensor> {
        let _ = sampling;
        network.generate(z, prepared.pass(0)?)
    }
}

/// The conditioning of every pass of B observations.
#[derive(Debug)]
pub struct Prepared {
    passes: Vec<Conditioning>,
}

impl Prepared {
    /// One pass for each of `times`, every row of a pass with the same times.
    ///
    /// # Errors
    /// [`crate::Error::Torch`].
    fn of_times<const K: usize>(network: &dyn Network, features: &Tensor, times: &[[f64; K]]) -> Result<Self> {
        let rows = features.size2()?.0;
        let pass = |times: &[f64; K]| {
            let times = Tensor::f_from_slice(&times.map(|t| t as f32))?.f_to_device(features.device())?;
            network.condition(features, Some(&times.f_view([1, K as i64])?.f_expand([rows, K as i64], false)?))
        };
        Ok(Self { passes: times.iter().map(pass).collect::<Result<_>>()? })
    }

    /// The conditioning of pass `index`.
    fn pass(&self, index: usize) -> Result<&Conditioning> {
        self.passes.get(index).ok_or_else(|| {
            Error::argument("Method::generate", "prepared", format!("a pass {index}"), self.passes.len().to_string())
        })
    }

    /// Another handle to the same tensors, for another worker.
    pub fn shallow_clone(&self) -> Self {
        Self { passes: self.passes.iter().map(Conditioning::shallow_clone).collect() }
    }
}

/// The kept targets of a batch as rows, each with the draws of its own stream: for methods that learn from every
/// target alike.
struct Rows {
    /// The state of each row (R,), int64.
    states: Tensor,
    /// Target chunks (R, 1, T_pred · A).
    targets: Tensor,
    /// Normal values (R, 1, T_pred · A).
    noise: Tensor,
    /// Uniform values in [0, 1), `per_row` a row.
    uniform: Vec<f64>,
}

impl Rows {
    /// The rows of `batch`, nothing if no target is kept; each draws its noise and then `per_row` uniform values.
    fn of(batch: &TensorBatch<'_>, context: &LossContext<'_>, per_row: usize) -> Result<Option<Self>> {
        use rand::Rng;
        let (states, targets, chunk) = batch.targets.size3()?;
        let kept: Vec<i64> = (0..states * targets).filter(|i| batch.mask[*i as usize]).collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let device = batch.targets.device();
        let rows = kept.len();
        let (mut noise, mut uniform) = (vec![0.0f32; rows * chunk as usize], Vec::with_capacity(rows * per_row));
        for (row, noise) in kept.iter().zip(noise.chunks_exact_mut(chunk as usize)) {
            let mut rng: ChaCha8Rng = stream(context.seed, Purpose::TrainLatent, *row as u64, context.step, 0);
            fill_normal(&mut rng, noise);
            uniform.extend((0..per_row).map(|_| rng.random::<f64>()));
        }
        let of_state: Vec<i64> = kept.iter().map(|i| i / targets).collect();
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(device)?) };
        let sizes = [rows as i64, 1, chunk];
        Ok(Some(Self {
            states: index(&of_state)?,
            targets: batch
                .targets
                .f_view([states * targets, chunk])?
                .f_index_select(0, &index(&kept)?)?
                .f_view(sizes)?,
            noise: Tensor::f_from_slice(&noise)?.f_view(sizes)?.f_to_device(device)?,
            uniform,
        }))
    }

    /// Features (R, F) of the rows' observations, each of which is encoded once.
    fn features(&self, network: &dyn Network, batch: &TensorBatch<'_>) -> Result<Tensor> {
        Ok(network.encode(&batch.observations)?.f_index_select(0, &self.states)?)
    }

    fn len(&self) -> usize {
        self.targets.size().first().map_or(0, |n| *n as usize)
    }

    /// Values, K a row, as a tensor (R, K) beside the rows.
    fn column(&self, values: &[f64]) -> Result<Tensor> {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        Ok(Tensor::f_from_slice(&values)?.f_view([self.len() as i64, -1])?.f_to_device(self.targets.device())?)
    }
}

/// Goes from `z` along what the network says, `passes` times by `stride`.
fn follow(network: &dyn Network, z: &Tensor, prepared: &Prepared, passes: usize, stride: f64) -> Result<Tensor> {
    let mut x = z.shallow_clone();
    let mut sizes = Vec::new();
    for pass in 0..passes {
        let velocity = network.generate(&x, prepared.pass(pass)?)?;
        sizes = velocity.size();
        x = x.f_add(&velocity.f_view_as(&x)?.f_mul_scalar(stride)?)?;
    }
    Ok(x.f_contiguous()?.f_view(sizes.as_slice())?)
}

fn no_solver(sampling: &Sampling) -> std::result::Result<(), ConfigError> {
    match sampling.solver.as_str() {
        "" => Ok(()),
        other => Err(ConfigError::unexpected("sampling.solver", "none, which only diffusion has", other)),
    }
}

fn one_pass(sampling: &Sampling) -> std::result::Result<(), ConfigError> {
    match sampling.passes {
        0 | 1 => Ok(()),
        n => Err(ConfigError::unexpected("sampling.passes", "1, all that this method makes", n)),
    }
}

/// Most passes a chunk.
const MOST_PASSES: usize = 1000;

fn some_passes(sampling: &Sampling) -> std::result::Result<(), ConfigError> {
    match sampling.passes {
        0..=MOST_PASSES => Ok(()),
        n => Err(ConfigError::unexpected("sampling.passes", format!("at most {MOST_PASSES}"), n)),
    }
}

/// A latent must be shaped like the chunk that it becomes.
fn latent_is_chunk(latent: usize) -> std::result::Result<(), ConfigError> {
    match latent {
        0 => Ok(()),
        n => Err(ConfigError::unexpected("network.latent", "0: a latent shaped like the chunk", n)),
    }
}
