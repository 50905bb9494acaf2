//! Optimizers by name.

use super::cem::Cem;
use super::cma_es::search::CmaEs;
use super::dial::Dial;
use super::ilqg::search::Ilqg;
use super::mode_preserving::ModePreserving;
use super::mppi::Mppi;
use super::predictive_sampling::PredictiveSampling;
use super::search::Optimizer;
use imle_configs::Error as InputError;

/// Names of the optimizers; `none` executes the generator without a search.
pub const NAMES: [&str; 8] =
    ["predictive-sampling", "mppi", "cem", "cma-es", "dial", "mode-preserving", "ilqg", "none"];

/// Numbers of all optimizers, each of which takes those that it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerSettings {
    /// Deviation of the first draws, in units of the parameterization: half the range of an action, or the deviation of
    /// a latent.
    pub noise: f64,
    /// Waves of rollouts a decision; `None` for the optimizer's own number.
    pub waves: Option<usize>,
    /// λ of [`Mppi`] and [`Dial`].
    pub lambda: f64,
    /// Share of the candidates that [`Cem`] takes for its elite.
    pub elite: f64,
    /// Margin of [`ModePreserving`].
    pub margin: f64,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        Self { noise: 0.1, waves: None, lambda: 0.1, elite: 0.25, margin: 0.05 }
    }
}

/// The optimizer called `name`.
///
/// # Errors
/// A bad input with the nearest names; `none` is no optimizer.
pub fn by_name(name: &str, settings: OptimizerSettings) -> imle_configs::Result<Box<dyn Optimizer>> {
    let OptimizerSettings { noise, waves, lambda, elite, margin } = settings;
    Ok(match name {
        "predictive-sampling" => Box::new(PredictiveSampling),
        "mppi" => Box::new(Mppi { lambda, noise, waves: waves.unwrap_or(Mppi::default().waves) }),
        "cem" => Box::new(Cem { elite, noise, waves: waves.unwrap_or(Cem::default().waves) }),
        "cma-es" => Box::new(CmaEs { noise, waves: waves.unwrap_or(CmaEs::default().waves) }),
        "dial" => Box::new(Dial { lambda, noise, waves: waves.unwrap_or(Dial::default().waves) }),
        "mode-preserving" => {
            Box::new(ModePreserving { margin, noise, waves: waves.unwrap_or(ModePreserving::default().waves) })
        }
        "ilqg" => Box::new(Ilqg { waves: waves.unwrap_or(Ilqg::default().waves) }),
        _ => return Err(InputError::unknown("optimizer", name, NAMES)),
    })
}
