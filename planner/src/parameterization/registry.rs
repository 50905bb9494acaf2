//! Parameterizations by kind.

use super::knots::{Interpolation, Knots};
use super::{chunk::Chunk, kind::ParameterizationKind, representation::Parameterization};
use imle_configs::{Error as InputError, bounds::ActionBounds};

/// The parameterization of chunks of `steps` actions within `bounds`; `knots` are a spline's.
///
/// # Errors
/// A bad input: more knots than steps, or [`ParameterizationKind::Latent`], which needs a generator and is made by
/// [`super::Latent::new`].
pub fn of_kind(
    kind: ParameterizationKind,
    bounds: ActionBounds,
    steps: usize,
    knots: usize,
) -> imle_configs::Result<Box<dyn Parameterization>> {
    let interpolation = match kind {
        ParameterizationKind::Chunk => return Ok(Box::new(Chunk::new(bounds, steps))),
        ParameterizationKind::Zero => Interpolation::Zero,
        ParameterizationKind::Linear => Interpolation::Linear,
        ParameterizationKind::Cubic => Interpolation::Cubic,
        ParameterizationKind::Latent => {
            return Err(InputError::unexpected("parameterization", "a generator beside `latent`", "none"));
        }
    };
    Ok(Box::new(Knots::new(interpolation, bounds, steps, knots)?))
}
