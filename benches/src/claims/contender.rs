//! Samplers of each method's trainings: what stands in a row of the tables.

use imle_cli::controller::from_flags;
use imle_cli::failure::Result;
use imle_configs::Error as InputError;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::method;

/// A way to sample a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampled {
    pub name: &'static str,
    solver: Option<&'static str>,
    passes: Option<u32>,
}

const fn plain(name: &'static str) -> Sampled {
    Sampled { name, solver: None, passes: None }
}

const fn passes(name: &'static str, passes: u32) -> Sampled {
    Sampled { name, solver: None, passes: Some(passes) }
}

const fn solver(name: &'static str, solver: &'static str, passes: u32) -> Sampled {
    Sampled { name, solver: Some(solver), passes: Some(passes) }
}

/// A method with the ways in which its trainings are sampled.
#[derive(Debug)]
pub struct ClaimContender {
    pub method: &'static str,
    /// At a setting that is the same for all.
    pub samplers: &'static [Sampled],
    /// At its best setting: under each name, the ways that are tried. Nothing for what is not a baseline.
    pub best: &'static [(&'static str, &'static [Sampled])],
}

/// All of them, as docs/experiments/claims/README.md lists them.
const CONTENDERS: [ClaimContender; 5] = [
    ClaimContender { method: "imle", samplers: &[plain("imle")], best: &[] },
    ClaimContender {
        method: "diffusion",
        samplers: &[solver("ddim-10", "ddim", 10), solver("ddpm-100", "ddpm", 100)],
        best: &[(
            "diffusion",
            &[solver("ddim-10", "ddim", 10), solver("ddim-100", "ddim", 100), solver("ddpm-100", "ddpm", 100)],
        )],
    },
    ClaimContender {
        method: "flow",
        samplers: &[passes("flow-1", 1)],
        best: &[
            ("flow-1", &[passes("flow-1", 1)]),
            ("flow", &[passes("flow-1", 1), passes("flow-10", 10), passes("flow-100", 100)]),
        ],
    },
    ClaimContender {
        method: "mean-flow",
        samplers: &[passes("mean-flow-1", 1)],
        best: &[("mean-flow", &[passes("mean-flow-1", 1)])],
    },
    ClaimContender { method: "regression", samplers: &[plain("regression")], best: &[] },
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
    pub fn tried(&self) -> Vec<Sampled> {
        let mut all: Vec<Sampled> = Vec::new();
        for sampled in self.best.iter().flat_map(|(_, ways)| *ways) {
            if !all.contains(sampled) {
                all.push(*sampled);
            }
        }
        all
    }

    /// The way called `name`.
    pub fn sampled(&self, name: &str) -> Option<Sampled> {
        self.samplers.iter().copied().chain(self.tried()).find(|s| s.name == name)
    }
}

impl Sampled {
    /// The checkpoint sampled this way.
    ///
    /// # Errors
    /// A bad input, if its method cannot be sampled so.
    pub fn of(self, checkpoint: Checkpoint) -> Result<Checkpoint> {
        from_flags::resampled(checkpoint, self.passes, self.solver)
    }
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
            assert!(all.iter().all(|w| contender.sampled(w.name) == Some(*w)));
        }
        assert!(of("imel").unwrap_err().line().contains("`imle`"));
    }
}
