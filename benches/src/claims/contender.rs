//! Samplers of each method's trainings: what stands in a row of the tables.

use crate::publish::distinct;
use imle_cli::controller::from_flags;
use imle_cli::failure::Result;
use imle_configs::Error as InputError;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::method;

/// A method with the ways in which its trainings are sampled.
#[derive(Debug)]
pub struct ClaimContender {
    pub method: &'static str,
    /// At a setting that is the same for all.
    pub samplers: &'static [&'static str],
    /// At its best setting: under each name, the ways that are tried. Nothing for what is not a baseline.
    pub best: &'static [(&'static str, &'static [&'static str])],
}

/// All of them, as docs/experiments/claims/README.md lists them.
const CONTENDERS: [ClaimContender; 5] = [
    ClaimContender { method: "imle", samplers: &["imle"], best: &[] },
    ClaimContender {
        method: "diffusion",
        samplers: &["ddim-10", "ddpm-100"],
        best: &[("diffusion", &["ddim-10", "ddim-100", "ddpm-100"])],
    },
    ClaimContender {
        method: "flow",
        samplers: &["flow-1"],
        best: &[("flow-1", &["flow-1"]), ("flow", &["flow-1", "flow-10", "flow-100"])],
    },
    ClaimContender { method: "mean-flow", samplers: &["mean-flow-1"], best: &[("mean-flow", &["mean-flow-1"])] },
    ClaimContender { method: "regression", samplers: &["regression"], best: &[] },
];

/// The contender of that method.
///
/// # Errors
/// A bad input with the nearest names.
pub fn of(method: &str) -> Result<&'static ClaimContender> {
    let found = CONTENDERS.iter().find(|c| c.method == method);
    Ok(found.ok_or_else(|| InputError::unknown("method", method, method::NAMES))?)
}

impl ClaimContender {
    /// The ways that are tried for the best setting, each once.
    pub fn tried(&self) -> Vec<&'static str> {
        distinct(self.best.iter().flat_map(|(_, ways)| *ways).copied())
    }
}

/// Solver and passes of a way of sampling: `ddim-10` is 10 passes of that solver, `flow-10` 10 of the method's own, and a
/// method's name what the checkpoint says.
fn setting(way: &str) -> (Option<&str>, Option<u32>) {
    match way.rsplit_once('-') {
        Some((solver @ ("ddim" | "ddpm"), passes)) => (Some(solver), passes.parse().ok()),
        Some((_, passes)) => (None, passes.parse().ok()),
        None => (None, None),
    }
}

/// The checkpoint sampled in this way.
///
/// # Errors
/// A bad input, if its method cannot be sampled so.
pub fn sampled(way: &str, checkpoint: Checkpoint) -> Result<Checkpoint> {
    let (solver, passes) = setting(way);
    from_flags::resampled(checkpoint, passes, solver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_a_contender() {
        for method in method::NAMES {
            let contender = of(method).unwrap();
            assert!(contender.method == method && !contender.samplers.is_empty());
            let all = contender.tried();
            assert!(contender.best.iter().all(|(_, ways)| ways.iter().all(|w| all.contains(w))));
        }
        assert_eq!((setting("ddpm-100"), setting("flow-10")), ((Some("ddpm"), Some(100)), (None, Some(10))));
        assert_eq!((setting("mean-flow-1"), setting("imle")), ((None, Some(1)), (None, None)));
        assert!(of("imel").unwrap_err().line().contains("`imle`"));
    }
}
