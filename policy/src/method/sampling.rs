//! The way a checkpoint is sampled.

use super::schedule::Schedule;
use crate::{network::precision::Precision, sampler::latents::Latents};
use imle_configs::{Error as ConfigError, Result, by_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Most passes a chunk.
const MOST_PASSES: usize = 1000;

/// A solver of diffusion's reverse process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Solver {
    /// DDIM for `diffusion`; the only choice of other methods.
    #[default]
    #[serde(rename = "")]
    Default,
    /// Deterministic, any number of passes (arXiv 2010.02502).
    Ddim,
    /// Ancestral: every pass draws fresh noise (arXiv 2006.11239).
    Ddpm,
}

impl FromStr for Solver {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self> {
        if name.is_empty() {
            return Ok(Self::Default);
        }
        by_name("solver", name, &[("ddim", Self::Ddim), ("ddpm", Self::Ddpm)])
    }
}

impl fmt::Display for Solver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "",
            Self::Ddim => "ddim",
            Self::Ddpm => "ddpm",
        })
    }
}

/// The way a checkpoint is sampled. Written into `config.json`; may be changed after training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sampling {
    /// `diffusion`: `ddim` (deterministic, any number of passes) or `ddpm` (ancestral); empty for `ddim`. Of no other
    /// method.
    pub solver: Solver,
    /// Passes a chunk: denoising or Euler steps; 0 for the method's own number (10 for diffusion, 8 for flow, 1 for
    /// mean-flow). `imle` and `regression` make one.
    pub passes: usize,
    /// The draw of the latents of a decision's candidates are drawn.
    pub latents: Latents,
    /// Numbers that the network computes in.
    pub precision: Precision,
    /// Latents are multiplied by this: below 1 candidates keep nearer to what is typical.
    pub temperature: f64,
    /// `diffusion`: its forward process. The one thing here that is fixed by the training.
    pub schedule: Schedule,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            solver: Solver::Default,
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
    pub fn check(&self, size: usize) -> Result<()> {
        let within = (0.0..=10.0).contains(&self.temperature);
        ConfigError::ensure(within, "sampling.temperature", "0 to 10", self.temperature)?;
        self.latents.check(size)
    }

    /// Checks that no solver is chosen.
    pub(super) fn without_solver(&self) -> Result<()> {
        let none = self.solver == Solver::Default;
        ConfigError::ensure(none, "sampling.solver", "none, which only diffusion has", self.solver)
    }

    /// Checks for a single pass.
    pub(super) fn one_pass(&self) -> Result<()> {
        ConfigError::ensure(self.passes <= 1, "sampling.passes", "1, all that this method makes", self.passes)
    }

    /// Checks for at most [`MOST_PASSES`].
    pub(super) fn some_passes(&self) -> Result<()> {
        let few = self.passes <= MOST_PASSES;
        ConfigError::ensure(few, "sampling.passes", format_args!("at most {MOST_PASSES}"), self.passes)
    }
}

/// Checks that a latent is shaped like the chunk that it becomes.
pub(super) fn latent_is_chunk(latent: usize) -> Result<()> {
    ConfigError::ensure(latent == 0, "network.latent", "0: a latent shaped like the chunk", latent)
}

/// Changes to the way a checkpoint is sampled; what is absent stays as the checkpoint has it.
///
/// ```
/// use imle_policy::method::{Sampling, SamplingOverrides};
///
/// let overrides = SamplingOverrides { passes: Some(4), solver: Some("ddpm".parse()?), ..Default::default() };
/// let sampling = overrides.apply(Sampling::default());
/// assert_eq!((sampling.passes, sampling.temperature), (4, 1.0));
/// # Ok::<(), imle_configs::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingOverrides {
    /// Passes a chunk.
    pub passes: Option<usize>,
    /// Solver of diffusion.
    pub solver: Option<Solver>,
    /// Draw of the latents.
    pub latents: Option<Latents>,
    /// Factor of the latents.
    pub temperature: Option<f64>,
    /// Numbers that the network computes in.
    pub precision: Option<Precision>,
}

impl SamplingOverrides {
    /// `sampling` with these changes.
    #[must_use]
    pub fn apply(&self, sampling: Sampling) -> Sampling {
        Sampling {
            passes: self.passes.unwrap_or(sampling.passes),
            solver: self.solver.unwrap_or(sampling.solver),
            latents: self.latents.unwrap_or(sampling.latents),
            temperature: self.temperature.unwrap_or(sampling.temperature),
            precision: self.precision.unwrap_or(sampling.precision),
            schedule: sampling.schedule,
        }
    }
}
