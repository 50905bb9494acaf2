//! The registry of algorithms by name.

use crate::expert_iteration;
use crate::online::{algorithm::Algorithm, best_of_n, edit, ppo};
use imle_configs::Error as InputError;

/// Names of the algorithms.
pub const NAMES: [&str; 4] = [expert_iteration::NAME, edit::NAME, best_of_n::NAME, ppo::NAME];

/// Names of algorithms that are gone, all since the version after 0.1.0.
const REMOVED: [&str; 5] = ["cycle", "imagination", "branches", "gradient", "latent"];

/// A fine-tuning algorithm.
pub enum FineTuning {
    /// Rounds of planning and imitation.
    ExpertIteration,
    /// Learning online: the name and the algorithm.
    Online(&'static str, Box<dyn Algorithm>),
}

/// The algorithm of that name.
///
/// # Errors
/// A bad input with the nearest names, or with the last version that had it.
pub fn by_name(name: &str) -> imle_configs::Result<FineTuning> {
    Ok(match name {
        expert_iteration::NAME => FineTuning::ExpertIteration,
        edit::NAME => FineTuning::Online(edit::NAME, Box::<edit::Edit>::default()),
        best_of_n::NAME => FineTuning::Online(best_of_n::NAME, Box::new(best_of_n::BestOfN)),
        ppo::NAME => FineTuning::Online(ppo::NAME, Box::<ppo::Ppo>::default()),
        _ if REMOVED.contains(&name) => {
            let found = "one removed after version 0.1.0; docs/experiments says why";
            return Err(InputError::unexpected(format!("unknown algorithm `{name}`"), NAMES.join(" or "), found));
        }
        _ => return Err(InputError::unknown("algorithm", name, NAMES)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_a_removed_one_is_refused_as_such() {
        assert!(NAMES.iter().all(|name| by_name(name).is_ok()));
        let refused = |name: &str| by_name(name).err().unwrap().to_string();
        assert_eq!(
            refused("cycle"),
            "unknown algorithm `cycle`: expected expert-iteration or edit or best-of-n or ppo, found one removed after \
             version 0.1.0; docs/experiments says why"
        );
        assert!(refused("best-of-m").contains("did you mean `best-of-n`"));
    }
}
